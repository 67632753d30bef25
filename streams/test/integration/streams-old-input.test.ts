/** Records older than the topics that what is made of them goes to (rule A8). */
import t from 'tap'
import { KafkaStreams, type KafkaStreamsOptions, Serdes, TimeWindows } from '../../index.ts'
import { long, TestCluster } from './streams-support.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

t.setTimeout(240_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

t.test('a year is replayed into windows: their changelog is made to last, the topic that would lose their results is named, and a lost disk loses nothing', async (t) => {
  const source = await cluster.topic('replayed', 1)
  // What goes to the first of them the broker deletes at its next look, within five minutes: the other one is read.
  const doomed = await cluster.topic('per-hour-of-a-month', 1, { 'retention.ms': String(30 * DAY_MS) })
  const sink = await cluster.topic('per-hour', 1)
  const yearAgo = Math.floor((Date.now() - 365 * DAY_MS) / HOUR_MS) * HOUR_MS
  const send = () => cluster.send(source, [0, 1].map((i) => ({ key: 'k', value: 'v', timestamp: yearAgo + i })))
  await send()
  const warnings: string[] = []
  const options = (stateDir: string): KafkaStreamsOptions => ({
    topology: (b) => {
      const counts = b.stream(source, { key: Serdes.string(), value: Serdes.string() })
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeAndGrace(HOUR_MS, 0))
        .count({ name: 'windows' })
        .toStream()
        .selectKey(({ key }) => key)
      for (const topic of [doomed, sink]) {
        counts.to(topic, { key: Serdes.string(), value: Serdes.long() })
      }
    },
    applicationId: cluster.name('replay'),
    bootstrapServers: cluster.bootstrapServers,
    stateDir,
    threads: 'in-process',
    replicationFactor: 1,
    onWarning: (warning) => warnings.push(warning),
  })
  const first = new KafkaStreams(options(cluster.folder()))
  await first.start()
  await cluster.consumed(first.config.applicationId, source)
  while (warnings.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await first.close()
  const changelog = `${first.config.applicationId}-windows-changelog`
  const retention = Number((await cluster.ours.admin().topicConfig(changelog))['retention.ms'])
  t.ok(retention > 365 * DAY_MS && retention < 3 * 365 * DAY_MS, `${retention} ms`)
  t.match(warnings[0], `'${source}' holds unread records older than the retention of '${doomed}'`)

  const second = new KafkaStreams(options(cluster.folder()))
  await second.start()
  await send()
  await cluster.consumed(first.config.applicationId, source)
  await second.close()
  t.same((await cluster.committed(sink)).map(({ value }) => long(value)), [1, 2, 3, 4])
})
