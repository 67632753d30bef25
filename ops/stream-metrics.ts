import { Counter, Gauge, type Registry } from 'prom-client'
import type { ThreadCounters, ThreadSnapshot } from 'millrace'

export interface StreamsView {
  readonly state: string
  metrics(): Promise<readonly ThreadSnapshot[]>
}

const STATES = ['CREATED', 'REBALANCING', 'RUNNING', 'PENDING_SHUTDOWN', 'NOT_RUNNING', 'PENDING_ERROR', 'ERROR'] as const

/** Names as Kafka Streams has them, in Prometheus' form. */
const THREAD_TOTALS: readonly (readonly [name: string, help: string, counter: keyof ThreadCounters])[] = [
  ['kafka_stream_thread_process_total', 'Records processed.', 'recordsProcessed'],
  ['kafka_stream_thread_restored_records_total', 'Changelog records restored.', 'recordsRestored'],
  ['kafka_stream_thread_commit_total', 'Group commits.', 'commits'],
  ['kafka_stream_thread_commit_dropped_total', 'Generations that were not committed and are processed again.', 'commitsDropped'],
  ['kafka_stream_thread_rebalance_total', 'Rebalances.', 'rebalances'],
  ['kafka_stream_thread_membership_lost_total', 'Times the group evicted this member.', 'membershipsLost'],
  ['kafka_stream_thread_producer_replaced_total', 'Producers replaced after an error.', 'producersReplaced'],
  ['kafka_stream_thread_committer_fenced_total', 'Committers of earlier owners fenced.', 'committersFenced'],
]

const COMMIT_PHASES: readonly (readonly [phase: string, counter: keyof ThreadCounters])[] = [
  ['all', 'commitMs'], ['produce', 'produceMs'], ['offsets', 'offsetsMs'], ['end', 'endMs'], ['apply', 'applyMs'],
]

/**
 * What the stream threads count. They keep the totals; each scrape copies them, so that nothing is measured twice. A
 * replaced thread begins at 0 again, which Prometheus takes for what it is: a reset.
 * @returns what copies them; to be awaited before each scrape
 */
export function registerStreamMetrics(registry: Registry, streams: StreamsView): () => Promise<void> {
  const registers = [registry]
  const totals = THREAD_TOTALS.map(([name, help, counter]) => ({ counter, metric: new Counter({ name, help, labelNames: ['thread'], registers }) }))
  const phases = new Counter({ name: 'kafka_stream_thread_commit_seconds_total', help: 'Time in the phases of commits.', labelNames: ['thread', 'phase'], registers })
  const lag = new Gauge({ name: 'kafka_stream_task_record_lag', help: 'Records between the committed offsets and the ends of the inputs.', labelNames: ['task'], registers })
  const status = new Gauge({ name: 'kafka_stream_task_status', help: '1 for the status a task is in.', labelNames: ['task', 'status'], registers })
  const processed = new Counter({ name: 'kafka_stream_task_process_total', help: 'Records processed.', labelNames: ['task'], registers })
  const dropped = new Counter({ name: 'kafka_stream_task_dropped_records_total', help: 'Records skipped.', labelNames: ['task'], registers })
  const dead = new Counter({ name: 'kafka_stream_task_dead_letters_total', help: 'Records written to the dead-letter topic.', labelNames: ['task'], registers })
  const restored = new Gauge({ name: 'kafka_stream_task_restored_records', help: 'Changelog records restored since the task was assigned.', labelNames: ['task'], registers })
  const inFlight = new Gauge({ name: 'kafka_stream_task_in_flight_records', help: 'Records in asynchronous operators.', labelNames: ['task', 'operator', 'condition'], registers })
  const threads = new Gauge({ name: 'kafka_stream_thread_state', help: '1 for the state a stream thread is in.', labelNames: ['thread', 'state'], registers })
  const all = [...totals.map(({ metric }) => metric), phases, lag, status, processed, dropped, dead, restored, inFlight, threads]

  const client = new Gauge({ name: 'kafka_stream_client_state', help: '1 for the state the application is in.', labelNames: ['state'], registers })

  return async () => {
    const snapshots = await streams.metrics()
    for (const metric of all) {
      metric.reset()
    }
    for (const state of STATES) {
      client.set({ state }, state === streams.state ? 1 : 0)
    }
    for (const { thread, state, counters, tasks } of snapshots) {
      threads.set({ thread, state }, 1)
      for (const { counter, metric } of totals) {
        metric.inc({ thread }, counters[counter])
      }
      for (const [phase, counter] of COMMIT_PHASES) {
        phases.inc({ thread, phase }, counters[counter] / 1_000)
      }
      for (const task of tasks) {
        const labels = { task: task.id }
        lag.set(labels, task.lag)
        status.set({ ...labels, status: task.status }, 1)
        processed.inc(labels, task.processed)
        dropped.inc(labels, task.skipped)
        dead.inc(labels, task.deadLettered)
        restored.set(labels, task.restored)
        for (const { operator, pending, running, parked } of task.operators) {
          inFlight.set({ ...labels, operator, condition: 'pending' }, pending)
          inFlight.set({ ...labels, operator, condition: 'running' }, running)
          inFlight.set({ ...labels, operator, condition: 'parked' }, parked)
        }
      }
    }
  }
}
