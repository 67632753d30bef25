import fc from '../../../state-stores/test/seeded.ts'
import t from 'tap'
import {
  buildTopology,
  describeMermaid,
  externalSourceTopics,
  resolvePartitions,
  Serdes,
  type StreamsBuilder,
  TopologyBuilder,
  topologyToJSON,
} from '../../index.ts'
import { tasksOf } from '../../graph/tasks.ts'
import { compareTopologies } from '../../graph/compare.ts'
import { acceptGrowth } from '../../graph/growth.ts'
import { matchesTopic, matchingTopics, matchTopics } from '../../graph/topic-patterns.ts'

const strings = { key: Serdes.string(), value: Serdes.string() }
const build = (topology: (b: StreamsBuilder) => void) => buildTopology(topology, { applicationId: 'app' })
const resolve = (topology: (b: StreamsBuilder) => void, existing: { [topic: string]: number }) =>
  Object.fromEntries(resolvePartitions(build(topology), new Map(Object.entries(existing))))
const joined = (left: string, right: string | null) => left + right

t.test('a repartition topic has the largest count of the sources before it; a changelog one per task', async (t) => {
  t.same(
    resolve(
      (b) => {
        b.stream('a', strings)
          .merge(b.stream('b', strings))
          .selectKey((_key, value) => value, { key: Serdes.string() })
          .groupByKey()
          .count({ name: 'n' })
      },
      { a: 3, b: 5 }
    ),
    { a: 3, b: 5, 'app-n-repartition': 5, 'app-n-changelog': 5 }
  )
})

t.test('through two repartitions', async (t) => {
  t.same(
    resolve(
      (b) => {
        b.stream('a', strings).repartition({ name: 'first' }).repartition({ name: 'second' }).groupByKey().count({ name: 'n' })
      },
      { a: 6 }
    ),
    { a: 6, 'app-first-repartition': 6, 'app-second-repartition': 6, 'app-n-changelog': 6 }
  )
})

t.test('a fixed count is kept', async (t) => {
  t.same(
    resolve((b) => void b.stream('a', strings).repartition({ name: 'r', partitions: 12 }).groupByKey().count({ name: 'n' }), { a: 3 }),
    { a: 3, 'app-r-repartition': 12, 'app-n-changelog': 12 }
  )
})

t.test('joined with a table, a repartition topic takes the table topic’s count, up or down', async (t) => {
  for (const table of [2, 9]) {
    t.same(
      resolve(
        (b) => {
          b.stream('s', strings)
            .selectKey((_key, value) => value)
            .join(b.table('t', strings), joined, { name: 'j' })
        },
        { s: 4, t: table }
      ),
      { s: 4, t: table, 'app-j-repartition': table }
    )
  }
})

t.test('repartition topics that are joined rise to the largest', async (t) => {
  t.same(
    resolve(
      (b) => {
        const table = b
          .stream('t', strings)
          .selectKey((_key, value) => value, { key: Serdes.string() })
          .toTable({ name: 'rows' })
        b.stream('s', strings)
          .selectKey((_key, value) => value)
          .leftJoin(table, joined, { name: 'j' })
      },
      { s: 4, t: 7 }
    ),
    { s: 4, t: 7, 'app-rows-repartition': 7, 'app-j-repartition': 7, 'app-rows-changelog': 7 }
  )
})

t.test('a stream joined with its own repartitioned self', async (t) => {
  t.same(
    resolve(
      (b) => {
        const stream = b.stream('s', strings)
        const table = stream.selectKey((_key, value) => value, { key: Serdes.string() }).toTable({ name: 'rows' })
        stream.join(table, joined)
      },
      { s: 4 }
    ),
    { s: 4, 'app-rows-repartition': 4, 'app-rows-changelog': 4 }
  )
})

t.test('unequal counts where they must be equal name the topics and what to do', async (t) => {
  const join = (b: StreamsBuilder) => void b.stream('s', strings).join(b.table('t', strings), joined)
  t.throws(() => resolve(join, { s: 4, t: 3 }), {
    code: 'COPARTITION_MISMATCH',
    message: /'s' \(4 partitions\), 't' \(3 partitions\).*equal partition counts, or put repartition\(/,
  })
  t.same(resolve(join, { s: 4, t: 4 }), { s: 4, t: 4 })
  t.throws(
    () =>
      resolve((b) => void b.stream('s', strings).repartition({ name: 'r', partitions: 5 }).join(b.table('t', strings), joined), {
        s: 4,
        t: 3,
      }),
    { code: 'COPARTITION_MISMATCH', message: /'app-r-repartition' \(5 partitions\)/ }
  )
  t.throws(() => resolve((b) => void b.stream(['a', 'b'], strings).groupByKey().count({ name: 'n' }), { a: 1, b: 2 }), {
    code: 'COPARTITION_MISMATCH',
  })
})

t.test('groups that overlap are one group', async (t) => {
  const twice = (b: StreamsBuilder) => {
    const table = b.table('t', strings)
    b.stream('s', strings).join(table, joined)
    b.stream('u', strings).join(table, joined)
  }
  t.throws(() => resolve(twice, { s: 4, t: 4, u: 5 }), { code: 'COPARTITION_MISMATCH' })
  t.same(
    build(twice).subtopologies[0]!.copartitionGroups.map((group) => [...group].sort()),
    [['s', 't', 'u']]
  )
})

t.test('a source that is not there, an internal topic that is there with another count', async (t) => {
  const count = (b: StreamsBuilder) => void b.stream('a', strings).groupByKey().count({ name: 'n' })
  t.throws(() => resolve(count, {}), { code: 'SOURCE_TOPIC_MISSING', message: /'a' does not exist/ })
  t.throws(() => resolve(count, { a: 8, 'app-n-changelog': 4 }), {
    code: 'INTERNAL_TOPIC_MISMATCH',
    message: /'app-n-changelog' has 4 partitions and needs 8.*new application id, or reset/,
  })
  t.same(resolve(count, { a: 8, 'app-n-changelog': 8 }), { a: 8, 'app-n-changelog': 8 })
})

t.test('global tables need no equal counts but must exist', async (t) => {
  const topology = (b: StreamsBuilder) => void b.stream('s', strings).join(b.globalTable('g', strings), (key) => key, joined)
  t.same(resolve(topology, { s: 4, g: 1 }), { s: 4, g: 1 })
  t.throws(() => resolve(topology, { s: 4 }), { code: 'SOURCE_TOPIC_MISSING' })
  t.same(externalSourceTopics(build(topology)), ['s', 'g'])
})

t.test('tasks: one per partition of the source with most, each with the inputs there are', async (t) => {
  const [subtopology] = build((b) => void b.stream('a', strings).merge(b.stream('b', strings)).to('out')).subtopologies
  const counts = new Map([
    ['a', 1],
    ['b', 2],
  ])
  t.same(
    tasksOf(subtopology!, (topic) => counts.get(topic)!),
    [
      {
        id: 'a_0',
        subtopology: 'a',
        partition: 0,
        inputs: [
          { topic: 'a', partition: 0 },
          { topic: 'b', partition: 0 },
        ],
      },
      { id: 'a_1', subtopology: 'a', partition: 1, inputs: [{ topic: 'b', partition: 1 }] },
    ]
  )
})

t.test('whatever is joined, topics of one group end with one count, and every topic has one', async () => {
  const counts = fc.array(
    fc.record({
      source: fc.integer({ min: 1, max: 9 }),
      table: fc.integer({ min: 1, max: 9 }),
      fixed: fc.option(fc.integer({ min: 1, max: 9 })),
    }),
    {
      minLength: 1,
      maxLength: 4,
    }
  )
  fc.assert(
    fc.property(counts, (joins) => {
      const existing = new Map<string, number>()
      const topology = build((b) => {
        joins.forEach(({ source, table, fixed }, i) => {
          existing.set(`s${i}`, source).set(`t${i}`, table)
          const rows = b
            .stream(`t${i}`, strings)
            .repartition({ name: `rows${i}` })
            .toTable({ name: `table${i}` })
          b.stream(`s${i}`, strings)
            .repartition({ name: `keyed${i}`, partitions: fixed ?? undefined })
            .join(rows, joined, { value: Serdes.string() })
            .groupBy((_key, value) => value, { key: Serdes.string() })
            .count({ name: `count${i}` })
        })
      })
      const resolved = resolvePartitions(topology, existing)
      return topology.subtopologies.every(
        (subtopology) =>
          subtopology.copartitionGroups.every((group) => new Set(group.map((topic) => resolved.get(topic))).size === 1) &&
          subtopology.internalTopics.every(({ name }) => resolved.get(name)! >= 1)
      )
    })
  )
})

// --- topics that grow while the application runs (C15) ---------------------------------------------------------------

/** What becomes of sources that grow from `before` to `now` in an application that has been started with `before`. */
function grow(topology: (b: StreamsBuilder) => void, before: { [topic: string]: number }, now: { [topic: string]: number }) {
  const built = buildTopology(topology, { applicationId: 'app' })
  const known = new Map(Object.entries(before))
  const counts = resolvePartitions(matchTopics(built, known.keys()), known)
  const internal = new Map([...counts].filter(([topic, count]) => topic.startsWith('app-') && count > 0))
  const { sources, refused } = acceptGrowth(built, known, new Map(Object.entries(now)), internal)
  return { sources: Object.fromEntries(sources), refused: refused.map(({ topic, partitions, taken, error }) => [topic, partitions, taken, error.code]) }
}

const stateless = (b: StreamsBuilder) => b.stream('a', strings).mapValues((value) => value).to('out', strings)
const stateful = (b: StreamsBuilder) => void b.stream('b', strings).groupByKey().count({ name: 'n' })

t.test('what is stateless takes new partitions; what has a changelog goes on with the old ones', async (t) => {
  t.same(grow((b) => { stateless(b); stateful(b) }, { a: 2, b: 2 }, { a: 3, b: 3 }), { sources: { a: 3, b: 2 }, refused: [['b', 3, 2, 'INTERNAL_TOPIC_MISMATCH']] })
  t.same(grow(stateless, { a: 2 }, { a: 2 }), { sources: { a: 2 }, refused: [] })
})

t.test('a topic that is gone or has fewer partitions is left as it was', async (t) => {
  t.same(grow(stateless, { a: 2 }, {}), { sources: { a: 2 }, refused: [] })
  t.same(grow(stateless, { a: 2 }, { a: 1 }), { sources: { a: 2 }, refused: [] })
})

t.test('a stateless part before a repartition topic: its own number of partitions decides', async (t) => {
  const counted = (partitions?: number) => (b: StreamsBuilder) => void b.stream('a', strings).repartition({ name: 'r', ...(partitions === undefined ? {} : { partitions }) }).groupByKey().count({ name: 'n' })
  t.same(grow(counted(), { a: 2 }, { a: 4 }), { sources: { a: 2 }, refused: [['a', 4, 2, 'INTERNAL_TOPIC_MISMATCH']] })
  t.same(grow(counted(6), { a: 2 }, { a: 4 }), { sources: { a: 4 }, refused: [] })
})

t.test('a smaller topic beside the one that decides the tasks grows up to it and beyond', async (t) => {
  const both = (b: StreamsBuilder) => b.stream('big', strings).merge(b.stream('small', strings)).to('out', strings)
  t.same(grow(both, { big: 4, small: 1 }, { big: 4, small: 3 }), { sources: { big: 4, small: 3 }, refused: [] })
  t.same(grow(both, { big: 4, small: 1 }, { big: 4, small: 5 }), { sources: { big: 4, small: 5 }, refused: [] })
})

t.test('co-partitioned topics grow together or not at all', async (t) => {
  const joined = (b: StreamsBuilder) => b.stream('s', strings).join(b.table('t', strings), (left, right) => left + right, { name: 'j' }).to('out', strings)
  t.same(grow(joined, { s: 2, t: 2 }, { s: 3, t: 3 }), { sources: { s: 3, t: 3 }, refused: [] })
  t.same(grow(joined, { s: 2, t: 2 }, { s: 3, t: 2 }), { sources: { s: 2, t: 2 }, refused: [['s', 3, 2, 'COPARTITION_MISMATCH']] })
})

t.test('a topic that a pattern matches is taken when it comes, as far as a state allows; a second one that two match is refused', async (t) => {
  const counted = (b: StreamsBuilder) => void b.stream(/in-.*/, { ...strings, name: 'in' }).groupByKey().count({ name: 'n' })
  t.same(grow(counted, { 'in-a': 2 }, { 'in-a': 2, 'in-b': 2 }), { sources: { 'in-a': 2, 'in-b': 2 }, refused: [] })
  t.same(grow(counted, { 'in-a': 2 }, { 'in-a': 2, 'in-b': 3 }).refused, [['in-b', 3, 0, 'COPARTITION_MISMATCH']])
  t.same(grow(counted, {}, { 'in-b': 3 }), { sources: { 'in-b': 3 }, refused: [] }, 'the first one decides')
  const two = (b: StreamsBuilder) => {
    b.stream(/in-.*/, { ...strings, name: 'in' }).to('out', strings)
    b.stream(/.*-eu/, { ...strings, name: 'eu' }).to('out', strings)
  }
  t.same(grow(two, { 'in-a': 2 }, { 'in-a': 3, 'in-eu': 2, 'x-eu': 1 }), { sources: { 'in-a': 3, 'x-eu': 1 }, refused: [['in-eu', 2, 0, 'TOPOLOGY_INVALID']] })
})

// --- topics by pattern -------------------------------------------------------------------------------------------------

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
