/** A changed topology rolls out one instance at a time, and back: nothing stops, nothing is lost or counted twice (rule A10). */
import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import { endlessLines } from './load.ts'
import type { VersionSettings } from './versions-topology.ts'
import { countProblems, tally, topics } from './word-load.ts'

t.setTimeout(600_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const PARTITIONS = 4

t.test('version 1 to 2 and back to 1 under load, the leader being of either', async (t) => {
  const settings = { ...(await topics(cluster, 'versions', PARTITIONS)), bySecond: await cluster.topic('versions-by-second', PARTITIONS) }
  const applicationId = cluster.name('versions')
  const folders = [cluster.folder(), cluster.folder()]
  const start = async (i: number, version: VersionSettings['version']) => {
    const child = new Child({
      applicationId,
      topology: './versions-topology.ts',
      settings: { ...settings, version } satisfies VersionSettings,
      stateDir: folders[i]!,
      bootstrapServers: cluster.bootstrapServers,
      sessionTimeoutMs: 120_000,
      transactionTimeoutMs: 120_000,
      replicationFactor: 1,
    })
    await child.running()
    return child
  }
  const children = [await start(0, 1), await start(1, 1)]
  const load = endlessLines(cluster, settings.source)
  const counters: { readonly [name: string]: number }[] = []
  /** Stops one and starts it in this version, while the other runs on. */
  const deploy = async (i: number, version: VersionSettings['version']) => {
    const { counters: theirs } = await children[i]!.stop()
    counters.push(...theirs!)
    children[i] = await start(i, version)
    await goesOn(applicationId, settings.source)
  }
  await goesOn(applicationId, settings.source)

  await deploy(0, 2)
  const mixed = (await Promise.all(children.map((child) => child.tasks()))).map((tasks) => tasks.filter((id) => !id.includes('by-word')).length)
  t.same(mixed, [0, PARTITIONS], 'a partition stays in its version while a member has it')
  await deploy(1, 2)
  const second = (await Promise.all(children.map((child) => child.tasks()))).flat()
  t.same(second.toSorted(), [...new Set(second)].toSorted(), 'each task once')

  await deploy(0, 1)
  await deploy(1, 1)
  const input = await load.stop()
  await cluster.consumed(applicationId, settings.source, 300_000)
  for (const child of children) {
    counters.push(...(await child.stop()).counters!)
  }
  t.same(countProblems(await cluster.committed(settings.perKey), tally(input.map(({ key }) => key))), [], 'one count went through all versions')
  const bySecond = (await cluster.committed(settings.bySecond)).map(({ value }) => value!.toString())
  t.ok(bySecond.length > 0 && bySecond.length < input.length, 'both versions have had their part')
  t.equal(counters.reduce((sum, each) => sum + each['commitsDropped']! + each['membershipsLost']!, 0), 0, 'nobody was thrown out, nothing done twice')
  // What the second version counted is there when it comes again.
  const last = await start(0, 2)
  await cluster.consumed(applicationId, `${applicationId}-by-word-repartition`, 300_000)
  await last.stop()
  t.same(countProblems(await cluster.committed(settings.perWord), tally(bySecond.flatMap((line) => line.split(' ')))), [])
})

/** Waits until every partition has been processed further. */
async function goesOn(groupId: string, topic: string): Promise<void> {
  const committed = async () => {
    const [group] = await cluster.admin.fetchOffsets({ groupId, topics: [topic] })
    return new Map(group!.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
  }
  const before = await committed()
  for (;;) {
    const now = await committed()
    if ([...before].every(([partition, offset]) => now.get(partition)! > offset)) {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
