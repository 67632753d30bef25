import { openMemoryTaskState } from 'millrace-state-stores'
import t from 'tap'
import type { FetchedRecords } from '../../kafka/contract.ts'
import { decodeOffsetMetadata, encodeOffsetMetadata } from '../../runtime/offset-metadata.ts'
import { storeSpecs } from '../../runtime/stores.ts'
import { createTask } from '../../runtime/task.ts'
import { TopologyTestDriver } from '../../testing/index.ts'
import { SimulatedCollector, SimulatedTopics } from '../../testing/simulated-topics.ts'
import { TopologyBuilder } from '../../graph/topology-builder.ts'
import { oneStep, processor, text } from './topologies.ts'

t.test('the metadata of a committed offset has Kafka Streams\' bytes, and ours behind them', (t) => {
  const plain = encodeOffsetMetadata(1_234_567)
  t.equal(Buffer.from(plain, 'base64').toString('hex'), '02000000000012d68700000000')
  const extended = encodeOffsetMetadata(1_234_567, new Map([['transactional.id', 'app-1-0-äb']]))
  t.equal(Buffer.from(extended, 'base64').toString('hex').slice(0, 26), '02000000000012d68700000000', 'Java reads the same and stops')
  t.strictSame(decodeOffsetMetadata(extended), { partitionTime: 1_234_567, extras: new Map([['transactional.id', 'app-1-0-äb']]) })
  t.strictSame(decodeOffsetMetadata(plain).extras, new Map())
  t.equal(decodeOffsetMetadata('').partitionTime, -1)
  t.equal(decodeOffsetMetadata(encodeOffsetMetadata(-1)).partitionTime, -1)
  const versionOne = Buffer.from('01000000000000000a', 'hex').toString('base64')
  t.equal(decodeOffsetMetadata(versionOne).partitionTime, 10)
  const withPositions = Buffer.from('02000000000000000b0000000100000002616200000000000000ff', 'hex').toString('base64')
  t.equal(decodeOffsetMetadata(withPositions).partitionTime, 11, 'a position map of Java\'s is passed over')
  t.throws(() => decodeOffsetMetadata('AA'), { code: 'OFFSETS_MISSING' })
  t.end()
})

t.test('partition time survives a restart in the metadata', async (t) => {
  const seen: (readonly [number, number])[] = []
  const topology = new TopologyBuilder()
    .addSource('source', 'in', {
      key: text,
      value: text,
      timestampExtractor: (record, _metadata, partitionTime) => {
        seen.push([record.timestamp, partitionTime])
        return record.timestamp
      },
    })
    .addProcessor('step', processor((record, context) => context.forward(record)), 'source')
    .addSink('sink', 'out', 'step', { key: text, value: text })
    .build({ applicationId: 'app' })
  const driver = new TopologyTestDriver(topology)
  const input = driver.createInputTopic('in', text, text)
  input.pipeInput('k', 'a', 5_000)
  input.pipeInput('k', 'b', 4_000)
  driver.restart()
  input.pipeInput('k', 'c', 4_999)
  t.strictSame(seen, [[5_000, -1], [4_000, 5_000], [4_999, 5_000]])
  await driver.close()
})

t.test('stream time survives a restart', async (t) => {
  const times: number[] = []
  const driver = new TopologyTestDriver(oneStep(processor((_record, context) => times.push(context.currentStreamTimeMs()))))
  const input = driver.createInputTopic('in', text, text)
  input.pipeInput('k', 'a', 70)
  driver.restart()
  input.pipeInput('k', 'b', 60)
  t.strictSame(times, [70, 70])
  await driver.close()
})

t.test('offsets advance over corrupted records, even if all are', async (t) => {
  const corrupted = { ...text, deserialize: (_topic: string, bytes: Uint8Array) => {
    if (bytes[0] === 0) {
      throw new Error('corrupted')
    }
    return Buffer.from(bytes).toString()
  } }
  const topology = new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: corrupted, onError: { deserialization: 'skip' } })
    .addSink('sink', 'out', 'source', { key: text, value: text })
    .build({ applicationId: 'app' })
  const driver = new TopologyTestDriver(topology, { commitEvery: Number.POSITIVE_INFINITY })
  const input = driver.createInputTopic('in', text, text)
  for (let i = 0; i < 3; i++) {
    input.pipeRaw(null, Buffer.from([0, i]))
  }
  const task = driver.tasks[0]!
  t.ok(task.commitNeeded)
  t.strictSame(task.closeGeneration().offsets.map(({ offset }) => offset), [3])
  t.equal(task.counters.skipped, 3)
  task.state.drop()
  input.pipeRaw(null, Buffer.from('good'))
  input.pipeRaw(null, Buffer.from([0]))
  t.strictSame(task.closeGeneration().offsets.map(({ offset }) => offset), [5], 'a good one among them')
  task.state.drop()
  input.pipeRaw(null, Buffer.from('last'))
  driver.commit()
  t.strictSame(driver.createOutputTopic('out', text, text).readValuesToList(), ['good', 'last'])
  await driver.close()
})

t.test('a record without a valid timestamp fails the task, or is skipped by policy', async (t) => {
  const failing = new TopologyTestDriver(oneStep(processor((record, context) => context.forward(record))))
  t.throws(() => failing.createInputTopic('in', text, text).pipeInput('k', 'v', -1), { code: 'TIMESTAMP_INVALID', message: /in-0@0/ })
  const skipping = new TopologyTestDriver(oneStep(processor((record, context) => context.forward(record)), undefined, { deserialization: 'skip' }))
  const input = skipping.createInputTopic('in', text, text)
  input.pipeInput('k', 'v', -1)
  input.pipeInput('k', 'w', 1)
  t.strictSame(skipping.createOutputTopic('out', text, text).readValuesToList(), ['w'])
  await failing.close()
  await skipping.close()
})

t.test('a task is not started without a position for every input', async (t) => {
  const driver = new TopologyTestDriver(oneStep(processor(() => {})))
  const task = driver.tasks[0]!
  task.drop()
  t.throws(() => task.initialize([{ topic: 'in', partition: 0, offset: -1, metadata: '', leaderEpoch: -1 }]), { code: 'OFFSETS_MISSING' })
  await driver.close()
})

t.test('a position that has moved over markers and what was aborted is committed, too: behind it retention may delete', async (t) => {
  const [subtopology] = oneStep(processor(() => {})).subtopologies
  const task = createTask({
    applicationId: 'app',
    subtopology: subtopology!,
    partition: 0,
    state: openMemoryTaskState(storeSpecs(subtopology!)),
    collector: new SimulatedCollector(new SimulatedTopics(() => 1), () => undefined),
    clock: { now: () => 0 },
  })
  task.initialize([{ topic: 'in', partition: 0, offset: 5, metadata: '', leaderEpoch: -1 }])
  const answer = (nextOffset: number) =>
    task.enqueue({ topic: 'in', partition: 0, cursor: { next: () => false }, bytes: 0, maxRecords: 0, nextOffset, highWatermark: nextOffset, lastStableOffset: nextOffset } as unknown as FetchedRecords)
  answer(5)
  t.equal(task.commitNeeded, false, 'nothing has moved')
  answer(7)
  t.equal(task.commitNeeded, true)
  t.match(task.closeGeneration().offsets, [{ topic: 'in', partition: 0, offset: 7 }])
  t.equal(task.commitNeeded, false)
})
