/** A broker that leads source, sink, repartition topic and changelogs dies and comes back: every count stays exact. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { KafkaStreams, Serdes, type StreamsBuilder } from 'millrace'
import t from 'tap'
import { eventually } from '../../connectors/integration/support.ts'
import { Brokers } from '../brokers.ts'

t.setTimeout(240_000)

const PER_KEY = 400
const KEYS = 10

t.test('leaders move to the other broker under load, and back', async (t) => {
  const brokers = await Brokers.start({ settings: 'broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500\nmin.insync.replicas=1\nleader.imbalance.check.interval.seconds=2\nleader.imbalance.per.broker.percentage=0' })
  const state = mkdtempSync(join(tmpdir(), 'millrace-leader-'))
  const kafka = new Kafka({ clientId: 'test', brokers: [brokers.address(1)], logLevel: logLevel.NOTHING, retry: { retries: 60, maxRetryTime: 1_000 } })
  const admin = kafka.admin()
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true, maxInFlightRequests: 1 })
  t.teardown(async () => {
    await Promise.all([admin.disconnect(), producer.disconnect()])
    await brokers.stop()
    rmSync(state, { recursive: true, force: true })
  })
  const answers = async (id: 1 | 2): Promise<boolean> => {
    const one = new Kafka({ clientId: 'test', brokers: [brokers.address(id)], logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin()
    await one.connect()
    await one.disconnect()
    return true
  }
  await eventually('the first broker answers', async () => await answers(1))
  await admin.connect()
  // coordinators live on the broker that stays
  const warm = kafka.producer({ transactionalId: 'warm', maxInFlightRequests: 1, idempotent: true })
  await warm.connect()
  await (await warm.transaction()).abort()
  await warm.disconnect()
  await eventually('the group coordinator', async () => (await admin.describeGroups(['warm'])).groups.length === 1)
  await brokers.startBroker(2)
  await eventually('the second broker answers', async () => await answers(2))

  const applicationId = 'leaders'
  const led = ['source', 'sink', `${applicationId}-by-value-repartition`, `${applicationId}-per-value-changelog`]
  await admin.createTopics({
    timeout: 60_000,
    topics: led.map((topic) => ({
      topic,
      replicaAssignment: [0, 1].map((partition) => ({ partition, replicas: [2, 1] })),
      configEntries: topic.endsWith('changelog') ? [{ name: 'cleanup.policy', value: 'compact' }] : [],
    })),
  })
  const leaders = async (): Promise<number[]> => (await admin.fetchTopicMetadata({ topics: led })).topics.flatMap(({ partitions }) => partitions.map(({ leader }) => leader))
  await eventually('the second leads', async () => (await leaders()).every((leader) => leader === 2))
  await producer.connect()

  const app = new KafkaStreams({
    topology: (b: StreamsBuilder) => {
      b.stream('source', { key: Serdes.string(), value: Serdes.string() })
        .groupBy((_key, value) => value, { name: 'by-value', key: Serdes.string(), value: Serdes.string() })
        .count({ name: 'per-value' })
        .toStream()
        .to('sink', { key: Serdes.string(), value: Serdes.long() })
    },
    applicationId,
    bootstrapServers: [brokers.address(1)],
    stateDir: state,
    threads: 'in-process',
    replicationFactor: 1,
    onWarning: () => undefined,
  })
  t.teardown(() => app.close())
  await app.start()

  let sent = 0
  const sending = (async () => {
    for (; sent < PER_KEY; sent++) {
      await producer.send({ topic: 'source', messages: Array.from({ length: KEYS }, (_, n) => ({ key: `${sent}`, value: `value-${n}` })) })
    }
  })()
  await eventually('a quarter is sent', async () => sent > PER_KEY / 4)
  await brokers.killBroker(2)
  await eventually('the first leads', async () => (await leaders()).every((leader) => leader === 1))
  await eventually('half is sent', async () => sent > PER_KEY / 2)
  await brokers.startBroker(2)
  await eventually('the second leads again', async () => (await leaders()).every((leader) => leader === 2))
  await sending

  const counts = new Map<string, number[]>()
  const reader = kafka.consumer({ groupId: 'reader' })
  await reader.connect()
  await reader.subscribe({ topic: 'sink', fromBeginning: true })
  const all = Promise.withResolvers<void>()
  await reader.run({
    eachMessage: async ({ message }) => {
      const key = message.key!.toString()
      const seen = counts.get(key) ?? []
      counts.set(key, [...seen, Number(message.value!.readBigInt64BE(0))])
      if (counts.size === KEYS && [...counts.values()].every((values) => values.at(-1) === PER_KEY)) {
        all.resolve()
      }
    },
  })
  await all.promise
  await reader.disconnect()
  const expected = Array.from({ length: PER_KEY }, (_, n) => n + 1)
  t.same([...counts.keys()].sort(), Array.from({ length: KEYS }, (_, n) => `value-${n}`).sort())
  for (const [key, values] of counts) {
    t.same(values, expected, `${key}: 1 to ${PER_KEY}, each once`)
  }
})
