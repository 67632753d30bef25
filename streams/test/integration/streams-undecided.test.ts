/** A member died between its records and their offsets: who takes its task over ends its transaction (rule C3). */
import t from 'tap'
import { type StreamsBuilder, Serdes } from '../../index.ts'
import { KafkaStreams } from '../../runtime/kafka-streams.ts'
import { COMMITTER, encodeOffsetMetadata } from '../../runtime/offset-metadata.ts'
import { TestCluster } from './streams-support.ts'

const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

t.test('readers of a repartition topic do not wait for a dead transaction to time out', async (t) => {
  const source = await cluster.topic('words', 1)
  const sink = await cluster.topic('counts', 1)
  const applicationId = cluster.name('counting')
  const text = { key: Serdes.string(), value: Serdes.string() }
  const run = async () => {
    const app = new KafkaStreams({
      topology: (b: StreamsBuilder) => {
        b.stream(source, text)
          .groupBy((_key, value) => value, { name: 'by-word', key: Serdes.string(), value: Serdes.string() })
          .count({ name: 'count' })
          .toStream()
          .to(sink, { key: Serdes.string(), value: Serdes.long() })
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
  const first = await run()
  await cluster.send(source, [{ key: 'k', value: 'a' }])
  await cluster.committedByPeer(sink, 1)
  await first.close()

  // What the dead member left: records without offsets, under the id its last commit named.
  const dead = `${applicationId}-dead`
  const repartition = (await cluster.ours.admin().listTopics()).find((topic) => topic.startsWith(applicationId) && topic.endsWith('-repartition'))!
  await cluster.ours.group().commitOffsets({ groupId: applicationId, memberId: '', generationId: -1 }, [
    { topic: source, partition: 0, offset: 1, metadata: encodeOffsetMetadata(0, new Map([[COMMITTER, dead]])) },
  ])
  const producer = cluster.ours.producer({ transactionalId: dead, transactionTimeoutMs: 600_000 })
  await producer.init()
  const writer = cluster.ours.writer({ topic: repartition, partition: 0 })
  writer.append(Date.now(), Buffer.from('a'), Buffer.from('a'), [])
  await producer.produce([writer])

  const second = await run()
  const began = performance.now()
  await cluster.send(source, [{ key: 'k', value: 'a' }])
  const records = await cluster.committedByPeer(sink, 2)
  t.ok(performance.now() - began < 200_000, `counted ${Math.round(performance.now() - began)} ms after it was sent; the transaction would have been open for ten minutes`)
  t.same(records.map(({ value }) => Number(value!.readBigInt64BE())), [1, 2], 'and what was never committed is not counted')
  t.equal((await second.metrics())[0]!.counters.committersFenced, 1)
  await second.close()
  await producer.close()
})
