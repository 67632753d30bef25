/** Joins whose halves meet through topics of the application, over a restart that finds its disk empty. */
import t from 'tap'
import { JoinWindows, KafkaStreams, Serdes, type StreamsBuilder } from '../../index.ts'
import { type OutputRecord, TestCluster } from './streams-support.ts'

t.setTimeout(60_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const string = Serdes.string()
const strings = { key: string, value: string }

/** Runs `phases` one after the other, each in an application of its own that starts without local state. */
async function run(
  name: string,
  topology: (b: StreamsBuilder) => void,
  phases: readonly (() => Promise<void>)[],
  consumed: (applicationId: string) => readonly string[]
): Promise<void> {
  const applicationId = cluster.name(name)
  for (const phase of phases) {
    const app = new KafkaStreams({
      topology,
      applicationId,
      bootstrapServers: cluster.bootstrapServers,
      stateDir: cluster.folder(),
      threads: 'in-process',
      sessionTimeoutMs: 6_000,
      replicationFactor: 1,
    })
    await app.start()
    await phase()
    for (const topic of consumed(applicationId)) {
      await cluster.consumed(applicationId, topic)
    }
    await app.close()
  }
}

const texts = (records: readonly OutputRecord[]) =>
  records.map(({ key, value, timestamp }) => ({ key: key!.toString(), value: value === null ? null : value.toString(), timestamp }))

t.test('a foreign-key join between topics of unequal partitions', async (t) => {
  const orders = await cluster.topic('orders', 3, { 'cleanup.policy': 'compact' })
  const customers = await cluster.topic('customers', 2, { 'cleanup.policy': 'compact' })
  const sink = await cluster.topic('priced', 3)
  const order = (i: number, customer: number | null) => ({ key: `o${i}`, value: customer === null ? null : `c${customer}` })
  const customer = (i: number, name: string | null) => ({ key: `c${i}`, value: name })
  const many = Array.from({ length: 300 }, (_, i) => i)
  await run(
    'fk',
    (b) => {
      b.table(orders, strings)
        .leftJoin(
          b.table(customers, strings),
          (value) => value,
          (value, name) => `${value}=${name}`,
          { name: 'priced', value: string }
        )
        .toStream()
        .to(sink)
    },
    [
      async () => {
        await cluster.send(customers, many.slice(0, 20).map((i) => customer(i, `n${i}`)))
        await cluster.send(orders, many.map((i) => order(i, i % 40)))
      },
      async () => {
        // Only what the subscriptions remember says which orders these are about.
        await cluster.send(customers, many.slice(0, 40).map((i) => customer(i, i % 5 === 0 ? null : `m${i}`)))
        await cluster.send(orders, many.slice(0, 60).map((i) => order(i, i % 3 === 0 ? null : (i + 1) % 40)))
      },
    ],
    (id) => [orders, customers, `${id}-priced-subscription-registration-topic`, `${id}-priced-subscription-response-topic`]
  )
  const found = new Map(texts(await cluster.committed(sink)).map(({ key, value }) => [key, value]))
  const expected = new Map(
    many.map((i) => {
      const of = i >= 60 ? i % 40 : i % 3 === 0 ? null : (i + 1) % 40
      return [`o${i}`, of === null ? null : `c${of}=${of % 5 === 0 ? null : `m${of}`}`]
    })
  )
  t.same([...found].sort(), [...expected].sort())
})

t.test('an outer join of streams, one of them repartitioned', async (t) => {
  const clicks = await cluster.topic('clicks', 3)
  const views = await cluster.topic('views', 3)
  const sink = await cluster.topic('seen', 3)
  const began = Date.now() - 3_600_000
  const WITHIN = 100
  type Event = { readonly key: string; readonly value: string; readonly timestamp: number }
  const events = (what: string, phase: number, step: number): Event[] =>
    Array.from({ length: 400 }, (_, i) => ({
      key: `k${(i * step) % 23}`,
      value: `${what}${phase}.${i}`,
      timestamp: began + phase * 9_000 + ((i * 7 * step) % 10_000),
    }))
  const left = [...events('c', 0, 3), ...events('c', 1, 3)]
  const right = [...events('v', 0, 5), ...events('v', 1, 5)]
  const applicationId = cluster.name('seen')
  const repartition = `${applicationId}-seen-left-repartition`
  const send = async (phase: number) => {
    await cluster.send(
      clicks,
      left.slice(phase * 400, (phase + 1) * 400).map(({ key, value, timestamp }) => ({ key: 'any', value: `${key} ${value}`, timestamp }))
    )
    await cluster.send(views, right.slice(phase * 400, (phase + 1) * 400))
  }
  await run(
    'seen',
    (b) => {
      const byKey = b.stream(clicks, strings).map((_key, value) => value.split(' ') as [string, string], strings)
      byKey
        .outerJoin(b.stream(views, strings), (click, view) => `${click}+${view}`, JoinWindows.ofTimeDifferenceAndGrace(WITHIN, '1h'), {
          name: 'seen',
          value: string,
        })
        .to(sink)
    },
    [
      () => send(0),
      () => send(1),
      // Time goes on in every partition: everything that waits is told.
      () => cluster.send(views, [0, 1, 2].map((partition) => ({ key: `end${partition}`, value: 'end', partition, timestamp: began + 7_200_000 }))),
    ],
    () => [clicks, repartition, views]
  )
  const expected: string[] = []
  const near = (a: Event, b: Event) => a.key === b.key && Math.abs(a.timestamp - b.timestamp) <= WITHIN
  for (const l of left) {
    const partners = right.filter((r) => near(l, r))
    for (const r of partners) {
      expected.push(`${l.key} ${l.value}+${r.value}@${Math.max(l.timestamp, r.timestamp)}`)
    }
    if (partners.length === 0) {
      expected.push(`${l.key} ${l.value}+null@${l.timestamp}`)
    }
  }
  for (const r of right.filter((each) => !left.some((l) => near(l, each)))) {
    expected.push(`${r.key} null+${r.value}@${r.timestamp}`)
  }
  const found = texts(await cluster.committed(sink)).map(({ key, value, timestamp }) => `${key} ${value}@${timestamp}`)
  t.ok(expected.some((each) => each.includes('+null')) && expected.some((each) => !each.includes('null')))
  t.same(found.sort(), expected.sort(), 'every result once, whatever came before and after the restart')
})
