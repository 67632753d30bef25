import t from 'tap'
import { Registry } from 'prom-client'
import { type Measured, registerMetrics } from '../../metrics/register.ts'
import type { ThreadSnapshot } from '../../runtime/thread-counters.ts'
import { newCounters } from '../../runtime/thread-counters.ts'

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
