import { run } from '../run.ts'

await run('ledger', {
  topology: new URL('./topology.ts', import.meta.url),
  topics: { deposits: 2, 'account-totals': 2 },
  // The broker takes this from clients; a process that is restarted leaves for its dead self and does not wait for it.
  sessionTimeoutMs: 6_000,
})
