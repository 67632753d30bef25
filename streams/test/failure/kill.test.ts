import t from 'tap'
import { rmSync } from 'node:fs'
import { FAILPOINTS } from '../../runtime/failpoints.ts'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import type { FailureSettings } from './topology.ts'
import { countProblems, type Line, lines, outputProblems, storedCounts, tally, topics } from './word-load.ts'

t.setTimeout(600_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

function options(applicationId: string, settings: FailureSettings, stateDir = cluster.folder()) {
  return { applicationId, settings, stateDir, bootstrapServers: cluster.bootstrapServers, sessionTimeoutMs: 6_000, replicationFactor: 1 }
}

async function consumedAll(applicationId: string, settings: FailureSettings): Promise<void> {
  await cluster.consumed(applicationId, settings.source)
  await cluster.consumed(applicationId, `${applicationId}-by-word-repartition`)
}

t.test('killed at every step of the commit: outputs and stores equal those of an undisturbed run', async (t) => {
  for (const failpoint of FAILPOINTS) {
    await t.test(failpoint, async (t) => {
      const name = failpoint.replace('.', '-').toLowerCase()
      const settings = await topics(cluster, name)
      const app = options(cluster.name(name), settings)
      // The first commits announce the tasks; the twelfth has records.
      const first = new Child(app, { MILLRACE_TEST: '1', MILLRACE_FAILPOINT: `${failpoint}:12` })
      const input: Line[] = []
      while (!first.ended) {
        const more = lines(input.length, 50)
        input.push(...more)
        await cluster.send(settings.source, more)
      }
      t.match(await first.exited, { signal: 'SIGKILL' })
      const restarted = Date.now()
      const second = new Child(app)
      await second.running()
      const seconds = (Date.now() - restarted) / 1000
      await consumedAll(app.applicationId, settings)
      await second.stop()
      t.same(await outputProblems(cluster, settings, input), [])
      const stored = await storedCounts(app.stateDir, 'per-key', (id) => !id.includes('by-word') && !id.startsWith('global'))
      t.same(stored, tally(input.map((line) => line.key)), 'the store')
      t.comment(`running again after ${seconds.toFixed(2)} s`)
    })
  }
})

t.test('killed twenty times at random under load', async (t) => {
  const settings = await topics(cluster, 'random')
  const app = options(cluster.name('random'), settings)
  const input = lines(0, 40_000)
  let sent = 0
  let stopped = false
  const sending = (async () => {
    while (sent < input.length && !stopped) {
      const chunk = input.slice(sent, sent + 200)
      await cluster.send(settings.source, chunk)
      sent += chunk.length
    }
  })()
  for (let kill = 0; kill < 20; kill++) {
    const child = new Child(app)
    await child.running()
    // Somewhere in the next hundreds of records: progress decides, not the clock.
    const from = await progress(app.applicationId, settings.source)
    const target = from + Math.floor(Math.random() * 600)
    while ((await progress(app.applicationId, settings.source)) < Math.min(target, sent)) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    await child.kill()
  }
  const last = new Child(app)
  await last.running()
  await sending
  stopped = true
  await consumedAll(app.applicationId, settings)
  await last.stop()
  t.same(await outputProblems(cluster, settings, input), [])
  const byPeer = await cluster.committedByPeer(settings.perKey, input.length)
  t.same(countProblems(byPeer, tally(input.map((line) => line.key))), [], 'kafkajs agrees')
  t.same(await storedCounts(app.stateDir, 'per-key', (id) => !id.includes('by-word') && !id.startsWith('global')), tally(input.map((line) => line.key)))

  await t.test('state directory deleted: restored from the changelogs, and equal', async (t) => {
    rmSync(app.stateDir, { recursive: true })
    const more = lines(40_000, 500)
    const restored = new Child(app)
    await restored.running()
    await cluster.send(settings.source, more)
    await consumedAll(app.applicationId, settings)
    const { counters } = await restored.stop()
    t.ok(counters![0]!['recordsRestored']! > 0)
    t.same(await outputProblems(cluster, settings, [...input, ...more]), [])
    t.same(await storedCounts(app.stateDir, 'per-key', (id) => !id.includes('by-word') && !id.startsWith('global')), tally([...input, ...more].map((line) => line.key)))
  })
})

async function progress(groupId: string, topic: string): Promise<number> {
  const [committed] = await cluster.admin.fetchOffsets({ groupId, topics: [topic] })
  return (committed?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
}
