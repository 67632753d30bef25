/** Stream–table joins, with the inputs and results of Kafka Streams' StreamTableJoinIntegrationTest and KIP-962. */
import t from 'tap'
import type { KStream, KTable, StreamsBuilder } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { joiner, results, string, strings } from './join-input.ts'

const tables: { [how: string]: (b: StreamsBuilder) => KTable<string, string> } = {
  'a source table': (b) => b.table('R', strings),
  'a table made of a stream': (b) => b.stream('R', strings).toTable({ name: 'rows' }),
  'a computed table': (b) =>
    b
      .table('R', strings)
      .mapValues((value) => value.toUpperCase(), { value: string })
      .filter(() => true)
      .mapValues((value) => value.toLowerCase(), { value: string }),
  'a computed table with a store': (b) => b.table('R', strings).filter(() => true, { store: { name: 'filtered' } }),
}

for (const [how, table] of Object.entries(tables)) {
  t.test(`inner join with ${how}`, async (t) => {
    t.same(
      results((b) => b.stream('L', strings).join(table(b), joiner, { value: string }).to('out')),
      { 5: ['B-a@5'], 15: ['D-d@6'], 19: ['E-e@15'] }
    )
  })

  t.test(`left join with ${how}`, async (t) => {
    t.same(
      results((b) => b.stream('L', strings).leftJoin(table(b), joiner, { value: string }).to('out')),
      { 3: ['A-null@3'], 5: ['B-a@5'], 9: ['C-null@9'], 15: ['D-d@6'], 19: ['E-e@15'], 22: ['F-null@4'] }
    )
  })
}

t.test('joins with a global table follow the same table, by a key of the mapper', async (t) => {
  const byMapper = (b: StreamsBuilder, join: 'join' | 'leftJoin') => {
    const table = b.globalTable('R', strings)
    const stream = b.stream('L', strings)
    const joined: KStream<string, string> =
      join === 'join'
        ? stream.join(table, (key) => key, joiner, { value: string })
        : stream.leftJoin(table, (key) => key, joiner, { value: string })
    joined.to('out')
  }
  t.same(
    results((b) => byMapper(b, 'join')),
    { 5: ['B-a@5'], 15: ['D-d@6'], 19: ['E-e@15'] }
  )
  t.same(
    results((b) => byMapper(b, 'leftJoin')),
    { 3: ['A-null@3'], 5: ['B-a@5'], 9: ['C-null@9'], 15: ['D-d@6'], 19: ['E-e@15'], 22: ['F-null@4'] }
  )
})

t.test('the joiner also gets the key', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.stream('L', strings)
      .join(b.table('R', strings), (left, right, key) => key + left + right, { value: string })
      .to('out')
  })
  driver.createInputTopic('R', string, string).pipeInput('k', 'r', 0)
  driver.createInputTopic('L', string, string).pipeInput('k', 'l', 1)
  t.same(driver.createOutputTopic('out', string, string).readKeyValuesToList(), [['k', 'klr']])
  driver.close()
})

t.test('the joiner with a global table also gets the key it was looked up by (KIP-1340)', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.stream('L', strings)
      .leftJoin(
        b.globalTable('R', strings),
        (_key, value) => (value === '-' ? null : value),
        (left, right, key, tableKey) => `${key}/${left}/${right}/${tableKey}`,
        { value: string }
      )
      .to('out')
  })
  driver.createInputTopic('R', string, string).pipeInput('g', 'r', 0)
  driver.createInputTopic('L', string, string).pipeInput('k', 'g', 1)
  driver.createInputTopic('L', string, string).pipeInput('k', '-', 2)
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['k/g/r/g', 'k/-/null/null'])
  driver.close()
})

t.test('null keys (KIP-962)', async (t) => {
  const leftJoined = (topology: (b: StreamsBuilder) => void) => {
    const driver = new TopologyTestDriver(topology)
    driver.createInputTopic('L', string, string).pipeInput(null, 'leftValue', 1)
    const result = driver
      .createOutputTopic('out', string, string)
      .readRecordsToList()
      .map(({ key, value, timestamp }) => [key, value, timestamp])
    const produced = driver.producedTopicNames()
    driver.close()
    return { result, produced }
  }
  const bar = (left: string, right: string | null) => `${left}|${right}`

  t.same(leftJoined((b) => b.stream('L', strings).leftJoin(b.table('R', strings), bar, { value: string }).to('out')).result, [
    [null, 'leftValue|null', 1],
  ])
  t.same(leftJoined((b) => b.stream('L', strings).join(b.table('R', strings), bar, { value: string }).to('out')).result, [])
  t.same(
    leftJoined((b) =>
      b
        .stream('L', strings)
        .leftJoin(b.globalTable('R', strings), () => null, bar, { value: string })
        .to('out')
    ).result,
    [[null, 'leftValue|null', 1]]
  )
  t.same(
    leftJoined((b) =>
      b
        .stream('L', strings)
        .join(b.globalTable('R', strings), () => null, bar, { value: string })
        .to('out')
    ).result,
    []
  )

  await t.test('a repartition lets them through for a left join behind it, and only then', async (t) => {
    const explicit = leftJoined((b) =>
      b
        .stream('L', strings)
        .repartition({ name: 'r' })
        .filter(() => true)
        .leftJoin(b.table('R', strings), bar, { value: string })
        .to('out')
    )
    t.same(explicit.result, [[null, 'leftValue|null', 1]])
    const automatic = leftJoined((b) =>
      b
        .stream('L', strings)
        .selectKey((key) => key)
        .leftJoin(b.table('R', strings), bar, { name: 'j', value: string })
        .to('out')
    )
    t.same(automatic.result, [[null, 'leftValue|null', 1]])
    const none = leftJoined((b) => b.stream('L', strings).repartition({ name: 'r' }).to('out'))
    t.same(none.result, [])
    t.notOk(none.produced.has('test-r-repartition'))
  })
})

t.test('a join after a changed key goes through a repartition topic named by the join', async (t) => {
  const driver = new TopologyTestDriver(
    (b) => {
      b.stream('L', strings)
        .selectKey((_key, value) => value.slice(0, 1))
        .join(b.table('R', strings), joiner, { name: 'by-first-letter', value: string })
        .to('out')
    },
    { partitions: 3 }
  )
  const right = driver.createInputTopic('R', string, string)
  for (const letter of ['a', 'b', 'c']) {
    right.pipeInput(letter, letter.toUpperCase(), 0)
  }
  const left = driver.createInputTopic('L', string, string)
  left.pipeAll([
    ['x', 'apple', 1],
    ['x', 'banana', 2],
    ['x', 'cherry', 3],
    ['x', 'durian', 4],
  ])
  const byKey = driver.createOutputTopic('out', string, string).readKeyValuesToList().sort()
  t.same(byKey, [
    ['a', 'apple-A'],
    ['b', 'banana-B'],
    ['c', 'cherry-C'],
  ])
  t.equal(driver.createOutputTopic('test-by-first-letter-repartition', string, string).size, 4)
  driver.close()
})
