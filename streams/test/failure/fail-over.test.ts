/** From SIGKILL of a process to its tasks processing again on another, through the connections between instances. */
import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import { endlessLines } from './load.ts'
import type { FailureSettings } from './topology.ts'
import { outputProblems, topics } from './word-load.ts'

t.setTimeout(400_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

/** The session is so long that no time-out of it can be what is measured. */
function options(applicationId: string, settings: FailureSettings, part: object = {}) {
  return { applicationId, settings, stateDir: cluster.folder(), bootstrapServers: cluster.bootstrapServers, sessionTimeoutMs: 300_000, transactionTimeoutMs: 60_000, replicationFactor: 1, ...part }
}

async function untilTasks(child: Child, count: number): Promise<readonly string[]> {
  for (;;) {
    const tasks = await child.tasks()
    if (tasks.length === count) {
      return tasks
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function consumedAll(applicationId: string, settings: FailureSettings): Promise<void> {
  await cluster.consumed(applicationId, settings.source)
  await cluster.consumed(applicationId, `${applicationId}-by-word-repartition`)
}

t.test('two processes: one is killed, the other runs its tasks long before any session ends', async (t) => {
  const settings = await topics(cluster, 'killed')
  const applicationId = cluster.name('killed')
  const part = { peers: { secret: 'what all instances of it know' } }
  const a = new Child(options(applicationId, settings, part))
  await a.running()
  const sending = endlessLines(cluster, settings.source, 50, 20)
  const b = new Child(options(applicationId, settings, part))
  await Promise.all([untilTasks(a, 4), untilTasks(b, 4)])
  const killedAt = performance.now()
  const after = Date.now()
  await b.kill()
  await untilTasks(a, 8)
  const seconds = (performance.now() - killedAt) / 1000
  const noticed = (await a.report(({ warning }) => /has died/.test(warning ?? ''), after)).at - after
  t.comment(`noticed after ${noticed} ms, processing again ${seconds.toFixed(2)} s after the kill (heartbeats every 500 ms, session 300 s)`)
  t.ok(seconds < 150, 'no session has ended')
  await sending.stop()
  await consumedAll(applicationId, settings)
  await a.stop()
  t.equal(a.warnings.filter((warning) => /has died/.test(warning)).length, 1, 'evicted once')
  t.same(await outputProblems(cluster, settings, sending.input), [])
})

t.test('an evicted member that lives: fenced, it drops what is uncommitted, joins again, and the counts stay exact', async (t) => {
  const settings = await topics(cluster, 'mistake')
  const applicationId = cluster.name('mistake')
  const a = new Child(options(applicationId, settings))
  await a.running()
  const sending = endlessLines(cluster, settings.source, 50, 20)
  const b = new Child(options(applicationId, settings))
  await Promise.all([untilTasks(a, 4), untilTasks(b, 4)])
  // What a watcher does that takes a living process for dead.
  const { members } = (await cluster.admin.describeGroups([applicationId])).groups[0]!
  const evictedAt = Date.now()
  await cluster.ours.group().leave(applicationId, members.map(({ memberId }) => memberId), 'by mistake')
  await Promise.all([a, b].map((child) => child.report((report) => /dropped|MEMBERSHIP/i.test(report.warning ?? '') || report.state === 'REBALANCING', evictedAt)))
  await Promise.all([untilTasks(a, 4), untilTasks(b, 4)])
  await sending.stop()
  await consumedAll(applicationId, settings)
  const counters = (await Promise.all([a.stop(), b.stop()])).flatMap((report) => report.counters!)
  t.ok(counters.every((each) => each['membershipsLost']! >= 1), 'both were evicted')
  t.same(await outputProblems(cluster, settings, sending.input), [])
})

t.test('a frozen process is not taken for dead: its kernel still takes connections; its session decides, and it comes back (C14)', async (t) => {
  const settings = await topics(cluster, 'frozen')
  const applicationId = cluster.name('frozen')
  const part = { sessionTimeoutMs: 6_000 }
  const a = new Child(options(applicationId, settings, part))
  await a.running()
  const b = new Child(options(applicationId, settings, part))
  await Promise.all([untilTasks(a, 4), untilTasks(b, 4)])
  b.process.kill('SIGSTOP')
  const frozenAt = performance.now()
  await untilTasks(a, 8)
  t.ok(performance.now() - frozenAt > 3_000, 'its tasks moved when its session had ended')
  t.same(a.warnings.filter((warning) => /has died/.test(warning)), [])
  b.process.kill('SIGCONT')
  await Promise.all([untilTasks(a, 4), untilTasks(b, 4)])
  await Promise.all([a.stop(), b.stop()])
})
