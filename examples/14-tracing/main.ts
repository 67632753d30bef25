import { run } from '../run.ts'

await run('sales', { topology: new URL('./topology.ts', import.meta.url), tracing: new URL('./tracing.ts', import.meta.url), topics: { sales: 2, 'sale-counts': 2 } })
