/**
 * The series of threads, tasks and operators, as tables: name, help, how it is read. Kafka Streams' names in snake case
 * where it has them, `millrace_` for what only we have; docs/streams/metrics.md holds both beside each other.
 */
import type { TaskSnapshot, ThreadCounters } from '../runtime/thread-counters.ts'

export interface Series<T> {
  readonly name: string
  readonly help: string
  /** Undefined: it has no such value now, and no series. */
  value(of: T): number | undefined
}

export const THREAD_COUNTERS: readonly Series<ThreadCounters>[] = [
  { name: 'stream_thread_process_total', help: 'Records processed.', value: (c) => c.recordsProcessed },
  { name: 'stream_thread_process_seconds_total', help: 'Time in turns of processing; its rate is Kafka Streams\' process-ratio.', value: (c) => c.processMs / 1000 },
  { name: 'stream_thread_commit_total', help: 'Generations committed.', value: (c) => c.commits },
  { name: 'stream_thread_commit_seconds_total', help: 'Time commits took, from closing a generation to having applied it.', value: (c) => c.commitMs / 1000 },
  { name: 'stream_thread_task_created_total', help: 'Tasks that have begun here.', value: (c) => c.tasksCreated },
  { name: 'stream_thread_task_closed_total', help: 'Tasks that have ended here, or have become copies.', value: (c) => c.tasksClosed },
  { name: 'millrace_thread_commit_dropped_total', help: 'Generations thrown away: aborted, fenced, or of unknown outcome.', value: (c) => c.commitsDropped },
  { name: 'millrace_thread_commit_produce_seconds_total', help: 'Time until the records of a generation were acknowledged.', value: (c) => c.produceMs / 1000 },
  { name: 'millrace_thread_commit_offsets_seconds_total', help: 'Time until the offsets of a generation were accepted.', value: (c) => c.offsetsMs / 1000 },
  { name: 'millrace_thread_commit_end_seconds_total', help: 'Time until the end of a transaction was decided.', value: (c) => c.endMs / 1000 },
  { name: 'millrace_thread_commit_apply_seconds_total', help: 'Time to write committed changes to local state.', value: (c) => c.applyMs / 1000 },
  { name: 'millrace_thread_restored_records_total', help: 'Changelog records restored.', value: (c) => c.recordsRestored },
  { name: 'millrace_thread_fed_records_total', help: 'Changelog records applied to standbys and warm-ups.', value: (c) => c.recordsFed },
  { name: 'millrace_thread_rebalances_total', help: 'Rounds of the group this thread took part in.', value: (c) => c.rebalances },
  { name: 'millrace_thread_memberships_lost_total', help: 'Times the group evicted this thread.', value: (c) => c.membershipsLost },
  { name: 'millrace_thread_producers_replaced_total', help: 'Producers replaced because they were fenced or their transaction was undecided.', value: (c) => c.producersReplaced },
  { name: 'millrace_thread_committers_fenced_total', help: 'Producers of dead members this thread has fenced.', value: (c) => c.committersFenced },
  { name: 'millrace_thread_queries_total', help: 'Pages of interactive queries answered, for this instance and for others.', value: (c) => c.queries },
  { name: 'millrace_thread_query_errors_total', help: 'Of these, the refusals and failures.', value: (c) => c.queryErrors },
  { name: 'millrace_thread_query_seconds_total', help: 'Time queries took on the stream thread.', value: (c) => c.queryMs / 1000 },
  { name: 'millrace_thread_query_rows_total', help: 'Rows queries were given.', value: (c) => c.queryRows },
]

export const TASK_GAUGES: readonly Series<TaskSnapshot>[] = [
  { name: 'stream_task_lag_records', help: 'Records between the committed offsets and the ends of the inputs.', value: (task) => task.lag },
  { name: 'stream_task_active_buffer_count', help: 'Input partitions with records that wait.', value: (task) => task.measured?.activeBuffers },
  { name: 'stream_task_input_buffer_bytes', help: 'Bytes of input records that wait.', value: (task) => task.measured?.bufferedBytes },
  { name: 'stream_task_restore_remaining_records', help: 'Changelog records still to be restored.', value: (task) => task.remaining },
  { name: 'millrace_task_in_flight_records', help: 'Records that wait for calls of asynchronous operators.', value: (task) => task.inFlight },
  { name: 'millrace_task_running', help: '1 when the task processes, 0 while it restores or is handed over.', value: (task) => (task.status === 'running' ? 1 : 0) },
  { name: 'millrace_task_state_bytes', help: 'Bytes of its local state, as the storage engine says.', value: (task) => task.stateBytes },
  { name: 'millrace_task_state_memory_bytes', help: 'Bytes its local state holds in memory, as the storage engine says: write buffers, block cache, indexes.', value: (task) => task.stateMemoryBytes },
  { name: 'millrace_task_uncommitted_bytes', help: 'Bytes of changes to its state that are not committed.', value: (task) => task.uncommittedBytes },
]

export const TASK_COUNTERS: readonly Series<TaskSnapshot>[] = [
  { name: 'stream_task_process_total', help: 'Records processed.', value: (task) => task.processed },
  { name: 'stream_task_dropped_records_total', help: 'Records skipped by a policy, or that ended at an operator because of a null key or value.', value: (task) => task.skipped + task.dropped },
  { name: 'stream_task_punctuate_total', help: 'Punctuators fired.', value: (task) => task.measured?.punctuated },
  { name: 'stream_task_record_lateness_seconds_total', help: 'By how much records were older than stream time; divided by the records processed, the average.', value: (task) => (task.measured === undefined ? undefined : task.measured.latenessMs / 1000) },
  { name: 'stream_task_restore_total', help: 'Changelog records restored.', value: (task) => task.restored },
  { name: 'millrace_task_dead_letters_total', help: 'Records sent to the dead-letter topic.', value: (task) => task.deadLettered },
  { name: 'millrace_task_retries_total', help: 'Tries after the first, of operators and of calls.', value: (task) => task.measured?.retried },
]

export const COPY_LAG = { name: 'millrace_standby_lag_records', help: 'Records by which a standby or warm-up is behind its changelogs.' }
