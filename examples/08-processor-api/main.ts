import { run } from '../run.ts'

await run('silence', { topology: new URL('./topology.ts', import.meta.url), topics: { heartbeats: 2, 'silent-hosts': 1 } })
