/** Table–table joins, with the inputs and results of Kafka Streams' TableTableJoinIntegrationTest. */
import t from 'tap'
import type { KTable, StreamsBuilder } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { joiner, results, string, strings } from './join-input.ts'

type Rows = KTable<string, string>
type Join = 'join' | 'leftJoin' | 'outerJoin'

function joined(join: Join, left: Rows, right: Rows, options: { store?: { name: string } } = {}): Rows {
  const withSerde = { ...options, value: string }
  switch (join) {
    case 'join':
      return left.join(right, joiner, withSerde)
    case 'leftJoin':
      return left.leftJoin(right, joiner, withSerde)
    case 'outerJoin':
      return left.outerJoin(right, joiner, withSerde)
  }
}

const tables: { [how: string]: (b: StreamsBuilder, join: Join) => Rows } = {
  'source tables': (b, join) => joined(join, b.table('L', strings), b.table('R', strings)),
  'a result that is kept': (b, join) => joined(join, b.table('L', strings), b.table('R', strings), { store: { name: 'joined' } }),
  'computed tables': (b, join) => {
    const left = b.table('L', strings).filter(() => true)
    const right = b.table('R', strings).mapValues((value) => value, { value: string })
    return joined(join, left, right)
  },
  'tables made of streams': (b, join) =>
    joined(join, b.stream('L', strings).toTable({ name: 'left' }), b.stream('R', strings).toTable({ name: 'right' })),
}

const INNER = {
  4: ['A-a@4'],
  5: ['B-a@5'],
  6: ['B-b@6'],
  7: ['null@7'],
  10: ['C-c@10'],
  11: ['null@11'],
  15: ['D-d@7'],
  16: ['null@7'],
  19: ['E-e@15'],
  20: ['null@14'],
  23: ['F-f@4'],
}
const LEFT = {
  ...INNER,
  3: ['A-null@3'],
  9: ['C-null@9'],
  11: ['C-null@11'],
  12: ['null@12'],
  22: ['F-null@4'],
}
const OUTER = {
  ...LEFT,
  7: ['null-b@7'],
  8: ['null@8'],
  14: ['null-d@7'],
  16: ['null-d@7'],
  17: ['null@3'],
  18: ['null-e@14'],
  20: ['null-e@14'],
  21: ['null@9'],
}

for (const [how, table] of Object.entries(tables)) {
  t.test(`joins of ${how}`, async (t) => {
    const run = (join: Join) => results((b) => table(b, join).toStream().to('out'))
    t.same(run('join'), INNER, 'inner')
    t.same(run('leftJoin'), LEFT, 'left')
    t.same(run('outerJoin'), OUTER, 'outer')
  })
}

t.test('a kept result can be read', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.table('L', strings).leftJoin(b.table('R', strings), joiner, { value: string, store: { name: 'joined' } })
  })
  driver.createInputTopic('L', string, string).pipeAll([
    ['a', '1', 5],
    ['b', '2', 6],
    ['b', null, 7],
  ])
  driver.createInputTopic('R', string, string).pipeInput('a', 'x', 9)
  t.same([...driver.getTimestampedKeyValueStore('joined').all()], [['a', { value: '1-x', timestamp: 9 }]])
  await driver.close()
})

t.test('a stream joined with a join, and a join of joins, read both tables', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    const rows = b.table('L', strings).outerJoin(b.table('R', strings), joiner)
    b.stream('S', strings)
      .leftJoin(rows, (value, row) => `${value}:${row}`, { value: string })
      .to('streamed')
    const inner = b.table('L2', strings).join(b.table('R2', strings), joiner)
    rows.join(inner, joiner, { value: string }).toStream().to('out')
  })
  const pipe = (topic: string, value: string | null, timestamp: number) =>
    driver.createInputTopic(topic, string, string).pipeInput('k', value, timestamp)
  pipe('S', 's1', 1)
  pipe('L', 'l', 2)
  pipe('S', 's2', 3)
  pipe('R', 'r', 4)
  pipe('S', 's3', 5)
  pipe('L', null, 6)
  pipe('S', 's4', 7)
  t.same(driver.createOutputTopic('streamed', string, string).readValuesToList(), ['s1:null', 's2:l-null', 's3:l-r', 's4:null-r'])
  pipe('L2', 'L', 8)
  pipe('R2', 'R', 20)
  pipe('R', null, 9)
  t.same(
    driver
      .createOutputTopic('out', string, string)
      .readRecordsToList()
      .map(({ value, timestamp }) => `${value}@${timestamp}`),
    ['null-r-L-R@20', 'null@20'],
    'both sides keep their greatest timestamp'
  )
  await driver.close()
})

t.test('what groups a join subtracts the joined rows that were', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.table('L', strings)
      .outerJoin(b.table('R', strings), joiner)
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
  const left = driver.createInputTopic('L', string, string)
  const right = driver.createInputTopic('R', string, string)
  left.pipeInput('k', 'A', 1)
  right.pipeInput('k', 'a', 2)
  right.pipeInput('k', 'b', 3)
  left.pipeInput('k', null, 4)
  right.pipeInput('k', null, 5)
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), [
    '+A-null',
    '+A-null-A-null+A-a',
    '+A-null-A-null+A-a-A-a+A-b',
    '+A-null-A-null+A-a-A-a+A-b-A-b+null-b',
    '+A-null-A-null+A-a-A-a+A-b-A-b+null-b-null-b',
  ])
  await driver.close()
})

t.test('a table joined with itself', async (t) => {
  t.same(
    results((b) => {
      const table = b.table('L', strings)
      b.table('R', strings).toStream().to('unused')
      table.join(table, joiner, { value: string }).toStream().to('out')
    }, [
      ['L', 'A', 1],
      ['L', 'B', 2],
      ['L', null, 3],
    ]),
    { 1: ['A-A@1', 'A-A@1'], 2: ['B-B@2', 'B-B@2'] },
    'each half sees the change; as in Kafka Streams a deletion finds no partner'
  )
})

t.test('tables of topics with unequal partitions are refused', async (t) => {
  const { buildTopology, resolvePartitions } = await import('../../index.ts')
  const topology = buildTopology((b) => void b.table('L', strings).join(b.table('R', strings), joiner), { applicationId: 'app' })
  t.throws(() => resolvePartitions(topology, new Map([['L', 2], ['R', 3]])), { code: 'COPARTITION_MISMATCH' })
})

t.test('described as Kafka Streams does: two halves and a merge', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.table('L', strings).join(b.table('R', strings), joiner, { name: 'rows' }).toStream().to('out', { value: string })
  })
  t.equal(
    driver.topology.describe(),
    `Topologies:
   Sub-topology: 0
    Source: L/source (topics: [L])
      --> L/table
    Source: R/source (topics: [R])
      --> R/table
    Processor: L/table (stores: [L])
      --> rows-join-this
      <-- L/source
    Processor: R/table (stores: [R])
      --> rows-join-other
      <-- R/source
    Processor: rows-join-other (stores: [L])
      --> rows
      <-- R/table
    Processor: rows-join-this (stores: [R])
      --> rows
      <-- L/table
    Processor: rows (stores: [])
      --> rows/toStream
      <-- rows-join-other, rows-join-this
    Processor: rows/toStream (stores: [])
      --> rows/toStream/to
      <-- rows
    Sink: rows/toStream/to (topic: out)
      <-- rows/toStream

`
  )
  await driver.close()
})
