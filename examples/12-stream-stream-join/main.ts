import { run } from '../run.ts'

await run('clicks', { topology: new URL('./topology.ts', import.meta.url), topics: { impressions: 2, clicks: 2, outcomes: 2 } })
