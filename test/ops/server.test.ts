import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { buildTopology, type Measured, Serdes } from 'millrace'
import t, { type Test } from 'tap'
import { createMetrics, startOps, StatusSource } from '../../ops/index.ts'

const string = { key: Serdes.string(), value: Serdes.string() }

async function open(t: Test, { state = 'RUNNING', missing = [] as string[] }: { state?: Measured['state']; missing?: string[] } = {}) {
  let asked = 0
  const streams: Measured & { state: Measured['state'] } = {
    state,
    metrics: async () => {
      asked += 1
      const counters = { recordsProcessed: 42, processMs: 60, recordsRestored: 1, recordsFed: 0, commits: 2, commitsDropped: 0, commitMs: 30, produceMs: 10, offsetsMs: 5, endMs: 5, applyMs: 5, rebalances: 1, membershipsLost: 0, producersReplaced: 0, committersFenced: 0, tasksCreated: 2, tasksClosed: 0, queries: 0, queryErrors: 0, queryMs: 0, queryRows: 0 }
      const operators = [{ operator: 'recognise', pending: 3, running: 2, parked: 1 }]
      const tasks = ['a_0', 'a_1'].map((id) => ({ id, status: 'running', lag: 7, restored: 0, inFlight: 3, operators, processed: 21, skipped: 0, dropped: 0, deadLettered: 1 }))
      return [{ thread: 0, state: 'running', membership: 'stable', counters, refusedPartitions: 0, tasks }]
    },
  }
  const ends = [{ sequence: 1, tenant: 'acme', documentId: 'id', from: 'ENRICHED', to: 'ARCHIVED', step: 'enrich', reasonCode: null, at: 1 }]
  const counter = { counts: () => ({ complete: true, states: { acme: { ARCHIVED: 3 } }, ends }), changesAfter: (after: number) => ends.filter(({ sequence }) => sequence > after) }
  const refusal = { tenant: 'acme', ruleSetId: 'house', version: 3, at: 7, reasons: [{ code: 'RULE_SET_INVALID', field: 'rules[0].when', message: 'a condition expected' }], errors: 1 }
  const refused = { list: () => [refusal] }
  const metrics = createMetrics({ streams, counter, refused, tenants: { label: (id) => (id === 'acme' ? id : 'unknown') } })
  const status = new StatusSource({ instance: 'here', streams, counter, refused, missing: () => missing })
  const topology = buildTopology((builder) => { builder.stream('in', string).to('out', string) }, { applicationId: 'app' })
  const ops = await startOps({ host: '127.0.0.1', port: 0 }, { status, counter, refused, metrics: metrics.registry, streams: { ...streams, topology, metadataForAllStreamsClients: async () => [] } })
  t.teardown(() => ops.close())
  return { ...ops, streams, metrics, asked: () => asked }
}

t.test('alive is not ready; ready says what is missing', async (t) => {
  const { url, streams } = await open(t, { state: 'REBALANCING', missing: ['the API does not listen yet'] })
  t.equal((await fetch(`${url}health`)).status, 200)
  const waiting = await fetch(`${url}ready`)
  t.equal(waiting.status, 503)
  t.same(await waiting.json(), { ready: false, reasons: ['streams are REBALANCING', 'the API does not listen yet'] })
  streams.state = 'RUNNING'
  t.same(await (await fetch(`${url}ready`)).json(), { ready: false, reasons: ['the API does not listen yet'] })
  const other = await open(t)
  const ready = await fetch(`${other.url}ready`)
  t.equal(ready.status, 200)
  t.same(await ready.json(), { ready: true, reasons: [] })
})

t.test('metrics are those of the threads, the documents and the API', async (t) => {
  const { url, metrics } = await open(t)
  metrics.api.requestEnded({ route: '/v1/documents', method: 'POST', status: 202, seconds: 0.03 })
  metrics.api.documentTaken('acme', 10)
  metrics.api.documentTaken('made-up', 5)
  const response = await fetch(`${url}metrics`)
  t.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  const answer = await response.text()
  const lines = [
    'stream_thread_process_total{thread_id="0"} 42', 'stream_task_lag_records{thread_id="0",task_id="a_1"} 7', 'stream_state{state="RUNNING"} 1',
    'millrace_operator_records{operator="recognise",condition="pending"} 6', 'millrace_operator_records{operator="recognise",condition="parked"} 2',
    'millrace_documents{tenant="acme",state="ARCHIVED"} 3', 'millrace_api_documents_total{tenant="acme"} 1', 'millrace_api_documents_total{tenant="unknown"} 1', 'millrace_api_document_bytes_total{tenant="acme"} 10',
    'millrace_api_request_duration_seconds_bucket{le="0.05",route="/v1/documents",method="POST",status="202"} 1', 'millrace_rule_sets_refused{tenant="acme"} 1', 'process_resident_memory_bytes',
  ]
  for (const line of lines) {
    t.ok(answer.includes(line), line)
  }
})

t.test('the page and what it reads', async (t) => {
  const { url, asked } = await open(t)
  const page = await fetch(url)
  t.match(page.headers.get('content-security-policy'), /^default-src 'none'; script-src 'self'/)
  t.match(await page.text(), /<title>Millrace<\/title>/)
  for (const [file, type] of [['page.js', /^text\/javascript/], ['page.css', /^text\/css/]] as const) {
    const response = await fetch(url + file)
    t.match(response.headers.get('content-type'), type)
    t.notMatch(await response.text(), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|https?:\/\//, 'text only, and nothing from elsewhere')
  }
  t.match(await (await fetch(`${url}status`)).json(), { instance: 'here', state: 'RUNNING', ready: true, documents: { states: { acme: { ARCHIVED: 3 } } }, threads: [{ thread: 0 }] })
  t.match(await (await fetch(`${url}tasks`)).json(), { tasks: [{ id: 'a_0', thread: 0 }, { id: 'a_1' }] })
  t.equal(asked(), 1, 'the threads are not asked for every look')
  t.match(await (await fetch(`${url}topology`)).json(), { applicationId: 'app', mermaid: /^flowchart LR/, subtopologies: [{ name: 'in' }] })
  t.match(await (await fetch(`${url}changes?after=0`)).json(), { changes: [{ sequence: 1 }] })
  t.match(await (await fetch(`${url}rules/refused`)).json(), { refused: [{ tenant: 'acme', ruleSetId: 'house', version: 3, at: 7 }] })
  t.same(await (await fetch(`${url}changes?after=1`)).json(), { changes: [] })
  t.equal((await fetch(`${url}nothing`)).status, 404)
  t.match(await (await fetch(`${url}engine/`)).text(), /<title>Topology<\/title>/)
  t.match(await (await fetch(`${url}engine/status?now`)).json(), { state: 'RUNNING', tasks: [{ id: 'a_0', lag: 7 }, { id: 'a_1' }] })
  t.equal((await fetch(`${url}..%2fpackage.json`)).status, 404)
})

t.test('events come as long as somebody reads', async (t) => {
  const { url, close } = await open(t)
  const response = await fetch(`${url}events`)
  t.equal(response.headers.get('content-type'), 'text/event-stream')
  const reader = response.body!.getReader()
  const first = Buffer.from((await reader.read()).value!).toString()
  t.match(JSON.parse(first.replace(/^data: /, '')), { state: 'RUNNING' })
  await reader.read()
  await close()
  await t.rejects(async () => { while (!(await reader.read()).done) { /* until the server has gone */ } }, 'a page does not keep the instance from stopping')
})

t.test('another name for this address is not answered', async (t) => {
  const { url } = await open(t)
  const ask = (host: string): Promise<string> => new Promise((resolve, reject) => {
    request(`${url}status`, { headers: { host } }, (response) => resolve(text(response).then((body) => `${response.statusCode} ${body}`))).on('error', reject).end()
  })
  t.match(await ask('rebound.example.org'), /^421 .*HOST_UNKNOWN/)
  t.match(await ask('localhost:1234'), /^200 /)
  t.match(await ask('[::1]:1234'), /^200 /)
})
