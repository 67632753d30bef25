/**
 * Rules B7 and C14: a process dies and is back before the other, which saw its socket close, gets to leave the group for
 * its member and to end its transactions. What comes late must hit the dead one only, however often it happens.
 */
import t from 'tap'
import { holdRequests } from '../integration/kafka-cut.ts'
import { KafkaStreams } from '../../index.ts'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import { endlessLines } from './load.ts'
import topology from './topology.ts'
import { outputProblems, topics } from './word-load.ts'

t.setTimeout(400_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const LEAVE_GROUP = 13
const INIT_PRODUCER_ID = 22
/** MILLRACE_RESTARTS=20 for as many as the rule is about; each takes a second. */
const RESTARTS = Number(process.env['MILLRACE_RESTARTS'] ?? 8)
const PARTITIONS = 4

t.test('restarted again and again while the one who takes it for dead is slow: no new incarnation is evicted or fenced, the counts are exact', async (t) => {
  const settings = await topics(cluster, 'restarts', PARTITIONS)
  const applicationId = cluster.name('restarts')
  // No session ends here, and no transaction by its time-out.
  const options = { applicationId, threads: 'in-process' as const, bootstrapServers: cluster.bootstrapServers, sessionTimeoutMs: 300_000, transactionTimeoutMs: 600_000, replicationFactor: 1, heartbeatIntervalMs: 100 }
  const warnings: string[] = []
  const evictions = () => warnings.filter((warning) => /has died/.test(warning)).length
  // In this process, whose requests can be held.
  const watcher = new KafkaStreams({
    ...options,
    topology: (b) => topology(b, settings),
    stateDir: cluster.folder(),
    onWarning: (warning) => warnings.push(warning),
  })
  await watcher.start()
  const load = endlessLines(cluster, settings.source, 20)
  const stateDir = cluster.folder()
  const start = () => new Child({ ...options, settings, stateDir })
  let victim = start()
  await runsTasks(victim)
  let late = 0
  const thrownOut: string[] = []
  // A watcher that had not yet found its victim has nothing to say: as many restarts as it takes.
  for (let restarts = 0; late < RESTARTS && restarts < 3 * RESTARTS; restarts++) {
    const before = evictions()
    const requests = holdRequests(LEAVE_GROUP, INIT_PRODUCER_ID)
    await victim.kill()
    victim = start()
    await runsTasks(victim)
    const wasLate = evictions() > before && requests.waiting > 1
    requests.release()
    await commitsOn(victim)
    const { lost, dropped } = await victim.asked()
    late += wasLate ? 1 : 0
    if (lost !== 0 || dropped !== 0) {
      thrownOut.push(`restart ${restarts}: ${lost} memberships lost, ${dropped} generations dropped`)
    }
  }
  t.equal(late, RESTARTS, 'evicted too late so many times')
  t.same(thrownOut, [])
  const input = await load.stop()
  await cluster.consumed(applicationId, settings.source)
  await cluster.consumed(applicationId, `${applicationId}-by-word-repartition`)
  await victim.stop()
  t.equal((await watcher.metrics())[0]!.counters.membershipsLost, 0)
  await watcher.close()
  t.same(warnings.filter((warning) => /could not be taken out|evicted twice/.test(warning)), [])
  t.same(await outputProblems(cluster, settings, input), [])
})

/** Waits until it runs half of all tasks: the group has taken it in, and the other has heard where it is. */
async function runsTasks(child: Child): Promise<void> {
  await child.running()
  while ((await child.tasks()).length < PARTITIONS) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Who is fenced, or no member any more, hears of it at its next commit. */
async function commitsOn(child: Child): Promise<void> {
  const from = await child.asked()
  for (;;) {
    const { commits, dropped } = await child.asked()
    if (commits! > from.commits! + 2 || dropped! > from.dropped!) {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
