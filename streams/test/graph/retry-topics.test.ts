import t from 'tap'
import { buildTopology, externalSourceTopics, resolvePartitions, Serdes, type StreamsBuilder, topologyToJSON } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'

const strings = { key: Serdes.string(), value: Serdes.string() }
const build = (topology: (b: StreamsBuilder) => void) => buildTopology(topology, { applicationId: 'app' })

const counted = (retryTopic: boolean) => (b: StreamsBuilder) => {
  b.stream(['orders', 'returns'], { ...strings, retryTopic }).groupByKey().count({ name: 'n' }).toStream().to('counts')
}

t.test('a source that asks for it reads a retry topic beside each of its topics', async (t) => {
  const [subtopology] = build(counted(true)).subtopologies
  t.same(subtopology!.sources[0]!.topics, ['orders', 'returns', 'app-orders-retry', 'app-returns-retry'])
  t.same(subtopology!.internalTopics.filter(({ kind }) => kind === 'retry').map(({ name, origin }) => [name, origin]), [
    ['app-orders-retry', 'orders'],
    ['app-returns-retry', 'returns'],
  ])
  t.equal(subtopology!.name, build(counted(false)).subtopologies[0]!.name, 'tasks and their state keep their names')
  t.not(subtopology!.fingerprint, build(counted(false)).subtopologies[0]!.fingerprint, 'it is another version for the assignor')
  t.same(topologyToJSON(build(counted(false))).subtopologies[0]!.internalTopics.map(({ kind }) => kind), ['changelog'])
})

t.test('it has the partitions of its topic, is made by the application, and nobody else may use it', async (t) => {
  const topology = build(counted(true))
  t.same(externalSourceTopics(topology), ['orders', 'returns'])
  t.same(Object.fromEntries(resolvePartitions(topology, new Map([['orders', 3], ['returns', 3]]))), {
    orders: 3, returns: 3, 'app-orders-retry': 3, 'app-returns-retry': 3, 'app-n-changelog': 3,
  })
  t.throws(() => resolvePartitions(topology, new Map([['orders', 3], ['returns', 3], ['app-orders-retry', 4]])), { code: 'INTERNAL_TOPIC_MISMATCH' })
  t.throws(
    () =>
      build((b) => {
        b.stream('orders', { ...strings, retryTopic: true }).to('app-orders-retry')
      }),
    { code: 'TOPOLOGY_INVALID', message: /the retry topic of 'orders'/ },
  )
})

t.test('joined inputs stay co-partitioned', async (t) => {
  const topology = build((b) => {
    const table = b.table('customers', strings)
    b.stream('orders', { ...strings, retryTopic: true }).join(table, (left, right) => left + right, { value: Serdes.string() }).to('out')
  })
  t.equal(resolvePartitions(topology, new Map([['orders', 4], ['customers', 4]])).get('app-orders-retry'), 4)
  t.throws(() => resolvePartitions(topology, new Map([['orders', 4], ['customers', 2]])), { code: 'COPARTITION_MISMATCH' })
})

t.test('its records take the way of those of its topic', async (t) => {
  const driver = new TopologyTestDriver(counted(true), { applicationId: 'app' })
  t.teardown(() => driver.close())
  driver.createInputTopic('orders', Serdes.string(), Serdes.string()).pipeInput('a', 'first')
  driver.createInputTopic('app-orders-retry', Serdes.string(), Serdes.string()).pipeInput('a', 'again')
  t.same(driver.createOutputTopic('counts', Serdes.string(), Serdes.long()).readKeyValuesToList(), [['a', 1], ['a', 2]])
})
