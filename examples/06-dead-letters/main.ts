import { run } from '../run.ts'

await run('bank', {
  topology: new URL('./topology.ts', import.meta.url),
  topics: { transfers: 2, balances: 2, 'bank-dead-letters': 1 },
  deadLetterTopic: 'bank-dead-letters',
})
