import t from 'tap'
import {
  buildTopology,
  describeMermaid,
  type KeyValueStore,
  type Processor,
  Serdes,
  type StreamsBuilder,
  Stores,
  TopologyBuilder,
} from '../../index.ts'

const strings = { key: Serdes.string(), value: Serdes.string() }
const build = (topology: (b: StreamsBuilder) => void) => buildTopology(topology, { applicationId: 'app' })

t.test('a pipe, in the text of Kafka Streams', async (t) => {
  const topology = build((b) => {
    b.stream('input', strings)
      .filter((_key, value) => value !== '')
      .to('output')
  })
  t.equal(
    topology.describe(),
    `Topologies:
   Sub-topology: 0
    Source: input/source (topics: [input])
      --> input/filter
    Processor: input/filter (stores: [])
      --> input/filter/to
      <-- input/source
    Sink: input/filter/to (topic: output)
      <-- input/filter

`
  )
})

t.test('a key that changes before a count: two subtopologies and a repartition topic', async (t) => {
  const topology = build((b) => {
    b.stream('clicks', strings)
      .selectKey((_key, value) => value, { key: Serdes.string() })
      .groupByKey()
      .count({ name: 'clicks-per-page' })
      .toStream()
      .to('counts')
  })
  t.equal(
    topology.describe(),
    `Topologies:
   Sub-topology: 0
    Source: clicks/source (topics: [clicks])
      --> clicks/selectKey
    Processor: clicks/selectKey (stores: [])
      --> clicks-per-page-repartition-filter
      <-- clicks/source
    Processor: clicks-per-page-repartition-filter (stores: [])
      --> clicks-per-page-repartition-sink
      <-- clicks/selectKey
    Sink: clicks-per-page-repartition-sink (topic: app-clicks-per-page-repartition)
      <-- clicks-per-page-repartition-filter

  Sub-topology: 1
    Source: clicks-per-page-repartition-source (topics: [app-clicks-per-page-repartition])
      --> clicks-per-page
    Processor: clicks-per-page (stores: [clicks-per-page])
      --> clicks-per-page/toStream
      <-- clicks-per-page-repartition-source
    Processor: clicks-per-page/toStream (stores: [])
      --> clicks-per-page/toStream/to
      <-- clicks-per-page
    Sink: clicks-per-page/toStream/to (topic: counts)
      <-- clicks-per-page/toStream

`
  )
  t.same(
    topology.subtopologies.map(({ name, index }) => [name, index]),
    [
      ['clicks', 0],
      ['clicks-per-page-repartition', 1],
    ]
  )
})

t.test('a table, a global table, an async call and a split', async (t) => {
  const topology = build((b) => {
    const customers = b.table('customers', strings)
    const rates = b.globalTable('rates', strings)
    const { big, rest } = b
      .stream('orders', strings)
      .join(customers, (order, customer) => order + customer, { value: Serdes.string() })
      .mapAsync(async (order) => order, { name: 'price', value: Serdes.string() })
      .split()
      .branch('big', (_key, order) => order.length > 10)
      .defaultBranch('rest')
    big
      .leftJoin(
        rates,
        (key) => key,
        (order, rate) => order + rate,
        { value: Serdes.string() }
      )
      .to((record) => `big-${record.key}`)
    rest.to('rest')
  })
  t.equal(
    topology.describe(),
    `Topologies:
   Sub-topology: 0
    Source: orders/source (topics: [orders])
      --> orders/join
    Processor: orders/join (stores: [customers])
      --> price
      <-- orders/source
    Processor: price (stores: [price-in-flight])
      --> price/split
      <-- orders/join
    Processor: price/split (stores: [])
      --> price/split/big, price/split/rest
      <-- price
    Processor: price/split/big (stores: [])
      --> price/split/big/leftJoin
      <-- price/split
    Source: customers/source (topics: [customers])
      --> customers/table
    Processor: price/split/big/leftJoin (stores: [rates])
      --> price/split/big/leftJoin/to
      <-- price/split/big
    Processor: price/split/rest (stores: [])
      --> price/split/rest/to
      <-- price/split
    Processor: customers/table (stores: [customers])
      --> none
      <-- customers/source
    Sink: price/split/big/leftJoin/to (extractor class: anonymous)
      <-- price/split/big/leftJoin
    Sink: price/split/rest/to (topic: rest)
      <-- price/split/rest

  Sub-topology: 1 for global store (will not generate tasks)
    Source: rates/global-source (topics: [rates])
      --> rates/global-table
    Processor: rates/global-table (stores: [rates])
      --> none
      <-- rates/global-source
`
  )
  t.equal(topology.subtopologies[0]!.name, 'customers', 'the smallest of its source topics')
})

t.test('the Processor API: two processors that share a store are one subtopology', async (t) => {
  const supplier = (): Processor<string, string> => {
    let store: KeyValueStore<string, string>
    return {
      init(context) {
        store = context.getStateStore('shared')
      },
      process({ key, value }) {
        store.put(key, value)
      },
    }
  }
  const topology = new TopologyBuilder()
    .addSource('left', 'b-topic', strings)
    .addSource('right', ['a-topic', 'c-topic'], strings)
    .addProcessor('first', supplier, 'left')
    .addProcessor('second', supplier, ['right', 'left'])
    .addSink('out', 'out-topic', 'second', strings)
    .addStateStore(Stores.keyValueStore('shared', strings), 'first', 'second')
    .build({ applicationId: 'papi' })
  t.equal(
    topology.describe(),
    `Topologies:
   Sub-topology: 0
    Source: left (topics: [b-topic])
      --> second, first
    Source: right (topics: [a-topic, c-topic])
      --> second
    Processor: second (stores: [shared])
      --> out
      <-- left, right
    Processor: first (stores: [shared])
      --> none
      <-- left
    Sink: out (topic: out-topic)
      <-- second

`
  )
  t.equal(topology.subtopologies.length, 1)
  t.equal(topology.subtopologies[0]!.name, 'a-topic')
})

t.test('unconnected streams are subtopologies in the order they were written', async (t) => {
  const topology = build((b) => {
    b.stream('z', strings).to('z-out')
    b.stream('a', strings).to('a-out')
  })
  t.same(
    topology.subtopologies.map(({ name, index }) => ({ name, index })),
    [
      { name: 'z', index: 0 },
      { name: 'a', index: 1 },
    ]
  )
})

t.test('JSON and Mermaid name every node, topic and store', async (t) => {
  const topology = build((b) => {
    b.stream('in', strings).groupByKey().count({ name: 'n' }).toStream().to('out')
    b.globalTable('g', strings)
  })
  t.same(JSON.parse(JSON.stringify(topology)), {
    applicationId: 'app',
    subtopologies: [
      {
        name: 'in',
        index: 0,
        fingerprint: topology.subtopologies[0]!.fingerprint,
        nodes: [
          { name: 'in/source', kind: 'source', children: ['n'], topics: ['in'] },
          { name: 'n', kind: 'processor', children: ['n/toStream'], stores: ['n'] },
          { name: 'n/toStream', kind: 'processor', children: ['n/toStream/to'], stores: [] },
          { name: 'n/toStream/to', kind: 'sink', children: [], topic: 'out' },
        ],
        stores: [{ name: 'n', kind: 'key-value', changelog: 'app-n-changelog', sourceIsChangelog: false, timestamped: true, settings: {} }],
        internalTopics: [
          {
            name: 'app-n-changelog',
            kind: 'changelog',
            config: { 'cleanup.policy': 'compact', 'delete.retention.ms': '604800000', 'message.timestamp.type': 'CreateTime' },
          },
        ],
        copartitionGroups: [],
      },
    ],
    globalTables: [{ store: 'g', topic: 'g' }],
  })
  t.equal(
    describeMermaid(topology),
    `flowchart LR
  topic6[/"in"/]
  topic7[/"out"/]
  topic9[/"g"/]
  subgraph sub5["in"]
    node0(["in/source"])
    node1["n"]
    node2["n/toStream"]
    node3[["n/toStream/to"]]
    store4[("n")]
  end
  store8[("g")]
  node0 --> node1
  topic6 --> node0
  node1 --> node2
  node1 <-.-> store4
  node2 --> node3
  node3 --> topic7
  topic9 --> store8
`
  )
})
