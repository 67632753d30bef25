/** What the fixtures were written by: a count, a table, and calls that are pending and parked. Never changed, only added to. */
import { Serdes, type StreamsBuilder } from '../../index.ts'

export interface Settings {
  readonly prefix: string
}

export default function topology(b: StreamsBuilder, settings: unknown): void {
  const { prefix } = settings as Settings
  const strings = { key: Serdes.string(), value: Serdes.string() }
  b.table(`${prefix}customers`, { ...strings, name: 'customers' }).toStream().to(`${prefix}out`)
  const orders = b.stream(`${prefix}orders`, strings)
  orders.groupByKey().count({ name: 'orders-per-customer' })
  orders
    .mapAsync(
      (value) => (value.startsWith('bad') ? Promise.reject(Object.assign(new Error('no'), { code: 'REFUSED' })) : new Promise<string>(() => undefined)),
      { name: 'ask', value: Serdes.string(), timeout: '1h', retry: 0, onFailure: 'park' },
    )
    .to(`${prefix}out`)
}
