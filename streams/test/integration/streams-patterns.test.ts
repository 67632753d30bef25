/** Topics by pattern: those that are there, those that come, those that go. */
import t from 'tap'
import { KafkaStreams, type KafkaStreamsOptions, Serdes } from '../../index.ts'
import { long, TestCluster } from './streams-support.ts'

t.setTimeout(240_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

t.test('an application that begins without a topic takes each that comes, counts over all of them, and lets one go that is deleted', async (t) => {
  const sink = await cluster.topic('pattern-counts', 1)
  const warnings: string[] = []
  const options: KafkaStreamsOptions = {
    topology: (b) =>
      b.stream(new RegExp(`${cluster.prefix}-orders-.*`), { key: Serdes.string(), value: Serdes.string(), name: 'orders', offsetReset: 'latest' })
        .groupByKey()
        .count({ name: 'counts' })
        .toStream()
        .to(sink, { key: Serdes.string(), value: Serdes.long() }),
    applicationId: cluster.name('pattern'),
    bootstrapServers: cluster.bootstrapServers,
    stateDir: cluster.folder(),
    threads: 'in-process',
    replicationFactor: 1,
    metadataMaxAgeMs: 200,
    onWarning: (warning) => warnings.push(warning),
  }
  const app = new KafkaStreams(options)
  t.teardown(() => app.close())
  await app.start()
  t.match(warnings.join('\n'), /No topic matches the pattern .* of 'orders' yet/)
  const counted = async () => (await cluster.committed(sink)).map(({ value }) => long(value))
  const eu = await cluster.topic('orders-eu', 2)
  await cluster.send(eu, [{ key: 'k', value: 'v', partition: 1 }])
  await until(async () => (await counted()).length === 1)
  const us = await cluster.topic('orders-us', 2)
  await cluster.send(us, [{ key: 'k', value: 'v', partition: 1 }])
  await until(async () => (await counted()).length === 2)
  t.same(await counted(), [1, 2], 'of one key, in the same task')
  t.same((await app.metrics())[0]!.tasks.map(({ id }) => id).sort(), ['orders_0', 'orders_1'])
  // One that would need other tasks than the changelog has partitions.
  const wide = await cluster.topic('orders-wide', 3)
  await until(() => warnings.some((warning) => warning.includes(`'${wide}' has 3 partitions now, of which only the first 0 are read`)))

  await cluster.ours.admin().deleteTopics([us, wide])
  await until(async () => (await app.metrics())[0]!.refusedPartitions === 0)
  await cluster.send(eu, [{ key: 'k', value: 'v', partition: 1 }])
  await until(async () => (await counted()).length === 3)
  t.match(app.state, /^(RUNNING|REBALANCING)$/)
  await app.close()

  const again = new KafkaStreams(options)
  await again.start()
  await cluster.send(eu, [{ key: 'k', value: 'v', partition: 1 }])
  await until(async () => (await counted()).length === 4)
  await again.close()
  t.same(await counted(), [1, 2, 3, 4])
})
