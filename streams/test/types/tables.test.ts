/** Types of tables, joins and windows. A wrong type does not compile; the assertions say the code ran. */
import t from 'tap'
import {
  BufferConfig, EmitStrategy, JoinWindows, type KStream, type KTable, Serdes, SessionWindows, SlidingWindows, StreamsBuilder, Suppressed, TimeWindows, type Windowed,
} from '../../index.ts'
import { same } from './same.ts'

interface Order {
  readonly customer: string
  readonly amount: number
}

interface Customer {
  readonly country: string
}

function sources() {
  const b = new StreamsBuilder()
  const orders = b.stream('orders', { key: Serdes.string(), value: Serdes.json<Order>() })
  const payments = b.stream('payments', { key: Serdes.string(), value: Serdes.double() })
  const customers = b.table('customers', { key: Serdes.string(), value: Serdes.json<Customer>() })
  const limits = b.table('limits', { key: Serdes.string(), value: Serdes.long() })
  const purchases = b.table('purchases', { key: Serdes.long(), value: Serdes.json<Order>() })
  return { b, orders, payments, customers, limits, purchases }
}

t.test('joins of tables', async (t) => {
  const { customers, limits, purchases } = sources()
  const inner = customers.join(limits, ({ country }, limit) => ({ country, limit }), { value: Serdes.json() })
  t.ok(same<typeof inner, KTable<string, { country: string; limit: number }>>(true))
  const left = customers.leftJoin(limits, ({ country }, limit) => [country, limit] as const)
  t.ok(same<typeof left, KTable<string, readonly [string, number | null]>>(true))
  const outer = customers.outerJoin(limits, (customer, limit) => ({ country: customer?.country ?? null, limit }))
  t.ok(same<typeof outer, KTable<string, { country: string | null; limit: number | null }>>(true))
  const foreign = purchases.join(
    customers,
    ({ customer }) => customer,
    ({ amount }, { country }, key) => ({ key, amount, country }),
    { name: 'by-customer', value: Serdes.json() },
  )
  t.ok(same<typeof foreign, KTable<number, { key: number; amount: number; country: string }>>(true))
})

t.test('joins of streams', async (t) => {
  const { orders, payments } = sources()
  const windows = JoinWindows.ofTimeDifferenceAndGrace('1h', '5m')
  const inner = orders.join(payments, ({ amount }, paid) => amount - paid, windows, { name: 'open', value: Serdes.double() })
  t.ok(same<typeof inner, KStream<string, number>>(true))
  const outer = orders.outerJoin(payments, (order, paid) => ({ order, paid }), windows, { name: 'both', value: Serdes.json() })
  t.ok(same<typeof outer, KStream<string, { order: Order | null; paid: number | null }>>(true))
})

t.test('windows make windowed keys', async (t) => {
  const { orders } = sources()
  const counts = orders.groupByKey().windowedBy(TimeWindows.ofSizeWithNoGrace('1m')).emitStrategy(EmitStrategy.onWindowClose()).count({ name: 'per-minute' })
  t.ok(same<typeof counts, KTable<Windowed<string>, number>>(true))
  const sums = orders
    .groupByKey()
    .windowedBy(SlidingWindows.ofTimeDifferenceWithNoGrace('10s'))
    .aggregate(() => 0, (_key, { amount }, sum) => sum + amount, { name: 'sliding', value: Serdes.double() })
  t.ok(same<typeof sums, KTable<Windowed<string>, number>>(true))
  const sessions = orders.groupByKey().windowedBy(SessionWindows.ofInactivityGapWithNoGrace('5m')).reduce((a, b) => (a.amount > b.amount ? a : b), { name: 'largest' })
  t.ok(same<typeof sessions, KTable<Windowed<string>, Order>>(true))
  const final = counts.suppress(Suppressed.untilTimeLimit('1m', BufferConfig.unbounded()), { name: 'final' })
  t.ok(same<typeof final, KTable<Windowed<string>, number>>(true))
  const starts = counts.toStream().map(({ key, window }, count) => [key, { start: window.start, count }])
  t.ok(same<typeof starts, KStream<string, { start: number; count: number | null }>>(true))
})

t.test('what must not compile', async (t) => {
  const { orders, payments, customers, limits, purchases } = sources()
  const windows = JoinWindows.ofTimeDifferenceWithNoGrace('1h')
  const wrong: (() => unknown)[] = [
    // @ts-expect-error tables with different keys are joined by a foreign key
    () => purchases.join(customers, (order) => order),
    // @ts-expect-error a foreign-key join has topics and must be named
    () => purchases.join(customers, ({ customer }) => customer, (order) => order, {}),
    // @ts-expect-error the foreign key is a key of the other table
    () => purchases.join(customers, ({ amount }) => amount, (order) => order, { name: 'j' }),
    // @ts-expect-error the other side may be missing
    () => customers.leftJoin(limits, (customer, limit) => limit.toFixed() + customer.country),
    // @ts-expect-error streams are joined within windows
    () => orders.join(payments, (order) => order, { name: 'j' }),
    // @ts-expect-error a stream join keeps both sides and must be named
    () => orders.join(payments, (order) => order, windows),
    // @ts-expect-error a windowed aggregate keeps rows and must be named
    () => orders.groupByKey().windowedBy(TimeWindows.ofSizeWithNoGrace('1m')).count(),
    // @ts-expect-error join windows do not group
    () => orders.groupByKey().windowedBy(windows),
    // @ts-expect-error minutes are written m
    () => TimeWindows.ofSizeWithNoGrace('1minute'),
    // @ts-expect-error the key is windowed now
    () => orders.groupByKey().windowedBy(TimeWindows.ofSizeWithNoGrace('1m')).count({ name: 'n' }).toStream().filter((key) => key.startsWith('a')),
  ]
  t.equal(wrong.length, 10)
})
