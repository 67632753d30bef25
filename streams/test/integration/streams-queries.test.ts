/** Queries of an application of two processes: local, routed, of a copy, behind a position, and after one process was killed. */
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { KafkaStreams, KeyQuery, QueryServer, RangeQuery, WindowKeyQuery, type QueryEntry, type StreamsError } from '../../index.ts'
import { partitionFor } from '../../kafka/partitioner.ts'
import { Child } from '../failure/child.ts'
import type { Settings } from './streams-queries-topology.ts'
import { TestCluster } from './streams-support.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(240_000)

const PARTITIONS = 4
const MINUTE = 60_000
/** Longer than a machine may stand still. */
const TIMEOUT_MS = 60_000

t.test('a key is answered by whoever has it', async (t) => {
  const cluster = new TestCluster()
  await cluster.connect()
  t.teardown(() => cluster.close())
  const settings: Settings = { source: await cluster.topic('words', PARTITIONS), names: await cluster.topic('names', 2, { 'cleanup.policy': 'compact' }) }
  await cluster.send(settings.names, [{ key: 'a', value: '{"name":"Ada"}' }, { key: 'b', value: '{"name":"Bob"}' }])
  const options = { settings, applicationId: cluster.name('ask'), bootstrapServers: cluster.bootstrapServers, sessionTimeoutMs: 30_000, heartbeatIntervalMs: 100, standbyReplicas: 1, acceptableRecoveryLag: 0 }
  const app = new KafkaStreams({ ...options, topology: new URL('./streams-queries-topology.ts', import.meta.url), stateDir: cluster.folder(), threads: 2, onWarning: () => undefined })
  t.teardown(() => app.close())
  await t.rejects(app.query('counts', KeyQuery.withKey('w0')), { code: 'NOT_RUNNING' })
  await app.start()
  const other = new Child({ ...options, topology: '../integration/streams-queries-topology.ts', stateDir: cluster.folder() })
  t.teardown(() => (other.ended ? undefined : other.kill()))

  const words = Array.from({ length: 40 }, (_, i) => `w${i}`)
  const sent = await cluster.producer.send({ topic: settings.source, acks: -1, messages: words.map((key, i) => ({ key, value: 'x', timestamp: String(MINUTE * 10 + i), partition: partitionFor(Buffer.from(key), PARTITIONS) })) })
  const last = new Map(sent.map(({ partition, baseOffset }) => [partition, Number(baseOffset) + words.filter((key) => partitionFor(Buffer.from(key), PARTITIONS) === partition).length - 1]))

  // Both have tasks, and each a copy of the other's.
  const spread = async () => (await app.streamsMetadataForStore('counts')).map(({ stores }) => stores.get('counts')?.length ?? 0)
  for (;;) {
    const now = await spread().catch((error: StreamsError) => error.code)
    if (Array.isArray(now) && now.length === 2 && now.every((count) => count > 0) && now[0]! + now[1]! === PARTITIONS) {
      break
    }
    await delay(50)
  }

  // Read your own write: nothing is waited for but the position itself.
  for (const word of words) {
    const partition = partitionFor(Buffer.from(word), PARTITIONS)
    const { value, position, active } = await app.query('counts', KeyQuery.withKey<string, number>(word), { routed: true, position: { [settings.source]: { [partition]: last.get(partition)! } }, timeoutMs: TIMEOUT_MS })
    t.equal(value, 1, word)
    t.ok(active && position[settings.source]![partition]! > last.get(partition)!)
  }
  t.equal((await app.query('counts', KeyQuery.withKey('nobody'), { routed: true, timeoutMs: TIMEOUT_MS })).value, undefined)

  const all: QueryEntry<string, number>[] = []
  for await (const entry of app.query('counts', RangeQuery.withNoBounds<string, number>(), { routed: true, timeoutMs: TIMEOUT_MS })) {
    all.push(entry)
  }
  t.same(all.map(({ key }) => key).sort(), [...words].sort())
  t.ok(all.every(({ value, timestamp }) => value === 1 && timestamp! >= MINUTE * 10))

  const metadata = await app.metadataForAllStreamsClients()
  const [mine, theirs] = ['w0', ...words].reduce<[string | undefined, string | undefined]>(
    ([here, there], word) => {
      const partition = partitionFor(Buffer.from(word), PARTITIONS)
      const owner = metadata.find(({ stores }) => stores.get('counts')?.includes(partition))
      return owner?.processId === app.queries.processId ? [word, there] : [here, word]
    },
    [undefined, undefined],
  )
  t.equal((await app.query('counts', KeyQuery.withKey(mine!))).value, 1, 'here, without a route')
  await t.rejects(app.query('counts', KeyQuery.withKey(theirs!)), { code: 'QUERY_NOT_ACTIVE' }, 'a copy is here')
  await t.rejects(app.query('none', KeyQuery.withKey('a')), { code: 'QUERY_STORE_UNKNOWN' })
  await t.rejects(app.query('by-minute', KeyQuery.withKey('a')), { code: 'QUERY_TYPE_UNKNOWN' })
  await t.rejects(app.query('counts', KeyQuery.withKey(mine!), { position: { elsewhere: { 0: 1 } } }), { code: 'QUERY_INVALID' })
  const ahead = { [settings.source]: { [partitionFor(Buffer.from(mine!), PARTITIONS)]: 1_000 } }
  await t.rejects(app.query('counts', KeyQuery.withKey(mine!), { position: ahead, timeoutMs: 50 }), { code: 'QUERY_NOT_UP_TO_BOUND' })
  const who = await app.queryMetadataForKey('counts', theirs!)
  t.equal(who.active?.processId, metadata.find(({ processId }) => processId !== app.queries.processId)?.processId)
  t.equal(who.standbys.length, 1)
  t.equal(who.active?.endpoint?.host, '127.0.0.1')

  // The copy, once it has caught up: the lag it tells is that of its last look.
  const ofCopy = () => app.query('counts', KeyQuery.withKey<string, number>(theirs!), { maxLag: 0 }).catch((error: StreamsError) => error)
  let copy = await ofCopy()
  while (copy instanceof Error || copy.value === undefined) {
    if (copy instanceof Error) {
      t.equal(copy.code, 'QUERY_NOT_ACTIVE')
    }
    await delay(20)
    copy = await ofCopy()
  }
  t.match(copy, { value: 1, active: false, lag: 0 })

  const windows = []
  for await (const row of app.query('by-minute', WindowKeyQuery.withKeyAndWindowStartRange<string, number>(theirs!, 0, MINUTE * 20), { routed: true, timeoutMs: TIMEOUT_MS })) {
    windows.push(row)
  }
  t.match(windows, [{ key: { key: theirs, window: { start: MINUTE * 10, end: MINUTE * 11 } }, value: 1 }])

  // Whoever is asked over HTTP asks the owner.
  const server = await QueryServer.open(app)
  t.teardown(() => server.close())
  const fetched = await fetch(`${server.url}/stores/counts/${theirs}`)
  t.match(await fetched.json(), { key: theirs, value: 1, active: true })
  const lines = (await (await fetch(`${server.url}/stores/counts`)).text()).trimEnd().split('\n').map((line) => JSON.parse(line) as { readonly key?: string })
  t.same(lines.flatMap(({ key }) => key ?? []).sort(), [...words].sort())
  t.match(lines.at(-1), { end: true, rows: words.length, more: false })

  // Loaded whole before the start, on every instance.
  t.match(await app.query('names', KeyQuery.withKey<string, { readonly name: string }>('a')), { value: { name: 'Ada' }, active: true })
  const names = []
  for await (const { value } of app.query('names', RangeQuery.withNoBounds<string, { readonly name: string }>())) {
    names.push(value.name)
  }
  t.same(names, ['Ada', 'Bob'])

  await other.kill()
  const after = await app.query('counts', KeyQuery.withKey<string, number>(theirs!), { routed: true, timeoutMs: 2 * TIMEOUT_MS })
  t.match(after, { value: 1, active: true }, 'the survivor has it')
})
