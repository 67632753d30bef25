import t from 'tap'
import { buildTopology, resolvePartitions, Serdes, type StreamsBuilder } from '../../index.ts'
import { acceptGrowth } from '../../graph/growth.ts'
import { matchTopics } from '../../graph/topic-patterns.ts'

const strings = { key: Serdes.string(), value: Serdes.string() }

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
