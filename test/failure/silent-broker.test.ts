/**
 * Rule A7: a broker is silent, as one behind a network that swallows what is sent: it takes connections and requests, and does not
 * answer. Its partition looks as it was when it last answered, which is no idleness: windows that it has records for stay open.
 */
import { EmitStrategy, KafkaStreams, Serdes, TimeWindows } from 'millrace'
import t from 'tap'
import { TestCluster } from '../../streams/test/integration/streams-support.ts'
import { Brokers } from '../brokers/brokers.ts'
import { eventually } from '../connectors/integration/support.ts'

t.setTimeout(400_000)

const TEXT = { key: Serdes.string(), value: Serdes.string() }
const WINDOW_MS = 500
const WAIT_MS = 180_000

t.test('windows stay open while the broker of one of two inputs is silent, others close, and nothing is late', async (t) => {
  const brokers = await Brokers.start({ gated: true })
  t.teardown(() => brokers.stop())
  const cluster = new TestCluster(brokers.insideAddress, { retries: 30, initialRetryTime: 200, maxRetryTime: 1_000 })
  t.teardown(() => cluster.close())
  await eventually('the first broker answers', async () => {
    await cluster.connect()
    return true
  })
  // While the first is alone: coordinators live on it.
  const warm = cluster.ours.producer({ transactionalId: 'warm' })
  await warm.init()
  await warm.close()
  await cluster.ours.group().fetchOffsets('warm', [{ topic: 'any', partition: 0 }], { requireStable: true })
  await brokers.startBroker(2)
  // A broker is known before it listens.
  const second = new TestCluster(brokers.address(2), { retries: 1 })
  await eventually('the second broker answers', async () => {
    await second.connect()
    return true
  })
  await second.close()

  const [applicationId, near, far, sink] = [cluster.name('silent'), cluster.name('near'), cluster.name('far'), cluster.name('sink')]
  const topics: readonly (readonly [string, readonly number[]])[] = [[near, [1, 1]], [far, [2, 1]], [sink, [1]], [`${applicationId}-counts-changelog`, [1, 1]]]
  await cluster.admin.createTopics({
    timeout: 60_000,
    topics: topics.map(([topic, leaders]) => ({
      topic,
      replicaAssignment: leaders.map((broker, partition) => ({ partition, replicas: [broker] })),
      configEntries: [{ name: 'retention.ms', value: '-1' }, ...(topic.endsWith('changelog') ? [{ name: 'cleanup.policy', value: 'compact,delete' }] : [])],
    })),
  })
  const app = new KafkaStreams({
    topology: (b) =>
      b
        .stream([near, far], TEXT)
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW_MS, 0))
        .emitStrategy(EmitStrategy.onWindowClose())
        .count({ name: 'counts' })
        .toStream()
        .map(({ key, window }, count) => [key, `${key} ${window.start} ${count}`], TEXT)
        .to(sink, TEXT),
    applicationId,
    bootstrapServers: brokers.address(1),
    stateDir: cluster.folder(),
    threads: 'in-process',
    sessionTimeoutMs: 120_000,
    replicationFactor: 1,
    sourceIdleTimeoutMs: 1_000,
    onWarning: () => undefined,
  })
  t.teardown(() => app.close())
  await app.start()

  const begin = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000
  const send = (topic: string, partition: number, key: string, at: number) => cluster.send(topic, [{ partition, key, value: 'v', timestamp: begin + at }])
  const told = async (key: string) => (await cluster.committed(sink)).map(({ value }) => value!.toString()).filter((line) => line.startsWith(key))
  const closed = (key: string, at: number, count: number) =>
    eventually(`${key} at ${at}`, async () => (await told(key)).includes(`${key} ${begin + at} ${count}`), WAIT_MS)
  let rounds = 0
  /** Time in which a window closes because its inputs, both of the first broker, are idle. */
  const round = async () => {
    const at = rounds++ * 10_000
    await send(near, 1, 'other', at)
    await closed('other', at, 1)
  }

  await send(far, 0, 'heard', 0)
  await send(near, 0, 'heard', 1)
  await closed('heard', 0, 2)
  t.pass('both answer: the window closes when they are idle')

  brokers.clients.close()
  // An answer may have been on its way.
  await round()
  await round()
  await send(near, 0, 'held', 20_000)
  await cluster.consumed(applicationId, near)
  for (let i = 0; i < 3; i++) {
    await round()
  }
  t.same(await told('held'), [], 'what the silent one may have is waited for')
  await send(far, 0, 'held', 20_001)
  await send(far, 0, 'held', 20_000 + WINDOW_MS - 1)
  await round()
  t.same(await told('held'), [])

  brokers.clients.open()
  await closed('held', 20_000, 3)
  await round()
  t.same(await told('held'), [`held ${begin + 20_000} 3`], 'once, with all that belongs to it')
  t.equal((await app.metrics())[0]!.tasks.reduce((sum, { dropped }) => sum + dropped, 0), 0, 'nothing was late')
})
