import { run } from '../run.ts'

await run('election', { topology: new URL('./topology.ts', import.meta.url), topics: { votes: 2, results: 1 } })
