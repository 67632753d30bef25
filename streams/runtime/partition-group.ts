/**
 * Chooses the next record of a task: the smallest head timestamp among its partitions, as Kafka Streams does. A record
 * may only be chosen when no empty partition could still bring an earlier one (`max.task.idle.ms`).
 */
import { StreamsError } from '../errors.ts'
import type { SourceNode, Subtopology } from '../graph/topology.ts'
import type { FetchedRecords, TopicPartition } from '../kafka/contract.ts'
import type { TaskClock } from './contract.ts'
import { inputsDigest } from './offset-metadata.ts'
import { RecordQueue } from './record-queue.ts'

/**
 * An input that has never been answered for may hold anything: it is waited for this long, which prevents that a restart
 * processes one side of a join before the first fetch of the other has come back. Longer than a fetch's long poll.
 */
export const FIRST_ANSWER_TIMEOUT_MS = 1_000

export class PartitionGroup {
  readonly queues: readonly RecordQueue[]
  /** Highest timestamp chosen, -1: none. */
  streamTime = -1
  /** By how much records were older than stream time when they were chosen, ms, in all. */
  latenessMs = 0
  /** Told with each offset, so that one that is lost can be told from one that never was (rule A9). */
  readonly digest: string | undefined
  private readonly maxTaskIdleMs: number
  private readonly byKey = new Map<string, RecordQueue>()

  /** Throws `TOPOLOGY_INVALID` for an input that no source of the subtopology reads. */
  static of(inputs: readonly TopicPartition[], subtopology: Subtopology, maxTaskIdleMs: number): PartitionGroup {
    return new PartitionGroup(inputs.map(({ topic, partition }) => new RecordQueue(topic, partition, sourceFor(subtopology, topic))), maxTaskIdleMs)
  }

  constructor(queues: readonly RecordQueue[], maxTaskIdleMs: number) {
    this.queues = queues
    this.digest = inputsDigest(queues.map(({ topic }) => topic))
    this.maxTaskIdleMs = maxTaskIdleMs
    for (const queue of queues) {
      this.byKey.set(`${queue.topic}-${queue.partition}`, queue)
    }
  }

  queue(partition: TopicPartition): RecordQueue | undefined {
    return this.byKey.get(`${partition.topic}-${partition.partition}`)
  }

  /** True when the position has moved although nothing is to be processed: over markers and what was aborted. */
  enqueue(records: FetchedRecords): boolean {
    const queue = this.queue(records)
    queue?.enqueue(records)
    return queue !== undefined && !queue.hasHead && queue.position !== queue.committedOffset
  }

  /** Nothing is left to read in any input, markers and undecided records included. */
  get readToTheEnd(): boolean {
    for (let i = 0; i < this.queues.length; i++) {
      const queue = this.queues[i]!
      if (queue.hasHead || queue.highWatermark < 0 || queue.position < queue.highWatermark) {
        return false
      }
    }
    return true
  }

  /** Wall clock, ms, when the last of the inputs was answered for. */
  get answeredAt(): number {
    return Math.min(...this.queues.map((queue) => queue.answeredAt))
  }

  clear(): void {
    for (const queue of this.queues) {
      queue.clear()
    }
    this.streamTime = -1
  }

  /** The queue whose head is next, or undefined: nothing there, or something earlier may still come. */
  choose(clock: TaskClock): RecordQueue | undefined {
    const queues = this.queues
    let best: RecordQueue | undefined
    let empty = 0
    for (let i = 0; i < queues.length; i++) {
      const queue = queues[i]!
      if (queue.hasHead) {
        if (!queue.waiting && (best === undefined || queue.headTimestamp < best.headTimestamp)) {
          best = queue
        }
      } else {
        empty++
      }
    }
    if (best === undefined || empty === 0 || this.maxTaskIdleMs < 0) {
      return best
    }
    return this.mayStillCome(clock.now()) === undefined ? best : undefined
  }

  /** Takes note that the head of `queue` is being processed. */
  chosen(queue: RecordQueue): void {
    const timestamp = queue.headTimestamp
    if (timestamp > queue.partitionTime) {
      queue.partitionTime = timestamp
    }
    if (timestamp > this.streamTime) {
      this.streamTime = timestamp
    } else {
      this.latenessMs += this.streamTime - timestamp
    }
  }

  /** Wall-clock time from which an empty partition is no longer waited for; undefined when nothing is waited for. */
  idleDeadline(now: number): number | undefined {
    if (this.maxTaskIdleMs < 0 || !this.queues.some((queue) => queue.hasHead) || this.queues.every((queue) => queue.hasHead)) {
      return undefined
    }
    const deadline = this.mayStillCome(now)
    return deadline === Number.POSITIVE_INFINITY ? undefined : deadline
  }

  /** The time until which some empty partition must be waited for; Infinity for data known to be on the broker. */
  private mayStillCome(now: number): number | undefined {
    let deadline: number | undefined
    for (let i = 0; i < this.queues.length; i++) {
      const queue = this.queues[i]!
      if (queue.hasHead) {
        continue
      }
      if (queue.knownEnd >= 0 && queue.knownEnd > queue.position) {
        return Number.POSITIVE_INFINITY
      }
      if (queue.idleSince < 0) {
        queue.idleSince = now
      }
      const until = queue.idleSince + (queue.knownEnd < 0 ? Math.max(FIRST_ANSWER_TIMEOUT_MS, this.maxTaskIdleMs) : this.maxTaskIdleMs)
      if (until > now) {
        deadline = Math.max(deadline ?? 0, until)
      }
    }
    return deadline
  }
}

function sourceFor(subtopology: Subtopology, topic: string): SourceNode {
  const source = subtopology.sources.find((each) => each.topics.includes(topic))
  if (source === undefined) {
    throw new StreamsError('TOPOLOGY_INVALID', `Subtopology ${subtopology.name} has no source for topic ${topic}.`)
  }
  return source
}
