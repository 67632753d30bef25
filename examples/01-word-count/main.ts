import { run } from '../run.ts'

await run('word-count', { topology: new URL('./topology.ts', import.meta.url), topics: { lines: 2, 'word-counts': 2 }, threads: 2 })
