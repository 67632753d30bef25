/**
 * Rule C4: the broker ends a transaction and its answer is lost. Whatever else happens before the question is answered, the
 * engine never guesses: every key is counted 1, 2, 3 … without a gap or a repetition.
 */
import t from 'tap'
import { holdRequests, loseAnswers } from '../integration/kafka-cut.ts'
import { KafkaStreams, Serdes, type StreamsBuilder } from '../../index.ts'
import { COMMITTER, decodeOffsetMetadata } from '../../runtime/offset-metadata.ts'
import { TestCluster } from '../integration/streams-support.ts'
import { countProblems, type Line, lines, tally } from './word-load.ts'

t.setTimeout(300_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const END_TXN = 26
const RECORDS = 6_000
const LOSSES = 12

/** The transactional id that committed last. */
async function committer(groupId: string, topic: string): Promise<string | undefined> {
  const offsets = await cluster.ours.group().fetchOffsets(groupId, [{ topic, partition: 0 }], { requireStable: false })
  return offsets.flatMap(({ metadata }) => decodeOffsetMetadata(metadata).extras.get(COMMITTER) ?? [])[0]
}

type Assertions = Pick<typeof t, 'same' | 'equal' | 'comment'>

async function started(name: string, transactionTimeoutMs = 10_000) {
  const [source, sink] = [await cluster.topic(`${name}-source`, 2), await cluster.topic(`${name}-sink`, 2)]
  const applicationId = cluster.name(name)
  const app = new KafkaStreams({
    topology: (b: StreamsBuilder) => {
      b.stream(source, { key: Serdes.string(), value: Serdes.string() }).groupByKey().count({ name: 'per-key' }).toStream().to(sink, { key: Serdes.string(), value: Serdes.long() })
    },
    applicationId,
    bootstrapServers: cluster.bootstrapServers,
    stateDir: cluster.folder(),
    threads: 'in-process',
    sessionTimeoutMs: 60_000,
    transactionTimeoutMs,
    replicationFactor: 1,
    onWarning: () => undefined,
  })
  await app.start()
  return { app, applicationId, source, sink }
}

async function run(t: Assertions, name: string, meanwhile: (applicationId: string, source: string) => Promise<void>): Promise<number> {
  const { app, applicationId, source, sink } = await started(name)
  const input: Line[] = []
  let lost = 0
  // Not every answer that is to be lost comes in time to be: as many rounds as it takes.
  for (let n = 0; n < LOSSES || lost < LOSSES; n++) {
    const slice = lines(input.length, RECORDS / LOSSES)
    input.push(...slice)
    // one answer, or the answers to several questions in a row
    const losing = loseAnswers(END_TXN, 1 + (n % 3))
    await cluster.send(source, slice)
    await meanwhile(applicationId, source)
    await cluster.consumed(applicationId, source)
    lost += losing.count
    loseAnswers(END_TXN, 0)
  }
  t.comment(`${lost} answers were lost`)
  t.equal(app.state, 'RUNNING')
  const [snapshot] = await app.metrics()
  await app.close()
  t.same(countProblems(await cluster.committed(sink), tally(input.map(({ key }) => key))), [])
  return snapshot!.counters.producersReplaced
}

t.test('asked again until it is known', async (t) => {
  await run(t, 'unanswered', () => Promise.resolve())
})

t.test('fenced by somebody else meanwhile', async (t) => {
  const replaced = await run(t, 'fenced-unanswered', async (applicationId, source) => {
    const id = await committer(applicationId, source)
    if (id !== undefined) {
      await cluster.ours.fence(id)
    }
  })
  t.ok(replaced > 0, `${replaced} producers were replaced`)
})

t.test('the transaction times out meanwhile, and the request arrives after all', async (t) => {
  // The broker looks for such transactions every ten seconds.
  const { app, applicationId, source, sink } = await started('timed-out', 1_000)
  const input = lines(0, 2_000)
  await cluster.send(source, input.slice(0, 1_000))
  await cluster.consumed(applicationId, source)
  const requests = holdRequests(END_TXN)
  await cluster.send(source, input.slice(1_000))
  const partitions = [0, 1].map((partition) => ({ topic: sink, partition }))
  const undecided = async () => {
    const [stable, all] = await Promise.all((['read_committed', 'read_uncommitted'] as const).map((isolation) => cluster.ours.listOffsets(partitions, 'latest', isolation)))
    return [...all!].some(([key, end]) => stable!.get(key)! < end)
  }
  const pause = () => new Promise((resolve) => setTimeout(resolve, 20))
  while (requests.waiting === 0 || !(await undecided())) {
    await pause()
  }
  while (await undecided()) {
    await pause()
  }
  requests.release()
  await cluster.consumed(applicationId, source)
  const [snapshot] = await app.metrics()
  t.ok(snapshot!.counters.commitsDropped > 0, 'what was aborted was not taken for committed')
  await app.close()
  t.same(countProblems(await cluster.committed(sink), tally(input.map(({ key }) => key))), [])
})
