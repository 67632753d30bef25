/** `transformValues` and `emitOnChange` of tables. */
import t from 'tap'
import { buildTopology, type KeyValueStore, Serdes, Stores, type StreamsBuilder, type ValueTransformer } from '../../index.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { string, strings } from './join-input.ts'

/** Pipes into `in`; what reached `out`, as `key value`. */
function run(
  topology: (b: StreamsBuilder) => void,
  input: readonly (readonly [key: string, value: string | null, timestamp?: number])[],
  options: ConstructorParameters<typeof TopologyTestDriver>[1] = {}
): string[] {
  const driver = new TopologyTestDriver(topology, options)
  const topic = driver.createInputTopic('in', string, string)
  for (const [key, value, timestamp = 0] of input) {
    topic.pipeInput(key, value, timestamp)
  }
  const found = driver
    .createOutputTopic('out', string, string)
    .readKeyValuesToList()
    .map(([key, value]) => `${key} ${value}`)
  driver.close()
  return found
}

/** Numbers the changes of a task in a store. */
function numbering(calls: string[] = []): ValueTransformer<string, string, string> {
  let store: KeyValueStore<string, number>
  return {
    init(context) {
      store = context.getStateStore('numbers')
    },
    transform(key, value) {
      calls.push(`${key} ${value}`)
      const number = (store.get('all') ?? 0) + 1
      store.put('all', number)
      return value === null ? null : `${value}${number}`
    },
    close() {
      calls.push('closed')
    },
  }
}
const numbers = () => Stores.keyValueStore('numbers', { key: string, value: Serdes.integer() })

t.test('a transformer uses stores and sees deletions', async (t) => {
  const calls: string[] = []
  t.same(
    run(
      (b) =>
        b
          .table('in', strings)
          .transformValues(() => numbering(calls), { name: 'numbered', stores: [numbers()] })
          .toStream()
          .to('out', { value: string }),
      [
        ['a', 'x'],
        ['b', 'y'],
        ['a', null],
        ['b', 'z'],
      ]
    ),
    ['a x1', 'b y2', 'a null', 'b z4']
  )
  t.same(calls, ['a x', 'b y', 'a null', 'b z', 'closed'])
})

t.test('it is kept only if somebody reads it, and no value is transformed twice', async (t) => {
  const calls: string[] = []
  const driver = new TopologyTestDriver((b) => {
    const numbered = b.table('in', strings).transformValues(() => numbering(calls), { name: 'numbered', stores: [numbers()], value: string })
    b.stream('ask', strings)
      .leftJoin(numbered, (_ask, value) => `${value}`, { value: string })
      .to('answers')
    numbered
      .groupBy((_key, value) => ['all', value], strings)
      .reduce(
        (all, value) => `${all}+${value}`,
        (all, value) => `${all}-${value}`,
        { name: 'all' }
      )
      .toStream()
      .to('out')
  })
  const input = driver.createInputTopic('in', string, string)
  const ask = driver.createInputTopic('ask', string, string)
  input.pipeInput('a', 'x')
  ask.pipeInput('a', '?')
  ask.pipeInput('a', '?')
  input.pipeInput('a', 'y')
  t.same(driver.createOutputTopic('answers', string, string).readValuesToList(), ['x1', 'x1'])
  t.same(driver.createOutputTopic('out', string, string).readValuesToList(), ['x1', 'x1-x1+y2'])
  t.same(calls, ['a x', 'a y'])
  t.ok(driver.producedTopicNames().has('test-numbered-changelog'))
  await driver.close()

  const unread = buildTopology(
    (b) => void b.table('in', strings).transformValues(numbering, { name: 'numbered', stores: [numbers()] }).toStream().to('out', { value: string }),
    { applicationId: 'app' }
  )
  t.same(
    unread.subtopologies[0]!.stores.map(({ name }) => name),
    ['in', 'numbers']
  )
})

t.test('a transformer cannot forward, and must be named', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    b.table('in', strings)
      .transformValues(() => ({ init: (context) => t.notOk('forward' in context), transform: (_key, value) => value }), { name: 'n' })
      .toStream()
      .to('out', { value: string })
  })
  await driver.close()
  t.throws(() => buildTopology((b) => void b.table('in', strings).transformValues(numbering, {} as never), { applicationId: 'app' }), {
    code: 'NAME_REQUIRED',
    message: /transformValues behind 'in\/table' may keep its result in a store and must be named/,
  })
})

const REPEATED: readonly (readonly [string, string | null, number?])[] = [
  ['a', 'x', 1],
  ['a', 'x', 2],
  ['b', null, 3],
  ['a', 'y', 4],
  ['a', null, 5],
  ['a', null, 6],
  ['a', 'y', 7],
]

t.test('emitOnChange leaves out what changes nothing', async (t) => {
  t.same(run((b) => b.table('in', strings).emitOnChange().toStream().to('out'), REPEATED), ['a x', 'a y', 'a null', 'a y'])
  t.same(
    run(
      (b) =>
        b
          .table('in', strings)
          .mapValues((value) => ({ long: value.length > 1 }), { value: Serdes.json() })
          .emitOnChange()
          .toStream()
          .mapValues((value) => JSON.stringify(value), { value: string })
          .to('out'),
      [
        ['a', 'x'],
        ['a', 'y'],
        ['a', 'long'],
        ['a', 'longer'],
      ]
    ),
    ['a {"long":false}', 'a {"long":true}'],
    'objects by what they are written as'
  )
  t.same(
    run((b) => b.stream('in', strings).groupByKey().count({ name: 'n' }).mapValues((n) => String(n > 2), { value: string }).emitOnChange().toStream().to('out'), [
      ['a', '1'],
      ['a', '2'],
      ['a', '3'],
      ['a', '4'],
    ]),
    ['a false', 'a true'],
    'an aggregate'
  )
})

t.test('a repetition is not swallowed: with exactly once because nothing of the first time is left, without because nothing is left out', async (t) => {
  const topology = (b: StreamsBuilder) => b.table('in', strings).emitOnChange().toStream().to('out')
  for (const disturb of ['abort', 'restart', 'restore'] as const) {
    for (const pipelined of [true, false]) {
      const driver = new TopologyTestDriver(topology, { commitEvery: 3, pipelined })
      const input = driver.createInputTopic('in', string, string)
      for (const [key, value, timestamp] of REPEATED) {
        input.pipeInput(key, value, timestamp)
        driver[disturb]()
      }
      driver.commit()
      const found = driver.createOutputTopic('out', string, string).readValuesToList()
      t.same(found, ['x', 'y', null, 'y'], `${disturb}, ${pipelined ? 'pipelined' : 'one by one'}`)
      await driver.close()
    }
  }
  t.same(
    run(topology, REPEATED, { config: { processingGuarantee: 'at_least_once' } }),
    REPEATED.map(([key, value]) => `${key} ${value}`)
  )
})

t.test('emitOnChange needs a logged store to compare with', async (t) => {
  t.throws(
    () => buildTopology((b) => void b.stream('in', strings).toTable({ name: 'rows', logged: false }).emitOnChange(), { applicationId: 'app' }),
    { code: 'TOPOLOGY_INVALID', message: /compares with the store 'rows', which is not logged/ }
  )
})
