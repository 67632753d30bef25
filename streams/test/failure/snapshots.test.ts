/**
 * Every kind of store in processes that die while they take a snapshot or begin with one: record for record what one
 * undisturbed run gives, and from an empty disk only the end of the changelogs is read. (Each single step, without brokers:
 * state-stores/test/integration/snapshot-kills.test.ts.)
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import { equalsUndisturbed } from './undisturbed.ts'
import topology from './snapshots-topology.ts'

t.setTimeout(600_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

/** Out of order by up to a second, so that some are late; of today, because the broker's retention goes by these times. */
function records(from: number, count: number, start: number) {
  return Array.from({ length: count }, (_, index) => {
    const i = from + index
    return { key: `k${(i * 7) % 5}`, value: `v${i}`, timestamp: start + i * 20 - ((i * 389) % 1_100), partition: 0 }
  })
}

function aboutSnapshots({ warnings }: Child): string[] {
  return warnings.filter((warning) => warning.includes('napshot'))
}

t.test('killed on the way, and restored from what was kept', async (t) => {
  const settings = { source: await cluster.topic('snapshots-source', 1), sink: await cluster.topic('snapshots-sink', 1) }
  const folder = cluster.folder()
  const options = {
    applicationId: cluster.name('snapshots'),
    topology: './snapshots-topology.ts',
    settings,
    stateDir: cluster.folder(),
    snapshots: { folder, intervalMs: 1_000 },
    bootstrapServers: cluster.bootstrapServers,
    sessionTimeoutMs: 6_000,
    replicationFactor: 1,
  }
  const start = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000
  const input: ReturnType<typeof records> = []
  const send = async (count: number) => {
    const more = records(input.length, count, start)
    input.push(...more)
    await cluster.send(settings.source, more)
  }
  const runUntilKilled = async (failpoint: string) => {
    const child = new Child(options, { MILLRACE_TEST: '1', MILLRACE_FAILPOINT: failpoint })
    while (!child.ended) {
      await send(20)
      await Promise.race([child.exited, cluster.consumed(options.applicationId, settings.source).catch(() => undefined)])
    }
    t.match(await child.exited, { signal: 'SIGKILL' }, failpoint)
    t.same(aboutSnapshots(child), [], failpoint)
  }
  /** As a new disk would have it, but for who the process is: its successor does not wait for the session to end. */
  const loseTasks = () => {
    for (const name of readdirSync(options.stateDir).filter((each) => !each.startsWith('.'))) {
      rmSync(join(options.stateDir, name), { recursive: true })
    }
  }
  const newest = () => {
    const task = join(folder, options.applicationId, readdirSync(join(folder, options.applicationId))[0]!)
    return join(task, readdirSync(task).filter((name) => !name.startsWith('.')).sort().at(-1)!)
  }

  for (const failpoint of ['snapshot.copied', 'snapshot.published', 'snapshot.fetched', 'snapshot.opened']) {
    if (/fetched|opened/.test(failpoint)) {
      loseTasks()
    }
    await runUntilKilled(failpoint)
  }
  await runUntilKilled('snapshot.pruned')
  const later = new Child({ ...options, snapshots: { folder, intervalMs: 600_000 } })
  await later.running()
  await send(60)
  await cluster.consumed(options.applicationId, settings.source)
  await later.kill()
  loseTasks()
  const restored = new Child({ ...options, snapshots: { folder, intervalMs: 600_000 } })
  await restored.running()
  await send(100)
  await cluster.consumed(options.applicationId, settings.source)
  const { counters } = await restored.stop()
  t.same(aboutSnapshots(restored), [])
  const changelogs = (await cluster.admin.listTopics()).filter((topic) => topic.startsWith(options.applicationId) && topic.endsWith('-changelog'))
  t.ok(changelogs.length >= 8, `${changelogs.length} changelogs`)
  const ends = await Promise.all(changelogs.map((topic) => cluster.highWatermarks(topic)))
  const whole = ends.flatMap((of) => [...of.values()]).reduce((sum, end) => sum + end, 0)
  const read = counters![0]!['recordsRestored']!
  t.ok(read > 0 && read < whole / 2, `${read} records restored, of changelogs of ${whole}`)

  const damaged = newest()
  const table = readdirSync(damaged).find((name) => name.startsWith('MANIFEST'))!
  rmSync(join(damaged, table))
  writeFileSync(join(damaged, table), 'damaged')
  loseTasks()
  const last = new Child({ ...options, snapshots: { folder, intervalMs: 600_000 } })
  await last.running()
  await send(100)
  await cluster.consumed(options.applicationId, settings.source)
  await last.stop()
  const told = aboutSnapshots(last)
  t.equal(told.length, 1)
  t.match(told[0], /Snapshot .* cannot be used: its file MANIFEST-\d+ is damaged/)

  const wanted = equalsUndisturbed(t, topology, settings, input, await cluster.committed(settings.sink), start)
  t.comment(`${input.length} records in, ${wanted.length} out`)
  t.ok(['tumbling', 'suppressed', 'hopping', 'sliding', 'sessions', 'forgotten', 'versions', 'totals'].every((name) => wanted.some((line) => line.includes(name))))
})
