/** Three processes of two threads with standbys and warm-ups, killed one after the other under load: nothing is lost or doubled. */
import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import { type Line, lines, outputProblems, topics } from './word-load.ts'

t.setTimeout(600_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const KILLS = 5

t.test('processes are killed and come back while tasks move, are promoted and demoted', async (t) => {
  const settings = await topics(cluster, 'kills')
  const applicationId = cluster.name('kills')
  const folders = [0, 1, 2].map(() => cluster.folder())
  const start = (i: number) =>
    new Child({
      applicationId,
      settings,
      stateDir: folders[i]!,
      bootstrapServers: cluster.bootstrapServers,
      threads: 2,
      sessionTimeoutMs: 30_000,
      replicationFactor: 1,
      standbyReplicas: 1,
      // Everything that moves warms up first.
      acceptableRecoveryLag: 10,
      maxWarmupReplicas: 2,
    })
  const children = [0, 1, 2].map(start)
  await Promise.all(children.map((child) => child.running()))
  const input: Line[] = []
  let stopped = false
  const sending = (async () => {
    while (!stopped) {
      const more = lines(input.length, 40)
      input.push(...more)
      await cluster.send(settings.source, more)
      // The starts take most of the time; what is checked at the end grows with it.
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })()
  for (let kill = 0; kill < KILLS; kill++) {
    const victim = kill % 3
    const from = await progress(applicationId, settings.source)
    while ((await progress(applicationId, settings.source)) < from + 200 + Math.floor(Math.random() * 400)) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await children[victim]!.kill()
    children[victim] = start(victim)
    if (kill % 2 === 0) {
      await children[victim]!.running()
    }
  }
  stopped = true
  await sending
  await Promise.all(children.map((child) => child.running()))
  await cluster.consumed(applicationId, settings.source, 120_000)
  await cluster.consumed(applicationId, `${applicationId}-by-word-repartition`, 120_000)
  const counters = (await Promise.all(children.map((child) => child.stop()))).flatMap((report) => report.counters!)
  t.ok(counters.some((each) => each['recordsFed']! > 0), 'copies were fed')
  t.same(await outputProblems(cluster, settings, input), [])
  const unfed = children.flatMap((child) => child.warnings).filter((warning) => /cannot be fed/.test(warning))
  t.same(unfed, [], 'no copy met a database that was open elsewhere')
  t.comment(`${input.length} lines`)
})

async function progress(groupId: string, topic: string): Promise<number> {
  const [committed] = await cluster.admin.fetchOffsets({ groupId, topics: [topic] })
  return (committed?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
}
