/** What each operator does to records, on the production tasks. */
import t from 'tap'
import {
  type FixedKeyProcessor,
  type KeyValueStore,
  type Processor,
  Serdes,
  Stores,
  type StreamsBuilder,
  StreamsError,
  TopologyBuilder,
} from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'

const string = Serdes.string()
const strings = { key: string, value: string }
const integers = { key: Serdes.integer(), value: string }

type Pair = readonly [string | null, string | null]

function run(
  topology: (b: StreamsBuilder) => void,
  input: readonly (readonly [string | null, string | null, number?])[],
  out = 'out'
): Pair[] {
  const driver = new TopologyTestDriver(topology)
  driver.createInputTopic('in', string, string).pipeAll(input)
  const records = driver.createOutputTopic(out, string, string).readKeyValuesToList()
  driver.close()
  return records
}

t.test('split: the first branch that matches takes a record, unmatched ones go nowhere', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    const { even, three, five } = b
      .stream('in', integers)
      .split()
      .branch('even', (key) => key % 2 === 0)
      .branch('three', (key) => key % 3 === 0)
      .branch('five', (key) => key % 5 === 0)
      .noDefaultBranch()
    even.to('x2')
    three.to('x3')
    five.to('x5')
  })
  const input = driver.createInputTopic('in', Serdes.integer(), string)
  for (let key = 0; key < 7; key++) {
    input.pipeInput(key, `V${key}`)
  }
  const values = (topic: string) => driver.createOutputTopic(topic, Serdes.integer(), string).readValuesToList()
  t.same(values('x2'), ['V0', 'V2', 'V4', 'V6'])
  t.same(values('x3'), ['V3'])
  t.same(values('x5'), ['V5'])
  driver.close()
})

t.test('split with a default branch', async (t) => {
  const topology = (b: StreamsBuilder) => {
    const { a, rest } = b
      .stream('in', strings)
      .split({ name: 'by-letter' })
      .branch('a', (_key, value) => value === 'a')
      .defaultBranch('rest')
    a.to('a-out')
    rest.to('out')
  }
  const input: [string, string][] = [
    ['1', 'a'],
    ['2', 'b'],
    ['3', 'c'],
  ]
  t.same(run(topology, input), [
    ['2', 'b'],
    ['3', 'c'],
  ])
  t.same(run(topology, input, 'a-out'), [['1', 'a']])
})

t.test('stateless operators, each with its own change and no other', async (t) => {
  const cases: { [what: string]: [(b: StreamsBuilder) => void, Pair[]] } = {
    filter: [
      (b) =>
        b
          .stream('in', strings)
          .filter((_key, value) => value === 'b')
          .to('out'),
      [['2', 'b']],
    ],
    filterNot: [
      (b) =>
        b
          .stream('in', strings)
          .filterNot((_key, value) => value === 'b')
          .to('out'),
      [['1', 'a']],
    ],
    map: [
      (b) =>
        b
          .stream('in', strings)
          .map((key, value) => [value, key], strings)
          .to('out'),
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    mapValues: [
      (b) =>
        b
          .stream('in', strings)
          .mapValues((value, key) => value + key, { value: string })
          .to('out'),
      [
        ['1', 'a1'],
        ['2', 'b2'],
      ],
    ],
    flatMap: [
      (b) =>
        b
          .stream('in', strings)
          .flatMap(function* (key, value) {
            yield [value, key] as const
            if (key === '2') {
              yield [key, value] as const
            }
          }, strings)
          .to('out'),
      [
        ['a', '1'],
        ['b', '2'],
        ['2', 'b'],
      ],
    ],
    flatMapValues: [
      (b) =>
        b
          .stream('in', strings)
          .flatMapValues((value, key) => (key === '1' ? [] : [value, value]), { value: string })
          .to('out'),
      [
        ['2', 'b'],
        ['2', 'b'],
      ],
    ],
    selectKey: [
      (b) =>
        b
          .stream('in', strings)
          .selectKey((_key, value) => value, { key: string })
          .to('out'),
      [
        ['a', 'a'],
        ['b', 'b'],
      ],
    ],
    repartition: [
      (b) => b.stream('in', strings).repartition({ name: 'r' }).to('out'),
      [
        ['1', 'a'],
        ['2', 'b'],
      ],
    ],
    'a topic by record': [(b) => b.stream('in', strings).to(({ key }) => (key === '1' ? 'out' : 'elsewhere')), [['1', 'a']]],
    'table to stream': [
      (b) => b.table('in', strings).toStream().to('out'),
      [
        ['1', 'a'],
        ['2', 'b'],
      ],
    ],
  }
  for (const [what, [topology, expected]] of Object.entries(cases)) {
    t.same(
      run(topology, [
        ['1', 'a', 1],
        ['2', 'b', 2],
      ]),
      expected,
      what
    )
  }
})

t.test('a partitioner: one partition, several, none; one that is not there strikes the record alone', async (t) => {
  const choices: { readonly [key: string]: number | readonly number[] | undefined } = { one: 1, several: [2, 0, 2], none: [], wrong: [0, 3], half: 0.5, own: undefined }
  const driver = new TopologyTestDriver(
    (b) => {
      b.stream('in', strings).to('out', { ...strings, partitioner: (_topic, { key }) => choices[key], onError: { production: 'dead-letter' } })
      // Topics that are read have the partitions of the driver.
      b.stream('out', strings).foreach(() => {})
    },
    { partitions: 3, config: { deadLetterTopic: 'letters' } }
  )
  t.teardown(() => driver.close())
  driver.createInputTopic('in', string, string).pipeAll(Object.keys(choices).map((key) => [key, 'v'] as const))
  const found = driver.createOutputTopic('out', string, string).readRecordsToList().map(({ key, partition }) => `${key} ${partition}`)
  t.same(found.filter((copy) => !copy.startsWith('own')).sort(), ['one 1', 'several 0', 'several 2'])
  t.equal(found.filter((copy) => copy.startsWith('own')).length, 1, 'without a choice by its key')
  t.same(driver.deadLetters().map(({ key, headers }) => [Buffer.from(key!).toString(), headers['__streams.errors.code']]), [['wrong', 'PRODUCTION_FAILED'], ['half', 'PRODUCTION_FAILED']])
})

t.test('timestamps and headers stay with a record through every operator', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.stream('in', strings)
      .map((key, value) => [key, value], strings)
      .flatMapValues((value) => [value], { value: string })
      .peek(() => undefined)
      .repartition({ name: 'r' })
      .toTable({ name: 'rows' })
      .filter(() => true)
      .toStream()
      .to('out')
  })
  const headers = [{ key: 'trace', value: Buffer.from('1') }]
  driver.createInputTopic('in', string, string).pipeInput('k', 'v', 42, headers)
  const record = driver.createOutputTopic('out', string, string).readRecord()
  t.equal(record.timestamp, 42)
  t.same(
    record.headers.map(({ key, value }) => [key, Buffer.from(value!).toString()]),
    [['trace', '1']]
  )
  driver.close()
})

t.test('peek and foreach see records in order', async (t) => {
  const seen: string[] = []
  run(
    (b) => {
      const stream = b.stream('in', strings).peek((key, value) => seen.push(`peek ${key} ${value}`))
      stream.foreach((key, value) => seen.push(`foreach ${key} ${value}`))
    },
    [
      ['1', 'a'],
      ['2', 'b'],
    ]
  )
  t.same(seen, ['peek 1 a', 'foreach 1 a', 'peek 2 b', 'foreach 2 b'])
})

t.test('print shows a line for each record', async (t) => {
  const lines: string[] = []
  const write = (line: string): void => void lines.push(line)
  run((b) => {
    const stream = b.stream('in', strings)
    stream.print({ write })
    stream.mapValues((value) => ({ length: value?.length })).print({ label: 'lengths', write })
    stream.print({ name: 'keys', mapper: (key) => `of ${key}`, write })
  }, [['a', 'one'], ['b', null]])
  t.same(lines, ['[in]: a, one\n', '[lengths]: a, { length: 3 }\n', '[in]: of a\n', '[in]: b, null\n', '[lengths]: b, { length: undefined }\n', '[in]: of b\n'])
})

t.test('merge brings two streams together, each in its own order', async (t) => {
  const driver = new TopologyTestDriver((b) => b.stream('in', strings).merge(b.stream('more', strings)).to('out'))
  driver.createInputTopic('in', string, string).pipeInput('1', 'a', 1)
  driver.createInputTopic('more', string, string).pipeInput('2', 'b', 2)
  driver.createInputTopic('in', string, string).pipeInput('3', 'c', 3)
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['a', 'b', 'c'])
  driver.close()
})

t.test('one topic as a stream and as a table', async (t) => {
  t.same(
    run(
      (b) => {
        const table = b.table('in', strings)
        b.stream('in', strings)
          .join(table, (event, row) => `${event}=${row}`, { value: string })
          .to('out')
      },
      [['1', 'a']]
    ),
    [['1', 'a=a']],
    'the table, written first, is up to date'
  )
})

t.test('a table tells every change, deletions too, in the order of its topic', async (t) => {
  const records = run(
    (b) => b.table('in', strings).toStream().to('out'),
    [
      ['A', '1', 10],
      ['A', '2', 5],
      ['A', null, 3],
      [null, '9', 4],
    ]
  )
  t.same(
    records,
    [
      ['A', '1'],
      ['A', '2'],
      ['A', null],
    ],
    'an older record replaces a newer one, one without a key is dropped'
  )
})

t.test('a filtered table: a tombstone for what left it, nothing about what never was in it', async (t) => {
  const input: [string, string | null][] = [
    ['A', '1'],
    ['B', '2'],
    ['B', '3'],
    ['A', null],
  ]
  const even = (_key: string, value: string) => Number(value) % 2 === 0
  t.same(
    run((b) => b.table('in', strings).filter(even).toStream().to('out'), input),
    [
      ['B', '2'],
      ['B', null],
    ]
  )
  t.same(
    run((b) => b.table('in', strings).filterNot(even).toStream().to('out'), input),
    [
      ['A', '1'],
      ['B', '3'],
      ['A', null],
    ]
  )
})

t.test('a computed table with a store can be queried; without logging it begins empty', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.table('in', strings).mapValues((value) => (value === 'none' ? null : value.length), {
      value: Serdes.integer(),
      store: { name: 'lengths', logged: false },
    })
  })
  driver.createInputTopic('in', string, string).pipeAll([
    ['a', 'xx', 1],
    ['b', 'none', 2],
    ['c', 'xyz', 3],
  ])
  const lengths = () => [...driver.getKeyValueStore<string, number>('lengths').all()]
  t.same(lengths(), [
    ['a', 2],
    ['c', 3],
  ])
  driver.restore()
  t.same(lengths(), [])
  driver.close()
})

t.test('a processor with a store, and one that may not change keys', async (t) => {
  const numbering = (): Processor<string, string, string, string> => {
    let forward: (key: string, value: string, timestamp: number) => void
    let store: KeyValueStore<string, number>
    return {
      init(context) {
        store = context.getStateStore('seen')
        forward = (key, value, timestamp) => context.forward({ key, value, timestamp, headers: [] })
      },
      process({ key, value, timestamp }) {
        const times = (store.get(key) ?? 0) + 1
        store.put(key, times)
        forward(value, `${key}${times}`, timestamp)
      },
    }
  }
  const shouting = (): FixedKeyProcessor<string, string, string> => {
    let forward: (record: Parameters<FixedKeyProcessor<string, string>['process']>[0]) => void
    return {
      init(context) {
        forward = (record) => context.forward(record)
      },
      process(record) {
        forward({ ...record, value: record.value.toUpperCase() })
      },
    }
  }
  const store = Stores.keyValueStore('seen', { key: string, value: Serdes.integer() })
  t.same(
    run(
      (b) =>
        b
          .stream('in', strings)
          .process(numbering, { name: 'number', stores: [store], key: string, value: string })
          .processValues(shouting, { value: string })
          .to('out'),
      [
        ['a', 'x'],
        ['a', 'y'],
        ['b', 'x'],
      ]
    ),
    [
      ['x', 'A1'],
      ['y', 'A2'],
      ['x', 'B1'],
    ]
  )
})

t.test('a processor reads a global table it names, and none that it does not', async (t) => {
  const reading = (): Processor<string, string, string, string> => {
    let lookup: (key: string) => string | undefined
    let forward: (key: string, value: string) => void
    return {
      init(context) {
        const rows = context.getStateStore<KeyValueStore<string, { value: string; timestamp: number }>>('rows')
        lookup = (key) => rows.get(key)?.value
        forward = (key, value) => context.forward({ key, value, timestamp: 0, headers: [] })
      },
      process({ key }) {
        forward(key, lookup(key) ?? 'none')
      },
    }
  }
  const topology = (stores: string[]) => (b: StreamsBuilder) => {
    b.globalTable('rows', strings)
    b.stream('in', strings).process(reading, { name: 'read', stores, key: string, value: string }).to('out')
  }
  const driver = new TopologyTestDriver(topology(['rows']))
  driver.createInputTopic('rows', string, string).pipeInput('a', 'A')
  driver.createInputTopic('in', string, string).pipeAll([
    ['a', 'x'],
    ['b', 'x'],
  ])
  t.same(driver.createOutputTopic('out', string, string).readKeyValuesToList(), [
    ['a', 'A'],
    ['b', 'none'],
  ])
  driver.close()
  t.throws(() => run(topology([]), [['a', 'x']]), { code: 'STORE_NOT_CONNECTED', message: /failed in init/ })
})

t.test('mapAsync keeps the order of a key, its timestamps and headers', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.stream('in', strings)
      .mapAsync(
        async (value) => {
          await new Promise((resolve) => setTimeout(resolve, value === 'slow' ? 20 : 1))
          return value.toUpperCase()
        },
        { name: 'shout', value: string }
      )
      .to('out')
  })
  driver.createInputTopic('in', string, string).pipeAll([
    ['a', 'slow', 1],
    ['a', 'fast', 2],
    ['b', 'fast', 3],
  ])
  await driver.settle()
  const records = driver.createOutputTopic('out', string, string).readRecordsToList()
  t.same(
    records.filter(({ key }) => key === 'a').map(({ value, timestamp }) => [value, timestamp]),
    [
      ['SLOW', 1],
      ['FAST', 2],
    ]
  )
  t.same(
    records.filter(({ key }) => key === 'b').map(({ value, timestamp }) => [value, timestamp]),
    [['FAST', 3]]
  )
  driver.close()
})

t.test('processAsync reads in prepare, awaits in call, writes in complete', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    const store = Stores.keyValueStore('totals', { key: string, value: Serdes.integer() })
    b.stream('in', strings)
      .processAsync<string, number, number>(
        {
          prepare: ({ key }, context) => context.getStateStore<string, number>('totals').get(key) ?? 0,
          call: async (total, info, { value }) => total + value.length + info.attempt - 1,
          complete: (total, { key, timestamp, headers }, context) => {
            context.getStateStore<KeyValueStore<string, number>>('totals').put(key, total)
            context.forward({ key, value: String(total), timestamp, headers })
          },
        },
        { name: 'total', stores: [store], value: string }
      )
      .to('out')
  })
  driver.createInputTopic('in', string, string).pipeAll([
    ['a', 'xx', 1],
    ['a', 'yyy', 2],
  ])
  await driver.settle()
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['2', '5'])
  t.equal(driver.getKeyValueStore<string, number>('totals').get('a'), 5)
  driver.close()
})

t.test('the Processor API runs on the same tasks', async (t) => {
  const upper = (): Processor<string, string, string, string> => {
    let forward: (key: string, value: string) => void
    return {
      init(context) {
        forward = (key, value) =>
          context.forward({ key, value: value.toUpperCase(), timestamp: 7, headers: [] }, key === 'left' ? 'left-sink' : 'right-sink')
      },
      process({ key, value }) {
        forward(key, value)
      },
    }
  }
  const topology = new TopologyBuilder()
    .addSource('source', 'in', strings)
    .addProcessor('upper', upper, 'source')
    .addSink('left-sink', 'left-out', 'upper', strings)
    .addSink('right-sink', 'right-out', 'upper', strings)
    .build({ applicationId: 'papi' })
  const driver = new TopologyTestDriver(topology)
  driver.createInputTopic('in', string, string).pipeAll([
    ['left', 'a'],
    ['right', 'b'],
  ])
  t.same(driver.createOutputTopic('left-out', string, string).readKeyValuesToList(), [['left', 'A']])
  t.same(driver.createOutputTopic('right-out', string, string).readKeyValuesToList(), [['right', 'B']])
  driver.close()
})

t.test('what is forgotten to be awaited, or is no pair, stops there: nothing goes on with a promise', async (t) => {
  const later = async (): Promise<never> => {
    throw new Error('nobody hears of this, and it ends nothing')
  }
  const unchecked = later as never
  const json = { value: Serdes.json() }
  const schedule = (type: 'init' | 'process' | 'punctuate') => (): Processor<string, string> => ({
    init: (context) => (type === 'init' ? (later() as never) : type === 'punctuate' ? void context.schedule(1, 'stream-time', later) : undefined),
    process: type === 'process' ? later : () => undefined,
  })
  const promise = /gave a promise, and nothing waits for it here: await in mapAsync or processAsync/
  const topologies: { readonly [what: string]: readonly [RegExp, (b: StreamsBuilder) => unknown] } = {
    filter: [promise, (b) => b.stream('in', strings).filter(unchecked)],
    filterNot: [promise, (b) => b.stream('in', strings).filterNot(unchecked)],
    branch: [promise, (b) => b.stream('in', strings).split().branch('a', unchecked).noDefaultBranch()],
    'filter of a table': [promise, (b) => b.table('in', strings).filter(unchecked).toStream().to('out')],
    map: [promise, (b) => b.stream('in', strings).map(unchecked)],
    'map to an object': [/gives \[key, value\]/, (b) => b.stream('in', strings).map((key, value) => ({ key, value }) as never)],
    'flatMap to objects': [/gives \[key, value\]/, (b) => b.stream('in', strings).flatMap((key, value) => [{ key, value } as never])],
    peek: [promise, (b) => b.stream('in', strings).peek(later)],
    foreach: [promise, (b) => b.stream('in', strings).foreach(later)],
    mapValues: [promise, (b) => b.stream('in', strings).mapValues<unknown>(later, json).to('out')],
    aggregate: [promise, (b) => b.stream('in', strings).groupByKey().aggregate<unknown>(() => 0, later, { name: 'rows', ...json })],
    init: [promise, (b) => b.stream('in', strings).process(schedule('init'))],
    process: [promise, (b) => b.stream('in', strings).process(schedule('process'))],
    punctuator: [promise, (b) => b.stream('in', strings).process(schedule('punctuate'))],
  }
  for (const [what, [message, topology]] of Object.entries(topologies)) {
    const failure = t.throws(
      () => new TopologyTestDriver((b) => void topology(b)).createInputTopic('in', string, string).pipeInput('k', 'v', 1),
      { message },
      what
    )
    t.ok(failure instanceof StreamsError)
  }
})
