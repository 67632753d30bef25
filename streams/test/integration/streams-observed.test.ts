/** Traces and metrics of an application whose thread is a worker, over a real cluster. */
import { setTimeout as delay } from 'node:timers/promises'
import { Registry } from 'prom-client'
import t from 'tap'
import { KafkaStreams, KeyQuery, registerMetrics } from '../../index.ts'
import { TestCluster } from './streams-support.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(240_000)

const RECORDS = 500

t.test('a worker traces through its repartition topic, and tells what each operator did', async (t) => {
  const cluster = new TestCluster()
  await cluster.connect()
  t.teardown(() => cluster.close())
  const settings = { source: await cluster.topic('source', 2), sink: await cluster.topic('sink', 1) }
  const app = new KafkaStreams({
    topology: new URL('./streams-observed-topology.ts', import.meta.url), tracing: new URL('./streams-observed-tracing.ts', import.meta.url), settings, applicationId: cluster.name('observed'),
    bootstrapServers: cluster.bootstrapServers, stateDir: cluster.folder(), sessionTimeoutMs: 60_000,
  })
  t.teardown(() => app.close())
  await app.start()
  await cluster.send(settings.source, Array.from({ length: RECORDS }, (_, i) => ({ key: `k${i}`, value: `w${i % 10}` })))
  while ((await cluster.committed(settings.sink)).length < RECORDS) {
    await delay(20)
  }
  const internal = await cluster.headers(`${app.config.applicationId}-counts-repartition`)
  const [, trace, span] = internal.get('traceparent')!.split('-') as [string, string, string]
  t.match(internal.get('traceparent'), /^00-0+[0-9a-f]+-0*[0-9a-f]+-01$/)
  const out = (await cluster.headers(settings.sink)).get('traceparent')!
  t.not(out.split('-')[2], span, 'a span of its own behind the repartition')
  t.equal(trace.length, 32)

  const registry = new Registry()
  registerMetrics(registry, app)
  const value = async (name: string, ...labels: string[]) => {
    const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  }
  // A generation that was dropped on a busy machine is processed, and counted, again.
  for (const node of ['words', 'ask', 'sink']) {
    t.ok((await value('stream_processor_node_process_total', `processor_node_id="${node}"`)) >= RECORDS, node)
    t.ok((await value('stream_processor_node_record_e2e_latency_seconds_count', `processor_node_id="${node}"`)) >= RECORDS, node)
  }
  t.ok((await value('stream_state_put_total', 'store="counts"')) >= RECORDS)
  while ((await value('millrace_operator_circuits', 'operator="ask"', 'state="closed"')) !== 2) {
    await delay(20)
  }
  t.ok((await value('stream_thread_commit_latency_seconds_count')) > 0)
  t.ok((await value('stream_thread_process_seconds_total')) > 0)
  t.match(await registry.getSingleMetricAsString('stream_alive_stream_threads'), / 1$/)

  t.ok((await app.query<string, unknown>('counts', KeyQuery.withKey('W1'))).value !== undefined)
  t.ok((await value('millrace_thread_queries_total')) >= 1)
})

t.test('a module that gives no tracer ends the start with what is wrong', async (t) => {
  const cluster = new TestCluster()
  await cluster.connect()
  t.teardown(() => cluster.close())
  const settings = { source: await cluster.topic('source', 1), sink: await cluster.topic('sink', 1) }
  const app = new KafkaStreams({
    topology: new URL('./streams-observed-topology.ts', import.meta.url), tracing: new URL('./streams-support.ts', import.meta.url), settings, applicationId: cluster.name('untraced'),
    bootstrapServers: cluster.bootstrapServers, stateDir: cluster.folder(), sessionTimeoutMs: 60_000,
  })
  t.teardown(() => app.close())
  await t.rejects(app.start(), { code: 'CONFIG_INVALID', message: /tracing: .*default export/ })
})
