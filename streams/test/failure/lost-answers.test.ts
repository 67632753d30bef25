/**
 * Rule C4: the broker ends a transaction and its answer is lost. Whatever else happens before the question is answered, the
 * engine never guesses: every key is counted 1, 2, 3 … without a gap or a repetition.
 */
import t from 'tap'
import { loseAnswers } from '../integration/kafka-cut.ts'
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

async function run(t: Assertions, name: string, meanwhile: (applicationId: string, source: string) => Promise<void>): Promise<number> {
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
    replicationFactor: 1,
    onWarning: () => undefined,
  })
  await app.start()
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
