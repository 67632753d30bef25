/** The live page: what it shows, and to whom. */
import { once } from 'node:events'
import { request } from 'node:http'
import t from 'tap'
import { buildTopology, LivePage, Serdes, type StreamsBuilder } from '../../index.ts'
import { liveStatus } from '../../live/live-status.ts'
import type { TaskMeasurements } from '../../runtime/task-metrics.ts'
import { newCounters, type TaskSnapshot, type ThreadSnapshot } from '../../runtime/thread-counters.ts'

const strings = { key: Serdes.string(), value: Serdes.string() }
const topology = buildTopology((b: StreamsBuilder) => {
  b.stream('orders', strings).mapAsync(async (value) => value, { name: 'ask', value: Serdes.string() }).groupByKey().count({ name: 'counts' }).toStream().to('out', { value: Serdes.long() })
}, { applicationId: 'orders' })
const [subtopology] = topology.subtopologies

const nothing: TaskMeasurements = { nodes: [], stores: [], punctuated: 0, retried: 0, latenessMs: 0, activeBuffers: 0, bufferedRecords: 0, bufferedBytes: 0 }

function task(partition: number, more: Partial<TaskSnapshot>): TaskSnapshot {
  return { id: `${subtopology!.name}_${partition}`, status: 'running', lag: 3, restored: 0, inFlight: 2, operators: [], processed: 10, skipped: 0, dropped: 0, deadLettered: 1, ...more }
}

function thread(tasks: readonly TaskSnapshot[], left?: TaskMeasurements): ThreadSnapshot {
  return { thread: 0, state: 'RUNNING', membership: 'STABLE', counters: newCounters(), refusedPartitions: 0, tasks, ...(left === undefined ? {} : { left }) }
}

const buckets = (at: number, count: number) => Array.from({ length: 18 }, (_, n) => (n === at ? count : 0))

t.test('operators and stores are summed over the tasks, those that have left included', async (t) => {
  const node = { node: 'ask', failed: 1, dropped: { 'null-key-or-value': 2 } } as const
  const status = liveStatus(5, 'RUNNING', topology, [
    thread([
      task(0, { operators: [{ operator: 'ask', pending: 4, running: 2, parked: 1 }], stateBytes: 2_048, measured: { ...nothing, nodes: [{ ...node, processed: 7, latency: { count: 100, sumMs: 1_000, buckets: buckets(3, 100) } }] } }),
      task(1, { status: 'standby', copy: { lag: undefined } }),
    ], { ...nothing, nodes: [{ ...node, processed: 3 }], stores: [{ store: 'counts', gets: 1, puts: 2, deletes: 0, ranges: 0, expired: 0 }] }),
  ], [{ processId: 'p', endpoint: undefined, tasks: [`${subtopology!.name}_0`], standbyTasks: [], stores: new Map(), standbyStores: new Map() }])
  t.same(status.nodes['ask'], { processed: 10, failed: 2, dropped: 4, latency: { p50: 8, p99: 8 }, inFlight: { pending: 4, running: 2, parked: 1 } })
  t.ok([...subtopology!.nodes.keys()].every((name) => status.nodes[name] !== undefined), 'an operator that was given nothing is there, too')
  t.same(status.stores['counts'], { gets: 1, puts: 2, deletes: 0, ranges: 0 })
  t.match(status.tasks, [{ stateBytes: 2_048, lag: 3 }, { status: 'standby', copyLag: null }])
  t.match(status.instances, [{ processId: 'p', tasks: [`${subtopology!.name}_0`] }])
})

t.test('the page is served to the loopback, or to whom authorize admits', async (t) => {
  const app = {
    state: 'RUNNING', topology, metrics: async () => [thread([task(0, {})])],
    metadataForAllStreamsClients: () => Promise.reject(new Error('rebalancing')),
  }
  const get = async (port: number, path: string, headers = {}, method = 'GET') => {
    const asked = request({ port, host: '127.0.0.1', path, headers, method, agent: false }).end()
    const [response] = await once(asked, 'response')
    const parts: Buffer[] = await response.toArray()
    return { status: response.statusCode as number, headers: response.headers, text: Buffer.concat(parts).toString() }
  }
  const page = await LivePage.open(app)
  t.teardown(() => page.close())
  for (const [path, type] of [['/', 'text/html'], ['/page.js', 'text/javascript'], ['/page.css', 'text/css']] as const) {
    const answer = await get(page.port, path)
    t.equal(answer.status, 200)
    t.match(answer.headers, { 'content-type': new RegExp(`^${type}`), 'content-security-policy': /script-src 'self'/, 'x-content-type-options': 'nosniff' })
  }
  t.notMatch((await get(page.port, '/page.js')).text, /innerHTML|insertAdjacentHTML|document\.write|outerHTML/, 'nothing that was said becomes markup')
  const structure = await get(page.port, '/topology')
  t.match(structure.headers['content-type'], 'application/json')
  t.equal(JSON.parse(structure.text).applicationId, 'orders')
  const status = JSON.parse((await get(page.port, '/status')).text)
  t.match(status, { state: 'RUNNING', tasks: [{ id: `${subtopology!.name}_0` }] })
  t.equal(status.instances, undefined, 'while the group rebalances the rest is shown')
  t.equal((await get(page.port, '/assets/../../errors.ts')).status, 404)
  t.equal((await get(page.port, '/', {}, 'POST')).status, 405)
  t.equal((await get(page.port, '/', { host: 'evil.example' })).status, 403)

  await t.rejects(LivePage.open(app, { listen: '0.0.0.0:0' }), { code: 'CONFIG_INVALID' })
  const guarded = await LivePage.open(app, { authorize: ({ headers }) => headers.authorization === 'Bearer right' })
  t.teardown(() => guarded.close())
  t.equal((await get(guarded.port, '/status')).status, 403)
  t.equal((await get(guarded.port, '/status', { authorization: 'Bearer right', host: 'shown.example' })).status, 200)
  const early = await LivePage.open({ ...app, topology: undefined })
  t.teardown(() => early.close())
  t.equal((await get(early.port, '/topology')).status, 503)
})
