import { run } from '../run.ts'

await run('labels', { topology: new URL('./topology.ts', import.meta.url), topics: { purchases: 2, addresses: 3, labels: 2 } })
