import type { InFlightCounts } from '../async/in-flight-table.ts'
import type { LatencySnapshot } from '../metrics/latency-histogram.ts'
import type { TaskMeasurements } from './task-metrics.ts'

/** What a stream thread counts; plain numbers, copied to the supervisor for metrics. */
export interface ThreadCounters {
  recordsProcessed: number
  /** Turns over the tasks, punctuators and what is before and after records included. */
  processMs: number
  recordsRestored: number
  /** Changelog records applied to copies (standbys, warm-ups). */
  recordsFed: number
  commits: number
  commitsDropped: number
  commitMs: number
  produceMs: number
  offsetsMs: number
  endMs: number
  applyMs: number
  rebalances: number
  membershipsLost: number
  producersReplaced: number
  committersFenced: number
  tasksCreated: number
  tasksClosed: number
  /** Pages of queries answered for this or another instance. */
  queries: number
  queryErrors: number
  queryMs: number
  queryRows: number
}

export function newCounters(): ThreadCounters {
  return {
    recordsProcessed: 0,
    processMs: 0,
    recordsRestored: 0,
    recordsFed: 0,
    commits: 0,
    commitsDropped: 0,
    commitMs: 0,
    produceMs: 0,
    offsetsMs: 0,
    endMs: 0,
    applyMs: 0,
    rebalances: 0,
    membershipsLost: 0,
    producersReplaced: 0,
    committersFenced: 0,
    tasksCreated: 0,
    tasksClosed: 0,
    queries: 0,
    queryErrors: 0,
    queryMs: 0,
    queryRows: 0,
  }
}

export interface TaskSnapshot {
  readonly id: string
  readonly status: string
  /** Records between the committed offsets and the high watermarks of the inputs, as last fetched. */
  readonly lag: number
  readonly restored: number
  readonly inFlight: number
  /** The same per asynchronous operator. */
  readonly operators: readonly InFlightCounts[]
  readonly processed: number
  readonly skipped: number
  /** Ended at an operator without a result (null keys and values). */
  readonly dropped: number
  readonly deadLettered: number
  /** Restoring: records of its changelogs still to read; undefined: not known yet, or nothing to restore. */
  readonly remaining?: number
  /** What its database takes, as the engine says. Absent: not open. */
  readonly stateBytes?: number
  /** What its database holds in memory now, as the engine says; read caches not included. Absent: not open. */
  readonly stateMemoryBytes?: number
  /** Changes not yet in the database. */
  readonly uncommittedBytes?: number
  /** Tasks that process only: by node and store. */
  readonly measured?: TaskMeasurements
  /** A standby or a warm-up: records by which it is behind its changelogs; undefined: not known yet. */
  readonly copy?: { readonly lag: number | undefined }
}

export interface ThreadSnapshot {
  readonly thread: number
  readonly state: string
  readonly membership: string
  readonly counters: ThreadCounters
  /** Partitions that have come to source topics and are not read, because a state would have to be cut anew (rule C15). */
  readonly refusedPartitions: number
  /** Of whole commits, from closing a generation to having applied it. */
  readonly commitLatency?: LatencySnapshot
  /** What tasks that have left the thread did there: with those of `tasks`, sums that never fall. Absent: none has left. */
  readonly left?: TaskMeasurements
  readonly tasks: readonly TaskSnapshot[]
}
