import t from 'tap'
import type { PrepareContext } from '../../async/operator.ts'
import { type StreamsBuilder, TimeWindows, WindowedSerdes } from '../../index.ts'
import { Stores } from '../../graph/store-builder.ts'
import { TopologyBuilder } from '../../graph/topology-builder.ts'
import type { Topology } from '../../graph/topology.ts'
import type { KeyValueStore, ProcessorContext, ReadOnlyKeyValueStore } from '../../processor.ts'
import { SerdeNotReady, Serdes } from '../../serdes.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { count, processor } from '../runtime/topologies.ts'
import type { TextOperator } from './calls.ts'
import { asyncTopology, ManualCalls, operator, text } from './calls.ts'

const bytes = Serdes.bytes()

t.test('pending entries are committed, offsets go past them, and their calls are made again after a crash', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call, { concurrency: 2 })))
  const input = driver.createInputTopic('in', text, text)
  const out = driver.createOutputTopic('out', text, text)
  input.pipeAll([['a', 'a1', 1], ['b', 'b1', 2], ['a', 'a2', 3], ['c', 'c1', 4]])
  const task = driver.tasks[0]!
  t.strictSame(task.closeGeneration().offsets.map(({ offset }) => offset), [4])
  task.state.drop()
  calls.of('b1').resolve('B1')
  await driver.tick()
  t.strictSame(out.readValuesToList(), ['B1'])
  const keys = calls.made.map(({ info }) => info.idempotencyKey)
  for (const lost of ['restart', 'restore', 'abort'] as const) {
    const before = calls.made.length
    const old = calls.of('a1')
    driver[lost]()
    t.equal(old.info.signal.aborted, true, 'the calls of the lost owner are signalled')
    t.strictSame(calls.values.slice(before), ['a1', 'c1'], `${lost}: in order of admission, one per key, what had ended stays ended`)
    t.equal(calls.made[before]!.info.idempotencyKey, keys[0], 'the same call has the same key')
    t.strictSame(driver.inFlight(), [{ operator: 'call', pending: 3, running: 2, parked: 0 }])
    old.resolve('from an earlier life')
    await driver.tick()
    t.equal(out.isEmpty, true)
  }
  for (const value of ['a1', 'c1']) {
    calls.of(value).resolve(value.toUpperCase())
  }
  await driver.tick()
  calls.of('a2').resolve('A2')
  await driver.tick()
  t.strictSame(out.readRecordsToList().map(({ key, value, timestamp }) => [key, value, timestamp]), [['a', 'A1', 1], ['c', 'C1', 4], ['a', 'A2', 3]])
  driver.restore()
  t.strictSame(driver.inFlight(), [{ operator: 'call', pending: 0, running: 0, parked: 0 }])
  await driver.close()
})

t.test('an entry that began and ended within one generation never touches the store or its changelog', async (t) => {
  const driver = new TopologyTestDriver(asyncTopology(operator(async (value) => value)), { commitEvery: Number.POSITIVE_INFINITY })
  driver.createInputTopic('in', text, text).pipeAll([['a', '1'], ['b', '2'], ['a', '3']])
  await driver.settle()
  driver.commit()
  t.strictSame([...driver.producedTopicNames()], ['out'])
  await driver.close()
})

t.test('the payload is written once, tries are a row of their own, both end in tombstones', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call, { retry: { attempts: 5, backoffMs: 10 } })))
  driver.createInputTopic('in', text, text).pipeInput('k', 'v'.repeat(100))
  for (let i = 0; i < 3; i++) {
    calls.made[i]!.reject(new Error('no'))
    await driver.tick()
    driver.advanceWallClockTime(1_000)
  }
  const row = driver.createOutputTopic('app-call-in-flight-changelog', bytes, bytes)
  const kinds = row.readRecordsToList().map(({ key, value }) => [key![0], value === null ? null : value.length > 100 ? 'payload' : 'tries'])
  t.strictSame(kinds, [[1, 'payload'], [2, 'tries'], [2, 'tries'], [2, 'tries']])
  driver.restart()
  t.equal(calls.made.at(-1)!.info.attempt, 4, 'tries are remembered')
  calls.made.at(-1)!.resolve('done')
  await driver.tick()
  t.strictSame(row.readRecordsToList().map(({ key, value }) => [key![0], value]), [[1, null], [2, null]])
  await driver.close()
})

t.test('results that arrive after a drop are ignored; the result of the new call counts, once', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call)), { commitEvery: 100 })
  driver.createInputTopic('in', text, text).pipeInput('k', 'v')
  const first = calls.made[0]!
  driver.abort()
  t.equal(calls.made.length, 2, 'the input was fetched and admitted again')
  first.resolve('first')
  await driver.tick()
  calls.made[1]!.resolve('second')
  await driver.tick()
  driver.commit()
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['second'])
  await driver.close()
})

t.test('a completed entry is pending again after its generation was aborted', async (t) => {
  let calls = 0
  const driver = new TopologyTestDriver(asyncTopology(operator(async (value) => `${value}${++calls}`)), { commitEvery: 2 })
  const input = driver.createInputTopic('in', text, text)
  input.pipeInput('k', 'v')
  driver.commit()
  await driver.settle()
  t.equal(driver.createOutputTopic('out', text, text).isEmpty, true)
  driver.abort()
  t.equal(driver.inFlight()[0]!.pending, 1)
  await driver.settle()
  driver.commit()
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['v2'])
  await driver.close()
})

/** in → split (each value's letters) → price → tax → out: two chained operators behind a flatMap. */
function chain(first: Partial<TextOperator>, second: Partial<TextOperator>, call: TextOperator['call'] = async (input) => input): Topology {
  return new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: text })
    .addProcessor('split', processor((record, context) => {
      for (const letter of record.value) {
        context.forward({ ...record, value: letter })
      }
    }), 'source')
    .addAsyncProcessor('price', operator(call as never, first), 'split')
    .addAsyncProcessor('tax', operator(call as never, second), 'price')
    .addSink('sink', 'out', 'tax', { key: text, value: text })
    .build({ applicationId: 'app' })
}

t.test('idempotency keys: one per record born of an offset, equal for its repetitions, through chained operators', async (t) => {
  const seen = new Map<string, string>()
  const conflicts: string[] = []
  const service = async (input: unknown, { idempotencyKey }: { idempotencyKey: string }) => {
    // A service that honours keys: it would drop a second call under one that it knows.
    const known = seen.get(idempotencyKey)
    if (known !== undefined && known !== input) {
      conflicts.push(idempotencyKey)
    }
    seen.set(idempotencyKey, input as string)
    return input
  }
  const driver = new TopologyTestDriver(chain({}, {}, service), { commitEvery: 1 })
  const input = driver.createInputTopic('in', text, text)
  input.pipeAll([['k', 'abc'], ['l', 'de']])
  driver.restart()
  await driver.settle()
  t.strictSame(conflicts, [])
  t.strictSame([...seen].sort(), [
    ['app/price/in/0/0/0', 'a'],
    ['app/price/in/0/0/1', 'b'],
    ['app/price/in/0/0/2', 'c'],
    ['app/price/in/0/1/0', 'd'],
    ['app/price/in/0/1/1', 'e'],
    ['app/tax/in/0/0/0.0', 'a'],
    ['app/tax/in/0/0/1.0', 'b'],
    ['app/tax/in/0/0/2.0', 'c'],
    ['app/tax/in/0/1/0.0', 'd'],
    ['app/tax/in/0/1/1.0', 'e'],
  ])
  t.strictSame(driver.createOutputTopic('out', text, text).readKeyValuesToList().filter(([key]) => key === 'k').map(([, value]) => value), ['a', 'b', 'c'])
  await driver.close()
})

t.test('what a punctuator admits has a key of its own, kept across restarts', async (t) => {
  const calls = new ManualCalls()
  const topology = new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: text })
    .addProcessor('ticker', processor(() => {}, (context) => context.schedule(10, 'wall-clock-time', (timestamp) => context.forward({ key: 'tick', value: String(timestamp), timestamp, headers: [] }))), 'source')
    .addAsyncProcessor('call', operator(calls.call, { order: 'none' }), 'ticker')
    .build({ applicationId: 'app' })
  const driver = new TopologyTestDriver(topology)
  driver.advanceWallClockTime(10)
  driver.advanceWallClockTime(10)
  driver.restart()
  const keys = calls.made.map(({ info }) => info.idempotencyKey)
  t.match(keys[0], /^app\/call\/punctuator\/[0-9a-f-]{36}$/)
  t.not(keys[0], keys[1])
  t.strictSame(keys.slice(2), keys.slice(0, 2))
  await driver.close()
})

t.test('chained operators with maxPending 1 do not wait for each other', async (t) => {
  const driver = new TopologyTestDriver(chain({ maxPending: 1, concurrency: 1 }, { maxPending: 1, concurrency: 1 }))
  const input = driver.createInputTopic('in', text, text)
  for (let i = 0; i < 20; i++) {
    input.pipeInput(`k${i}`, 'xyz')
  }
  t.ok(driver.inFlight()[0]!.pending <= 3, 'overshoot is bounded by fan-out')
  t.equal(driver.tasks[0]!.paused({ topic: 'in', partition: 0 }), true)
  await driver.settle()
  t.equal(driver.createOutputTopic('out', text, text).size, 60)
  t.equal(driver.tasks[0]!.paused({ topic: 'in', partition: 0 }), false)
  await driver.close()
})

t.test('two operators with a repartition topic between them, maxPending 1, in one thread', async (t) => {
  const driver = new TopologyTestDriver((builder) => {
    const options = { maxPending: 1, concurrency: 1 }
    builder
      .stream('in', { key: text, value: text })
      .mapAsync(async (value) => `${value}1`, { ...options, name: 'first', value: text })
      .selectKey((key) => key.slice(0, 1), { key: text })
      .repartition({ name: 'by-letter', key: text, value: text })
      .mapAsync(async (value) => `${value}2`, { ...options, name: 'second', value: text })
      .to('out')
  })
  const input = driver.createInputTopic('in', text, text)
  for (let i = 0; i < 30; i++) {
    input.pipeInput(`${'abc'[i % 3]}${i}`, `v${i}-`)
  }
  await driver.settle()
  const out = driver.createOutputTopic('out', text, text).readKeyValuesToList()
  t.equal(out.length, 30)
  t.strictSame(out.filter(([key]) => key === 'a').map(([, value]) => value), Array.from({ length: 10 }, (_, i) => `v${i * 3}-12`))
  await driver.close()
})

t.test('maxPendingBytes closes the sources too', async (t) => {
  const calls = new ManualCalls()
  const driver = new TopologyTestDriver(asyncTopology(operator(calls.call, { maxPendingBytes: 500 })))
  const input = driver.createInputTopic('in', text, text)
  for (let i = 0; i < 10; i++) {
    input.pipeInput(`k${i}`, 'x'.repeat(200))
  }
  t.equal(driver.inFlight()[0]!.pending, 2)
  t.equal(driver.tasks[0]!.paused({ topic: 'in', partition: 0 }), true)
  for (let i = 0; i < 10; i++) {
    calls.made[i]!.resolve('done')
    await driver.tick()
  }
  t.equal(driver.createOutputTopic('out', text, text).size, 10)
  await driver.close()
})

t.test('settled calls and records are drained in slices: neither starves the other', async (t) => {
  const driver = new TopologyTestDriver(asyncTopology(operator(async (value) => value, { concurrency: 100, order: 'none' })))
  const input = driver.createInputTopic('in', text, text)
  for (let i = 0; i < 50; i++) {
    input.pipeInput('k', `v${i}`)
  }
  await new Promise((resolve) => setImmediate(resolve))
  const task = driver.tasks[0]!
  t.equal(task.settledCalls, 50)
  t.equal(task.process(10), 10, 'a bounded slice of settled calls')
  t.equal(task.settledCalls, 40)
  await driver.settle()
  t.equal(driver.createOutputTopic('out', text, text).size, 50)
  await driver.close()
})

t.test('prepare reads stores, complete writes them; the call touches nothing of the task', async (t) => {
  let leakedContext: ProcessorContext<string, string> | undefined
  let leakedStore: ReadOnlyKeyValueStore<string, number> | undefined
  const prices = Stores.keyValueStore('prices', { key: text, value: Serdes.json<number>() })
  const errors: unknown[] = []
  const call: TextOperator = operator(
    async (input) => {
      for (const use of [() => leakedStore!.get('a'), () => leakedContext?.forward({ key: '', value: '', timestamp: 0, headers: [] })]) {
        try {
          use()
        } catch (error) {
          errors.push((error as { code: string }).code)
        }
      }
      return input
    },
    {
      prepare: (record, context: PrepareContext) => {
        leakedStore = context.getStateStore<string, number>('prices')
        t.notOk('put' in leakedStore, 'reading only')
        t.throws(() => context.getStateStore('other'), { code: 'STORE_NOT_CONNECTED' })
        return leakedStore.get(record.key) ?? 0
      },
      complete: (result, record, context) => {
        leakedContext = context
        t.strictSame(context.recordMetadata(), { topic: 'in', partition: 0, offset: Number(record.value) })
        context.getStateStore<KeyValueStore<string, number>>('prices').put(record.key, Number(result) + 1)
        context.forward({ ...record, value: String(result) })
      },
    }
  )
  const topology = new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: text })
    .addAsyncProcessor('call', call, 'source')
    .addStateStore(prices, 'call')
    .addSink('sink', 'out', 'call', { key: text, value: text })
    .build({ applicationId: 'app' })
  const driver = new TopologyTestDriver(topology)
  driver.createInputTopic('in', text, text).pipeAll([['k', '0'], ['k', '1'], ['k', '2']])
  await driver.settle()
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['0', '1', '2'], 'one at a time per key: each sees what the one before wrote')
  t.equal(driver.getKeyValueStore('prices').get('k'), 3)
  t.equal(errors.filter((code) => code === 'CONTEXT_OUT_OF_TURN').length, 5, 'stores in three calls, the context in the last two')
  await driver.close()
})

t.test('a deploy without the operator: refused by name and count, or to the dead letters', async (t) => {
  const make = (name: string, orphans?: 'dead-letter') => {
    const other = asyncTopology(operator(async () => new Promise(() => {}), { onFailure: 'park' }), name)
    const subtopology = other.subtopologies[0]!
    // The new version keeps the table under the same name, as a shared one would.
    const nodes = new Map([...subtopology.nodes].map(([id, node]) => [id, node.kind === 'async' ? { ...node, inFlightStore: 'table' } : node]))
    const stores = subtopology.stores.map((store) => ({ ...store, name: 'table', changelog: 'app-table-changelog' }))
    const topology: Topology = { ...other, subtopologies: [{ ...subtopology, name: 's', nodes, stores }] }
    return { topology, options: { config: { orphans } } }
  }
  const before = make('old')
  const driver = new TopologyTestDriver(before.topology, before.options)
  driver.createInputTopic('in', text, text).pipeAll([['a', '1'], ['b', '2'], ['c', '3']])
  t.equal(driver.inFlight()[0]!.pending, 3)
  const refused = make('new')
  t.throws(() => driver.redeploy(refused.topology, refused.options), { code: 'ORPHANED_ENTRIES', message: /old \(3\)/ })
  const accepted = make('new', 'dead-letter')
  driver.redeploy(accepted.topology, accepted.options)
  t.strictSame(driver.deadLetters().map(({ value, headers }) => [Buffer.from(value!).toString(), headers['__streams.errors.node'], headers['__streams.errors.code']]), [
    ['1', 'old', 'ORPHANED_ENTRIES'],
    ['2', 'old', 'ORPHANED_ENTRIES'],
    ['3', 'old', 'ORPHANED_ENTRIES'],
  ])
  driver.restore()
  t.equal(driver.deadLetters().length, 3, 'once')
  await driver.close()
})

t.test('stream time downstream is held at what is pending, not at what is parked', async (t) => {
  const calls = new ManualCalls()
  const times: number[] = []
  const fired: number[] = []
  const topology = new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: text })
    .addAsyncProcessor('call', operator(calls.call, { onFailure: 'park' }), 'source')
    .addProcessor('window', processor((_record, context) => times.push(context.currentStreamTimeMs()), (context) => context.schedule(10, 'stream-time', (time) => fired.push(time))), 'call')
    .build({ applicationId: 'app' })
  const driver = new TopologyTestDriver(topology)
  driver.createInputTopic('in', text, text).pipeAll([['a', 'a', 0], ['b', 'b', 30], ['c', 'c', 50]])
  calls.of('b').resolve('b')
  await driver.tick()
  t.strictSame(times, [0], 'b overtakes a, whose time holds')
  calls.of('c').resolve('c')
  await driver.tick()
  t.strictSame(times, [0, 0])
  calls.of('a').reject(new Error('no'))
  await driver.tick()
  driver.createInputTopic('in', text, text).pipeInput('d', 'd', 60)
  calls.of('d').resolve('d')
  await driver.tick()
  t.strictSame(times, [0, 0, 60], 'a parked entry does not hold')
  t.strictSame(fired, [0, 50, 60], 'stream time goes on when the hold ends')
  await driver.close()
})

t.test('a skipped record is taken out of the table with all it admitted', async (t) => {
  const called: string[] = []
  const topology = new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: text })
    .addProcessor('split', processor((record, context) => {
      count(record, { ...context, forward: () => {}, getStateStore: (name: string) => context.getStateStore(name) } as ProcessorContext<string, string>, 'counts')
      for (const letter of record.value) {
        if (letter === '!') {
          throw new Error('KABOOM')
        }
        context.forward({ ...record, value: letter })
      }
    }), 'source', { onError: { processing: 'skip', processingRetries: 1 } })
    .addStateStore(Stores.keyValueStore('counts', { key: text, value: Serdes.json<number>() }), 'split')
    .addAsyncProcessor('call', operator(async (value, info) => called.push(`${value} ${info.idempotencyKey.split('/').slice(3).join('/')}`)), 'split')
    .build({ applicationId: 'app' })
  const driver = new TopologyTestDriver(topology)
  driver.createInputTopic('in', text, text).pipeAll([['k', 'ab'], ['k', 'cd!'], ['k', 'ef']])
  await driver.settle()
  t.strictSame(called, ['a 0/0/0', 'b 0/0/1', 'e 0/2/0', 'f 0/2/1'])
  t.equal(driver.getKeyValueStore('counts').get('k'), 2)
  await driver.close()
})

t.test('a restored entry whose serde is not ready waits, others go on; if it never gets ready the policy acts', async (t) => {
  let known = false
  let gate = Promise.withResolvers<void>()
  const value: TextOperator['value'] = {
    ...text,
    deserialize(topic, row, headers) {
      if (!known && row[0] === 'L'.charCodeAt(0)) {
        throw new SerdeNotReady(gate.promise)
      }
      return text.deserialize(topic, row, headers)
    },
  }
  const driver = new TopologyTestDriver(asyncTopology(operator(async (input) => input, { value, onFailure: 'dead-letter' })))
  const input = driver.createInputTopic('in', text, text)
  const out = driver.createOutputTopic('out', text, text)
  input.pipeAll([['a', 'L1'], ['b', '2']])
  driver.restart()
  await driver.tick()
  t.strictSame(out.readValuesToList(), ['2'])
  known = true
  gate.resolve()
  await driver.tick()
  await driver.settle()
  t.strictSame(out.readValuesToList(), ['L1'])
  known = false
  gate = Promise.withResolvers<void>()
  input.pipeInput('a', 'L3')
  gate.reject(new Error('no schema'))
  await driver.tick()
  t.match(driver.deadLetters(), [{ headers: { '__streams.errors.code': 'DESERIALIZATION_FAILED', '__streams.errors.node': 'call' } }])
  t.strictSame(driver.inFlight(), [{ operator: 'call', pending: 0, running: 0, parked: 0 }])
  await driver.close()
})

t.test('two operators whose results meet in a third: no idempotency key names two records', async (t) => {
  const seen = new Map<string, unknown>()
  const call = async (input: unknown, { idempotencyKey }: { idempotencyKey: string }) => {
    t.equal(seen.has(idempotencyKey), false, idempotencyKey)
    seen.set(idempotencyKey, input)
    return input
  }
  const topology = new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: text })
    .addAsyncProcessor('left', operator(call as never), 'source')
    .addAsyncProcessor('right', operator(call as never), 'source')
    .addAsyncProcessor('both', operator(call as never, { order: 'none' }), ['left', 'right', 'source'])
    .build({ applicationId: 'app' })
  const driver = new TopologyTestDriver(topology)
  driver.createInputTopic('in', text, text).pipeAll([['k', 'a'], ['k', 'b']])
  await driver.settle()
  t.equal([...seen.keys()].filter((key) => key.startsWith('app/both/')).length, 6)
  await driver.close()
})

t.test('a record that was late when it was admitted is late after a restart, too', async (t) => {
  for (const disturb of ['nothing', 'restart', 'restore', 'abort'] as const) {
    const calls = new ManualCalls()
    const driver = new TopologyTestDriver((b: StreamsBuilder) => {
      b.stream('in', { key: text, value: text })
        .mapAsync(async (value, info) => String(await calls.call(value, info)), { name: 'call', value: text })
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeWithNoGrace(10))
        .count({ name: 'counts' })
        .toStream()
        .to('out', { key: WindowedSerdes.timeWindowed(text, 10), value: Serdes.long() })
    })
    const input = driver.createInputTopic('in', text, text)
    const step = async (value: string, timestamp: number, before: 'nothing' | 'restart' | 'restore' | 'abort' = 'nothing') => {
      input.pipeInput('k', value, timestamp)
      if (before !== 'nothing') {
        driver[before]()
      }
      calls.of(value).resolve(value)
      await driver.tick()
    }
    await step('first', 5)
    await step('closes the window of the first', 25)
    await step('late', 6, disturb)
    await step('next', 26)
    const out = driver.createOutputTopic('out', WindowedSerdes.timeWindowed(text, 10), Serdes.long())
    t.strictSame(out.readRecordsToList().map(({ key, value }) => [key?.window.start, Number(value)]), [[0, 1], [20, 1], [20, 2]], disturb)
    await driver.close()
  }
})
