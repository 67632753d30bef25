/** Every way to build a topology wrongly ends in an error that says what to change. */
import t from 'tap'
import {
  buildTopology,
  describeMermaid,
  type Processor,
  Serdes,
  Stores,
  StreamsBuilder,
  StreamsError,
  type StreamsErrorCode,
  TopologyBuilder,
  type TopologyFunction,
} from '../../index.ts'

const strings = { key: Serdes.string(), value: Serdes.string() }
const applicationId = 'app'
const joined = (left: string, right: string | null) => left + right

/** JavaScript, or a cast, gets past the types; the checks must hold there too. */
const unchecked = (value: unknown) => value as never

const misuses: { [what: string]: { code: StreamsErrorCode; message: RegExp; topology: TopologyFunction } } = {
  'an unnamed count': {
    code: 'NAME_REQUIRED',
    message: /count behind 'in\/filter' keeps its result in a store and must be named: name: 'in-filter-count'/,
    topology: (b) =>
      void b
        .stream('in', strings)
        .filter(() => true)
        .groupByKey()
        .count(unchecked({})),
  },
  'an unnamed count without options': {
    code: 'NAME_REQUIRED',
    message: /name: 'in-count'/,
    topology: (b) => void b.stream('in', strings).groupByKey().count(unchecked(undefined)),
  },
  'an unnamed reduce': {
    code: 'NAME_REQUIRED',
    message: /reduce/,
    topology: (b) => void b.stream('in', strings).groupByKey().reduce(joined, unchecked({})),
  },
  'an unnamed aggregate of a table': {
    code: 'NAME_REQUIRED',
    message: /aggregate behind 'in\/table\/groupBy' keeps its result in a store and repartitions and must be named/,
    topology: (b) =>
      void b
        .table('in', strings)
        .groupBy((key, value) => [value, key], strings)
        .aggregate(
          () => '',
          (_key, value, aggregate) => aggregate + value,
          (_key, _value, aggregate) => aggregate,
          unchecked({})
        ),
  },
  'an unnamed repartition': {
    code: 'NAME_REQUIRED',
    message: /repartition behind 'in' goes through a topic and must be named: name: 'in-repartition'/,
    topology: (b) => void b.stream('in', strings).repartition(unchecked({})),
  },
  'an unnamed toTable': { code: 'NAME_REQUIRED', message: /toTable/, topology: (b) => void b.stream('in', strings).toTable(unchecked({})) },
  'an unnamed mapAsync': {
    code: 'NAME_REQUIRED',
    message: /mapAsync behind 'in' keeps its pending records and must be named: name: 'in-map-async'/,
    topology: (b) => void b.stream('in', strings).mapAsync(async (value) => value, unchecked({})),
  },
  'an unnamed processAsync': {
    code: 'NAME_REQUIRED',
    message: /processAsync/,
    topology: (b) => void b.stream('in', strings).processAsync({ call: async (value) => value, complete: () => undefined }, unchecked({})),
  },
  'an unnamed processor with stores': {
    code: 'NAME_REQUIRED',
    message: /process behind 'in' uses stores and must be named/,
    topology: (b) => void b.stream('in', strings).process(() => ({ process() {} }), { stores: [Stores.keyValueStore('s', strings)] }),
  },
  'an unnamed join that repartitions': {
    code: 'NAME_REQUIRED',
    message: /join behind 'in\/selectKey' repartitions, because the key was changed, and must be named/,
    topology: (b) =>
      void b
        .stream('in', strings)
        .selectKey((_key, value) => value)
        .join(b.table('t', strings), joined),
  },
  'a name with a space': {
    code: 'NAME_INVALID',
    message: /The operator name "my filter" is not valid: use 1 to 249 of the characters/,
    topology: (b) => void b.stream('in', strings).filter(() => true, { name: 'my filter' }),
  },
  'a name like a derived one': {
    code: 'NAME_INVALID',
    message: /"in\/filter"/,
    topology: (b) => void b.stream('in', strings).filter(() => true, { name: 'in/filter' }),
  },
  'an empty name': { code: 'NAME_INVALID', message: /""/, topology: (b) => void b.stream('in', strings).groupByKey().count({ name: '' }) },
  'a topic that Kafka refuses': {
    code: 'NAME_INVALID',
    message: /The topic name "orders&co"/,
    topology: (b) => void b.stream('orders&co', strings),
  },
  'a sink to a topic that Kafka refuses': {
    code: 'NAME_INVALID',
    message: /The topic name ".."/,
    topology: (b) => b.stream('in', strings).to('..'),
  },
  'a name too long for its topic': {
    code: 'NAME_INVALID',
    message: /The topic app-n+-changelog has 25\d characters, Kafka takes 249: shorten the name n+ or the application id/,
    topology: (b) =>
      void b
        .stream('in', strings)
        .groupByKey()
        .count({ name: 'n'.repeat(240) }),
  },
  'two operators of one name': {
    code: 'NAME_DUPLICATE',
    message: /Two operators are named 'same'/,
    topology: (b) =>
      void b
        .stream('in', strings)
        .filter(() => true, { name: 'same' })
        .filter(() => true, { name: 'same' }),
  },
  'two stores of one name': {
    code: 'NAME_DUPLICATE',
    message: /Two stores are named 'same'/,
    topology: (b) => {
      b.addStateStore(Stores.keyValueStore('same', strings))
      b.stream('in', strings).groupByKey().count({ name: 'same' })
    },
  },
  'a global table named like a store': {
    code: 'NAME_DUPLICATE',
    message: /Two stores are named 'rows'/,
    topology: (b) => {
      b.table('rows', strings)
      b.globalTable('others', { ...strings, name: 'rows' })
    },
  },
  'two repartitions of one name': {
    code: 'NAME_DUPLICATE',
    message: /Two operators repartition under the name 'r'/,
    topology: (b) => void b.stream('in', strings).repartition({ name: 'r' }).repartition({ name: 'r' }),
  },
  'two branches of one name': {
    code: 'NAME_DUPLICATE',
    message: /two branches named 'x'/,
    topology: (b) =>
      void b
        .stream('in', strings)
        .split()
        .branch('x', () => true)
        .branch('x', () => true),
  },
  'a branch behind the default branch': {
    code: 'TOPOLOGY_INVALID',
    message: /has its default branch already/,
    topology: (b) => {
      const split = b.stream('in', strings).split()
      split.defaultBranch()
      split.branch('late', () => true)
    },
  },
  'a source without serdes': {
    code: 'SERDE_MISSING',
    message: /The source 'in\/source' has no key serde: give `key`/,
    topology: (b) => void b.stream('in', unchecked({})),
  },
  'a serde that was not called': {
    code: 'SERDE_MISSING',
    message: /The source 'in\/source': its value serde is a function: call it, as in Serdes\.string\(\)/,
    topology: (b) => void b.stream('in', unchecked({ key: Serdes.string(), value: Serdes.json })),
  },
  'a source without options': {
    code: 'SERDE_MISSING',
    message: /has no key serde/,
    topology: (b) => void b.stream('in', unchecked(undefined)),
  },
  'a store without serdes': {
    code: 'SERDE_MISSING',
    message: /store 's' has no value serde/,
    topology: () => void Stores.keyValueStore('s', unchecked({ key: Serdes.string() })),
  },
  'a sink behind a type that changed': {
    code: 'SERDE_MISSING',
    message: /to\('out'\) behind 'in\/mapValues' has no value serde: give `value` in its options/,
    topology: (b) =>
      b
        .stream('in', strings)
        .mapValues((value) => value.length)
        .to('out'),
  },
  'a count behind a key that changed': {
    code: 'SERDE_MISSING',
    message: /The group of count 'n' has no key serde/,
    topology: (b) =>
      void b
        .stream('in', strings)
        .groupBy((_key, value) => value.length)
        .count({ name: 'n' }),
  },
  'an aggregate whose serde nobody knows': {
    code: 'SERDE_MISSING',
    message: /aggregate 'n' has no value serde/,
    topology: (b) =>
      void b
        .stream('in', strings)
        .groupByKey()
        .aggregate(
          () => 0,
          (_key, value, sum) => sum + value.length,
          { name: 'n' }
        ),
  },
  'an async call on a type that changed': {
    code: 'SERDE_MISSING',
    message: /mapAsync 'call' has no input.value serde: give `input.value`/,
    topology: (b) =>
      void b
        .stream('in', strings)
        .mapValues((value) => value.length)
        .mapAsync(async (value) => value, { name: 'call' }),
  },
  'a grouped table without serdes': {
    code: 'SERDE_MISSING',
    message: /groupBy behind 't' has no key serde|groupBy behind 't\/table' has no key serde/,
    topology: (b) => void b.table('t', strings).groupBy((key, value) => [value, key], {}),
  },
  'a store nobody added': {
    code: 'TOPOLOGY_INVALID',
    message: /'p' uses a store 'missing' that does not exist: add it with addStateStore\(\) or globalTable\(\). There are rows/,
    topology: (b) => {
      b.table('rows', strings)
      b.stream('in', strings).process(() => ({ process() {} }), { name: 'p', stores: ['missing'] })
    },
  },
  'a store nobody uses': {
    code: 'TOPOLOGY_INVALID',
    message: /The store 'unused' is connected to no processor/,
    topology: (b) => {
      b.addStateStore(Stores.keyValueStore('unused', strings))
      b.stream('in', strings).to('out')
    },
  },
  'a topic read by two sources': {
    code: 'TOPOLOGY_INVALID',
    message: /'in' is already read by 'in\/source' with other options \(value\): a topic is read once/,
    topology: (b) => {
      b.stream('in', strings)
      b.stream('in', { key: Serdes.string(), value: Serdes.json<string>() })
    },
  },
  'a topic read alone and with another': {
    code: 'TOPOLOGY_INVALID',
    message: /'in' is already read by 'in\/source' together with other topics/,
    topology: (b) => {
      b.stream('in', strings)
      b.stream(['in', 'other'], strings)
    },
  },
  'a topic read as a stream and as a global table': {
    code: 'TOPOLOGY_INVALID',
    message: /'in' is already read/,
    topology: (b) => {
      b.stream('in', strings)
      b.globalTable('in', strings)
    },
  },
  'no topic': { code: 'TOPOLOGY_INVALID', message: /reads no topic/, topology: (b) => void b.stream([], strings) },
  'a table of a pattern': {
    code: 'TOPOLOGY_INVALID',
    message: /takes the name of a topic; topics by pattern are for stream\(\)/,
    topology: (b) => void b.table(unchecked(/orders.*/), strings),
  },
  'a pattern without a name': {
    code: 'TOPOLOGY_INVALID',
    message: /stream\(\/orders\.\*\/\) needs a name/,
    topology: (b) => void b.stream(/orders.*/, unchecked(strings)),
  },
  'a pattern that matches what is read already': {
    code: 'TOPOLOGY_INVALID',
    message: /matches the topic 'orders-eu', which 'orders-eu\/source' reads already/,
    topology: (b) => {
      b.stream('orders-eu', strings)
      b.stream(/orders-.*/, { ...strings, name: 'orders' })
    },
  },
  'a topic that a pattern matches already': {
    code: 'TOPOLOGY_INVALID',
    message: /'orders-eu' matches the pattern \/orders-\.\*\/ of 'orders' already/,
    topology: (b) => {
      b.stream(/orders-.*/, { ...strings, name: 'orders' })
      b.globalTable('orders-eu', strings)
    },
  },
  'a pattern with a retry topic': {
    code: 'CONFIG_INVALID',
    message: /retryTopic needs topics by name/,
    topology: (b) => void b.stream(/orders-.*/, { ...strings, name: 'orders', retryTopic: true }),
  },
  'nothing at all': {
    code: 'TOPOLOGY_INVALID',
    message: /The topology reads no topic: begin with stream\(\) or table\(\)/,
    topology: () => undefined,
  },
  'order input with park': {
    code: 'TOPOLOGY_INVALID',
    message: /mapAsync 'call': order 'input' cannot be combined with onFailure 'park'/,
    topology: (b) => void b.stream('in', strings).mapAsync(async (value) => value, { name: 'call', order: 'input', onFailure: 'park' }),
  },
  'an unknown order': {
    code: 'CONFIG_INVALID',
    message: /order is "random", not one of 'key', 'input', 'none'/,
    topology: (b) => void b.stream('in', strings).mapAsync(async (value) => value, { name: 'call', order: unchecked('random') }),
  },
  'a negative timeout': {
    code: 'CONFIG_INVALID',
    message: /mapAsync 'call': timeout is -5: give more than zero milliseconds, or a text such as '200ms'/,
    topology: (b) => void b.stream('in', strings).mapAsync(async (value) => value, { name: 'call', timeout: -5 }),
  },
  'a timeout nobody can read': {
    code: 'CONFIG_INVALID',
    message: /timeout is "soon"/,
    topology: (b) => void b.stream('in', strings).mapAsync(async (value) => value, { name: 'call', timeout: unchecked('soon') }),
  },
  'no concurrency': {
    code: 'CONFIG_INVALID',
    message: /concurrency is 0: give a whole number of at least 1/,
    topology: (b) => void b.stream('in', strings).mapAsync(async (value) => value, { name: 'call', concurrency: 0 }),
  },
  'half a retry': {
    code: 'CONFIG_INVALID',
    message: /retry attempts is 0.5: give a whole number of at least 0/,
    topology: (b) => void b.stream('in', strings).mapAsync(async (value) => value, { name: 'call', retry: 0.5 }),
  },
  'a negative back-off': {
    code: 'CONFIG_INVALID',
    message: /retry.backoffMs is -1/,
    topology: (b) => void b.stream('in', strings).mapAsync(async (value) => value, { name: 'call', retry: { attempts: 1, backoffMs: -1 } }),
  },
  'no partitions': {
    code: 'CONFIG_INVALID',
    message: /partitions of the repartition 'r' is 0/,
    topology: (b) => void b.stream('in', strings).repartition({ name: 'r', partitions: 0 }),
  },
  'an unknown offset reset': {
    code: 'CONFIG_INVALID',
    message: /offsetReset is "newest", not 'earliest', 'latest', 'none' or 'by_duration:' with one, such as 'by_duration:7d'/,
    topology: (b) => void b.stream('in', { ...strings, offsetReset: unchecked('newest') }),
  },
  'an offset reset by no duration': {
    code: 'CONFIG_INVALID',
    message: /The source 'in\/source': offsetReset by_duration: is "P7D": give more than zero milliseconds, or a text such as/,
    topology: (b) => void b.stream('in', { ...strings, offsetReset: unchecked('by_duration:P7D') }),
  },
  'writing to a repartition topic': {
    code: 'TOPOLOGY_INVALID',
    message: /'r\/to' writes to 'app-r-repartition', which is the repartition topic of 'r' and the engine's own/,
    topology: (b) => b.stream('in', strings).repartition({ name: 'r' }).to('app-r-repartition'),
  },
  'writing to a changelog': {
    code: 'TOPOLOGY_INVALID',
    message: /writes to 'app-n-changelog', which is the changelog of the store 'n'/,
    topology: (b) => b.stream('in', strings).groupByKey().count({ name: 'n' }).toStream().to('app-n-changelog'),
  },
  'reading a repartition topic': {
    code: 'TOPOLOGY_INVALID',
    message: /reads 'app-r-repartition'/,
    topology: (b) => {
      b.stream('in', strings).repartition({ name: 'r' })
      b.stream('app-r-repartition', strings)
    },
  },
  'reading a changelog as a global table': {
    code: 'TOPOLOGY_INVALID',
    message: /reads 'app-n-changelog'/,
    topology: (b) => {
      b.stream('in', strings).groupByKey().count({ name: 'n' })
      b.globalTable('app-n-changelog', { key: Serdes.string(), value: Serdes.long() })
    },
  },
  'a topic named like a repartition': {
    code: 'TOPOLOGY_INVALID',
    message: /Two subtopologies would be named 'r-repartition'/,
    topology: (b) => {
      b.stream('in', strings).repartition({ name: 'r' })
      b.stream('r-repartition', strings).to('out')
    },
  },
  'a predicate that is none': {
    code: 'TOPOLOGY_INVALID',
    message: /The function of filter behind 'in' must be a function, not string/,
    topology: (b) => void b.stream('in', strings).filter(unchecked('yes')),
  },
  'a call that is none': {
    code: 'TOPOLOGY_INVALID',
    message: /mapAsync 'call': its function must be a function, not undefined/,
    topology: (b) => void b.stream('in', strings).mapAsync(unchecked(undefined), { name: 'call' }),
  },
  'a sink without a topic': {
    code: 'TOPOLOGY_INVALID',
    message: /needs a topic/,
    topology: (b) => b.stream('in', strings).to(unchecked(undefined)),
  },
  'a join with a stream': {
    code: 'TOPOLOGY_INVALID',
    message: /join behind 'in' joins two streams and needs windows: JoinWindows/,
    topology: (b) => void b.stream('in', strings).join(unchecked(b.stream('other', strings)), joined),
  },
  'a join with a table of another builder': {
    code: 'TOPOLOGY_INVALID',
    message: /another StreamsBuilder/,
    topology: (b) => void b.stream('in', strings).join(new StreamsBuilder().table('t', strings), joined),
  },
  'an asynchronous topology': {
    code: 'TOPOLOGY_INVALID',
    message: /the topology function gave a promise, .*global table/,
    topology: async (b) => {
      b.stream('in', strings).to('out')
      throw new Error('nobody hears of this: it ends no process')
    },
  },
}

for (const [what, { code, message, topology }] of Object.entries(misuses)) {
  t.test(what, async (t) => {
    try {
      buildTopology(topology, { applicationId })
      t.fail('was built')
    } catch (error) {
      t.ok(error instanceof StreamsError, String(error))
      t.match(error, { code, message })
    }
  })
}

t.test('a supplier that hands out a processor twice, or none', async (t) => {
  const shared: Processor<string, string> = { process() {} }
  const nodeOf = (supplier: () => Processor<string, string>) => {
    const node = buildTopology((b) => void b.stream('in', strings).process(supplier, { name: 'p' }), {
      applicationId,
    }).subtopologies[0]!.nodes.get('p')!
    return node.kind === 'processor' ? node.supplier : t.fail('no processor')
  }
  const again = nodeOf(() => shared) as () => unknown
  again()
  t.throws(again, { code: 'TOPOLOGY_INVALID', message: /The supplier of 'p' must return a new processor/ })
  t.throws(nodeOf(() => unchecked(undefined)) as () => unknown, { code: 'TOPOLOGY_INVALID' })
  const fresh = nodeOf(() => ({ process() {} })) as () => unknown
  t.not(fresh(), fresh())
})

t.test('a topology that is no function', async (t) => {
  t.throws(() => buildTopology(unchecked({}), { applicationId }), { code: 'TOPOLOGY_INVALID', message: /A topology is a function/ })
})

t.test('an application id that cannot begin a topic name', async (t) => {
  t.throws(() => buildTopology((b) => b.stream('in', strings).to('out'), { applicationId: 'my app' }), {
    code: 'NAME_INVALID',
    message: /application id/,
  })
  t.throws(() => buildTopology((b) => b.stream('in', strings).to('out'), unchecked({})), { code: 'NAME_INVALID' })
})

t.test('a builder after its topology was built', async (t) => {
  const builder = new StreamsBuilder()
  const stream = builder.stream('in', strings)
  stream.to('out')
  t.match(describeMermaid(builder.build({ applicationId })), /flowchart/)
  const built = { code: 'TOPOLOGY_INVALID', message: /has been built: a builder builds once/ }
  t.throws(() => builder.build({ applicationId }), built)
  t.throws(() => stream.filter(() => true), built)
  t.throws(() => builder.stream('more', strings), built)
  t.throws(() => builder.globalTable('more', strings), built)
  t.throws(() => builder.addStateStore(Stores.keyValueStore('s', strings)), built)
})

t.test('the Processor API', async (t) => {
  const processor = (): Processor<string, string> => ({ process() {} })
  const source = () => new TopologyBuilder().addSource('source', 'in', strings)
  t.throws(() => source().addProcessor('p', processor, 'nobody'), {
    code: 'TOPOLOGY_INVALID',
    message: /The parent 'nobody' of 'p' does not exist/,
  })
  t.throws(() => source().addProcessor('p', processor, []), { code: 'TOPOLOGY_INVALID', message: /'p' has no parent/ })
  t.throws(() => source().addSink('sink', 'out', 'source', strings).addProcessor('p', processor, 'sink'), {
    code: 'TOPOLOGY_INVALID',
    message: /nothing comes after a sink/,
  })
  t.throws(() => source().addSource('source', 'other', strings), { code: 'NAME_DUPLICATE' })
  t.throws(() => source().addSource('second', 'in', strings), { code: 'TOPOLOGY_INVALID', message: /'in' is already read by 'source'/ })
  t.throws(() => source().connectProcessorAndStateStores('p', 's'), { code: 'TOPOLOGY_INVALID', message: /There is no processor 'p'/ })
  t.throws(() => source().connectProcessorAndStateStores('source', 's'), {
    code: 'TOPOLOGY_INVALID',
    message: /is a source, which uses no stores/,
  })
  t.throws(() => source().addProcessor('p/q', processor, 'source'), { code: 'NAME_INVALID' })
  t.throws(() => source().addProcessor('p', unchecked(undefined), 'source'), {
    code: 'TOPOLOGY_INVALID',
    message: /The supplier of 'p' must be a function/,
  })
  t.throws(() => source().addSink('sink', 'out', 'source', unchecked({ key: Serdes.string() })), {
    code: 'SERDE_MISSING',
    message: /The sink 'sink' has no value serde/,
  })
})
