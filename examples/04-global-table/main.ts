import { run } from '../run.ts'

await run('converter', { topology: new URL('./topology.ts', import.meta.url), topics: { 'exchange-rates': 1, payments: 4, 'payments-in-euros': 4 } })
