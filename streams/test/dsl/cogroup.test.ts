/** Cogrouped streams (KIP-150). */
import t from 'tap'
import {
  type BuildOptions,
  buildTopology,
  type KGroupedStream,
  Serdes,
  SessionWindows,
  SlidingWindows,
  type StreamsBuilder,
  TimeWindows,
} from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { string, strings } from './join-input.ts'

const app: BuildOptions = { applicationId: 'app' }
const long = Serdes.long()
const numbers = { key: string, value: long }
const append = (_key: string, value: string, all: string) => all + value

/** `in1` is appended, `in2` is added in brackets. */
function cogrouped(b: StreamsBuilder) {
  return b
    .stream('in1', strings)
    .groupByKey()
    .cogroup(append)
    .cogroup(b.stream('in2', numbers).groupByKey(), (_key, value, all) => (value === 0 ? null : `${all}(${value})`))
    .aggregate(() => '>', { name: 'both', value: string })
}

t.test('one aggregate per key of streams of unlike types, with the greatest timestamp of its inputs', async (t) => {
  const driver = new TopologyTestDriver((b) => cogrouped(b).toStream().to('out'))
  const first = driver.createInputTopic('in1', string, string)
  const second = driver.createInputTopic('in2', string, long)
  first.pipeInput('k1', 'A', 10)
  second.pipeInput('k1', 1, 30)
  first.pipeInput('k2', 'B', 5)
  first.pipeInput('k1', 'C', 20)
  first.pipeInput(null, 'x', 21)
  second.pipeInput('k2', null, 22)
  second.pipeInput('k1', 0, 40)
  second.pipeInput('k1', 2, 35)
  t.same(
    driver
      .createOutputTopic('out', string, string)
      .readRecordsToList()
      .map(({ key, value, timestamp }) => `${key} ${value}@${timestamp}`),
    ['k1 >A@10', 'k1 >A(1)@30', 'k2 >B@5', 'k1 >A(1)C@30', 'k1 null@40', 'k1 >(2)@35']
  )
  t.same([...driver.getTimestampedKeyValueStore('both').all()], [
    ['k1', { value: '>(2)', timestamp: 35 }],
    ['k2', { value: '>B', timestamp: 5 }],
  ])
  await driver.close()
})

t.test('what groups the result subtracts what it was', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    cogrouped(b)
      .groupBy((_key, value) => ['all', value], strings)
      .aggregate(
        () => '',
        (_key, value, all) => `${all}+${value}`,
        (_key, value, all) => `${all}-${value}`,
        { name: 'all', value: string }
      )
      .toStream()
      .to('out')
  })
  driver.createInputTopic('in1', string, string).pipeInput('k', 'A', 1)
  driver.createInputTopic('in2', string, long).pipeInput('k', 7, 2)
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['+>A', '+>A->A+>A(7)'])
  await driver.close()
})

t.test('groups whose key was changed are repartitioned, each under its name', async (t) => {
  const topology = (b: StreamsBuilder) => {
    const byLetter = b.stream('in1', strings).groupBy((_key, value) => value.slice(0, 1), { key: string })
    const byWord = b.stream('in3', strings).groupBy((_key, value) => value.slice(0, 1), { key: string, name: 'words' })
    byLetter
      .cogroup(append)
      .cogroup(byWord, (_key, value, all) => `${all}/${value}`)
      .aggregate(() => '', { name: 'letters', value: string })
      .toStream()
      .to('out')
  }
  const driver = new TopologyTestDriver(topology, { partitions: 3 })
  driver.createInputTopic('in1', string, string).pipeInput('x', 'apple', 1)
  driver.createInputTopic('in3', string, string).pipeInput('y', 'ant', 2)
  t.same(driver.createOutputTopic('out', string, string).readKeyValuesToList(), [
    ['a', 'apple'],
    ['a', 'apple/ant'],
  ])
  t.ok(driver.producedTopicNames().has('test-letters-repartition'))
  t.ok(driver.producedTopicNames().has('test-words-repartition'))
  await driver.close()
})

t.test('described as in Kafka Streams: an aggregation per stream, and a merge', async (t) => {
  const topology = buildTopology((b) => cogrouped(b).toStream().to('out'), app)
  t.match(
    topology.describe(),
    `    Processor: both-cogroup-agg-0 (stores: [both])
      --> both-cogroup-merge
      <-- in1/source
    Processor: both-cogroup-agg-1 (stores: [both])
      --> both-cogroup-merge
      <-- in2/source
    Processor: both-cogroup-merge (stores: [])
      --> both/toStream
      <-- both-cogroup-agg-0, both-cogroup-agg-1
`
  )
  t.same(topology.subtopologies[0]!.copartitionGroups, [['in1', 'in2']])
})

/** `out` of two cogrouped topics as `key [start, end) value@timestamp`. */
function windowed(topology: (b: StreamsBuilder) => void, input: readonly (readonly [topic: 'in1' | 'in2', value: string, timestamp: number])[]): string[] {
  const driver = new TopologyTestDriver(topology)
  for (const [topic, value, timestamp] of input) {
    driver.createInputTopic(topic, string, string).pipeInput('k', value, timestamp)
  }
  const found = driver
    .createOutputTopic('out', string, string)
    .readRecordsToList()
    .map(({ key, value, timestamp }) => `${key} ${value}@${timestamp}`)
  driver.close()
  return found
}
const both = (b: StreamsBuilder) => {
  const group = (topic: string) => b.stream(topic, strings).groupByKey()
  return group('in1').cogroup(append).cogroup(group('in2'), (_key, value, all) => `${all}/${value}`)
}
const shown = (key: { readonly key: string; readonly window: { readonly start: number; readonly end: number } }) =>
  `${key.key}[${key.window.start},${key.window.end})`

t.test('in tumbling windows', async (t) => {
  const topology = (b: StreamsBuilder) =>
    both(b)
      .windowedBy(TimeWindows.ofSizeAndGrace(10, 5))
      .aggregate(() => '>', { name: 'w', value: string })
      .toStream()
      .selectKey(shown, { key: string })
      .to('out')
  t.same(
    windowed(topology, [
      ['in1', 'A', 1],
      ['in2', 'b', 5],
      ['in1', 'C', 12],
      ['in2', 'd', 9],
      ['in1', 'D', 3],
      ['in1', 'E', 26],
      ['in1', 'too late', 9],
    ]),
    ['k[0,10) >A@1', 'k[0,10) >A/b@5', 'k[10,20) >C@12', 'k[0,10) >A/b/d@9', 'k[0,10) >A/b/dD@9', 'k[20,30) >E@26']
  )
  t.match(buildTopology(topology, app).describe(), /Processor: w-cogroup-merge \(stores: \[\]\)/)
})

t.test('in sliding windows and sessions', async (t) => {
  t.same(
    windowed(
      (b) =>
        both(b)
          .windowedBy(SlidingWindows.ofTimeDifferenceWithNoGrace(10))
          .aggregate(() => '>', { name: 'w', value: string })
          .toStream()
          .selectKey(shown, { key: string })
          .to('out'),
      [
        ['in1', 'A', 20],
        ['in2', 'b', 25],
      ]
    ),
    ['k[10,20) >A@20', 'k[21,31) >/b@25', 'k[15,25) >A/b@25']
  )
  t.same(
    windowed(
      (b) =>
        both(b)
          .windowedBy(SessionWindows.ofInactivityGapWithNoGrace(10))
          .aggregate(
            () => '>',
            (_key, one, other) => `${one}&${other}`,
            { name: 'w', value: string }
          )
          .toStream()
          .selectKey(shown, { key: string })
          .to('out'),
      [
        ['in1', 'A', 0],
        ['in2', 'b', 8],
        ['in1', 'C', 30],
      ]
    ),
    ['k[0,0) >A@0', 'k[0,0) null@0', 'k[0,8) >&>A/b@8', 'k[30,30) >C@30']
  )
})

t.test('misuses', async (t) => {
  const grouped = (b: StreamsBuilder, topic: string): KGroupedStream<string, string> => b.stream(topic, strings).groupByKey()
  t.throws(() => buildTopology((b) => void grouped(b, 'a').cogroup(append).aggregate(() => '', {} as never), app), {
    code: 'NAME_REQUIRED',
    message: /cogroup behind 'a' keeps its result in a store and must be named/,
  })
  t.throws(
    () =>
      buildTopology((b) => {
        const group = grouped(b, 'a')
        group.cogroup(append).cogroup(group, append)
      }, app),
    { code: 'TOPOLOGY_INVALID', message: /twice/ }
  )
  t.throws(
    () =>
      buildTopology((b) => {
        const changed = (topic: string) => b.stream(topic, strings).groupBy((_key, value) => value)
        changed('a').cogroup(append).cogroup(changed('b'), append).aggregate(() => '', { name: 'n', value: string })
      }, app),
    { code: 'NAME_REQUIRED', message: /groupByKey behind 'b\/groupBy' is one of 2 groups of cogroup 'n' that repartition and must be named/ }
  )
  t.throws(() => buildTopology((b) => void grouped(b, 'a').cogroup(append).aggregate(() => '', { name: 'n' }), app), {
    code: 'SERDE_MISSING',
    message: /cogroup 'n' has no value serde/,
  })
})
