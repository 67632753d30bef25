/** What the compiler infers. These checks run in `tsc`: a wrong type here does not compile; the assertions say the code ran. */
import t from 'tap'
import { type GlobalKTable, type KGroupedStream, type KStream, type KTable, Serdes, StreamsBuilder, type Topology } from '../../index.ts'
import { same } from './same.ts'

interface Order {
  readonly tenant: string
  readonly amount: number
}

t.test('types flow through a topology', async (t) => {
  const b = new StreamsBuilder()
  const orders = b.stream('orders', { key: Serdes.string(), value: Serdes.json<Order>() })
  t.ok(same<typeof orders, KStream<string, Order>>(true))

  const amounts = orders.mapValues((order, key) => [key.length, order.amount] as const)
  t.ok(same<typeof amounts, KStream<string, readonly [number, number]>>(true))

  const mapped = orders.map((key, order) => [order.amount, key])
  t.ok(same<typeof mapped, KStream<number, string>>(true))

  const words = orders.flatMapValues((order) => order.tenant.split(' '), { value: Serdes.string() })
  t.ok(same<typeof words, KStream<string, string>>(true))

  const mixed = b.stream('mixed', { key: Serdes.string(), value: Serdes.json<Order | string>() })
  const narrowed = mixed.filter((_key, value): value is Order => typeof value === 'object')
  t.ok(same<typeof narrowed, KStream<string, Order>>(true))

  const { text, order } = mixed
    .split()
    .branch('text', (_key, value): value is string => typeof value === 'string')
    .branch('order', (_key, value) => typeof value === 'object')
    .noDefaultBranch()
  t.ok(same<typeof text, KStream<string, string>>(true))
  t.ok(same<typeof order, KStream<string, Order>>(true), 'the compiler infers the predicate')

  const merged = orders.merge(words)
  t.ok(same<typeof merged, KStream<string, Order | string>>(true))

  const grouped = orders.groupBy((_key, { amount }) => (amount > 0 ? amount : null), { key: Serdes.double() })
  const withoutNulls: KGroupedStream<number, Order> = grouped
  t.ok(withoutNulls, 'records without a key take no part')

  const counts = grouped.count({ name: 'counts' })
  t.ok(same<typeof counts, KTable<number, number>>(true))

  const changes = counts.toStream()
  t.ok(same<typeof changes, KStream<number, number | null>>(true), 'rows may be deleted')

  const sums = orders.groupByKey().aggregate(
    () => ({ sum: 0 }),
    (_key, { amount }, aggregate) => ({ sum: aggregate.sum + amount }),
    { name: 'sums', value: Serdes.json() }
  )
  t.ok(same<typeof sums, KTable<string, { sum: number }>>(true))

  const rates = b.globalTable('rates', { key: Serdes.integer(), value: Serdes.double() })
  t.ok(same<typeof rates, GlobalKTable<number, number>>(true))

  const inner = orders.join(
    rates,
    (_key, { amount }) => amount,
    (left, rate) => left.amount * rate
  )
  t.ok(same<typeof inner, KStream<string, number>>(true))

  const left = orders.leftJoin(sums, (value, row, key) => ({ key, value, sum: row?.sum ?? null }))
  t.ok(same<typeof left, KStream<string, { key: string; value: Order; sum: number | null }>>(true))

  const priced = orders.mapAsync(
    async (value, { signal, idempotencyKey, attempt }) => ({
      total: value.amount,
      key: idempotencyKey,
      tries: attempt,
      gone: signal.aborted,
    }),
    { name: 'price', timeout: '5s', lane: ({ tenant }) => tenant }
  )
  t.ok(same<typeof priced, KStream<string, { total: number; key: string; tries: number; gone: boolean }>>(true))

  const table = orders.toTable({ name: 'latest' })
  const regrouped = table
    .groupBy((key, { tenant, amount }) => [tenant, { key, amount }], { key: Serdes.string(), value: Serdes.json() })
    .reduce(
      (sum, { key, amount }) => ({ key, amount: sum.amount + amount }),
      (sum, { key, amount }) => ({ key, amount: sum.amount - amount }),
      { name: 'by-tenant' }
    )
  t.ok(same<typeof regrouped, KTable<string, { key: string; amount: number }>>(true))

  const built = b.build({ applicationId: 'types' })
  t.ok(same<typeof built, Topology>(true))
})

t.test('what must not compile', async (t) => {
  const b = new StreamsBuilder()
  const orders = b.stream('orders', { key: Serdes.string(), value: Serdes.json<Order>() })
  const wrong: (() => unknown)[] = [
    // @ts-expect-error a count keeps its result and must be named
    () => orders.groupByKey().count({}),
    // @ts-expect-error a call keeps its pending records and must be named
    () => orders.mapAsync(async (order) => order, { concurrency: 3 }),
    // @ts-expect-error the value is an Order
    () => orders.to('out', { value: Serdes.string() }),
    // @ts-expect-error the key is a string
    () => orders.groupByKey({ key: Serdes.long() }),
    // @ts-expect-error weeks are no unit
    () => orders.mapAsync(async (order) => order, { name: 'w', timeout: '1w' }),
    () => {
      const branches = orders.split().branch('a', () => true)
      // @ts-expect-error no such branch
      return branches.noDefaultBranch().b
    },
    // @ts-expect-error the rows of a table that is joined have its key
    () => orders.join(b.table('other', { key: Serdes.long(), value: Serdes.string() }), (left) => left),
    // @ts-expect-error a mapper is not awaited, and no serde writes its promise
    () => orders.mapValues(async ({ amount }) => amount, { value: Serdes.json() }),
  ]
  t.equal(wrong.length, 8)
  const unknown = orders.mapValues((order): unknown => order, { value: Serdes.json() })
  t.ok(same<typeof unknown, KStream<string, unknown>>(true))
  const any = orders.mapValues((order) => JSON.parse(order.tenant), { value: Serdes.string() })
  t.ok(any, 'of what nothing is known anything may be written')
})
