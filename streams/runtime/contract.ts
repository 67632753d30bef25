/**
 * The seam between one task (`task.ts`, pure: no sockets, no timers of its own) and what drives it: a stream thread on a
 * real cluster (`stream-thread.ts`) or the `TopologyTestDriver`.
 */
import type { TaskState } from 'millrace-state-stores'
import type { CommittedOffset, FetchedRecords, OffsetToCommit, TopicPartition } from '../kafka/contract.ts'
import type { Headers } from '../record.ts'

/** `<subtopology name>_<partition>` */
export type TaskId = string

/** Opaque point in the outputs of a thread's open generation. */
export type CollectorMark = { readonly __collectorMark: unique symbol }

/** Takes the outputs of every task of a thread into the open generation. */
export interface RecordCollector {
  /** Partition count of a topic; throws `SOURCE_TOPIC_MISSING` for an unknown one. */
  partitions(topic: string): number
  /**
   * `partition === undefined`: murmur2 of the key, or any partition for a null key. Throws `RECORD_TOO_LARGE` when the
   * record exceeds the topic's `max.message.bytes` (rule C5). Bytes are copied.
   */
  send(topic: string, partition: number | undefined, key: Uint8Array | null, value: Uint8Array | null, timestamp: number, headers: Headers): void
  mark(): CollectorMark
  rollback(mark: CollectorMark): void
}

export interface TaskClock {
  /** Wall clock, ms. */
  now(): number
}

/** What one closed generation of a task commits. Its changelog records are already in the collector. */
export interface TaskCommit {
  readonly task: TaskId
  /** Never empty when the task wrote anything: unchanged offsets count as the group's fence (rule A2). */
  readonly offsets: readonly OffsetToCommit[]
}

export interface StreamTask {
  readonly id: TaskId
  readonly subtopology: string
  readonly partition: number
  readonly inputs: readonly TopicPartition[]
  readonly state: TaskState
  /** Makes processors, timers, in-flight entries; from the database and the committed offsets and metadata only. */
  initialize(committed: readonly CommittedOffset[]): void
  enqueue(records: FetchedRecords): void
  /** Input partitions that should not be fetched now (buffers full, operators at `maxPending`). */
  paused(partition: TopicPartition): boolean
  /** Drains settled calls, then processes up to `maxRecords` in timestamp order; returns how many it did. */
  process(maxRecords: number): number
  /** Fires what is due. */
  punctuate(): boolean
  /** Wall-clock ms of the next thing to do without input (timer, retry), or undefined. */
  nextDeadline(): number | undefined
  /** Set by the thread: wakes it when a call settles or a serde gets ready. */
  onWake: (() => void) | undefined
  readonly commitNeeded: boolean
  readonly commitRequested: boolean
  /** Step 1: changelog records go to the collector, the overlay is frozen, offsets are taken. */
  closeGeneration(): TaskCommit
  /** Step 5, after the transaction has committed and `state.applyFrozen` has been written. */
  generationCommitted(): void
  /** Throws away everything in memory (rule B6); `initialize` must follow. */
  drop(): void
  /** Calls are signalled, processors closed; the database too. */
  close(): Promise<void>
}
