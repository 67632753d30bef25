/** Types of queries: what a key and a store's value make of each answer. */
import t from 'tap'
import { type KafkaStreams, KeyQuery, MultiVersionedKeyQuery, type QueryEntry, type QueryResult, type QueryVersion, RangeQuery, VersionedKeyQuery, type Windowed, WindowKeyQuery, WindowRangeQuery } from '../../index.ts'
import { same } from './same.ts'

interface Order {
  readonly amount: number
}

/** Never called: its types are the test. */
export async function queries(app: KafkaStreams): Promise<void> {
  const order = await app.query('orders', KeyQuery.withKey<string, Order>('a'))
  same<typeof order, QueryResult<Order>>(true)
  const price = await app.query('prices', VersionedKeyQuery.withKey<string, Order>('a').asOf(5))
  same<typeof price, QueryResult<Order>>(true)
  const untyped = await app.query('orders', KeyQuery.withKey('a'))
  same<typeof untyped.value, unknown>(true)
  for await (const row of app.query('orders', RangeQuery.withRange<string, Order>('a', 'b').withDescendingKeys())) {
    same<typeof row, QueryEntry<string, Order>>(true)
  }
  for await (const row of app.query('totals', WindowKeyQuery.withKeyAndWindowStartRange<string, number>('a', 0, 1))) {
    same<typeof row, QueryEntry<Windowed<string>, number>>(true)
  }
  for await (const row of app.query('totals', WindowRangeQuery.withWindowStartRange<string, number>(0, 1))) {
    same<typeof row, QueryEntry<Windowed<string>, number>>(true)
  }
  for await (const version of app.query('prices', MultiVersionedKeyQuery.withKey<string, Order>('a').fromTime(1).toTime(2))) {
    same<typeof version, QueryVersion<Order>>(true)
  }
  // @ts-expect-error the bounds of a range are keys
  RangeQuery.withRange<string, Order>(1, 2)
  // @ts-expect-error a query is made by its class
  app.query('orders', { key: 'a' })
}

t.test('queries are made by their classes', async (t) => {
  t.match(RangeQuery.withLowerBound('a').withDescendingKeys(), { kind: 'range', from: 'a', to: undefined, descending: true })
  t.match(VersionedKeyQuery.withKey('a').asOf(5), { kind: 'versioned-key', key: 'a', at: 5 })
})
