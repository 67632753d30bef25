import t from 'tap'
import { holdRequests } from '../integration/kafka-cut.ts'
import { KafkaStreams, type Processor, type ProcessorContext, Serdes, Stores, type StreamsBuilder } from '../../index.ts'
import { TestCluster } from '../integration/streams-support.ts'
import { COMMITTER, decodeOffsetMetadata } from '../../runtime/offset-metadata.ts'
import { endlessLines } from './load.ts'
import { countProblems, tally } from './word-load.ts'

t.setTimeout(300_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

/** Requests of a commit, by their API keys: one is fenced while each is on its way. */
const STEPS = { Produce: 0, TxnOffsetCommit: 28, EndTxn: 26 }
/** Fences at any moment. */
const FENCES = 5

/** Counts in a field beside the store: a field that survives a drop would run ahead of it (rule B6). */
class CountTwice implements Processor<string, string, string, number> {
  readonly #fields = new Map<string, number>()
  #context!: ProcessorContext<string, number>

  init(context: ProcessorContext<string, number>): void {
    this.#context = context
    const store = context.getStateStore<{ all(): Iterable<readonly [string, number]> }>('twice')
    for (const [key, count] of store.all()) {
      this.#fields.set(key, count)
    }
  }

  process(record: Parameters<Processor<string, string>['process']>[0]): void {
    const store = this.#context.getStateStore<{ get(key: string): number | undefined; put(key: string, value: number): void }>('twice')
    const inStore = (store.get(record.key) ?? 0) + 1
    const inField = (this.#fields.get(record.key) ?? 0) + 1
    store.put(record.key, inStore)
    this.#fields.set(record.key, inField)
    this.#context.forward({ ...record, value: inStore === inField ? inStore : -inField })
  }
}

async function committers(groupId: string, topic: string): Promise<Set<string>> {
  const partitions = [0, 1, 2, 3].map((partition) => ({ topic, partition }))
  const offsets = await cluster.ours.group().fetchOffsets(groupId, partitions, { requireStable: false })
  return new Set(offsets.flatMap(({ metadata }) => decodeOffsetMetadata(metadata).extras.get(COMMITTER) ?? []))
}

t.test('the producer is fenced at each step of a commit and at any moment, under load: every task of the thread starts over, nothing is lost or doubled', async (t) => {
  const source = await cluster.topic('source', 4)
  const sink = await cluster.topic('sink', 4)
  const applicationId = cluster.name('fenced')
  const app = new KafkaStreams({
    topology: (b: StreamsBuilder) => {
      b.addStateStore(Stores.keyValueStore('twice', { key: Serdes.string(), value: Serdes.long() }))
      b.stream(source, { key: Serdes.string(), value: Serdes.string() })
        .process(() => new CountTwice(), { name: 'count-twice', stores: ['twice'], key: Serdes.string(), value: Serdes.long() })
        .to(sink, { key: Serdes.string(), value: Serdes.long() })
    },
    applicationId,
    bootstrapServers: cluster.bootstrapServers,
    stateDir: cluster.folder(),
    threads: 'in-process',
    sessionTimeoutMs: 120_000,
    replicationFactor: 1,
    onWarning: () => undefined,
  })
  await app.start()
  // Who is fenced notices at its next commit: there must be one.
  const load = endlessLines(cluster, source, 50, 10)
  const seen = new Set<string>()
  /** Of the incarnation that commits now. */
  const committer = async (): Promise<string> => {
    for (;;) {
      const next = [...(await committers(applicationId, source))].find((id) => !seen.has(id))
      if (next !== undefined) {
        seen.add(next)
        return next
      }
    }
  }
  for (let fences = 0; fences < FENCES; fences++) {
    await cluster.ours.fence(await committer())
  }
  const replaced = async () => (await app.metrics())[0]!.counters.producersReplaced
  for (const [step, apiKey] of Object.entries(STEPS)) {
    const id = await committer()
    const before = await replaced()
    const requests = holdRequests(apiKey)
    while (requests.waiting === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await cluster.ours.fence(id)
    requests.release()
    while ((await replaced()) === before) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    t.comment(`fenced before ${step} arrived`)
  }
  const input = await load.stop()
  await cluster.consumed(applicationId, source)
  const [snapshot] = await app.metrics()
  t.comment(`${snapshot!.counters.producersReplaced} producers were replaced, ${input.length} lines`)
  t.equal(snapshot!.counters.membershipsLost, 0, 'a fenced producer is not a lost membership (C1)')
  t.equal(app.state, 'RUNNING')
  await app.close()
  t.same(countProblems(await cluster.committed(sink), tally(input.map((line) => line.key))), [])
})
