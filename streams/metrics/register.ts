/**
 * Prometheus metrics of an application: Kafka Streams' names in snake case where it has them (thread and task level),
 * `millrace_` for what only we have. Values are read from the threads at each scrape.
 */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { AppState } from '../runtime/app-state.ts'
import type { TaskSnapshot, ThreadCounters, ThreadSnapshot } from '../runtime/thread-counters.ts'

/** What is measured: `KafkaStreams`, or anything that looks like it. */
export interface Measured {
  readonly state: AppState
  metrics(): Promise<readonly ThreadSnapshot[]>
}

const STATES: readonly AppState[] = ['CREATED', 'REBALANCING', 'RUNNING', 'PENDING_SHUTDOWN', 'NOT_RUNNING', 'PENDING_ERROR', 'ERROR']

const THREAD_COUNTERS: readonly { readonly name: string; readonly help: string; value(counters: ThreadCounters): number }[] = [
  { name: 'stream_thread_process_total', help: 'Records processed.', value: (c) => c.recordsProcessed },
  { name: 'stream_thread_commit_total', help: 'Generations committed.', value: (c) => c.commits },
  { name: 'stream_thread_commit_seconds_total', help: 'Time commits took, from closing a generation to having applied it.', value: (c) => c.commitMs / 1000 },
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
]

const TASK_GAUGES: readonly { readonly name: string; readonly help: string; value(task: TaskSnapshot): number }[] = [
  { name: 'stream_task_lag_records', help: 'Records between the committed offsets and the ends of the inputs.', value: (task) => task.lag },
  { name: 'millrace_task_in_flight_records', help: 'Records that wait for calls of asynchronous operators.', value: (task) => task.inFlight },
  { name: 'millrace_task_running', help: '1 when the task processes, 0 while it restores or is handed over.', value: (task) => (task.status === 'running' ? 1 : 0) },
]

const COPY_LAG = { name: 'millrace_standby_lag_records', help: 'Records by which a standby or warm-up is behind its changelogs.' }

const TASK_COUNTERS: readonly { readonly name: string; readonly help: string; value(task: TaskSnapshot): number }[] = [
  { name: 'stream_task_process_total', help: 'Records processed.', value: (task) => task.processed },
  { name: 'stream_task_dropped_records_total', help: 'Records skipped by a policy, or that ended at an operator because of a null key or value.', value: (task) => task.skipped + task.dropped },
  { name: 'millrace_task_dead_letters_total', help: 'Records sent to the dead-letter topic.', value: (task) => task.deadLettered },
]

/**
 * Registers the application's metrics. `labels` are added to every series (an instance's name …). One application per
 * registry: prom-client refuses a name twice.
 */
export function registerMetrics(registry: Registry, app: Measured, labels: { readonly [name: string]: string } = {}): void {
  const own = Object.keys(labels)
  const threadLabels = [...own, 'thread_id']
  const taskLabels = [...own, 'thread_id', 'task_id']
  let underWay: Promise<void> | undefined
  // A registry collects all metrics at once: one answer of the threads serves the whole scrape.
  const collect = (): Promise<void> => {
    underWay ??= update().finally(() => {
      underWay = undefined
    })
    return underWay
  }
  const options = { registers: [registry], collect }
  const state = new Gauge({ ...options, name: 'stream_state', help: 'State of the application: 1 for the one it is in.', labelNames: [...own, 'state'] })
  const counters = THREAD_COUNTERS.map(({ name, help, value }) => ({ metric: new Counter({ ...options, name, help, labelNames: threadLabels }), value }))
  const gauges = TASK_GAUGES.map(({ name, help, value }) => ({ metric: new Gauge({ ...options, name, help, labelNames: taskLabels }), value }))
  const taskCounters = TASK_COUNTERS.map(({ name, help, value }) => ({ metric: new Counter({ ...options, name, help, labelNames: taskLabels }), value }))

  const copyLag = new Gauge({ ...options, ...COPY_LAG, labelNames: taskLabels })

  async function update(): Promise<void> {
    const threads = await app.metrics()
    for (const name of STATES) {
      state.set({ ...labels, state: name }, app.state === name ? 1 : 0)
    }
    // Tasks move: a series of a task that is gone must go with it.
    copyLag.reset()
    for (const { metric } of [...counters, ...gauges, ...taskCounters]) {
      metric.reset()
    }
    for (const thread of threads) {
      const ofThread = { ...labels, thread_id: String(thread.thread) }
      for (const { metric, value } of counters) {
        metric.inc(ofThread, value(thread.counters))
      }
      for (const task of thread.tasks) {
        const ofTask = { ...ofThread, task_id: task.id }
        if (task.copy !== undefined) {
          // No task: it processes nothing, and has no lag of its own.
          if (task.copy.lag !== undefined) {
            copyLag.set(ofTask, task.copy.lag)
          }
          continue
        }
        for (const { metric, value } of gauges) {
          metric.set(ofTask, value(task))
        }
        for (const { metric, value } of taskCounters) {
          metric.inc(ofTask, value(task))
        }
      }
    }
  }
}
