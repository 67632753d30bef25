/** Aggregations of streams and tables, with the values of Kafka Streams' KTableAggregateTest. */
import t from 'tap'
import { Serdes, type StreamsBuilder } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'

const string = Serdes.string()
const strings = { key: string, value: string }
const start = () => '0'
const add = (_key: string, value: string, aggregate: string) => `${aggregate}+${value}`
const subtract = (_key: string, value: string, aggregate: string) => `${aggregate}-${value}`

/** Pipes into `in`, returns what reached `out` as `key value@timestamp`. */
function run(
  topology: (b: StreamsBuilder) => void,
  input: readonly (readonly [string | null, string | null, number])[],
  partitions = 1
): string[] {
  const driver = new TopologyTestDriver(topology, { partitions })
  const topic = driver.createInputTopic('in', string, string)
  const out = driver.createOutputTopic('out', string, string)
  for (const [key, value, timestamp] of input) {
    topic.pipeInput(key, value, timestamp)
  }
  const records = out.readRecordsToList().map(({ key, value, timestamp }) => `${key} ${value}@${timestamp}`)
  driver.close()
  return records
}

t.test('a table aggregate: the old value is subtracted before the new one is added', async (t) => {
  const results = run(
    (b) =>
      b
        .table('in', strings)
        .groupBy((key, value) => [key, value], strings)
        .aggregate(start, add, subtract, { name: 'aggregate', value: string })
        .toStream()
        .to('out'),
    [
      ['A', '1', 10],
      ['B', '2', 15],
      ['A', '3', 20],
      ['B', '4', 18],
      ['C', '5', 5],
      ['D', '6', 25],
      ['B', '7', 15],
      ['C', '8', 10],
    ]
  )
  t.same(results, ['A 0+1@10', 'B 0+2@15', 'A 0+1-1+3@20', 'B 0+2-2+4@18', 'C 0+5@5', 'D 0+6@25', 'B 0+2-2+4-4+7@18', 'C 0+5-5+8@10'])
})

t.test('remove before add within one repartition record', async (t) => {
  const results = run(
    (b) =>
      b
        .table('in', strings)
        .groupBy((key) => [key.charAt(0), key.charAt(1)], strings)
        .aggregate(
          () => '',
          (_key, value, aggregate) => aggregate + value,
          (_key, value, aggregate) => aggregate.replaceAll(value, ''),
          { name: 'aggregate', value: string }
        )
        .toStream()
        .to('out'),
    [
      ['11', 'A', 10],
      ['12', 'B', 8],
      ['11', null, 12],
      ['12', 'C', 6],
    ]
  )
  t.same(results, ['1 1@10', '1 12@10', '1 2@12', '1 2@12'])
})

t.test('a mapper that moves rows between groups, or out of all of them', async (t) => {
  const results = run(
    (b) =>
      b
        .table('in', strings)
        .groupBy((key, value) => {
          switch (key) {
            case 'null':
              return [null as unknown as string, value]
            case 'NULL':
              return null
            default:
              return [value, value]
          }
        }, strings)
        .aggregate(start, add, subtract, { name: 'aggregate', value: string })
        .toStream()
        .to('out'),
    [
      ['A', '1', 10],
      ['A', null, 15],
      ['A', '1', 12],
      ['B', '2', 20],
      ['null', '3', 25],
      ['B', '4', 23],
      ['NULL', '5', 24],
      ['B', '7', 22],
    ]
  )
  t.same(results, ['1 0+1@10', '1 0+1-1@15', '1 0+1-1+1@15', '2 0+2@20', '2 0+2-2@23', '4 0+4@23', '4 0+4-4@23', '7 0+7@22'])
})

t.test('count and reduce of a grouped table', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    const byColour = b.table('in', strings).groupBy((key, value) => [value, key], { ...strings, name: 'by-colour' })
    byColour.count({ name: 'how-many' }).toStream().to('counts')
    byColour
      .reduce(
        (all, key) => all + key,
        (all, key) => all.replace(key, ''),
        { name: 'which' }
      )
      .toStream()
      .to('out')
  })
  const input = driver.createInputTopic('in', string, string)
  input.pipeAll([
    ['a', 'green', 1],
    ['b', 'green', 2],
    ['a', 'blue', 3],
    ['b', null, 4],
  ])
  t.same(driver.createOutputTopic('counts', string, Serdes.long()).readKeyValuesToList(), [
    ['green', 1],
    ['green', 2],
    ['green', 1],
    ['blue', 1],
    ['green', 0],
  ])
  t.same(driver.createOutputTopic('out', string, string).readKeyValuesToList(), [
    ['green', 'a'],
    ['green', 'ab'],
    ['green', 'b'],
    ['blue', 'a'],
    ['green', ''],
  ])
  t.ok(driver.producedTopicNames().has('test-by-colour-repartition'), 'one topic for both')
  driver.close()
})

t.test('a stream aggregate has the greatest timestamp of its inputs; records without key or value take no part', async (t) => {
  const results = run(
    (b) => b.stream('in', strings).groupByKey().aggregate(start, add, { name: 'aggregate', value: string }).toStream().to('out'),
    [
      ['A', '1', 10],
      ['A', '2', 5],
      [null, '3', 6],
      ['A', null, 20],
      ['B', '4', 3],
      ['A', '5', 12],
    ]
  )
  t.same(results, ['A 0+1@10', 'A 0+1+2@10', 'B 0+4@3', 'A 0+1+2+5@12'])
})

t.test('an aggregator that returns null deletes; the next record begins anew', async (t) => {
  const results = run(
    (b) =>
      b
        .stream('in', strings)
        .groupByKey()
        .aggregate(start, (key, value, aggregate) => (value === 'stop' ? null : add(key, value, aggregate)), {
          name: 'aggregate',
          value: string,
        })
        .toStream()
        .to('out'),
    [
      ['A', '1', 1],
      ['A', 'stop', 5],
      ['A', '2', 3],
    ]
  )
  t.same(results, ['A 0+1@1', 'A null@5', 'A 0+2@3'])
})

t.test('reduce takes the first value as it is; count counts by another key, in any partition', async (t) => {
  const reduced = run(
    (b) =>
      b
        .stream('in', strings)
        .groupByKey()
        .reduce((sum, value) => `${sum},${value}`, { name: 'list' })
        .toStream()
        .to('out'),
    [
      ['A', '1', 1],
      ['A', '2', 2],
      ['B', '3', 3],
    ]
  )
  t.same(reduced, ['A 1@1', 'A 1,2@2', 'B 3@3'])

  const driver = new TopologyTestDriver(
    (b) => {
      b.stream('in', strings)
        .groupBy((_key, value) => value, { key: string })
        .count({ name: 'per-value' })
        .toStream()
        .to('out')
    },
    { partitions: 4 }
  )
  const input = driver.createInputTopic('in', string, string)
  for (let i = 0; i < 20; i++) {
    input.pipeInput(`key-${i}`, `value-${i % 5}`, i)
  }
  t.same(Object.fromEntries(driver.createOutputTopic('out', string, Serdes.long()).readKeyValuesToList()), {
    'value-0': 4,
    'value-1': 4,
    'value-2': 4,
    'value-3': 4,
    'value-4': 4,
  })
  driver.close()
})

t.test('an aggregate that is changed in place still tells its old value', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.stream('in', strings)
      .groupByKey()
      .aggregate<{ words: string[] }>(
        () => ({ words: [] }),
        (_key, value, aggregate) => {
          aggregate.words.push(value)
          return aggregate
        },
        { name: 'words', value: Serdes.json() }
      )
      .groupBy((key, { words }) => [String(words.length), key], strings)
      .count({ name: 'keys-by-number-of-words' })
      .toStream()
      .to('out')
  })
  const input = driver.createInputTopic('in', string, string)
  input.pipeAll([
    ['a', 'x', 1],
    ['b', 'x', 2],
    ['a', 'y', 3],
  ])
  t.same(driver.createOutputTopic('out', string, Serdes.long()).readKeyValuesToList(), [
    ['1', 1],
    ['1', 2],
    ['1', 1],
    ['2', 1],
  ])
  driver.close()
})

t.test('state is rebuilt from the changelogs alone', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.table('in', strings)
      .groupBy((key, value) => [value, key], strings)
      .aggregate(start, add, subtract, { name: 'aggregate', value: string })
      .toStream()
      .to('out')
  })
  const input = driver.createInputTopic('in', string, string)
  const out = driver.createOutputTopic('out', string, string)
  input.pipeAll([
    ['a', 'x', 10],
    ['b', 'x', 5],
  ])
  t.same(out.readValuesToList(), ['0+a', '0+a+b'])
  driver.restore()
  input.pipeInput('a', 'y', 7)
  t.same(
    out.readRecordsToList().map(({ key, value, timestamp }) => [key, value, timestamp]),
    [
      ['x', '0+a+b-a', 10],
      ['y', '0+a', 7],
    ]
  )
  t.same(
    [...driver.getKeyValueStore<string, string>('in').all()],
    [
      ['a', 'y'],
      ['b', 'x'],
    ]
  )
  driver.close()
})
