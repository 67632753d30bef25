import t from 'tap'
import { compareTopologies, isHarmful } from '../../graph/compare.ts'
import { buildTopology, Serdes, type StreamsBuilder, TimeWindows, topologyToJSON } from '../../index.ts'

const strings = { key: Serdes.string(), value: Serdes.string() }
const describe = (topology: (b: StreamsBuilder) => void, applicationId = 'app') => topologyToJSON(buildTopology(topology, { applicationId }))
const compare = (before: (b: StreamsBuilder) => void, after: (b: StreamsBuilder) => void) => compareTopologies(describe(before), describe(after))
const kinds = (changes: ReturnType<typeof compareTopologies>) => changes.map(({ kind, subject }) => `${kind} ${subject}`)

const count = (name: string) => (b: StreamsBuilder) => {
  b.stream('in', strings).groupByKey().count({ name }).toStream().to('out')
}

t.test('the same is no change, nor is what nothing depends on', async (t) => {
  t.same(compare(count('n'), count('n')), [])
  const filtered = (b: StreamsBuilder) => b.stream('in', strings).filter((key) => key !== '').groupByKey().count({ name: 'n' }).toStream().to('out')
  t.same(compare(count('n'), filtered), [])
})

t.test('a store under another name begins empty; one without successor stays behind', async (t) => {
  t.same(kinds(compare(count('n'), count('m'))).slice(0, 1), ['rename n'])
  const none = (b: StreamsBuilder) => b.stream('in', strings).to('out')
  const changes = compare(count('n'), none)
  t.same(kinds(changes), ['orphan n', 'change in'])
  t.equal(changes.some(isHarmful), true)
  t.same(kinds(compare(none, count('n'))), ['change in', 'begin n'])
})

t.test('two new stores in the place of one: nobody can say which it was', async (t) => {
  const two = (b: StreamsBuilder) => {
    const grouped = b.stream('in', strings).groupByKey()
    grouped.count({ name: 'a' })
    grouped.count({ name: 'b' })
  }
  t.same(kinds(compare(count('n'), two)), ['orphan n', 'change in', 'begin a', 'begin b'])
})

t.test('rows of another meaning', async (t) => {
  const windowed = (size: '1m' | '5m') => (b: StreamsBuilder) => {
    b.stream('in', strings).groupByKey().windowedBy(TimeWindows.ofSizeWithNoGrace(size)).count({ name: 'n' })
  }
  t.match(compare(windowed('1m'), windowed('5m')), [{ kind: 'break', subject: 'n', message: /windowSizeMs/ }, { kind: 'change', message: /retention.ms/ }])
  t.match(compare(count('n'), windowed('1m'))[0], { kind: 'break', message: /from key-value to window/ })
})

t.test('partition counts of internal topics, and their settings', async (t) => {
  const repartitioned = (partitions: number | undefined, topicConfig: { [key: string]: string } = {}) => (b: StreamsBuilder) => {
    b.stream('in', strings).repartition({ name: 'r', partitions }).groupByKey().count({ name: 'n', topicConfig })
  }
  t.match(compare(repartitioned(3), repartitioned(6))[0], { kind: 'break', subject: 'app-r-repartition', message: /6 partitions instead of 3/ })
  t.match(compare(repartitioned(3), repartitioned(undefined))[0], { kind: 'break', message: /its sources'/ })
  t.match(compare(repartitioned(3), repartitioned(3, { 'segment.ms': '5' })), [{ kind: 'change', subject: 'app-n-changelog', message: /segment.ms/ }])
})

t.test('sources that come and go, and another application', async (t) => {
  const from = (topic: string) => (b: StreamsBuilder) => b.stream(topic, strings).to('out')
  t.same(kinds(compare(from('a'), from('b'))), ['orphan a', 'begin b'])
  const [other] = compareTopologies(describe(from('a')), describe(from('a'), 'other'))
  t.match(other, { kind: 'orphan', message: /from 'app' to 'other'/ })
})
