import { Serdes, type StreamsBuilder } from 'millrace'

/** A running total per account: one record lost or taken twice, and every later output is wrong. */
export default function topology(b: StreamsBuilder): void {
  b.stream('deposits', { key: Serdes.string(), value: Serdes.long() })
    .groupByKey()
    .aggregate(() => 0, (_account, amount, total) => total + amount, { name: 'totals', value: Serdes.long() })
    .toStream()
    .to('account-totals')
}
