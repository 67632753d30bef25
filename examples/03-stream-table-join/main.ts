import { run } from '../run.ts'

await run('order-enrichment', { topology: new URL('./topology.ts', import.meta.url), topics: { customers: 3, orders: 2, 'enriched-orders': 3 } })
