import t from 'tap'
import { type StreamsBuilder, Serdes } from '../../index.ts'
import { KafkaStreams } from '../../runtime/kafka-streams.ts'
import { long, TestCluster } from './streams-support.ts'

const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const WORDS = ['mill', 'race', 'wheel', 'water', 'stone', 'flour', 'grain', 'sluice']

function lines(count: number): { key: string; value: string }[] {
  return Array.from({ length: count }, (_, i) => ({ key: `line-${i}`, value: `${WORDS[i % 8]} ${WORDS[(i * 3) % 8]} ${WORDS[(i * 7 + 1) % 8]}` }))
}

function expectedCounts(from: readonly { value: string }[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { value } of from) {
    for (const word of value.split(' ')) {
      counts.set(word, (counts.get(word) ?? 0) + 1)
    }
  }
  return counts
}

t.test('word count, exactly once, through a repartition topic: every intermediate count once and in order', async (t) => {
  const source = await cluster.topic('lines', 4)
  const sink = await cluster.topic('counts', 4)
  const applicationId = cluster.name('word-count')
  const input = lines(2_000)
  await cluster.send(source, input)
  const app = new KafkaStreams({
    topology: (b: StreamsBuilder) => {
      b.stream(source, { key: Serdes.string(), value: Serdes.string() })
        .flatMapValues((line) => line.split(' '))
        .groupBy((_key, word) => word, { name: 'by-word', key: Serdes.string(), value: Serdes.string() })
        .count({ name: 'words' })
        .toStream()
        .to(sink, { key: Serdes.string(), value: Serdes.long() })
    },
    applicationId,
    bootstrapServers: cluster.bootstrapServers,
    stateDir: cluster.folder(),
    threads: 'in-process',
    // Whatever the machine does, nobody is thrown out and nothing times out: it is asserted that no commit was dropped.
    sessionTimeoutMs: 120_000,
    transactionTimeoutMs: 120_000,
    replicationFactor: 1,
  })
  const states: string[] = []
  app.onStateChange((state) => states.push(state))
  await app.start()
  t.equal(app.state, 'RUNNING')
  await cluster.consumed(applicationId, source)
  await cluster.consumed(applicationId, `${applicationId}-by-word-repartition`)
  const [snapshot] = await app.metrics()
  t.ok(snapshot!.counters.commits > 0)
  t.equal(snapshot!.counters.commitsDropped, 0)
  await app.close()
  t.equal(app.state, 'NOT_RUNNING')
  t.same(states, ['REBALANCING', 'RUNNING', 'PENDING_SHUTDOWN', 'NOT_RUNNING'])

  const counts = new Map<string, number>()
  const records = await cluster.committed(sink)
  for (const { key, value } of records) {
    const word = key!.toString()
    if (long(value) !== (counts.get(word) ?? 0) + 1) {
      t.fail(`${word} goes from ${counts.get(word)} to ${long(value)}`)
    }
    counts.set(word, long(value)!)
  }
  t.same(counts, expectedCounts(input))
  const byPeer = await cluster.committedByPeer(sink, records.length)
  t.same(
    byPeer.map(({ partition, offset }) => [partition, offset]),
    records.map(({ partition, offset }) => [partition, offset]),
    'kafkajs, read_committed, sees the same records',
  )
})
