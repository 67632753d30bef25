/** What may be changed while an application runs: its threads, and whether it processes at all. */
import t from 'tap'
import { KafkaStreams, type KafkaStreamsOptions, type RestoreEvent, Serdes } from '../../index.ts'
import type { AppState } from '../../runtime/app-state.ts'
import { long, TestCluster } from './streams-support.ts'

t.setTimeout(240_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

async function application(name: string, threads: number, part: Partial<KafkaStreamsOptions> = {}) {
  const source = await cluster.topic(`${name}-source`, 4)
  const sink = await cluster.topic(`${name}-sink`, 4)
  const options: KafkaStreamsOptions = {
    topology: new URL('./streams-dying-topology.ts', import.meta.url),
    settings: { source, sink, memory: '', how: 'exit' },
    applicationId: cluster.name(name),
    bootstrapServers: cluster.bootstrapServers,
    stateDir: cluster.folder(),
    threads,
    sessionTimeoutMs: 120_000,
    transactionTimeoutMs: 120_000,
    replicationFactor: 1,
    onWarning: () => undefined,
    ...part,
  }
  return { app: new KafkaStreams(options), options, source, sink }
}

const input = (count: number) => Array.from({ length: count }, (_, i) => ({ key: `k${i % 40}`, value: 'live' }))

/** Until so many tasks run per thread, the most first. */
async function untilSplit(app: KafkaStreams, expected: readonly number[]): Promise<void> {
  for (;;) {
    const counts = (await app.metrics()).map((thread) => thread.tasks.filter((task) => task.status === 'running').length).sort((a, b) => b - a)
    if (JSON.stringify(counts) === JSON.stringify(expected)) {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Each of forty keys must go 1, 2, 3 … */
function problems(records: readonly { readonly key: Buffer | null; readonly value: Buffer | null }[], count: number): string[] {
  const found: string[] = []
  const counts = new Map<string, number>()
  for (const { key, value } of records) {
    const name = key!.toString()
    if (long(value) !== (counts.get(name) ?? 0) + 1) {
      found.push(`${name} goes from ${counts.get(name)} to ${long(value)}`)
    }
    counts.set(name, long(value)!)
  }
  return counts.size === 40 && [...counts.values()].every((each) => each === count / 40) ? found : [...found, JSON.stringify([...counts])]
}

t.test('threads are added and taken away under load; the last one stays', async (t) => {
  const { app, source, sink } = await application('threads', 1)
  t.equal(await app.addStreamThread(), undefined, 'not before it runs')
  await app.start()
  await untilSplit(app, [4])
  let sent = 0
  let stopped = false
  const sending = (async () => {
    while (!stopped) {
      await cluster.send(source, input(40))
      sent += 40
    }
  })()
  t.equal(await app.addStreamThread(), 1)
  await untilSplit(app, [2, 2])
  t.equal(await app.addStreamThread(), 2)
  await untilSplit(app, [2, 1, 1])
  t.equal(await app.removeStreamThread(), 2)
  await untilSplit(app, [2, 2])
  t.equal(await app.removeStreamThread(), 1)
  await untilSplit(app, [4])
  t.equal(await app.removeStreamThread(), undefined)
  stopped = true
  await sending
  await cluster.consumed(app.config.applicationId, source)
  const [snapshot] = await app.metrics()
  t.equal(snapshot!.counters.commitsDropped, 0)
  await app.close()
  t.same(problems(await cluster.committed(sink), sent), [])
})

t.test('paused: nothing is processed, the membership stays, what was done is committed; resumed: it goes on', async (t) => {
  const { app, source, sink } = await application('paused', 1)
  const states: AppState[] = []
  app.onStateChange((state) => states.push(state))
  await app.start()
  await cluster.send(source, input(400))
  await cluster.consumed(app.config.applicationId, source)
  app.pause()
  t.equal(app.paused, true)
  const before = (await app.metrics())[0]!.counters.recordsProcessed
  await cluster.send(source, input(400))
  // A thread that comes while all are paused is paused, too; it takes tasks nevertheless.
  await app.addStreamThread()
  await untilSplit(app, [2, 2])
  t.equal((await app.metrics()).reduce((sum, each) => sum + each.counters.recordsProcessed, 0), before)
  t.equal((await cluster.committed(sink)).length, 400)
  app.resume()
  await cluster.consumed(app.config.applicationId, source)
  await app.close()
  t.same(problems(await cluster.committed(sink), 800), [])
  t.notOk(states.includes('ERROR'))
})

t.test('a restore is told: where it begins, where it ends, how many records', async (t) => {
  const { app, options, source } = await application('restore', 1)
  await app.start()
  await cluster.send(source, input(400))
  await cluster.consumed(app.config.applicationId, source)
  await app.close()
  const events: RestoreEvent[] = []
  const again = new KafkaStreams({ ...options, stateDir: cluster.folder() })
  again.onRestore((event) => events.push(event))
  await again.start()
  await again.close()
  const [starts, ends] = ['start', 'end'].map((type) => events.filter((event) => event.type === type))
  t.equal(starts!.length, ends!.length)
  t.ok(ends!.length > 0 && ends!.every((event) => event.store === 'dying' && event.position === event.to && !event.copy))
  t.ok(ends!.reduce((sum, event) => sum + event.records, 0) >= 40, 'at least the last count of each key')
})

for (const threads of [1, 'in-process'] as const) {
  t.test(`brokers that do not answer (${threads}): it is told why nothing happens, and close waits for none of them`, async (t) => {
    const told = Promise.withResolvers<string>()
    const app = new KafkaStreams({
      topology: threads === 1 ? new URL('./streams-dying-topology.ts', import.meta.url) : (b) => b.stream('in', { key: Serdes.string(), value: Serdes.string() }).to('out'),
      settings: { source: 'in', sink: 'out', memory: '', how: 'exit' },
      applicationId: cluster.name('nowhere'),
      // tcpmux: nobody listens there.
      bootstrapServers: '127.0.0.1:1',
      stateDir: cluster.folder(),
      threads,
      closeTimeoutMs: 3_600_000,
      onWarning: told.resolve,
    })
    const rejected = t.rejects(app.start(), { code: 'NOT_RUNNING' })
    t.match(await told.promise, /nowhere\S*, thread 0: No broker has answered for \d+ s: Broker -1 at 127\.0\.0\.1:1: connect ECONNREFUSED 127\.0\.0\.1:1\. .*Check bootstrapServers/)
    await app.close()
    await rejected
    t.equal(app.state, 'NOT_RUNNING')
    t.equal(app.failedThreads, 0)
  })
}
