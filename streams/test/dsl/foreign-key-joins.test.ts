/** Foreign-key joins, with the inputs and results of Kafka Streams' documentation and KTableKTableForeignKeyJoinIntegrationTest. */
import t from 'tap'
import { buildTopology, Serdes, type KTable, type StreamsBuilder } from '../../index.ts'
import { subscriptionSerde, responseSerde } from '../../dsl/operators/subscription.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { string, strings } from './join-input.ts'

type Join = 'join' | 'leftJoin'
type Step = readonly [side: 'L' | 'R', key: string, value: string | null, timestamp?: number]

/** The values of left rows are their foreign keys; `-` is a row whose foreign key is null. */
function joined(b: StreamsBuilder, join: Join, options: { store?: { name: string } } = {}): KTable<string, string> {
  const left = b.table('L', strings)
  const right = b.table('R', strings)
  const extractor = (value: string) => (value === '-' ? null : value)
  const joiner = (value: string, other: string | null) => `${value},${other}`
  return join === 'join'
    ? left.join(right, extractor, joiner, { name: 'fk', value: string, ...options })
    : left.leftJoin(right, extractor, joiner, { name: 'fk', value: string, ...options })
}

/** What came out after each step, as `key value@timestamp`. */
function steps(topology: (b: StreamsBuilder) => void, input: readonly Step[], partitions = 1): string[][] {
  const driver = new TopologyTestDriver(topology, { partitions })
  const topics = { L: driver.createInputTopic('L', string, string), R: driver.createInputTopic('R', string, string) }
  const out = driver.createOutputTopic('out', string, string)
  const found = input.map(([side, key, value, timestamp = 0]) => {
    topics[side].pipeInput(key, value, timestamp)
    return out.readRecordsToList().map((record) => `${record.key} ${record.value}${record.timestamp === 0 ? '' : `@${record.timestamp}`}`)
  })
  driver.close()
  return found
}
const run = (join: Join, input: readonly Step[], partitions = 1) => steps((b) => joined(b, join).toStream().to('out'), input, partitions)

const DOCUMENTED: readonly Step[] = [
  ['L', 'k', '1'],
  ['R', '1', 'foo'],
  ['L', 'k', '2'],
  ['L', 'k', '3'],
  ['R', '3', 'bar'],
  ['L', 'k', '-'],
  ['L', 'k', '1'],
  ['L', 'q', '10'],
  ['L', 'r', '10'],
  ['R', '10', 'baz'],
]

for (const partitions of [1, 5]) {
  t.test(`the table of the documentation, ${partitions} partitions`, async (t) => {
    t.same(run('join', DOCUMENTED, partitions), [
      [],
      ['k 1,foo'],
      ['k null'],
      ['k null'],
      ['k 3,bar'],
      ['k null'],
      ['k 1,foo'],
      [],
      [],
      ['q 10,baz', 'r 10,baz'],
    ])
    t.same(run('leftJoin', DOCUMENTED, partitions), [
      ['k 1,null'],
      ['k 1,foo'],
      ['k 2,null'],
      ['k 3,null'],
      ['k 3,bar'],
      ['k -,null'],
      ['k 1,foo'],
      ['q 10,null'],
      ['r 10,null'],
      ['q 10,baz', 'r 10,baz'],
    ])
  })
}

t.test('rows that go', async (t) => {
  const input: readonly Step[] = [
    ['R', '1', 'foo'],
    ['L', 'a', '1'],
    ['L', 'b', '1'],
    ['L', 'a', null],
    ['R', '1', null],
    ['R', '1', null],
    ['L', 'b', null],
    ['L', 'b', null],
    ['R', '1', 'foo'],
  ]
  t.same(run('join', input), [[], ['a 1,foo'], ['b 1,foo'], ['a null'], ['b null'], ['b null'], ['b null'], [], []])
  t.same(run('leftJoin', input), [[], ['a 1,foo'], ['b 1,foo'], ['a null'], ['b 1,null'], ['b 1,null'], ['b null'], [], []])
})

t.test('a left row that never joined is taken back once, one that never was not at all', async (t) => {
  const input: readonly Step[] = [
    ['L', 'a', '1'],
    ['L', 'a', null],
    ['L', 'a', null],
    ['L', 'never', null],
  ]
  t.same(run('join', input), [[], ['a null'], [], []])
  t.same(run('leftJoin', input), [['a 1,null'], ['a null'], [], []])
})

t.test('a foreign key that moves between rows that are not there; a right row nobody points to', async (t) => {
  const input: readonly Step[] = [
    ['L', 'a', '1'],
    ['L', 'a', '2'],
    ['L', 'a', '3'],
    ['R', 'unreferenced', 'x'],
    ['R', '1', 'former'],
  ]
  t.same(run('join', input), [[], ['a null'], ['a null'], [], []])
  t.same(run('leftJoin', input), [['a 1,null'], ['a 2,null'], ['a 3,null'], [], []])
})

t.test('a null foreign key takes back what was, and says nothing where nothing was', async (t) => {
  const input: readonly Step[] = [
    ['R', '1', 'foo'],
    ['L', 'a', '-'],
    ['L', 'a', '1'],
    ['L', 'a', '-'],
    ['L', 'a', null],
  ]
  t.same(run('join', input), [[], [], ['a 1,foo'], ['a null'], []])
  t.same(run('leftJoin', input), [[], ['a -,null'], ['a 1,foo'], ['a -,null'], ['a null']])
})

t.test('the greater timestamp of both when the left row asks, that of the right row when it changes', async (t) => {
  t.same(
    run('join', [
      ['R', '1', 'foo', 50],
      ['L', 'a', '1', 10],
      ['L', 'b', '1', 60],
      ['R', '1', 'bar', 20],
    ]),
    [[], ['a 1,foo@50'], ['b 1,foo@60'], ['a 1,bar@20', 'b 1,bar@20']]
  )
})

t.test('the extractor also gets the key (KIP-1104), and so does the joiner', async (t) => {
  const found = steps((b) => {
    b.table('L', strings)
      .join(
        b.table('R', strings),
        (_value, key) => key.slice(0, 1),
        (value, other, key) => `${key}:${value}${other}`,
        { name: 'fk', value: string }
      )
      .toStream()
      .to('out')
  }, [
    ['R', 'a', 'x'],
    ['L', 'a1', 'v'],
    ['L', 'a2', 'w'],
  ])
  t.same(found, [[], ['a1 a1:vx'], ['a2 a2:wx']])
})

t.test('rows of one table that name each other', async (t) => {
  const found = steps((b) => {
    const people = b.table('L', strings)
    b.table('R', strings)
    people
      .leftJoin(
        people,
        (manager) => (manager === '' ? null : manager),
        (manager, managersManager) => `${manager}<${managersManager}`,
        { name: 'chain', value: string }
      )
      .toStream()
      .to('out')
  }, [
    ['L', 'boss', '-'],
    ['L', 'ann', 'boss'],
    ['L', 'bob', 'ann'],
    ['L', 'ann', 'x'],
  ])
  t.same(found, [['boss -<null'], ['ann boss<-'], ['bob ann<boss'], ['bob ann<x', 'ann x<null']])
})

t.test('computed tables, and a result that others read', async (t) => {
  const topology = (b: StreamsBuilder) => {
    const left = b.table('L', strings).mapValues((value) => value.toLowerCase(), { value: string })
    const right = b.table('R', strings).filter((_key, value) => value !== 'hidden')
    const rows = left.join(right, (value) => value, (value, other) => `${value}/${other}`, { name: 'fk', value: string })
    b.stream('S', strings)
      .leftJoin(rows, (value, row) => `${value}:${row}`, { value: string })
      .to('out')
    rows
      .groupBy((_key, value) => ['all', value], strings)
      .aggregate(
        () => '',
        (_key, value, all) => `${all}+${value}`,
        (_key, value, all) => `${all}-${value}`,
        { name: 'all', value: string }
      )
      .toStream()
      .to('all')
  }
  const driver = new TopologyTestDriver(topology)
  const pipe = (topic: string, key: string, value: string | null) => driver.createInputTopic(topic, string, string).pipeInput(key, value, 1)
  pipe('R', 'one', 'x')
  pipe('L', 'a', 'ONE')
  pipe('S', 'a', 's1')
  pipe('R', 'one', 'hidden')
  pipe('S', 'a', 's2')
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['s1:one/x', 's2:null'])
  t.same(driver.createOutputTopic('all', string, string).readValuesToList(), ['+one/x', '+one/x-one/x'])
  t.ok(driver.producedTopicNames().has('test-fk-result-changelog'), 'kept, because it is read')
  await driver.close()

  const unread = new TopologyTestDriver((b) => void joined(b, 'join').toStream().to('out'))
  t.notOk(unread.topology.subtopologies.some(({ stores }) => stores.some(({ name }) => name === 'fk-result')), 'not kept when nobody does')
  await unread.close()

  const kept = new TopologyTestDriver((b) => void joined(b, 'join', { store: { name: 'rows' } }))
  kept.createInputTopic('R', string, string).pipeInput('1', 'foo', 3)
  kept.createInputTopic('L', string, string).pipeInput('a', '1', 5)
  t.same([...kept.getTimestampedKeyValueStore('rows').all()], [['a', { value: '1,foo', timestamp: 5 }]])
  await kept.close()
})

/** Rows of R that nobody names are in the result under `only-<key>`. */
function outer(b: StreamsBuilder): KTable<string, string> {
  return b.table('L', strings).outerJoin(
    b.table('R', strings),
    (value) => (value === '-' ? null : value),
    (value, other) => `${value},${other}`,
    { name: 'fk', value: string, rightKey: (foreignKey) => `only-${foreignKey}` }
  )
}

for (const partitions of [1, 4]) {
  t.test(`an outer join: rows of either table that find none, ${partitions} partitions`, async (t) => {
    const input: readonly Step[] = [
      ['R', '1', 'foo', 5],
      ['R', '1', 'bar', 6],
      ['L', 'a', '1', 3],
      ['L', 'b', '1', 7],
      ['R', '1', 'baz', 8],
      ['L', 'a', '2', 9],
      ['L', 'b', '-', 10],
      ['R', '1', null, 11],
      ['R', '1', null, 12],
      ['R', '2', 'two', 13],
      ['L', 'a', null, 14],
      ['R', '2', null, 15],
    ]
    t.same(steps((b) => outer(b).toStream().to('out'), input, partitions).map((each) => each.sort()), [
      ['only-1 null,foo@5'],
      ['only-1 null,bar@6'],
      ['a 1,bar@6', 'only-1 null@6'],
      ['b 1,bar@7'],
      ['a 1,baz@8', 'b 1,baz@8'],
      ['a 2,null@9'],
      ['b -,null@10', 'only-1 null,baz@10'],
      ['only-1 null@11'],
      [],
      ['a 2,two@13'],
      ['a null@14', 'only-2 null,two@14'],
      ['only-2 null@15'],
    ])
  })
}

t.test('a join of a join of tables by foreign keys', async (t) => {
  const found = steps((b) => {
    const orders = b.table('L', strings)
    const customers = b.table('R', strings)
    const named = orders.join(customers, (customer) => customer, (_order, customer) => customer, { name: 'customer', value: string })
    named
      .leftJoin(b.table('C', strings), (customer) => customer.split('@')[1]!, (customer, country) => `${customer}:${country}`, { name: 'country', value: string })
      .toStream()
      .to('out')
  }, [
    ['L', 'o1', 'c1'],
    ['R', 'c1', 'ann@fr'],
    ['R', 'c1', 'ann@de'],
    ['L', 'o1', null],
  ])
  t.same(found, [[], ['o1 ann@fr:null'], ['o1 ann@de:null'], ['o1 null']])
})

t.test('an answer to a value that has changed meanwhile is dropped', async (t) => {
  const driver = new TopologyTestDriver((b) => void joined(b, 'leftJoin').toStream().to('out'), { applicationId: 'app' })
  driver.createInputTopic('L', string, string).pipeInput('a', '1', 1)
  const responses = 'app-fk-subscription-response-topic'
  const asked = driver.createOutputTopic('app-fk-subscription-registration-topic', string, Serdes.bytes()).readRecordsToList()[0]!
  const { hash } = subscriptionSerde.deserialize('', asked.value!, [])
  driver.createInputTopic('L', string, string).pipeInput('a', '2', 2)
  const late = driver.createInputTopic(responses, string, responseSerde(string))
  late.pipeInput('a', { hash, foreignValue: 'late' }, 3)
  const current = driver.createOutputTopic('app-fk-subscription-registration-topic', string, Serdes.bytes()).readRecordsToList().at(-1)!
  late.pipeInput('a', { hash: subscriptionSerde.deserialize('', current.value!, []).hash, foreignValue: 'right' }, 4)
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['1,null', '2,null', '2,right'])
  t.equal(driver.tasks.reduce((sum, task) => sum + task.counters.dropped, 0), 1)
  await driver.close()
})

t.test('the bytes in every topic are those of Kafka Streams 4.3.1', async (t) => {
  const driver = new TopologyTestDriver((b) => joined(b, 'leftJoin').toStream().to('out'), { applicationId: 'app' })
  const left = driver.createInputTopic('L', string, string)
  const right = driver.createInputTopic('R', string, string)
  right.pipeInput('1', 'foo', 1)
  left.pipeInput('key', '1', 2)
  left.pipeInput('key', '2', 3)
  left.pipeInput('key', null, 4)
  right.pipeInput('1', 'bar', 0)
  left.pipeInput('key', '1', 2)
  right.pipeInput('1', 'baz', 1)
  const hex = (bytes: Uint8Array | null) => (bytes === null ? 'null' : Buffer.from(bytes).toString('hex'))
  const read = (topic: string) =>
    driver
      .createOutputTopic(topic, Serdes.bytes(), Serdes.bytes())
      .readRecordsToList()
      .map(({ key, value, timestamp }) => `${hex(key)} ${hex(value)} @${timestamp}`)
  t.same(read('app-fk-subscription-registration-topic'), [
    '31 01026572f6d66606fd081869b9c2ddb1c59d6b657900000000 @2',
    '31 01008092962f2b63e766c15d5f91f12c25b16b657900000000 @3',
    '32 01028092962f2b63e766c15d5f91f12c25b16b657900000000 @3',
    '32 81006b657900000000 @4',
    'null 81026b657900000000 @4',
    '31 01026572f6d66606fd081869b9c2ddb1c59d6b657900000000 @2',
  ])
  t.same(read('app-fk-subscription-response-topic'), [
    '6b6579 006572f6d66606fd081869b9c2ddb1c59d666f6f @2',
    '6b6579 008092962f2b63e766c15d5f91f12c25b1 @3',
    '6b6579 80 @4',
    '6b6579 006572f6d66606fd081869b9c2ddb1c59d626172 @2',
    '6b6579 006572f6d66606fd081869b9c2ddb1c59d62617a @1',
  ])
  t.same(read('app-fk-subscription-store-changelog'), [
    '00000001316b6579 01026572f6d66606fd081869b9c2ddb1c59d6b657900000000 @2',
    '00000001316b6579 null @3',
    '00000001326b6579 01028092962f2b63e766c15d5f91f12c25b16b657900000000 @3',
    '00000001326b6579 null @4',
    '00000001316b6579 01026572f6d66606fd081869b9c2ddb1c59d6b657900000000 @2',
  ])
  t.same(
    driver
      .createOutputTopic('out', string, string)
      .readRecordsToList()
      .map(({ value, timestamp }) => `${value}@${timestamp}`),
    ['1,foo@2', '2,null@3', 'null@4', '1,bar@2', '1,baz@1']
  )
  await driver.close()
})

t.test('damaged wire records are refused', async (t) => {
  for (const bytes of [[], [1], [1, 9], [2, 0, 1], [1, 0, 1, 2], [0, 0]]) {
    t.throws(() => subscriptionSerde.deserialize('', Uint8Array.from(bytes), []), /Not a subscription/, `[${bytes}]`)
  }
  for (const bytes of [[], [1], [2], [0, 1, 2]]) {
    t.throws(() => responseSerde(string).deserialize('', Uint8Array.from(bytes), []), /Not a subscription response/, `[${bytes}]`)
  }
  const version0 = subscriptionSerde.deserialize('', Uint8Array.from([0x80, 3, 107]), [])
  t.same(version0, { hash: null, instruction: 'subscribe-and-answer-if-found', primaryKey: Buffer.from('k'), primaryPartition: undefined })
})

t.test('an outer join needs a key for what has none', async (t) => {
  const build = (rightKey?: (key: string) => string) =>
    buildTopology((b) => {
      b.table('L', strings).outerJoin(b.table('R', strings), (value) => value, (value) => value, { name: 'fk', value: string, rightKey } as never)
    }, { applicationId: 'app' })
  t.throws(() => build(), { code: 'TOPOLOGY_INVALID', message: /rightKey of outerJoin 'fk', the key of a row of the other table that no row names, must be a function/ })
  t.ok(build((key) => key))
})

t.test('an own partitioner is asked by key', async (t) => {
  const seen: unknown[] = []
  const driver = new TopologyTestDriver(
    (b) => {
      b.table('L', strings)
        .join(b.table('R', strings), (value) => value, (value, other) => value + other, {
          name: 'fk',
          value: string,
          partitioner: (_topic, { key, value }) => {
            seen.push(['left', key, value])
            return key === 'a' ? 1 : 0
          },
          otherPartitioner: (_topic, { key, value }) => {
            seen.push(['right', key, value])
            return 2
          },
        })
        .toStream()
        .to('out')
    },
    { partitions: 3 }
  )
  driver.createInputTopic('R', string, string).pipeInput('1', 'foo', 1, [], { partition: 2 })
  driver.createInputTopic('L', string, string).pipeInput('a', '1', 1, [], { partition: 1 })
  t.same(driver.createOutputTopic('out', string, string).readKeyValuesToList(), [['a', '1foo']])
  t.same(seen, [
    ['right', '1', null],
    ['left', 'a', null],
  ])
  await driver.close()
})

t.test('an abort, a crash and a lost disk change nothing of the results', async (t) => {
  for (const disturb of ['abort', 'restart', 'restore'] as const) {
    const driver = new TopologyTestDriver((b) => outer(b).toStream().to('out'), { commitEvery: 2 })
    const topics = { L: driver.createInputTopic('L', string, string), R: driver.createInputTopic('R', string, string) }
    for (const [side, key, value] of DOCUMENTED) {
      topics[side].pipeInput(key, value, 0)
      driver[disturb]()
    }
    // What goes through a topic is visible behind it with the next commit.
    for (let hop = 0; hop < 4; hop++) {
      driver.commit()
    }
    const out = driver.createOutputTopic('out', string, string).readKeyValuesToList()
    const rows = new Map<string | null, string | null>([
      ['k', '1,foo'],
      ['q', '10,baz'],
      ['r', '10,baz'],
      ['only-1', null],
      ['only-3', 'null,bar'],
    ])
    t.same([...new Map(out)].sort(), [...rows].sort(), disturb)
    await driver.close()
  }
})

t.test('the topology of a join: two subtopologies, named as in Kafka Streams', async (t) => {
  const topology = buildTopology((b) => joined(b, 'join').toStream().to('out'), { applicationId: 'app' })
  t.equal(
    topology.describe(),
    `Topologies:
   Sub-topology: 0
    Source: fk-subscription-response-source (topics: [app-fk-subscription-response-topic])
      --> fk-subscription-response-resolver
    Source: L/source (topics: [L])
      --> L/table
    Processor: fk-subscription-response-resolver (stores: [L])
      --> fk-result
      <-- fk-subscription-response-source
    Processor: L/table (stores: [L])
      --> fk-subscription-registration-processor
      <-- L/source
    Processor: fk-result (stores: [])
      --> fk-result/toStream
      <-- fk-subscription-response-resolver
    Processor: fk-result/toStream (stores: [])
      --> fk-result/toStream/to
      <-- fk-result
    Processor: fk-subscription-registration-processor (stores: [])
      --> fk-subscription-registration-sink
      <-- L/table
    Sink: fk-result/toStream/to (topic: out)
      <-- fk-result/toStream
    Sink: fk-subscription-registration-sink (topic: app-fk-subscription-registration-topic)
      <-- fk-subscription-registration-processor

  Sub-topology: 1
    Source: R/source (topics: [R])
      --> R/table
    Source: fk-subscription-registration-source (topics: [app-fk-subscription-registration-topic])
      --> fk-subscription-receive
    Processor: R/table (stores: [R])
      --> fk-foreign-join-subscription
      <-- R/source
    Processor: fk-subscription-receive (stores: [fk-subscription-store])
      --> fk-subscription-join-foreign
      <-- fk-subscription-registration-source
    Processor: fk-foreign-join-subscription (stores: [fk-subscription-store])
      --> fk-subscription-response-sink
      <-- R/table
    Processor: fk-subscription-join-foreign (stores: [R])
      --> fk-subscription-response-sink
      <-- fk-subscription-receive
    Sink: fk-subscription-response-sink (topic: app-fk-subscription-response-topic)
      <-- fk-foreign-join-subscription, fk-subscription-join-foreign

`
  )
  const { resolvePartitions } = await import('../../index.ts')
  const counts = resolvePartitions(topology, new Map([['L', 2], ['R', 7]]))
  t.equal(counts.get('app-fk-subscription-registration-topic'), 7, 'with the right table')
  t.equal(counts.get('app-fk-subscription-response-topic'), 2, 'with the left table')
  t.equal(counts.get('app-fk-subscription-store-changelog'), 7)
})
