/**
 * The seam between one task (`task.ts`, pure: no sockets, no timers of its own) and what drives it: a stream thread on a
 * real cluster (`stream-thread.ts`) or the `TopologyTestDriver`.
 */
import type { TaskState } from 'millrace-state-stores'
import type { InFlightCounts } from '../async/in-flight-table.ts'
import type { ParkedKey } from '../async/parked.ts'
import type { ErrorPolicy } from '../error-policy.ts'
import type { Subtopology } from '../graph/topology.ts'
import type { CommittedOffset, FetchedRecords, OffsetToCommit, TopicPartition } from '../kafka/contract.ts'
import type { ReadOnlyKeyValueStore } from '../processor.ts'
import type { Headers } from '../record.ts'
import type { OpenTelemetry } from '../tracing/open-telemetry.ts'
import type { ProcessingGuarantee } from './config.ts'
import type { TaskCounters } from './core.ts'
import type { PartitionChoice } from './partition-choice.ts'
import type { Progress } from './progress.ts'
import type { Suspects } from './suspects.ts'
import type { TaskMeasurements } from './task-metrics.ts'

/** `<subtopology name>_<partition>` */
export type TaskId = string

/** Opaque point in the outputs of a thread's open generation. */
export type CollectorMark = { readonly __collectorMark: unique symbol }

/** Chooses the partition of a record once it is known how many there are. */
export type ChoosePartition = (partitions: number) => PartitionChoice

/** Takes the outputs of every task of a thread into the open generation. */
export interface RecordCollector {
  /** Partition count of a topic; undefined for one that nobody has asked the broker about yet. */
  partitions(topic: string): number | undefined
  /**
   * `partition === undefined`: murmur2 of the key, or any partition for a null key. Throws `RECORD_TOO_LARGE` when the
   * record exceeds the topic's `max.message.bytes` (rule C5). Bytes are copied.
   */
  send(topic: string, partition: number | ChoosePartition | undefined, key: Uint8Array | null, value: Uint8Array | null, timestamp: number, headers: Headers): void
  mark(): CollectorMark
  rollback(mark: CollectorMark): void
  /**
   * `max.message.bytes` of a topic, undefined when unknown. A store put or an in-flight entry is held against the limit
   * of its changelog when it is made, so that the policy strikes the record that made it (rule C5).
   */
  maxMessageBytes?(topic: string): number | undefined
}

export interface TaskClock {
  /** Wall clock, ms. */
  now(): number
}

/** Settings of a task; everything has a default. */
export interface TaskConfig {
  /** Application default, under the nodes' own `onError`. Default: every class fails. */
  readonly errors?: ErrorPolicy
  /** Needed when any policy says `dead-letter`. */
  readonly deadLetterTopic?: string
  /** A partition with more than this waiting is paused, once a second chunk waits behind the first. Default 1000. */
  readonly bufferedRecordsPerPartition?: number
  /** The same in bytes. Default 8 MiB. */
  readonly bufferedBytesPerPartition?: number
  /**
   * As Kafka Streams' `max.task.idle.ms`: 0 (default) waits for data that is known to be on the broker, -1 never waits,
   * more waits also that long (ms) for an input that has caught up.
   */
  readonly maxTaskIdleMs?: number
  /** Time goes on with the wall clock once all inputs have been idle for so long (rule A7). Default: it does not. */
  readonly sourceIdleTimeoutMs?: number
  /** Default exactly_once_v2. */
  readonly processingGuarantee?: ProcessingGuarantee
  /** In-flight entries whose operator the topology no longer has: refuse to start (default), or dead-letter them (rule A5). */
  readonly orphans?: 'fail' | 'dead-letter'
  /** Bound of the entries of parked keys (rule C7). Defaults 100 000 records, 1 GiB. */
  readonly parkedMaxRecords?: number
  readonly parkedMaxBytes?: number
}

/** What `createTask` (`task.ts`) needs. The task owns `state` from then on and closes it. */
export interface TaskOptions {
  readonly applicationId: string
  readonly subtopology: Subtopology
  readonly partition: number
  /** Default: partition `partition` of every source topic. */
  readonly inputs?: readonly TopicPartition[]
  /** Made with `storeSpecs(subtopology)` of `stores.ts`. */
  readonly state: TaskState
  readonly collector: RecordCollector
  readonly clock: TaskClock
  readonly globalStores?: ReadonlyMap<string, ReadOnlyKeyValueStore<unknown, unknown>>
  /** Transactional id under which the offsets are committed: written into their metadata (rule C3). */
  readonly committer?: () => string | undefined
  /** The group's generation, which asynchronous calls carry along (rule B3). Default: 0. */
  readonly fence?: () => number
  readonly config?: TaskConfig
  /** Where the task writes the record and the operator it is in (rule C10). */
  readonly progress?: Progress
  /** Records that an operator must not run again. */
  readonly suspects?: Suspects
  /** Default: nothing is traced. */
  readonly tracing?: OpenTelemetry | undefined
  /** For jitter; in [0, 1). Default Math.random. */
  readonly random?: () => number
}

/** What one closed generation of a task commits. Its changelog records are already in the collector. */
export interface TaskCommit {
  readonly task: TaskId
  /** Never empty when the task wrote anything: unchanged offsets count as the group's fence (rule A2). */
  readonly offsets: readonly OffsetToCommit[]
  /** In-flight changelogs with nothing pending behind this generation: all their records may be deleted (rule C9). */
  readonly emptyInFlight: readonly string[]
}

export interface StreamTask {
  readonly id: TaskId
  readonly subtopology: string
  readonly partition: number
  readonly inputs: readonly TopicPartition[]
  readonly state: TaskState
  /**
   * Makes processors, timers, in-flight entries; from the database and the committed offsets and metadata only. One entry
   * per input: `offset` is the position it will be read from, so a missing one (-1) was resolved by the reset policy
   * before; throws `OFFSETS_MISSING` otherwise, because an unchanged offset is the commit's only fence (rule A2).
   */
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
  readonly counters: Readonly<TaskCounters>
  /** Per asynchronous operator. */
  inFlight(): readonly InFlightCounts[]
  /** What metrics tell of it beyond its counters: by operator and store. */
  measure(): TaskMeasurements
  parkedKeys(): readonly ParkedKey[]
  /** Calls the head of a parked key again, with all its tries; the others of the key follow. False: no such key. */
  releaseParked(operator: string, id: string): boolean
  /** Drops the failed record of a parked key (`head`; the others go on) or all of them (`key`). Returns how many. */
  dropParked(operator: string, id: string, what: 'head' | 'key'): number
}
