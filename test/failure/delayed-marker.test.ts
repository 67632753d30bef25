/**
 * Rule A1: a transaction is committed as soon as its coordinator says so; its marker reaches the changelog's broker later. A
 * task that restored up to the last stable offset would miss that transaction for ever. Two brokers: coordinators, source
 * and sink on the first, the changelog on the second, and the way between them shut while a process dies.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { KafkaStreams } from 'millrace'
import t from 'tap'
import { Child } from '../../streams/test/failure/child.ts'
import { Brokers } from '../brokers/brokers.ts'
import { eventually } from '../connectors/integration/support.ts'
import perKey from './per-key-topology.ts'

t.setTimeout(400_000)

/** Round trips to the broker in which an engine that does not wait would have gone on. */
const ROUNDS = 50
/** For a transaction that may not be able to begin. */
const PATIENCE_MS = 15_000

t.test('restores up to the high watermark, and waits for markers that are on their way', async (t) => {
  const brokers = await Brokers.start()
  const state = mkdtempSync(join(tmpdir(), 'millrace-marker-'))
  const kafka = new Kafka({ clientId: 'test', brokers: [brokers.address(1)], logLevel: logLevel.NOTHING, retry: { retries: 20 } })
  const admin = kafka.admin()
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  t.teardown(async () => {
    await Promise.all([admin.disconnect(), producer.disconnect()])
    await brokers.stop()
    rmSync(state, { recursive: true, force: true })
  })
  await eventually('the first broker answers', async () => {
    await admin.connect()
    return true
  })
  // while the first is alone: coordinators live on it
  const warm = kafka.producer({ transactionalId: 'warm', maxInFlightRequests: 1, idempotent: true })
  await warm.connect()
  await (await warm.transaction()).abort()
  await warm.disconnect()
  await eventually('the group coordinator', async () => (await admin.describeGroups(['warm'])).groups.length === 1)
  await brokers.startBroker(2)
  // a broker is known before it listens
  const onSecond = new Kafka({ clientId: 'test', brokers: [brokers.address(2)], logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin()
  await eventually('the second broker answers', async () => {
    await onSecond.connect()
    await onSecond.disconnect()
    return true
  })

  const applicationId = 'marker'
  const options = { applicationId, replicationFactor: 1, sessionTimeoutMs: 6_000, bootstrapServers: brokers.address(1) }
  await admin.createTopics({
    timeout: 60_000,
    topics: [['source', 1], ['sink', 1], [`${applicationId}-per-key-changelog`, 2]].map(([topic, broker]) => ({
      topic: topic as string,
      replicaAssignment: [{ partition: 0, replicas: [broker as number] }],
      configEntries: String(topic).endsWith('changelog') ? [{ name: 'cleanup.policy', value: 'compact' }] : [],
    })),
  })
  await producer.connect()
  const send = async (from: number, count: number): Promise<void> => {
    await producer.send({ topic: 'source', messages: Array.from({ length: count }, (_, i) => ({ key: `key-${(from + i) % 5}`, value: 'x' })) })
  }
  const committed = async (): Promise<number> => Number((await admin.fetchOffsets({ groupId: applicationId, topics: ['source'] }))[0]?.partitions[0]?.offset ?? -1)

  const first = new Child({ ...options, stateDir: join(state, 'first'), topology: new URL('./per-key-topology.ts', import.meta.url).href })
  t.teardown(() => first.kill())
  await first.running()
  await send(0, 100)
  await eventually('the first hundred', async () => (await committed()) === 100)

  let sent = 100
  for (;;) {
    brokers.gate.close()
    await send(sent, 50)
    sent += 50
    try {
      await eventually('the transaction is committed, says its coordinator', async () => (await committed()) === sent, PATIENCE_MS)
      break
    } catch {
      // The marker of the transaction before was still on its way: none begins until it has come through.
      brokers.gate.open()
      await eventually('nothing is on its way', async () => (await committed()) === sent)
    }
  }
  await first.kill()

  const second = new KafkaStreams({
    ...options,
    // The first one is gone when its session has ended; this one stays, however busy the machine is.
    sessionTimeoutMs: 120_000,
    topology: perKey,
    stateDir: join(state, 'second'),
    threads: 'in-process',
    onWarning: () => undefined,
  })
  t.teardown(() => second.close())
  const started = second.start()
  const restores = async (): Promise<boolean> => (await second.metrics())[0]?.tasks.some(({ status, restored }) => status === 'restoring' && restored >= 5) === true
  await eventually('the task has restored what was decided', restores)
  await send(sent, 10)
  for (let look = 0; look < ROUNDS; look++) {
    t.ok((await restores()) && (await committed()) === sent, 'nothing is processed on half a state')
  }
  brokers.gate.open()
  await started
  await eventually('everything is processed', async () => (await committed()) === sent + 10)
  const counts = new Map<string, number[]>()
  const consumer = kafka.consumer({ groupId: 'reader' })
  await consumer.connect()
  await consumer.subscribe({ topic: 'sink', fromBeginning: true })
  let seen = 0
  const done = Promise.withResolvers<void>()
  await consumer.run({
    eachMessage: async ({ message }) => {
      const key = message.key!.toString()
      counts.set(key, [...(counts.get(key) ?? []), Number(message.value!.readBigInt64BE(0))])
      seen += 1
      if (seen === sent + 10) {
        done.resolve()
      }
    },
  })
  await done.promise
  await consumer.disconnect()
  for (const [key, values] of counts) {
    t.same(values, Array.from({ length: (sent + 10) / 5 }, (_, i) => i + 1), `${key} counts on where the lost process left off`)
  }
})
