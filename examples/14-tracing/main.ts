import { run } from '../run.ts'

await run('purchases', { topology: new URL('./topology.ts', import.meta.url), tracing: new URL('./tracing.ts', import.meta.url), topics: { purchases: 2, 'purchase-counts': 2 } })
