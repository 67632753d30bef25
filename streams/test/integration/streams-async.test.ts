/** The asynchronous operator on a real cluster: closed in the middle of its calls, moved to an empty disk, finished there. */
import t from 'tap'
import { type StreamsBuilder, Serdes } from '../../index.ts'
import { inFlightTopic } from '../../graph/internal-topics.ts'
import { Purger } from '../../runtime/purger.ts'
import type { TaskEntry } from '../../runtime/task-entry.ts'
import { KafkaStreams } from '../../runtime/kafka-streams.ts'
import { TestCluster } from './streams-support.ts'

const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const KEYS = 100
const RECORDS = 3_000

t.test('pending calls survive a stop and a lost disk: every result once, per key in order', async (t) => {
  const source = await cluster.topic('documents', 4)
  const sink = await cluster.topic('priced', 4)
  const applicationId = cluster.name('pricing')
  await cluster.send(source, Array.from({ length: RECORDS }, (_, i) => ({ key: `k${i % KEYS}`, value: String(i) })))
  const gate = Promise.withResolvers<void>()
  const keys = new Map<string, string>()
  const fences: number[] = []
  let made = 0
  let open = false
  const start = async () => {
    const app = new KafkaStreams({
      topology: (b: StreamsBuilder) => {
        b.stream(source, { key: Serdes.string(), value: Serdes.string() })
          .mapAsync(
            async (value, { idempotencyKey, attempt, fence }) => {
              made++
              fences.push(fence)
              const known = keys.get(idempotencyKey)
              if (known !== undefined && known !== value) {
                t.fail(`${idempotencyKey} names ${known} and ${value}`)
              }
              keys.set(idempotencyKey, value)
              if (!open && made > RECORDS / 4) {
                await gate.promise
              }
              await new Promise((resolve) => setTimeout(resolve, Number(value) % 7))
              if (attempt === 1 && Number(value) % 50 === 0) {
                throw new Error('first try')
              }
              return `${value}!`
            },
            { name: 'price', concurrency: 20, retry: { attempts: 3, backoffMs: 5 }, value: Serdes.string() }
          )
          .to(sink, { key: Serdes.string(), value: Serdes.string() })
      },
      applicationId,
      bootstrapServers: cluster.bootstrapServers,
      stateDir: cluster.folder(),
      threads: 'in-process',
      sessionTimeoutMs: 60_000,
      replicationFactor: 1,
    })
    await app.start()
    return app
  }
  const first = await start()
  // Offsets go past what is pending: the source is consumed to its end while three quarters of the calls hang.
  await cluster.consumed(applicationId, source)
  await first.close()
  const before = (await cluster.committed(sink)).length
  const fenceBefore = Math.max(...fences.splice(0))
  t.ok(before < RECORDS, `${before} results before the stop`)
  open = true
  gate.resolve()
  const second = await start()
  const records = await cluster.committedByPeer(sink, RECORDS)
  await second.close()
  t.equal((await cluster.committed(sink)).length, RECORDS, 'no result twice')
  const last = new Map<string, number>()
  for (const { key, value } of records) {
    const n = Number(value!.toString().slice(0, -1))
    const k = key!.toString()
    if (n % KEYS !== Number(k.slice(1)) || n <= (last.get(k) ?? -1)) {
      t.fail(`${k}: ${n} after ${last.get(k)}`)
    }
    last.set(k, n)
  }
  t.equal(new Set(records.map(({ value }) => value!.toString())).size, RECORDS)
  t.ok(fenceBefore > 0 && Math.min(...fences) > fenceBefore, `a later owner calls with a higher fence (${fenceBefore}, then ${Math.min(...fences)})`)
  t.equal(keys.size, RECORDS, 'one idempotency key per record, over both lives')
})

t.test('records of an in-flight changelog can be deleted as it is configured', async (t) => {
  const topic = await cluster.topic('in-flight', 1, inFlightTopic('any', {}).config)
  await cluster.send(topic, [{ key: 'a', value: '1' }, { key: 'a', value: null }, { key: 'b', value: '2' }])
  const deleted = Promise.withResolvers<void>()
  const admin = cluster.ours.admin()
  let now = 0
  const purger = new Purger({ deleteRecords: (offsets) => admin.deleteRecords(offsets).then(deleted.resolve, deleted.reject) }, (warning) => t.fail(warning), () => now)
  const entry = { partition: 0, status: 'running', inputs: [], state: { position: () => ({ offset: 2 }) } } as unknown as TaskEntry
  now = 30_000
  purger.committed(entry, { offsets: [], emptyInFlight: [topic] })
  await deleted.promise
  t.equal((await cluster.ours.listOffsets([{ topic, partition: 0 }], 'earliest', 'read_uncommitted')).get(`${topic}-0`), 2)
})
