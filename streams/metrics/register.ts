/**
 * Prometheus metrics of an application: threads, tasks, operators, stores. Values are read from the threads at each scrape.
 * Operators and stores are summed over the tasks of a thread: with a series per task a scrape would grow with partitions
 * times operators.
 */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { CircuitState } from '../async/circuit-breaker.ts'
import type { AppState } from '../runtime/app-state.ts'
import { sumMeasurements } from '../runtime/task-metrics.ts'
import type { TaskSnapshot, ThreadSnapshot } from '../runtime/thread-counters.ts'
import { CollectedHistogram } from './collected-histogram.ts'
import { COPY_LAG, type Series, TASK_COUNTERS, TASK_GAUGES, THREAD_COUNTERS } from './series.ts'

/** What is measured: `KafkaStreams`, or anything that looks like it. */
export interface Measured {
  readonly state: AppState
  /** Threads that have failed so far, replaced or not. Absent: not counted. */
  readonly failedThreads?: number
  metrics(): Promise<readonly ThreadSnapshot[]>
}

const STATES: readonly AppState[] = ['CREATED', 'REBALANCING', 'RUNNING', 'PENDING_SHUTDOWN', 'NOT_RUNNING', 'PENDING_ERROR', 'ERROR']
const CIRCUITS: readonly CircuitState[] = ['closed', 'half-open', 'open']

type Labels = { readonly [label: string]: string }

/** One that is filled anew at each scrape: what is gone goes with it. */
interface Refilled {
  reset(): void
  add(labels: Labels, value: number | undefined): void
}

/**
 * Registers the application's metrics. `labels` are added to every series (an instance's name …). One application per
 * registry: prom-client refuses a name twice.
 */
export function registerMetrics(registry: Registry, app: Measured, labels: Labels = {}): void {
  const own = Object.keys(labels)
  const registers = [registry]
  let underWay: Promise<void> | undefined
  // A registry collects all metrics at once: one answer of the threads serves the whole scrape.
  const collect = (): Promise<void> => {
    underWay ??= update().finally(() => {
      underWay = undefined
    })
    return underWay
  }
  const refilled: Refilled[] = []
  const metric = (kind: typeof Gauge | typeof Counter, name: string, help: string, ...labelNames: string[]): Refilled => {
    const made = new kind({ name, help, labelNames: [...own, ...labelNames], registers, collect })
    const add = (of: Labels, value: number | undefined): void => {
      if (value !== undefined) {
        made.inc({ ...labels, ...of }, value)
      }
    }
    refilled.push({ reset: () => made.reset(), add })
    return { reset: () => made.reset(), add }
  }
  const all = <T>(kind: typeof Gauge | typeof Counter, series: readonly Series<T>[], ...labelNames: string[]) => {
    const made = series.map(({ name, help, value }) => ({ metric: metric(kind, name, help, ...labelNames), value }))
    return (of: Labels, measured: T): void => {
      for (const { metric, value } of made) {
        metric.add(of, value(measured))
      }
    }
  }
  const histograms: CollectedHistogram[] = []
  const histogram = (name: string, help: string, ...labelNames: string[]): CollectedHistogram => {
    const made = new CollectedHistogram({ name, help, labelNames: [...own, ...labelNames], registers, collect })
    histograms.push(made)
    return made
  }

  const state = metric(Gauge, 'stream_state', 'State of the application: 1 for the one it is in.', 'state')
  const alive = metric(Gauge, 'stream_alive_stream_threads', 'Threads that run or rebalance.')
  const failed = metric(Counter, 'stream_failed_stream_threads_total', 'Threads that have failed, replaced or not.')
  const ofThread = all(Counter, THREAD_COUNTERS, 'thread_id')
  const commits = histogram('stream_thread_commit_latency_seconds', 'Whole commits, from closing a generation to having applied it.', 'thread_id')
  const refused = metric(Gauge, 'millrace_thread_refused_partitions', 'Partitions that have come to source topics and are not read.', 'thread_id')
  const restoring = metric(Gauge, 'stream_state_updater_active_restoring_tasks', 'Tasks that are being restored.', 'thread_id')
  const feeding = metric(Gauge, 'stream_state_updater_standby_updating_tasks', 'Standbys and warm-ups that are being fed.', 'thread_id')
  const gaugesOfTask = all(Gauge, TASK_GAUGES, 'thread_id', 'task_id')
  const countersOfTask = all(Counter, TASK_COUNTERS, 'thread_id', 'task_id')
  const copyLag = metric(Gauge, COPY_LAG.name, COPY_LAG.help, 'thread_id', 'task_id')
  const node = ['thread_id', 'processor_node_id'] as const
  const processed = metric(Counter, 'stream_processor_node_process_total', 'Records given to an operator.', ...node)
  const nodeFailed = metric(Counter, 'millrace_processor_node_failed_records_total', 'Records an operator gave up for good: skipped, dead-lettered, or the end of its thread.', ...node)
  const nodeDropped = metric(Counter, 'millrace_processor_node_dropped_records_total', 'Records that ended at an operator without a result.', ...node, 'reason')
  const latency = histogram('stream_processor_node_record_e2e_latency_seconds', 'From the timestamp of a record to its end at an operator.', ...node)
  const circuits = metric(Gauge, 'millrace_operator_circuits', 'Circuit breakers of an asynchronous operator, one per task, by state.', 'thread_id', 'operator', 'state')
  const opened = metric(Counter, 'millrace_operator_circuit_opened_total', 'Times they have opened.', 'thread_id', 'operator')
  const store = ['thread_id', 'store'] as const
  const gets = metric(Counter, 'stream_state_get_total', 'Rows of a store looked up by processors.', ...store)
  const puts = metric(Counter, 'stream_state_put_total', 'Rows written.', ...store)
  const deletes = metric(Counter, 'stream_state_delete_total', 'Rows deleted.', ...store)
  const ranges = metric(Counter, 'stream_state_range_total', 'Ranges of rows opened.', ...store)
  const expired = metric(Counter, 'millrace_store_expired_records_total', 'Records that came too late for a store to keep.', ...store)

  async function update(): Promise<void> {
    const threads = await app.metrics()
    for (const { reset } of refilled) {
      reset()
    }
    for (const each of histograms) {
      each.clear()
    }
    for (const name of STATES) {
      state.add({ state: name }, app.state === name ? 1 : 0)
    }
    alive.add({}, threads.filter((thread) => thread.state === 'running' || thread.state === 'rebalancing').length)
    failed.add({}, app.failedThreads)
    for (const thread of threads) {
      const of = { thread_id: String(thread.thread) }
      ofThread(of, thread.counters)
      if (thread.commitLatency !== undefined) {
        commits.set({ ...labels, ...of }, thread.commitLatency)
      }
      refused.add(of, thread.refusedPartitions)
      restoring.add(of, thread.tasks.filter(({ status }) => status === 'restoring').length)
      feeding.add(of, thread.tasks.filter(({ copy }) => copy !== undefined).length)
      for (const task of thread.tasks) {
        tellTask({ ...of, task_id: task.id }, task)
      }
      tellOperators(of, thread)
    }
  }

  function tellTask(of: Labels, task: TaskSnapshot): void {
    if (task.copy !== undefined) {
      // No task: it processes nothing, and has no lag of its own.
      copyLag.add(of, task.copy.lag)
      return
    }
    gaugesOfTask(of, task)
    countersOfTask(of, task)
  }

  /** Sums over the tasks of a thread; what has left it stays counted, for a counter that falls would look like a restart. */
  function tellOperators(thread: Labels, { tasks, left }: ThreadSnapshot): void {
    const measured = sumMeasurements([...tasks.map((task) => task.measured), left].filter((each) => each !== undefined))
    for (const each of measured.nodes) {
      const of = { ...thread, processor_node_id: each.node }
      processed.add(of, each.processed)
      nodeFailed.add(of, each.failed)
      for (const [reason, count] of Object.entries(each.dropped)) {
        nodeDropped.add({ ...of, reason }, count)
      }
      if (each.latency !== undefined) {
        latency.set({ ...labels, ...of }, each.latency)
      }
      opened.add({ ...thread, operator: each.node }, each.circuitOpened)
    }
    for (const each of measured.stores) {
      const of = { ...thread, store: each.store }
      gets.add(of, each.gets)
      puts.add(of, each.puts)
      deletes.add(of, each.deletes)
      ranges.add(of, each.ranges)
      expired.add(of, each.expired)
    }
    for (const { operator, circuit } of tasks.flatMap(({ operators }) => operators)) {
      if (circuit !== undefined) {
        for (const name of CIRCUITS) {
          circuits.add({ ...thread, operator, state: name }, circuit.state === name ? 1 : 0)
        }
      }
    }
  }
}
