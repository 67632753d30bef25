import { Serdes, type StreamsBuilder } from 'millrace'

export interface Transfer {
  readonly account: string
  readonly cents: number
}

/** Accounts that the book-keeping knows. Somebody opens another (ACCOUNTS=stocks), and the letters of before can be replayed. */
export const accounts = new Set(['giro', 'savings', ...(process.env['ACCOUNTS'] ?? '').split(',')])

/** Sums up transfers. What cannot be read or booked is set aside with its reason; nothing waits behind it. */
export default function topology(b: StreamsBuilder): void {
  b.stream('transfers', {
    key: Serdes.string(),
    value: Serdes.json<Transfer>(),
    retryTopic: true,
    onError: { deserialization: 'dead-letter' },
  })
    .peek(
      (_key, { account }) => {
        if (!accounts.has(account)) {
          throw Object.assign(new Error('there is no such account'), { code: 'ACCOUNT_UNKNOWN' })
        }
      },
      { name: 'book', onError: { processing: 'dead-letter' } },
    )
    .groupBy((_key, { account }) => account, { key: Serdes.string() })
    .aggregate(() => 0, (_account, { cents }, sum) => sum + cents, { name: 'balances', value: Serdes.long() })
    .toStream()
    .to('balances')
}
