import t from 'tap'
import { Registry } from 'prom-client'
import type { CircuitState } from '../../async/circuit-breaker.ts'
import { LATENCY_BOUNDS_MS, LatencyHistogram, type LatencySnapshot } from '../../metrics/latency-histogram.ts'
import { type Measured, registerMetrics } from '../../metrics/register.ts'
import type { TaskMeasurements } from '../../runtime/task-metrics.ts'
import type { ThreadSnapshot } from '../../runtime/thread-counters.ts'
import { newCounters } from '../../runtime/thread-counters.ts'
import { Serdes } from '../../serdes.ts'
import { TopologyTestDriver } from '../../testing/index.ts'

function thread(number: number, ...tasks: string[]): ThreadSnapshot {
  return {
    thread: number,
    state: 'running',
    membership: 'stable',
    counters: { ...newCounters(), recordsProcessed: 10 + number, commitMs: 1_500 },
    refusedPartitions: 0,
    tasks: tasks.map((id) => ({ id, status: 'running', lag: 7, restored: 0, inFlight: 2, operators: [], processed: 5, skipped: 1, dropped: 2, deadLettered: 0 })),
  }
}

t.test('one scrape asks the threads once and shows every series', async (t) => {
  let asked = 0
  let threads = [thread(0, 'orders_0'), thread(1, 'orders_1')]
  const app: Measured = {
    state: 'RUNNING',
    metrics: async () => {
      asked++
      return threads
    },
  }
  const registry = new Registry()
  registerMetrics(registry, app, { instance_name: 'a' })
  const text = await registry.metrics()
  t.equal(asked, 1)
  t.match(text, /stream_state\{instance_name="a",state="RUNNING"\} 1/)
  t.match(text, /stream_state\{instance_name="a",state="ERROR"\} 0/)
  t.match(text, /stream_thread_process_total\{instance_name="a",thread_id="1"\} 11/)
  t.match(text, /stream_thread_commit_seconds_total\{instance_name="a",thread_id="0"\} 1.5/)
  t.match(text, /stream_task_lag_records\{instance_name="a",thread_id="0",task_id="orders_0"\} 7/)
  t.match(text, /stream_task_dropped_records_total\{instance_name="a",thread_id="1",task_id="orders_1"\} 3/)
  const [first] = threads
  const copies = [{ ...first!.tasks[0]!, id: 'orders_8', copy: { lag: 12 } }, { ...first!.tasks[0]!, id: 'orders_9', copy: { lag: undefined } }]
  threads = [{ ...first!, tasks: copies }]
  const standbys = await registry.metrics()
  t.match(standbys, /millrace_standby_lag_records\{instance_name="a",thread_id="0",task_id="orders_8"\} 12/)
  t.notMatch(standbys, /orders_9/, 'not known yet')
  t.notMatch(standbys, /stream_task_lag_records\{[^}]*orders_8/, 'a copy is no task')
  asked--
  threads = [thread(0, 'orders_0', 'orders_1')]
  const later = await registry.metrics()
  t.equal(asked, 2)
  t.notMatch(later, /thread_id="1"/, 'what is gone is gone')
  t.match(later, /stream_thread_process_total\{instance_name="a",thread_id="0"\} 10/, 'counters do not add up over scrapes')
})

const latency = (count: number): LatencySnapshot => ({ count, sumMs: count * 3, buckets: [...LATENCY_BOUNDS_MS.map((bound) => (bound === 4 ? count : 0)), 0] })

function measured(processed: number): TaskMeasurements {
  return {
    nodes: [
      { node: 'in', processed, failed: 1, dropped: {}, latency: latency(processed) },
      { node: 'ask', processed, failed: 0, dropped: { late: 2, 'null-key': 1 }, circuitOpened: 4 },
    ],
    stores: [{ store: 'counts', gets: 10, puts: 5, deletes: 1, ranges: 2, expired: 3 }],
    punctuated: 6,
    retried: 7,
    latenessMs: 1_500,
    activeBuffers: 1,
    bufferedRecords: 9,
    bufferedBytes: 900,
  }
}

t.test('operators and stores are summed over a thread\'s tasks, those that have left it too', async (t) => {
  const asking = (state: CircuitState) => [{ operator: 'ask', pending: 0, running: 0, parked: 0, circuit: { state, opened: 4 } }]
  const one = thread(0, 'orders_0', 'orders_1')
  const tasks = one.tasks.map((task, i) => ({ ...task, measured: measured(5), operators: asking(i === 0 ? 'open' : 'closed'), stateBytes: 1_000, stateMemoryBytes: 500, uncommittedBytes: 10 }))
  let threads: ThreadSnapshot[] = [{ ...one, tasks, commitLatency: latency(2) }]
  const registry = new Registry()
  registerMetrics(registry, { state: 'RUNNING', failedThreads: 3, metrics: async () => threads }, { app: 'x' })
  const series = async () => new Set((await registry.metrics()).split('\n'))
  const first = await series()
  for (const line of [
    'stream_alive_stream_threads{app="x"} 1',
    'stream_failed_stream_threads_total{app="x"} 3',
    'stream_processor_node_process_total{app="x",thread_id="0",processor_node_id="in"} 10',
    'stream_processor_node_record_e2e_latency_seconds_bucket{le="0.002",app="x",thread_id="0",processor_node_id="in"} 0',
    'stream_processor_node_record_e2e_latency_seconds_bucket{le="0.004",app="x",thread_id="0",processor_node_id="in"} 10',
    'stream_processor_node_record_e2e_latency_seconds_bucket{le="+Inf",app="x",thread_id="0",processor_node_id="in"} 10',
    'stream_processor_node_record_e2e_latency_seconds_sum{app="x",thread_id="0",processor_node_id="in"} 0.03',
    'stream_processor_node_record_e2e_latency_seconds_count{app="x",thread_id="0",processor_node_id="in"} 10',
    '# TYPE stream_processor_node_record_e2e_latency_seconds histogram',
    'millrace_processor_node_failed_records_total{app="x",thread_id="0",processor_node_id="in"} 2',
    'millrace_processor_node_dropped_records_total{app="x",thread_id="0",processor_node_id="ask",reason="late"} 4',
    'millrace_operator_circuits{app="x",thread_id="0",operator="ask",state="open"} 1',
    'millrace_operator_circuits{app="x",thread_id="0",operator="ask",state="closed"} 1',
    'millrace_operator_circuits{app="x",thread_id="0",operator="ask",state="half-open"} 0',
    'millrace_operator_circuit_opened_total{app="x",thread_id="0",operator="ask"} 8',
    'stream_thread_commit_latency_seconds_count{app="x",thread_id="0"} 2',
    'stream_state_put_total{app="x",thread_id="0",store="counts"} 10',
    'millrace_store_expired_records_total{app="x",thread_id="0",store="counts"} 6',
    'stream_task_record_lateness_seconds_total{app="x",thread_id="0",task_id="orders_1"} 1.5',
    'stream_task_punctuate_total{app="x",thread_id="0",task_id="orders_0"} 6',
    'millrace_task_state_bytes{app="x",thread_id="0",task_id="orders_0"} 1000',
    'millrace_task_state_memory_bytes{app="x",thread_id="0",task_id="orders_0"} 500',
  ]) {
    t.ok(first.has(line), line)
  }
  t.notOk([...first].some((line) => line.startsWith('stream_task_restore_remaining_records{')), 'nothing is being restored')
  threads = [{ ...one, tasks: [tasks[0]!], left: measured(5) }]
  const later = await series()
  t.ok(later.has('stream_processor_node_process_total{app="x",thread_id="0",processor_node_id="in"} 10'), 'a counter does not fall when a task leaves')
  t.ok(later.has('millrace_operator_circuit_opened_total{app="x",thread_id="0",operator="ask"} 8'))
  threads = [{ ...thread(0), tasks: [{ ...tasks[0]!, status: 'restoring', remaining: 44 }, { ...tasks[1]!, copy: { lag: 1 } }] }]
  const restoring = await series()
  t.ok(restoring.has('stream_state_updater_active_restoring_tasks{app="x",thread_id="0"} 1'))
  t.ok(restoring.has('stream_state_updater_standby_updating_tasks{app="x",thread_id="0"} 1'))
  t.ok(restoring.has('stream_task_restore_remaining_records{app="x",thread_id="0",task_id="orders_0"} 44'))
  const json = (await registry.getMetricsAsJSON()).find(({ name }) => name === 'stream_thread_commit_latency_seconds')
  t.match(json, { type: 'histogram', values: [] })
})

t.test('latencies fall into powers of two, both ends included', (t) => {
  const histogram = new LatencyHistogram()
  const into = (ms: number) => {
    const before = histogram.snapshot().buckets
    histogram.record(ms)
    return histogram.snapshot().buckets.findIndex((count, i) => count > before[i]!)
  }
  t.strictSame([-5, 0, 0.4, 1, 1.2, 2, 2.0001, 3, 4, 5, 1_024, 1_025, 65_536, 65_536.5, 1e12, Number.POSITIVE_INFINITY].map(into), [0, 0, 0, 0, 1, 1, 2, 2, 2, 3, 10, 11, 16, 17, 17, 17])
  for (let exponent = 0; exponent < LATENCY_BOUNDS_MS.length; exponent++) {
    t.equal(into(LATENCY_BOUNDS_MS[exponent]!), exponent)
  }
  t.end()
})

t.test('what a task measures: each operator\'s records, failures, drops and latencies, each store\'s rows', async (t) => {
  const driver = new TopologyTestDriver((b) => {
    const string = Serdes.string()
    b.stream('in', { key: string, value: string, name: 'source' })
      .mapValues((value) => {
        if (value === 'bad') {
          throw new Error('bad')
        }
        return value
      }, { name: 'check', value: string, onError: { processing: 'skip' } })
      .groupByKey()
      .count({ name: 'counts' })
      .toStream()
      .to('out', { name: 'sink' })
  }, { startTime: 5_000 })
  const input = driver.createInputTopic('in', Serdes.string(), Serdes.string())
  input.pipeInput('a', '1', 4_000)
  input.pipeInput('a', 'bad', 3_000)
  input.pipeInput(null, '2', 4_900)
  const { nodes, stores, latenessMs } = driver.tasks[0]!.measure()
  const of = (name: string) => nodes.find(({ node }) => node === name)
  t.match(of('source'), { processed: 3, failed: 0, latency: { count: 3, sumMs: 3_100 } })
  t.match(of('check'), { processed: 3, failed: 1, latency: undefined })
  t.match(of('sink'), { processed: 1, latency: { count: 1, sumMs: 1_000 } })
  t.equal(nodes.reduce((sum, { dropped }) => sum + Object.values(dropped).reduce((total, count) => total + count, 0), 0), 1, 'the null key')
  t.strictSame(stores, [{ store: 'counts', gets: 1, puts: 1, deletes: 0, ranges: 0, expired: 0 }])
  t.equal(latenessMs, 1_000)
  await driver.close()
})
