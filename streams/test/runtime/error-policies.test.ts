import { openMemoryTaskState } from 'millrace-state-stores'
import t from 'tap'
import type { ErrorPolicy } from '../../error-policy.ts'
import { Stores } from '../../graph/store-builder.ts'
import { TopologyBuilder } from '../../graph/topology-builder.ts'
import type { KeyValueStore } from '../../processor.ts'
import type { Topology } from '../../graph/topology.ts'
import { storeSpecs } from '../../runtime/stores.ts'
import { createTask } from '../../runtime/task.ts'
import { Serdes } from '../../serdes.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { SimulatedCollector, SimulatedTopics } from '../../testing/simulated-topics.ts'
import { count, numbers, oneStep, processor, text } from './topologies.ts'

const CHILDREN = ['left', 'middle', 'right']
const POISON = 'poison'

/**
 * A fan-out: `root` counts and hands on to three children, each of which counts in its own store, writes to its own topic
 * and sets a timer. The node `at` fails at a poison record: before it did anything, or when all is done.
 */
function fanOut(at: string | undefined, when: 'before' | 'after', policy: ErrorPolicy, tries: { left: number }): Topology {
  const step = (name: string) =>
    processor((record, context) => {
      const fails = name === at && record.value.startsWith(POISON)
      if (fails && when === 'before' && tries.left-- > 0) {
        throw new Error('before')
      }
      count(record, context, name)
      const timer = context.schedule(1_000_000, 'wall-clock-time', () => {
        throw new Error('a timer of a record that was taken back')
      })
      if (fails && when === 'after' && tries.left-- > 0) {
        throw new Error('after')
      }
      timer.cancel()
    })
  const builder = new TopologyBuilder().addSource('source', 'in', { key: text, value: text })
  builder.addProcessor('root', step('root'), 'source', { onError: at === 'root' ? policy : undefined })
  for (const child of CHILDREN) {
    builder.addProcessor(child, step(child), 'root', { onError: at === child ? policy : undefined })
    builder.addSink(`${child}-sink`, `out-${child}`, child, { key: text, value: text })
  }
  for (const store of ['root', ...CHILDREN]) {
    builder.addStateStore(Stores.keyValueStore(store, { key: text, value: numbers }), store)
  }
  return builder.build({ applicationId: 'app' })
}

/** Everything a run leaves behind. */
function result(driver: TopologyTestDriver, without: readonly string[] = []) {
  const topics = [...driver.producedTopicNames()].filter((topic) => !without.includes(topic)).sort()
  return {
    topics: topics.map((topic) => [topic, driver.createOutputTopic(topic, text, text).readRecordsToList().map(({ key, value, timestamp }) => [key, value, timestamp])]),
    stores: ['root', ...CHILDREN].map((store) => [...driver.getKeyValueStore(store).all()]),
  }
}

function run(topology: Topology, values: readonly string[], commitEvery = 1): TopologyTestDriver {
  const driver = new TopologyTestDriver(topology, { commitEvery })
  const input = driver.createInputTopic('in', text, text)
  values.forEach((value, i) => {
    input.pipeInput('k', value, i)
  })
  driver.commit()
  return driver
}

for (const when of ['before', 'after'] as const) {
  for (const action of ['skip', 'dead-letter'] as const) {
    for (const retries of [0, 2]) {
      t.test(`a failure ${when} the effects of the root, ${action} after ${retries} retries, equals a run without the record`, async (t) => {
        const driver = run(fanOut('root', when, { processing: action, processingRetries: retries }, { left: Number.POSITIVE_INFINITY }), ['a', POISON, 'b'])
        const expected = new TopologyTestDriver(fanOut(undefined, when, {}, { left: 0 }))
        const input = expected.createInputTopic('in', text, text)
        input.pipeInput('k', 'a', 0)
        input.pipeInput('k', 'b', 2)
        const letters = driver.deadLetters()
        t.strictSame(result(driver, ['app-dead-letters']), result(expected))
        t.equal(letters.length, action === 'skip' ? 0 : 1)
        if (action === 'dead-letter') {
          t.equal(letters[0]!.headers['__streams.errors.attempts'], String(retries + 1))
        }
        await driver.close()
        await expected.close()
      })

      for (const child of CHILDREN) {
        t.test(`a failure ${when} the effects of ${child}, ${action} after ${retries} retries, takes back that child only`, async (t) => {
          const driver = run(fanOut(child, when, { processing: action, processingRetries: retries }, { left: Number.POSITIVE_INFINITY }), ['a', POISON, 'b'], 3)
          const all = result(driver, ['app-dead-letters'])
          const topic = (name: string) => all.topics.find(([topic]) => topic === `out-${name}`)![1]
          t.strictSame(topic(child), [['k', 'a:1:1', 0], ['k', 'b:3:2', 2]].map(([k, v, at]) => [k, v, at]))
          for (const other of CHILDREN.filter((name) => name !== child)) {
            t.strictSame(topic(other), [['k', 'a:1:1', 0], ['k', `${POISON}:2:2`, 1], ['k', 'b:3:3', 2]])
          }
          t.strictSame(all.stores, [[['k', 3]], ...CHILDREN.map((name) => [['k', name === child ? 2 : 3]])])
          await driver.close()
        })
      }
    }
  }

  t.test(`a failure ${when} the effects that the second try mends leaves no trace`, async (t) => {
    for (const at of ['root', ...CHILDREN]) {
      const driver = run(fanOut(at, when, { processingRetries: 1 }, { left: 1 }), ['a', POISON, 'b'])
      const expected = run(fanOut(undefined, when, {}, { left: 0 }), ['a', POISON, 'b'])
      t.strictSame(result(driver), result(expected), at)
      t.equal(driver.tasks[0]!.counters.retried, 1)
      await driver.close()
      await expected.close()
    }
  })
}

t.test('a policy does not take the failure of a child whose own policy is to fail', async (t) => {
  const topology = new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: text })
    .addProcessor('parent', processor((record, context) => {
      try {
        context.forward(record)
      } catch {
        // A processor that swallows what is not its own must not make a success of it.
      }
    }), 'source', { onError: { processing: 'skip' } })
    .addProcessor('child', processor(() => {
      throw new Error('KABOOM')
    }), 'parent')
    .build({ applicationId: 'app' })
  const driver = new TopologyTestDriver(topology)
  const input = driver.createInputTopic('in', text, text)
  t.throws(() => input.pipeInput('k', 'v'), { code: 'PROCESSING_FAILED', message: /^child failed at in-0@0 in task .*_0\.$/ })
  t.throws(() => driver.tasks[0]!.process(1), { code: 'PROCESSING_FAILED' }, 'nothing runs until it is dropped')
  await driver.close()
})

t.test('an error names where it happened and never what the record said', async (t) => {
  const driver = new TopologyTestDriver(oneStep(processor((record) => {
    throw new Error(`can't take ${record.value}`)
  })))
  try {
    driver.createInputTopic('in', text, text).pipeInput('k', 'secret')
    t.fail('it must throw')
  } catch (error) {
    t.notMatch((error as Error).message, /secret/)
    t.match((error as Error).message, /step failed at in-0@0/)
  }
  await driver.close()
})

t.test('dead letters carry the raw record, its headers, and where it failed', async (t) => {
  const driver = new TopologyTestDriver(
    oneStep(
      processor((record, context) => {
        if (record.value === 'value-2') {
          throw new TypeError('KABOOM')
        }
        context.forward(record)
      }),
      { processing: 'dead-letter' }
    ),
    { partitions: 2 }
  )
  const input = driver.createInputTopic('in', text, text)
  input.pipeInput('k', 'value-1', 1, [], { partition: 1 })
  input.pipeInput('key', 'value-2', 2, [{ key: 'trace', value: Buffer.from('abc') }], { partition: 1 })
  input.pipeInput('k', 'value-3', 3, [], { partition: 1 })
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['value-1', 'value-3'])
  const [letter] = driver.deadLetters()
  t.equal(Buffer.from(letter!.key!).toString(), 'key')
  t.equal(Buffer.from(letter!.value!).toString(), 'value-2')
  t.equal(letter!.timestamp, 2)
  t.strictSame(letter!.headers, {
    trace: 'abc',
    '__streams.errors.exception': 'TypeError',
    '__streams.errors.node': 'step',
    '__streams.errors.code': 'PROCESSING_FAILED',
    '__streams.errors.attempts': '1',
    '__streams.errors.topic': 'in',
    '__streams.errors.partition': '1',
    '__streams.errors.offset': '1',
    '__streams.errors.raw': 'source',
  })
  t.equal(driver.deadLetters().length, 1)
  await driver.close()
})

t.test('with the policy fail nothing is written and the task stops', async (t) => {
  const driver = new TopologyTestDriver(oneStep(processor((record, context) => {
    context.forward(record)
    if (record.value === 'bad') {
      throw new Error('KABOOM')
    }
  })))
  const input = driver.createInputTopic('in', text, text)
  input.pipeInput('k', 'good')
  t.throws(() => input.pipeInput('k', 'bad'), { code: 'PROCESSING_FAILED' })
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['good'])
  t.strictSame(driver.deadLetters(), [])
  await driver.close()
})

t.test('deserialization: what stops says which serde it was, and where', async (t) => {
  for (const [part, serdes, key] of [['key', { key: Serdes.long(), value: text }, 'k'], ['value', { key: text, value: Serdes.long() }, null]] as const) {
    const driver = new TopologyTestDriver(new TopologyBuilder().addSource('source', 'in', serdes).build({ applicationId: 'app' }))
    const message = new RegExp(`^source failed at in-0@0 in task \\S+: its ${part} is not what the serde reads: .+ \\(DESERIALIZATION_FAILED\\)\\.$`)
    t.throws(() => driver.createInputTopic('in', text, text).pipeInput(key, 'v'), { code: 'DESERIALIZATION_FAILED', message, cause: { cause: { name: 'TypeError' } } })
    await driver.close()
  }
})

t.test('deserialization: dead letter of the bytes as they were', async (t) => {
  const json = { ...numbers }
  const topology = new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: json, onError: { deserialization: 'dead-letter' } })
    .addSink('sink', 'out', 'source', { key: text, value: json })
    .build({ applicationId: 'app' })
  const driver = new TopologyTestDriver(topology)
  const input = driver.createInputTopic('in', text, json)
  input.pipeRaw(Buffer.from('k'), Buffer.from('{broken'))
  input.pipeInput('k', 7)
  t.strictSame(driver.createOutputTopic('out', text, json).readValuesToList(), [7])
  const [letter] = driver.deadLetters()
  t.equal(Buffer.from(letter!.value!).toString(), '{broken')
  t.match(letter!.headers, { '__streams.errors.code': 'DESERIALIZATION_FAILED', '__streams.errors.node': 'source', '__streams.errors.exception': 'SyntaxError' })
  await driver.close()
})

t.test('production: serialization and size by the sink\'s policy, the rest of the record stays', async (t) => {
  const topology = (production: ErrorPolicy['production']) =>
    new TopologyBuilder()
      .addSource('source', 'in', { key: text, value: text })
      .addSink('strict', 'numbers', 'source', {
        key: text,
        value: { ...text, serialize: (_topic: string, value: string) => {
          if (value === 'unwritable') {
            throw new TypeError('no')
          }
          return Buffer.from(value)
        } },
        onError: { production },
      })
      .addSink('all', 'out', 'source', { key: text, value: text })
      .build({ applicationId: 'app' })
  const options = { maxMessageBytes: (topic: string) => (topic === 'out' ? undefined : 1_200) }
  for (const action of ['skip', 'dead-letter'] as const) {
    const driver = new TopologyTestDriver(topology(action), options)
    const input = driver.createInputTopic('in', text, text)
    const large = 'x'.repeat(2_000)
    input.pipeAll([['k', 'unwritable'], ['k', large], ['k', 'fine']])
    t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['unwritable', large, 'fine'])
    t.strictSame(driver.createOutputTopic('numbers', text, text).readValuesToList(), ['fine'])
    t.strictSame(
      driver.deadLetters().map(({ headers, value }) => [headers['__streams.errors.code'], headers['__streams.errors.truncated'], value?.length]),
      action === 'skip' ? [] : [['SERIALIZATION_FAILED', undefined, 10], ['RECORD_TOO_LARGE', 'record', undefined]],
      'a dead letter too large for its topic carries where the record is'
    )
    await driver.close()
  }
  const failing = new TopologyTestDriver(topology('fail'), options)
  t.throws(() => failing.createInputTopic('in', text, text).pipeInput('k', 'unwritable'), { code: 'SERIALIZATION_FAILED' })
  await failing.close()
})

/** Three steps in a row, each of which counts; the last one's sink takes no long text. `at`: who answers for what is left to it. */
function chain(at: 'first' | 'second' | undefined, swallow = false): Topology {
  const step = (name: string) =>
    processor((record, context) => {
      const store = context.getStateStore<KeyValueStore<string, number>>(name)
      store.put(record.key, (store.get(record.key) ?? 0) + 1)
      try {
        context.forward(record)
      } catch (error) {
        if (!swallow || name !== 'third') {
          throw error
        }
      }
    })
  const upstream: ErrorPolicy = { processing: 'upstream', production: 'upstream' }
  const builder = new TopologyBuilder().addSource('source', 'in', { key: text, value: text })
  for (const [name, above] of [['first', 'source'], ['second', 'first'], ['third', 'second']] as const) {
    builder.addProcessor(name, step(name), above, { onError: name === at ? { processing: 'dead-letter' } : upstream })
    builder.addStateStore(Stores.keyValueStore(name, { key: text, value: numbers }), name)
    if (name === 'first') {
      builder.addSink('early', 'out', 'first', { key: text, value: text })
    }
  }
  const refused = Object.assign(new RangeError('no'), { code: 'TOO_LONG', field: 'lines.0.text' })
  const strict = { ...text, serialize: (_topic: string, value: string) => {
    if (value.startsWith(POISON)) {
      throw refused
    }
    return Buffer.from(value)
  } }
  builder.addSink('sink', 'strict', 'third', { key: text, value: strict, onError: upstream })
  return builder.build({ applicationId: 'app' })
}

t.test('upstream: the operator above that has a policy takes back everything below it, and its record is the one that failed', async (t) => {
  for (const swallow of [false, true]) {
    const expected = new TopologyTestDriver(chain('first'))
    expected.createInputTopic('in', text, text).pipeAll([['k', 'a'], ['k', 'b']])
    const driver = new TopologyTestDriver(chain('first', swallow))
    driver.createInputTopic('in', text, text).pipeAll([['k', 'a'], ['k', `${POISON}!`], ['k', 'b']])
    for (const topic of ['out', 'strict']) {
      t.strictSame(driver.createOutputTopic(topic, text, text).readValuesToList(), expected.createOutputTopic(topic, text, text).readValuesToList(), topic)
    }
    for (const store of ['first', 'second', 'third']) {
      t.strictSame([...driver.getKeyValueStore(store).all()], [...expected.getKeyValueStore(store).all()], store)
    }
    const letters = driver.deadLetters()
    t.equal(letters.length, 1, 'what a processor caught does not pass for a success')
    t.equal(Buffer.from(letters[0]!.value!).toString(), `${POISON}!`)
    t.match(letters[0]!.headers, {
      '__streams.errors.node': 'first', '__streams.errors.code': 'SERIALIZATION_FAILED', '__streams.errors.cause': 'TOO_LONG',
      '__streams.errors.sink': 'strict', '__streams.errors.field': 'lines.0.text',
    })
    await Promise.all([driver.close(), expected.close()])
  }
})

t.test('upstream: an operator in the middle takes it; what is above and beside it stays', async (t) => {
  const driver = new TopologyTestDriver(chain('second'))
  driver.createInputTopic('in', text, text).pipeInput('k', POISON)
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), [POISON])
  t.strictSame([...driver.getKeyValueStore('first').all()], [['k', 1]])
  t.strictSame([...driver.getKeyValueStore('third').all()], [])
  t.strictSame(driver.deadLetters().map(({ headers }) => headers['__streams.errors.node']), ['second'])
  await driver.close()
})

t.test('upstream: with nobody above it fails, and says where', async (t) => {
  const driver = new TopologyTestDriver(chain(undefined))
  t.throws(() => driver.createInputTopic('in', text, text).pipeInput('k', POISON), { code: 'SERIALIZATION_FAILED', message: /^sink failed at in-0@0 in task \S+: sink: the value for strict could not be serialized \(SERIALIZATION_FAILED\)\.$/ })
  await driver.close()
})

t.test('a store value too large for its changelog strikes the record that made it', async (t) => {
  const topology = new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: text })
    .addProcessor('keep', processor((record, context) => context.getStateStore<{ put(key: string, value: string): void }>('kept').put(record.key, record.value)), 'source', {
      onError: { processing: 'dead-letter' },
    })
    .addStateStore(Stores.keyValueStore('kept', { key: text, value: text }), 'keep')
    .build({ applicationId: 'app' })
  const driver = new TopologyTestDriver(topology, { maxMessageBytes: (topic) => (topic.endsWith('-changelog') ? 500 : undefined) })
  driver.createInputTopic('in', text, text).pipeAll([['a', 'x'.repeat(600)], ['b', 'y']])
  t.strictSame([...driver.getKeyValueStore('kept').all()], [['b', 'y']])
  t.strictSame(driver.deadLetters().map(({ headers }) => headers['__streams.errors.code']), ['RECORD_TOO_LARGE'])
  await driver.close()
})

t.test('dead letters without a topic for them are refused when the task is made', (t) => {
  const topology = oneStep(processor(() => {}), { processing: 'dead-letter' })
  const subtopology = topology.subtopologies[0]!
  const topics = new SimulatedTopics(() => 1)
  const make = (deadLetterTopic: string | undefined) =>
    createTask({
      applicationId: 'app',
      subtopology,
      partition: 0,
      state: openMemoryTaskState(storeSpecs(subtopology)),
      collector: new SimulatedCollector(topics, () => undefined),
      clock: { now: () => 0 },
      config: { deadLetterTopic },
    })
  t.throws(() => make(undefined), { code: 'CONFIG_INVALID', message: /step: .*no dead-letter topic/ })
  t.equal(make('letters').id, `${subtopology.name}_0`)
  t.end()
})

t.test('what is taken back below an operator leaves the iterator it walks along alone', async (t) => {
  const each = processor((record, context) => {
    const rows = context.getStateStore<KeyValueStore<string, string>>('rows')
    rows.put(record.value, record.value)
    for (const [key] of rows.all()) {
      context.forward({ ...record, value: key })
    }
  })
  const step = processor((record, context) => {
    count(record, context, 'seen')
    if (record.value === POISON) {
      throw new Error('after its effects')
    }
  })
  const topology = new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: text })
    .addProcessor('each', each, 'source')
    .addProcessor('step', step, 'each', { onError: { processing: 'skip' } })
    .addStateStore(Stores.keyValueStore('rows', { key: text, value: text }), 'each')
    .addStateStore(Stores.keyValueStore('seen', { key: text, value: numbers }), 'step')
    .addSink('sink', 'out', 'step', { key: text, value: text })
    .build({ applicationId: 'app' })
  const driver = run(topology, ['a', POISON, 'z'])
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['a:1', 'a:2', 'a:3', 'z:4'])
  await driver.close()
})
