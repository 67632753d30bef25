import t from 'tap'
import type { StreamsBuilder } from '../../dsl/streams-builder.ts'
import { Stores } from '../../graph/store-builder.ts'
import { TopologyBuilder } from '../../graph/topology-builder.ts'
import type { KeyValueStore, ProcessorContext, ValueAndTimestamp } from '../../processor.ts'
import type { Serde } from '../../serdes.ts'
import { SerdeNotReady, Serdes } from '../../serdes.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { count, numbers, oneStep, processor, text } from './topologies.ts'

t.test('contexts and stores throw outside their turn, and after a drop', async (t) => {
  const contexts: ProcessorContext<string, string>[] = []
  const stores: KeyValueStore<string, number>[] = []
  const driver = new TopologyTestDriver(
    oneStep(
      processor(
        (record, context) => {
          count(record, context, 'counts')
          if (contexts.length === 2) {
            t.throws(() => contexts[0]!.forward(record), { code: 'CONTEXT_OUT_OF_TURN' }, 'of the incarnation before')
            t.throws(() => stores[0]!.get('k'), { code: 'CONTEXT_OUT_OF_TURN' })
          }
        },
        (context) => {
          contexts.push(context)
          stores.push(context.getStateStore('counts'))
        }
      )
    )
  )
  const input = driver.createInputTopic('in', text, text)
  input.pipeInput('k', 'v')
  t.throws(() => contexts[0]!.forward({ key: 'k', value: 'v', timestamp: 0, headers: [] }), { code: 'CONTEXT_OUT_OF_TURN' })
  t.throws(() => contexts[0]!.schedule(1, 'stream-time', () => {}), { code: 'CONTEXT_OUT_OF_TURN' })
  for (const use of [() => stores[0]!.get('k'), () => stores[0]!.put('k', 1), () => stores[0]!.delete('k'), () => [...stores[0]!.all()]]) {
    t.throws(use, { code: 'CONTEXT_OUT_OF_TURN' })
  }
  driver.abort()
  input.pipeInput('k', 'w')
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['v:1', 'w:2'])
  await driver.close()
})

t.test('a store that is not connected, and a child that does not exist, are refused by name', async (t) => {
  const driver = new TopologyTestDriver(
    oneStep(
      processor((record, context) => {
        t.throws(() => context.getStateStore('other'), { code: 'STORE_NOT_CONNECTED', message: /connected: counts/ })
        t.throws(() => context.forward(record, 'nobody'), { code: 'TOPOLOGY_INVALID', message: /children: sink/ })
        context.forward(record, 'sink')
      })
    )
  )
  driver.createInputTopic('in', text, text).pipeInput('k', 'v')
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['v'])
  await driver.close()
})

t.test('an init that fails is reported with the code of its own error, and as what it is', async (t) => {
  const starting = (init: (context: ProcessorContext<string, string>) => void) => () => new TopologyTestDriver(oneStep(processor(() => {}, init)))
  t.throws(
    starting((context) => void context.getStateStore('other')),
    { code: 'STORE_NOT_CONNECTED', message: /^step failed in init in task .*: step: store 'other' is not connected/ }
  )
  t.throws(
    starting(() => {
      throw new TypeError('of the user')
    }),
    { code: 'PROCESSING_FAILED', message: /^step failed in init in task \S+\.$/, cause: { name: 'TypeError' } }
  )
})

t.test('records that end at an operator without a result are counted by their task', async (t) => {
  const driver = new TopologyTestDriver((b: StreamsBuilder) => {
    b.stream('in', { key: text, value: text }).groupByKey().count({ name: 'per-key' }).toStream().to('counts', { key: text, value: Serdes.long() })
  })
  const input = driver.createInputTopic<string | null, string | null>('in', text as Serde<string | null>, text as Serde<string | null>)
  input.pipeInput(null, 'a')
  input.pipeInput('k', 'b')
  input.pipeInput('k', null)
  t.strictSame(driver.tasks.map((task) => [task.counters.processed, task.counters.dropped]), [[3, 2]])
  await driver.close()
})

t.test('a drop throws away everything in memory: fields, timers, stream time, outputs, state', async (t) => {
  const log: string[] = []
  const supplier = () => {
    let field = 0
    let context: ProcessorContext<string, string>
    return {
      init(given: ProcessorContext<string, string>) {
        context = given
        context.schedule(10, 'wall-clock-time', () => {
          log.push(`timer of ${field}`)
        })
      },
      process(record: { key: string; value: string; timestamp: number; headers: readonly never[] }) {
        field++
        count(record, { ...context, forward: () => {}, getStateStore: (name: string) => context.getStateStore(name) } as ProcessorContext<string, string>, 'counts')
        context.forward({ ...record, value: `${record.value}:${field}@${context.currentStreamTimeMs()}` })
      },
      close() {
        log.push('closed')
      },
    }
  }
  const driver = new TopologyTestDriver(oneStep(supplier as never), { commitEvery: 3 })
  const input = driver.createInputTopic('in', text, text)
  const out = driver.createOutputTopic('out', text, text)
  input.pipeInput('k', 'a', 100)
  input.pipeInput('k', 'b', 900)
  t.equal(out.isEmpty, true, 'nothing is committed')
  driver.abort()
  t.strictSame(log, ['closed'])
  input.pipeInput('k', 'c', 200)
  t.strictSame(out.readValuesToList(), ['a:1@100', 'b:2@900', 'c:3@900'], 'replayed from the committed offset')
  t.equal(driver.getKeyValueStore('counts').get('k'), 3)
  input.pipeInput('k', 'd', 300)
  driver.abort()
  driver.advanceWallClockTime(10)
  t.strictSame(log, ['closed', 'closed', 'timer of 1'], 'the timers of earlier incarnations are gone')
  await driver.close()
})

t.test('changelogs: last value per key and commit; timestamped stores without their eight bytes; none for a table\'s source', async (t) => {
  const driver = new TopologyTestDriver(
    new TopologyBuilder()
      .addSource('source', 'in', { key: text, value: text })
      .addProcessor('step', processor((record, context) => {
        count(record, context, 'counts')
        context.getStateStore<KeyValueStore<string, ValueAndTimestamp<string>>>('stamped').put(record.key, { value: record.value, timestamp: record.timestamp + 7 })
        context.getStateStore<KeyValueStore<string, string>>('local').put(record.key, record.value)
      }), 'source')
      .addStateStore(Stores.keyValueStore('counts', { key: text, value: numbers }), 'step')
      .addStateStore(Stores.timestampedKeyValueStore('stamped', { key: text, value: text }), 'step')
      .addStateStore(Stores.keyValueStore('local', { key: text, value: text, logged: false }), 'step')
      .build({ applicationId: 'app' }),
    { commitEvery: 2 }
  )
  driver.createInputTopic('in', text, text).pipeAll([['k', 'a', 10], ['k', 'b', 20], ['k', 'c', 15], ['l', 'd', 16]])
  const read = (topic: string, value: Serde<unknown>) => driver.createOutputTopic(topic, text, value).readRecordsToList().map(({ key, value, timestamp }) => [key, value, timestamp])
  t.strictSame(read('app-counts-changelog', numbers as Serde<unknown>), [['k', 2, 20], ['k', 3, 15], ['l', 1, 16]])
  t.strictSame(read('app-stamped-changelog', text as Serde<unknown>), [['k', 'b', 27], ['k', 'c', 22], ['l', 'd', 23]])
  t.strictSame([...driver.producedTopicNames()], ['app-counts-changelog', 'app-stamped-changelog'])
  const before = [...driver.getTimestampedKeyValueStore('stamped').all()]
  driver.restore()
  t.strictSame([...driver.getTimestampedKeyValueStore('stamped').all()], before)
  t.strictSame([...driver.getKeyValueStore('counts').all()], [['k', 3], ['l', 1]])
  t.strictSame([...driver.getKeyValueStore('local').all()], [], 'what is not logged is lost with the disk')
  await driver.close()
})

t.test('a table read from its topic: put by its source, not logged, restored from the source as far as committed', async (t) => {
  const driver = new TopologyTestDriver((builder: StreamsBuilder) => {
    const table = builder.table('users', { key: text, value: text })
    builder.stream('clicks', { key: text, value: text }).join(table, (click, user) => `${user} ${click}`).to('out', { key: text, value: text })
  })
  driver.createInputTopic('users', text, text).pipeAll([['1', 'ann', 1], ['2', 'bob', 2], ['1', 'anna', 3]])
  const clicks = driver.createInputTopic('clicks', text, text)
  const out = driver.createOutputTopic('out', text, text)
  clicks.pipeInput('1', 'x', 4)
  driver.restore()
  clicks.pipeInput('2', 'y', 5)
  t.strictSame(out.readValuesToList(), ['anna x', 'bob y'])
  t.strictSame([...driver.producedTopicNames()], ['out'])
  await driver.close()
})

t.test('a global table is read by every task, by name, and can\'t be written', async (t) => {
  const driver = new TopologyTestDriver((builder: StreamsBuilder) => {
    const rates = builder.globalTable('rates', { key: text, value: text })
    builder.stream('in', { key: text, value: text }).join(rates, (_key, value) => value, (value, rate) => `${value}=${rate}`).to('out', { key: text, value: text })
  }, { partitions: 3 })
  driver.createInputTopic('rates', text, text).pipeAll([['eur', '1.0'], ['usd', '1.1']])
  const input = driver.createInputTopic('in', text, text)
  for (const partition of [0, 1, 2]) {
    input.pipeInput('k', partition === 1 ? 'usd' : 'eur', 0, [], { partition })
  }
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList().sort(), ['eur=1.0', 'eur=1.0', 'usd=1.1'])
  await driver.close()
})

t.test('a record whose serde is not ready holds its partition; the other goes on', async (t) => {
  let ready: (() => void) | undefined
  let fail: ((error: Error) => void) | undefined
  let known = false
  const lazy: Serde<string> = {
    ...text,
    deserialize(topic, bytes, headers) {
      if (!known) {
        throw new SerdeNotReady(new Promise((resolve, reject) => {
          ready = () => {
            known = true
            resolve()
          }
          fail = reject
        }))
      }
      return text.deserialize(topic, bytes, headers)
    },
  }
  const topology = () => new TopologyBuilder()
    .addSource('slow', 'slow', { key: text, value: lazy, onError: { deserialization: 'dead-letter' } })
    .addSource('fast', 'fast', { key: text, value: text })
    .addProcessor('step', processor((record, context) => context.forward(record)), ['slow', 'fast'])
    .addSink('sink', 'out', 'step', { key: text, value: text })
    .build({ applicationId: 'app' })
  const driver = new TopologyTestDriver(topology())
  const out = driver.createOutputTopic('out', text, text)
  driver.createInputTopic('slow', text, text).pipeInput('k', 's1', 1)
  driver.createInputTopic('fast', text, text).pipeInput('k', 'f2', 2)
  t.strictSame(out.readValuesToList(), ['f2'])
  ready!()
  await driver.tick()
  t.strictSame(out.readValuesToList(), ['s1'])
  known = false
  driver.createInputTopic('slow', text, text).pipeInput('k', 's3', 3)
  fail!(new Error('no schema'))
  await driver.tick()
  t.strictSame(driver.deadLetters().map(({ headers }) => headers['__streams.errors.code']), ['DESERIALIZATION_FAILED'])
  t.strictSame(out.readValuesToList(), [])
  known = false
  driver.createInputTopic('slow', text, text).pipeInput('k', 's4', 4)
  driver.abort()
  await driver.tick()
  ready!()
  await driver.tick()
  t.strictSame(out.readValuesToList(), ['s4'], 'a dependency that came for an earlier incarnation does not double the record')
  await driver.close()
})

t.test('commit() asks for a commit and changes nothing else', async (t) => {
  const driver = new TopologyTestDriver(oneStep(processor((record, context) => {
    context.forward(record)
    if (record.value === 'now') {
      context.commit()
    }
  })), { commitEvery: Number.POSITIVE_INFINITY })
  const input = driver.createInputTopic('in', text, text)
  const out = driver.createOutputTopic('out', text, text)
  input.pipeInput('k', 'later')
  t.equal(out.isEmpty, true)
  input.pipeInput('k', 'now')
  t.strictSame(out.readValuesToList(), ['later', 'now'])
  await driver.close()
})

t.test('paused above the limits, once a chunk waits behind the one in hand', async (t) => {
  const driver = new TopologyTestDriver(oneStep(processor(() => {})), { config: { bufferedRecordsPerPartition: 2 } })
  const task = driver.tasks[0]!
  const partition = { topic: 'in', partition: 0 }
  const chunk = (maxRecords: number, bytes = 10) => ({ ...partition, epoch: 0, cursor: { next: () => true, offset: 0, timestamp: 1 } as never, bytes, maxRecords, nextOffset: 99, highWatermark: 99, lastStableOffset: 99, logStartOffset: 0, receivedAt: 0 })
  t.equal(task.paused(partition), false)
  task.enqueue(chunk(50))
  t.equal(task.paused(partition), false, 'the next fetch leaves while this chunk is processed')
  task.enqueue(chunk(50))
  t.equal(task.paused(partition), true)
  t.equal(task.paused({ topic: 'other', partition: 0 }), false)
  await driver.close()
})
