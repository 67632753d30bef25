import t from 'tap'
import { buildTopology, describeMermaid, resolvePartitions, Serdes, type StreamsBuilder, TopologyBuilder, topologyToJSON } from '../../index.ts'
import { compareTopologies } from '../../graph/compare.ts'
import { matchesTopic, matchingTopics, matchTopics } from '../../graph/topic-patterns.ts'

const strings = { key: Serdes.string(), value: Serdes.string() }
const build = (topology: (b: StreamsBuilder) => void) => buildTopology(topology, { applicationId: 'app' })
const orders = (pattern = /orders-.*/) => build((b) => b.stream(pattern, { ...strings, name: 'orders' }).mapValues((value) => value).to('out', strings))

t.test('the whole name must match, as with Java’s matches()', async (t) => {
  t.ok(matchesTopic(/orders-.*/, 'orders-eu'))
  t.notOk(matchesTopic(/orders-.*/, 'old-orders-eu'))
  t.notOk(matchesTopic(/orders/, 'orders-eu'))
  t.ok(matchesTopic(/a|ab/, 'ab'), 'also by the second of two')
  t.ok(matchesTopic(/ORDERS-.*/i, 'orders-eu'))
  const global = /orders-.*/g
  t.same([matchesTopic(global, 'orders-eu'), matchesTopic(global, 'orders-eu')], [true, true], 'nothing is remembered from one to the next')
})

t.test('a topology names what its patterns match; its identity stays', async (t) => {
  const built = orders()
  t.same(matchingTopics(built, ['orders-eu', 'returns', 'orders-us']), ['orders-eu', 'orders-us'])
  const [before, now] = [built, matchTopics(built, ['orders-us', 'returns', 'orders-eu'])].map(({ subtopologies }) => subtopologies[0]!)
  t.same(now!.sources[0]!.topics, ['orders-eu', 'orders-us'])
  t.equal(now!.nodes.get('orders'), now!.sources[0])
  t.same([now!.name, now!.fingerprint], [before!.name, before!.fingerprint])
  t.equal(now!.name, 'orders')
  const named = build((b) => b.stream('orders-eu', strings).to('out', strings))
  t.equal(matchTopics(named, ['orders-us']), named, 'one without patterns is itself')
})

t.test('topics of the application’s own are never meant', async (t) => {
  const built = build((b) => void b.stream(/.*n.*/, { ...strings, name: 'all' }).selectKey((_key, value) => value).groupByKey(strings).count({ name: 'n' }))
  t.same(matchingTopics(built, ['app-n-changelog', 'app-n-repartition', 'in', 'other-n-changelog']), ['in', 'other-n-changelog'])
})

t.test('a topic that two patterns match is named with both', async (t) => {
  const built = build((b) => {
    b.stream(/orders-.*/, { ...strings, name: 'orders' }).to('out', strings)
    b.stream(/.*-eu/, { ...strings, name: 'europe' }).to('out', strings)
  })
  t.throws(() => matchTopics(built, ['orders-eu']), { code: 'TOPOLOGY_INVALID', message: /'orders-eu' matches the patterns of 'orders' \(\/orders-\.\*\/\) and 'europe' \(\/\.\*-eu\/\)/ })
})

t.test('partitions: as many tasks as the topic has that has most; none while nothing matches', async (t) => {
  const built = build((b) => void b.stream(/in-.*/, { ...strings, name: 'in' }).repartition({ name: 'r' }).groupByKey().count({ name: 'n' }))
  const counts = (existing: { [topic: string]: number }) => Object.fromEntries(resolvePartitions(matchTopics(built, Object.keys(existing)), new Map(Object.entries(existing))))
  t.same(counts({ 'in-a': 2, 'in-b': 3 }), { 'in-a': 2, 'in-b': 3, 'app-r-repartition': 3, 'app-n-changelog': 3 })
  t.same(counts({}), { 'app-r-repartition': 0, 'app-n-changelog': 0 })
})

t.test('what is joined with a pattern’s topics must have their partition count', async (t) => {
  const built = build((b) => b.stream(/in-.*/, { ...strings, name: 'in' }).join(b.table('t', strings), (left, right) => left + right, { name: 'j' }).to('out', strings))
  const counts = (a: number) => resolvePartitions(matchTopics(built, ['in-a']), new Map([['in-a', a], ['t', 2]]))
  t.equal(counts(2).get('in-a'), 2)
  t.throws(() => counts(3), { code: 'COPARTITION_MISMATCH' })
})

t.test('described as Kafka Streams does, drawn and compared by the pattern', async (t) => {
  const built = orders()
  t.match(built.describe(), 'Source: orders (topics: orders-.*)\n      --> orders/mapValues')
  t.match(describeMermaid(built), '/orders-.*/')
  t.same(topologyToJSON(built).subtopologies[0]!.nodes.find(({ kind }) => kind === 'source'), { name: 'orders', kind: 'source', children: ['orders/mapValues'], topics: [], pattern: '/orders-.*/' })
  const changes = compareTopologies(topologyToJSON(built), topologyToJSON(orders(/(orders|returns)-.*/)))
  t.same(changes.map(({ kind, subject }) => `${kind} ${subject}`).sort(), ['begin /(orders|returns)-.*/', 'change orders', 'orphan /orders-.*/'])
  t.same(compareTopologies(topologyToJSON(built), topologyToJSON(orders())), [])
})

t.test('the Processor API takes patterns, too', async (t) => {
  const built = new TopologyBuilder().addSource('source', /in-.*/, strings).addSink('sink', 'out', 'source', strings).build({ applicationId: 'app' })
  t.same(matchTopics(built, ['in-1']).subtopologies[0]!.sources[0]!.topics, ['in-1'])
})
