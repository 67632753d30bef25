/**
 * Rules C1 and C2: a member comes and goes, another blocks its loop for seconds, so that every round waits for it. Nobody's
 * commits wait, nobody's work is aborted, and a task changes hands only when the last generation with a record of it has ended.
 */
import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import type { BlockingSettings } from './blocking-topology.ts'
import { Child } from './child.ts'
import { endlessLines } from './load.ts'
import { countProblems, tally } from './word-load.ts'

t.setTimeout(600_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const PARTITIONS = 6
/** Joins, each with its leave. MILLRACE_ROUNDS=15: two minutes. */
const ROUNDS = Number(process.env['MILLRACE_ROUNDS'] ?? 3)
const BLOCK_MS = 3_000

t.test('a member joins and leaves again and again while another blocks: no generation is dropped anywhere, nobody is thrown out, the counts are exact', async (t) => {
  const source = await cluster.topic('comings-source', PARTITIONS)
  const sink = await cluster.topic('comings-sink', PARTITIONS)
  const applicationId = cluster.name('comings')
  const start = (blockMs = 0, stateDir = cluster.folder()) =>
    new Child({
      applicationId,
      topology: './blocking-topology.ts',
      settings: { source, sink, blockMs, freeMs: 300 } satisfies BlockingSettings,
      stateDir,
      threads: 'in-process',
      bootstrapServers: cluster.bootstrapServers,
      // Nobody dies here: no time-out is to be what happens, however busy the machine is.
      sessionTimeoutMs: 120_000,
      transactionTimeoutMs: 120_000,
      replicationFactor: 1,
      // Tasks move as soon as somebody comes or goes.
      maxWarmupReplicas: 0,
    })
  const load = endlessLines(cluster, source, 250)
  const stable = start()
  const blocking = start(BLOCK_MS)
  await Promise.all([stable, blocking].map((child) => runs(child, PARTITIONS / 2)))
  const folder = cluster.folder()
  const counters: { readonly [name: string]: number }[] = []
  const commits: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = (await stable.asked()).commits!
    const coming = start(0, folder)
    await runs(coming, PARTITIONS / 3)
    counters.push(...(await coming.stop()).counters!)
    commits.push((await stable.asked()).commits! - before)
  }
  t.comment(`commits of the one that stays, by round: ${commits.join(', ')}`)
  const input = await load.stop()
  await cluster.consumed(applicationId, source)
  for (const child of [blocking, stable]) {
    counters.push(...(await child.stop()).counters!)
  }
  t.equal(counters.length, ROUNDS + 2)
  t.equal(counters.reduce((sum, each) => sum + each['commitsDropped']!, 0), 0, 'joining and leaving abort nothing')
  t.equal(counters.reduce((sum, each) => sum + each['membershipsLost']!, 0), 0)
  t.equal(counters.reduce((sum, each) => sum + each['producersReplaced']!, 0), 0)
  t.comment(`${input.length} records, ${counters.at(-1)!['rebalances']} rebalances`)
  t.same(countProblems(await cluster.committed(sink), tally(input.map(({ key }) => key))), [])
})

/** Waits until it runs so many tasks at least. */
async function runs(child: Child, count: number): Promise<void> {
  await child.running()
  while ((await child.tasks()).length < count) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
