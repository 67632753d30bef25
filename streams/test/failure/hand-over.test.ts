import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import type { FailureSettings } from './topology.ts'
import { type Line, lines, outputProblems, topics } from './word-load.ts'

t.setTimeout(600_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

/** Without connections between the instances: the session decides who is dead, as when a host vanishes. */
function options(applicationId: string, settings: FailureSettings, part: object = {}) {
  return { applicationId, settings, stateDir: cluster.folder(), bootstrapServers: cluster.bootstrapServers, sessionTimeoutMs: 6_000, heartbeatIntervalMs: 500, replicationFactor: 1, peers: { listen: false as const }, ...part }
}

/** Sends without pause until told to stop. */
class Load {
  readonly input: Line[] = []
  readonly #settings: FailureSettings
  readonly #done: Promise<void>
  #stopped = false

  constructor(settings: FailureSettings) {
    this.#settings = settings
    this.#done = this.#run()
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const more = lines(this.input.length, 50)
      this.input.push(...more)
      await cluster.send(this.#settings.source, more)
    }
  }

  async stop(): Promise<readonly Line[]> {
    this.#stopped = true
    await this.#done
    return this.input
  }
}

async function consumedAll(applicationId: string, settings: FailureSettings): Promise<void> {
  await cluster.consumed(applicationId, settings.source, 120_000)
  await cluster.consumed(applicationId, `${applicationId}-by-word-repartition`, 120_000)
}

/** Resolves once the process runs so many tasks; asks again and again, because others decide when. */
async function untilTasks(child: Child, count: number): Promise<readonly string[]> {
  for (;;) {
    const tasks = await child.tasks()
    if (tasks.length === count) {
      return tasks
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

t.test('two processes, four partitions: split; one is killed and the other takes over', async (t) => {
  const settings = await topics(cluster, 'takeover')
  const applicationId = cluster.name('takeover')
  const a = new Child(options(applicationId, settings))
  await a.running()
  const load = new Load(settings)
  const b = new Child(options(applicationId, settings))
  const [ofA, ofB] = await Promise.all([untilTasks(a, 4), untilTasks(b, 4)])
  t.same([...ofA, ...ofB].toSorted(), [...new Set([...ofA, ...ofB])].toSorted(), 'each task once')

  const killedAt = Date.now()
  await b.kill()
  await untilTasks(a, 8)
  t.comment(`taken over ${((Date.now() - killedAt) / 1000).toFixed(2)} s after the kill (session 6 s)`)
  const input = await load.stop()
  await consumedAll(applicationId, settings)
  const { counters } = await a.stop()
  t.comment(`committers fenced: ${counters![0]!['committersFenced']}`)
  t.same(await outputProblems(cluster, settings, input), [])
})

t.test('a member that leaves hands over without a dropped generation', async (t) => {
  const settings = await topics(cluster, 'leave')
  const applicationId = cluster.name('leave')
  // Nobody dies here: no time-out is to be what happens, however busy the machine is.
  const part = { sessionTimeoutMs: 120_000, transactionTimeoutMs: 120_000 }
  const a = new Child(options(applicationId, settings, part))
  await a.running()
  const load = new Load(settings)
  const b = new Child(options(applicationId, settings, part))
  await untilTasks(b, 4)
  const { counters: ofB } = await b.stop()
  await untilTasks(a, 8)
  const input = await load.stop()
  await consumedAll(applicationId, settings)
  const { counters: ofA } = await a.stop()
  // A machine that stands still is told, too.
  t.same(a.warnings.filter((warning) => !/in one turn/.test(warning)), [])
  t.equal(ofA![0]!['commitsDropped'], 0, 'joining and leaving abort nothing (C1)')
  t.equal(ofB![0]!['commitsDropped'], 0)
  t.equal(ofA![0]!['membershipsLost'], 0)
  t.same(await outputProblems(cluster, settings, input), [])
})

t.test('a process frozen until it is evicted commits nothing when it wakes (A2)', async (t) => {
  const settings = await topics(cluster, 'frozen')
  const applicationId = cluster.name('frozen')
  const a = new Child(options(applicationId, settings))
  await a.running()
  const b = new Child(options(applicationId, settings))
  const load = new Load(settings)
  await untilTasks(b, 4)
  b.process.kill('SIGSTOP')
  // `a` runs all eight once the session of `b` has ended.
  await untilTasks(a, 8)
  b.process.kill('SIGCONT')
  while ((await b.asked()).lost === 0) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await untilTasks(b, 4)
  const input = await load.stop()
  await consumedAll(applicationId, settings)
  await Promise.all([a.stop(), b.stop()])
  t.same(await outputProblems(cluster, settings, input), [])
})

t.test('a process that dies with offsets pending: the new owner ends its transaction and does not wait for the time-out (C3)', async (t) => {
  const settings = await topics(cluster, 'pending')
  const applicationId = cluster.name('pending')
  const a = new Child({ ...options(applicationId, settings), transactionTimeoutMs: 600_000 })
  await a.running()
  const load = new Load(settings)
  const b = new Child({ ...options(applicationId, settings), transactionTimeoutMs: 600_000 }, { MILLRACE_TEST: '1', MILLRACE_FAILPOINT: 'offsets.sent:40' })
  t.match(await b.exited, { signal: 'SIGKILL' })
  const killedAt = performance.now()
  await untilTasks(a, 8)
  const seconds = (performance.now() - killedAt) / 1000
  t.comment(`taken over ${seconds.toFixed(2)} s after the kill (session 6 s, transaction time-out 600 s)`)
  t.ok(seconds < 300, 'it did not wait for the transaction to time out')
  const input = await load.stop()
  await consumedAll(applicationId, settings)
  const { counters } = await a.stop()
  t.ok(counters![0]!['committersFenced']! > 0)
  t.same(await outputProblems(cluster, settings, input), [])
})
