import t from 'tap'
import type { SourceNode } from '../../graph/topology.ts'
import type { FetchedRecords } from '../../kafka/contract.ts'
import { PartitionGroup } from '../../runtime/partition-group.ts'
import { RecordQueue } from '../../runtime/record-queue.ts'
import { SimulatedTopics } from '../../testing/simulated-topics.ts'
import { text } from './topologies.ts'

const source: SourceNode = { kind: 'source', name: 's', topics: ['t'], key: text, value: text, offsetReset: 'earliest', repartition: false, retries: new Map(), children: [] }

function setUp(maxTaskIdleMs: number) {
  const topics = new SimulatedTopics(() => 2)
  const queues = [0, 1].map((partition) => new RecordQueue('t', partition, source))
  for (const queue of queues) {
    queue.start(0, -1)
  }
  const group = new PartitionGroup(queues, maxTaskIdleMs)
  const clock = { time: 0, now: () => clock.time }
  const add = (partition: number, ...timestamps: number[]) => {
    const from = topics.partition('t', partition).length
    for (const timestamp of timestamps) {
      topics.append({ topic: 't', partition, key: null, value: null, timestamp, headers: [] })
    }
    group.enqueue(topics.fetch('t', partition, from, 0)!)
  }
  const next = () => {
    const queue = group.choose(clock)
    if (queue === undefined) {
      return undefined
    }
    const { partition, headTimestamp } = queue
    group.chosen(queue)
    queue.advance()
    return [partition, headTimestamp]
  }
  return { group, queues, clock, add, next }
}

/** An answer without records. */
function empty(partition: number, position: number, lastStableOffset: number): FetchedRecords {
  const cursor = { next: () => false } as FetchedRecords['cursor']
  return { topic: 't', partition, epoch: 0, cursor, bytes: 0, maxRecords: 0, nextOffset: position, highWatermark: lastStableOffset, lastStableOffset, logStartOffset: 0, receivedAt: 0 }
}

t.test('the smallest head timestamp goes first; order within a partition is its log\'s', (t) => {
  const { group, queues, add, next } = setUp(-1)
  add(0, 1, 5, 3)
  add(1, 2, 4, 6)
  const chosen = []
  const streamTimes = []
  for (let record = next(); record !== undefined; record = next()) {
    chosen.push(record)
    streamTimes.push(group.streamTime)
  }
  t.strictSame(chosen, [[0, 1], [1, 2], [1, 4], [0, 5], [0, 3], [1, 6]])
  t.strictSame(streamTimes, [1, 2, 4, 5, 5, 6], 'stream time never goes back')
  t.strictSame(queues.map((queue) => queue.partitionTime), [5, 6])
  t.end()
})

t.test('data known to be on the broker is waited for without end', (t) => {
  const { clock, group, add, next } = setUp(0)
  group.enqueue(empty(1, 0, 3))
  add(0, 10)
  clock.time = 1_000_000
  t.equal(next(), undefined)
  t.equal(group.idleDeadline(clock.time), undefined, 'time alone brings nothing')
  add(1, 7)
  t.strictSame(next(), [1, 7])
  t.end()
})

t.test('an input that has caught up is waited for as long as max.task.idle.ms says', (t) => {
  const { clock, group, add, next } = setUp(100)
  group.enqueue(empty(1, 0, 0))
  add(0, 10)
  t.equal(next(), undefined)
  t.equal(group.idleDeadline(0), 100)
  clock.time = 99
  t.equal(next(), undefined)
  clock.time = 100
  t.strictSame(next(), [0, 10])
  t.end()
})

t.test('with 0 an input that has caught up is not waited for, one that was never answered for is, for a while', (t) => {
  const { clock, group, add, next } = setUp(0)
  add(0, 10)
  t.equal(next(), undefined, 'no answer yet for partition 1')
  group.enqueue(empty(1, 0, 0))
  t.strictSame(next(), [0, 10])
  const late = setUp(0)
  late.add(0, 10)
  t.equal(late.next(), undefined)
  late.clock.time = late.group.idleDeadline(0)!
  t.strictSame(late.next(), [0, 10])
  t.equal(clock.time, 0)
  t.end()
})

t.test('-1 never waits', (t) => {
  const { group, add, next } = setUp(-1)
  group.enqueue(empty(1, 0, 5))
  add(0, 10)
  t.strictSame(next(), [0, 10])
  t.end()
})
