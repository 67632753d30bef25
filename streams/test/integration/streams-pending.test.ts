/** What operators have pending, at its bounds, on a real cluster: a hot key that is parked (C7), operators that wait for each other (C8), large entries (C9). */
import t from 'tap'
import { type KafkaStreams, type StreamsBuilder, Serdes } from '../../index.ts'
import { application } from './application.ts'
import { until } from './kafka-support.ts'
import { TestCluster } from './streams-support.ts'

const LIMIT_MS = 240_000
t.setTimeout(LIMIT_MS)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const TEXT = { key: Serdes.string(), value: Serdes.string() }

/** Each start has an empty disk: what is pending comes from the changelog. */
async function start(name: string, topology: (b: StreamsBuilder) => void): Promise<KafkaStreams> {
  const app = application(cluster, name, topology)
  await app.start()
  return app
}

/** Values by key, in their order. */
async function byKey(topic: string, count: number): Promise<ReadonlyMap<string, readonly string[]>> {
  const records = await cluster.committedByPeer(topic, count)
  return new Map([...Map.groupBy(records, ({ key }) => key!.toString())].map(([key, found]) => [key, found.map(({ value }) => value!.toString())]))
}

t.test('a hot key is parked: thousands of its records wait on disk, nobody else waits, and all come in order when it is released', async (t) => {
  const [source, sink] = [await cluster.topic('hot', 1), await cluster.topic('hot-out', 1)]
  const PAIRS = 2_000
  let broken = true
  const topology = (b: StreamsBuilder) =>
    b
      .stream(source, TEXT)
      .mapAsync(
        async (value, _info, { key }) => {
          if (key === 'hot' && broken) {
            throw new Error('no')
          }
          return value
        },
        // Far below what is parked.
        { name: 'ask', concurrency: 4, maxPending: 20, retry: 0, onFailure: 'park', value: Serdes.string() },
      )
      .to(sink, TEXT)
  const first = await start('hot', topology)
  for (let i = 0; i < PAIRS; i += 100) {
    await cluster.send(source, Array.from({ length: 100 }, (_, j) => [{ key: 'hot', value: `${i + j}` }, { key: `k${(i + j) % 50}`, value: `${i + j}` }]).flat())
  }
  const others = await byKey(sink, PAIRS)
  t.notOk(others.has('hot'))
  t.ok([...others].every(([key, values]) => values.length === PAIRS / 50 && values.every((value, n) => Number(value) === n * 50 + Number(key.slice(1)))), 'each of the others, in order')
  await until(async () => (await first.parkedKeys())[0]?.records === PAIRS, 'all of the hot key wait', LIMIT_MS)
  await cluster.consumed(cluster.name('hot'), source)
  await first.close()

  const second = await start('hot', topology)
  const [hot, ...more] = await second.parkedKeys()
  t.match(hot, { operator: 'ask', records: PAIRS, offset: 0 }, 'it is parked still')
  t.same(more, [])
  broken = false
  t.equal(await second.releaseParked(hot!), true)
  t.same((await byKey(sink, 2 * PAIRS)).get('hot'), Array.from({ length: PAIRS }, (_, i) => `${i}`))
  t.same(await second.parkedKeys(), [])
  await second.close()
  t.equal((await cluster.committed(sink)).length, 2 * PAIRS, 'nothing twice')
})

t.test('two chained operators and one behind a repartition topic, one record each, in one thread: none waits for another for ever', async (t) => {
  const [source, sink] = [await cluster.topic('chained', 2), await cluster.topic('chained-out', 2)]
  const RECORDS = 200
  const options = { concurrency: 1, maxPending: 1, value: Serdes.string() }
  const call = (suffix: string) => async (value: string) => {
    await new Promise((resolve) => setTimeout(resolve, Number(value.split('-')[0]) % 3))
    return `${value}${suffix}`
  }
  await cluster.send(source, Array.from({ length: RECORDS }, (_, i) => ({ key: `k${i % 10}`, value: `${i}-` })))
  const app = await start('chained', (b) =>
    b
      .stream(source, TEXT)
      // Each record becomes three: more than the operators behind take.
      .flatMapValues((value) => [`${value}x`, `${value}y`, `${value}z`], { value: Serdes.string() })
      .mapAsync(call('1'), { ...options, name: 'first' })
      .mapAsync(call('2'), { ...options, name: 'second' })
      .selectKey((key) => `by-${key}`, TEXT)
      .repartition({ name: 'by-other', ...TEXT })
      .mapAsync(call('3'), { ...options, name: 'third' })
      .to(sink, TEXT),
  )
  const found = await byKey(sink, 3 * RECORDS)
  await app.close()
  t.equal(found.size, 10)
  for (const [key, values] of found) {
    const n = Number(key.slice('by-k'.length))
    t.same(values, Array.from({ length: RECORDS / 10 }, (_, i) => ['x', 'y', 'z'].map((letter) => `${i * 10 + n}-${letter}123`)).flat(), key)
  }
  t.equal((await cluster.committed(sink)).length, 3 * RECORDS, 'nothing twice')
})

t.test('entries of a megabyte: written once however often they are tried, restored whole', async (t) => {
  const [source, sink] = [await cluster.topic('large', 2), await cluster.topic('large-out', 2)]
  const changelog = `${cluster.name('large')}-read-in-flight-changelog`
  const RECORDS = 24
  const SIZE = 900_000
  let down = true
  let calls = 0
  const topology = (b: StreamsBuilder) =>
    b
      .stream(source, TEXT)
      .mapAsync(
        async (value) => {
          calls++
          if (down) {
            throw new Error('not yet')
          }
          return `${value.slice(0, 8).trim()} ${value.length}`
        },
        { name: 'read', concurrency: RECORDS, retry: { attempts: 1_000, backoffMs: 50, maxBackoffMs: 200 }, value: Serdes.string() },
      )
      .to(sink, TEXT)
  // One at a time: together they are more than a broker takes by default.
  for (let i = 0; i < RECORDS; i++) {
    await cluster.send(source, [{ key: `k${i}`, value: `${i}`.padEnd(SIZE) }])
  }
  const first = await start('large', topology)
  await cluster.consumed(cluster.name('large'), source)
  // Rows of tries, one per entry and commit at most, and markers.
  await until(async () => calls > 5 * RECORDS && (await cluster.highWatermarks(changelog)).values().reduce((sum, end) => sum + end, 0) > 5 * RECORDS, 'five tries of each are written', LIMIT_MS)
  await first.close()
  let payloads = 0
  let tries = 0
  await cluster.eachCommitted(changelog, ({ value }) => {
    if ((value?.length ?? 0) > SIZE) {
      payloads++
    } else {
      tries++
    }
  })
  t.equal(payloads, RECORDS, 'each payload once')
  t.ok(tries > 0, `${tries} rows of tries`)
  down = false
  const second = await start('large', topology)
  const found = await byKey(sink, RECORDS)
  await second.close()
  t.same([...found].sort(), Array.from({ length: RECORDS }, (_, i) => [`k${i}`, [`${i} ${SIZE}`]]).sort())
  t.equal((await cluster.committed(sink)).length, RECORDS, 'nothing twice')
})
