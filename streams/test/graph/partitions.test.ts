import fc from 'fast-check'
import t from 'tap'
import { buildTopology, externalSourceTopics, resolvePartitions, Serdes, type StreamsBuilder, tasksOf } from '../../index.ts'

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
