/** Processes are restarted one after the other, in good order, under load: what happens, in which order, and what does not. */
import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import { endlessLines } from './load.ts'
import { Pauses } from './pauses.ts'
import { outputProblems, topics } from './word-load.ts'

t.setTimeout(600_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const PARTITIONS = 4
/** Records of a changelog above which a state counts as large here. */
const LARGE = 200

for (const { processes, standbyReplicas } of [{ processes: 3, standbyReplicas: 1 }, { processes: 2, standbyReplicas: 0 }]) {
  t.test(`${processes} processes, ${standbyReplicas} standbys: no state is restored from its beginning, nobody is thrown out, the counts are exact`, async (t) => {
    const settings = await topics(cluster, `rolling-${processes}`, PARTITIONS)
    const applicationId = cluster.name(`rolling-${processes}`)
    const folders = Array.from({ length: processes }, () => cluster.folder())
    const start = async (i: number) => {
      const child = new Child({
        applicationId,
        settings,
        stateDir: folders[i]!,
        bootstrapServers: cluster.bootstrapServers,
        // Nobody dies here: no time-out is to be what happens, however busy the machine is.
        sessionTimeoutMs: 120_000,
        transactionTimeoutMs: 120_000,
        replicationFactor: 1,
        standbyReplicas,
        acceptableRecoveryLag: LARGE,
        maxWarmupReplicas: 2 * PARTITIONS,
        // Half of it is how long a process waits for others to take over: never the reason why something is not handed over here.
        closeTimeoutMs: 240_000,
      })
      await child.running()
      return child
    }
    const children: Child[] = []
    for (let i = 0; i < processes; i++) {
      children.push(await start(i))
    }
    const load = endlessLines(cluster, settings.source)
    const repartition = `${applicationId}-by-word-repartition`
    const large = await withLargeStates(applicationId)
    const pauses = new Pauses(cluster, applicationId, [settings.source, repartition])
    const all: Child[] = [...children]
    const counters: { readonly [name: string]: number }[] = []
    const rolledAt = Date.now()
    for (let i = 0; i < processes; i++) {
      await allRun(children)
      const leaving = children[i]!
      const stoppedAt = Date.now()
      const theirs = (await leaving.tasks()).filter(large)
      const closed = await leaving.stop()
      counters.push(...closed.counters!)
      t.comment(`stopped after ${closed.at - stoppedAt} ms; longest pause of a partition so far ${pauses.longest} ms`)
      // A standby is there from the beginning.
      for (const task of standbyReplicas > 0 ? [] : theirs) {
        const copied = children.some((child) => child !== leaving && child.reports.some(({ at, restore }) => restore?.task === task && restore.copy && at <= closed.at))
        t.ok(copied, `${task} had a copy elsewhere before its process ended`)
      }
      children[i] = await start(i)
      all.push(children[i]!)
    }
    await pauses.stop()
    t.comment(`longest pause of a partition ${pauses.longest} ms`)
    const input = await load.stop()
    await cluster.consumed(applicationId, settings.source, 300_000)
    await cluster.consumed(applicationId, repartition, 300_000)
    counters.push(...(await Promise.all(children.map((child) => child.stop()))).flatMap((report) => report.counters!))
    const fromNothing = all.flatMap(({ reports }) => reports.flatMap(({ at, restore }) => (restore !== undefined && at >= rolledAt && !restore.copy && restore.from === 0 && restore.to > LARGE ? [restore] : [])))
    t.same(fromNothing, [], 'no task waited for a restore')
    t.equal(counters.reduce((sum, each) => sum + each['commitsDropped']!, 0), 0)
    t.equal(counters.reduce((sum, each) => sum + each['membershipsLost']!, 0), 0)
    t.same(await outputProblems(cluster, settings, input), [])
  })
}

/** Waits until every task runs. */
async function allRun(children: readonly Child[]): Promise<void> {
  while ((await Promise.all(children.map((child) => child.tasks()))).flat().length < 2 * PARTITIONS) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Waits until the states are large, but for those of partitions that no word falls into. Says of a task whether its own is. */
async function withLargeStates(applicationId: string): Promise<(task: string) => boolean> {
  const ends = (store: string) => cluster.highWatermarks(`${applicationId}-${store}-changelog`)
  for (;;) {
    const [perKey, perWord] = await Promise.all([ends('per-key'), ends('per-word')])
    if ([...perKey.values(), ...perWord.values()].every((end) => end === 0 || end > 2 * LARGE) && perKey.values().every((end) => end > 0)) {
      return (task) => (task.includes('by-word') ? perWord : perKey).get(Number(task.split('_').at(-1)))! > 0
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
