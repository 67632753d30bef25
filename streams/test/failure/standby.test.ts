/** Copies of a large state on another process: taking over without a restore, and moving only once a copy has caught up. */
import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import type { FailureSettings } from './topology.ts'
import { type Line, outputProblems, topics } from './word-load.ts'

t.setTimeout(400_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const KEYS = 30_000

function options(applicationId: string, settings: FailureSettings, part: object = {}) {
  return {
    applicationId,
    settings,
    stateDir: cluster.folder(),
    bootstrapServers: cluster.bootstrapServers,
    sessionTimeoutMs: 120_000,
    transactionTimeoutMs: 120_000,
    replicationFactor: 1,
    acceptableRecoveryLag: 1_000,
    maxWarmupReplicas: 4,
    ...part,
  }
}

/** Every key once, from `from` on: the state of the first store is as large as the input. */
function everyKey(count = KEYS): Line[] {
  return Array.from({ length: count }, (_, i) => ({ key: `key-${i}`, value: `word-${i % 50}` }))
}

async function until(child: Child, tasks: number, copies: number): Promise<void> {
  for (;;) {
    const now = await child.asked()
    if (now.tasks!.length === tasks && now.copies!.length === copies) {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Until its copies have all that lies in their changelogs: the lag they tell is that of their last look. */
async function fedWhole(child: Child, applicationId: string): Promise<void> {
  const copies = (await child.asked()).copies!
  let whole = 0
  for (const store of ['per-key', 'per-word']) {
    const isCopied = (partition: number) => copies.some((id) => id.includes('by-word') === (store === 'per-word') && id.endsWith(`_${partition}`))
    whole += (await cluster.committed(`${applicationId}-${store}-changelog`)).filter(({ partition }) => isCopied(partition)).length
  }
  while ((await child.asked()).fed! < whole) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function consumedAll(applicationId: string, settings: FailureSettings): Promise<void> {
  await cluster.consumed(applicationId, settings.source)
  await cluster.consumed(applicationId, `${applicationId}-by-word-repartition`)
}

t.test('with one standby: the process of the active tasks is killed, the other takes over without a restore, and the counts are exact', async (t) => {
  const settings = await topics(cluster, 'standby')
  const applicationId = cluster.name('standby')
  const part = { standbyReplicas: 1 }
  const a = new Child(options(applicationId, settings, part))
  await a.running()
  const b = new Child(options(applicationId, settings, part))
  await Promise.all([until(a, 4, 4), until(b, 4, 4)])
  const input = everyKey()
  await cluster.send(settings.source, input)
  await consumedAll(applicationId, settings)
  await Promise.all([until(a, 4, 4), until(b, 4, 4)])
  await fedWhole(a, applicationId)

  const killedAt = Date.now()
  await b.kill()
  await until(a, 8, 0)
  t.comment(`processing again ${((Date.now() - killedAt) / 1000).toFixed(2)} s after the kill, ${KEYS} keys`)
  const more = everyKey(2_000)
  await cluster.send(settings.source, more)
  await consumedAll(applicationId, settings)
  const { counters } = await a.stop()
  t.ok(counters![0]!['recordsFed']! > KEYS / 4, `${counters![0]!['recordsFed']} records were fed to its copies`)
  t.ok(counters![0]!['recordsRestored']! < KEYS / 8, `${counters![0]!['recordsRestored']} records were restored in all, at most the last of what a copy was behind`)
  t.same(await outputProblems(cluster, settings, [...input, ...more]), [])
})

t.test('a second process: tasks move only once their copies have caught up, nothing is restored where they arrive, nothing stops', async (t) => {
  const settings = await topics(cluster, 'warm-up')
  const applicationId = cluster.name('warm-up')
  const a = new Child(options(applicationId, settings))
  await a.running()
  const input = everyKey()
  await cluster.send(settings.source, input)
  await consumedAll(applicationId, settings)
  const b = new Child(options(applicationId, settings))
  const more: Line[] = []
  let moved = false
  const sending = (async () => {
    while (!moved) {
      const next = everyKey(100)
      more.push(...next)
      await cluster.send(settings.source, next)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  await Promise.all([until(a, 4, 0), until(b, 4, 0)])
  moved = true
  await sending
  await consumedAll(applicationId, settings)
  const [ofA, ofB] = (await Promise.all([a.stop(), b.stop()])).map((report) => report.counters![0]!)
  t.ok(ofB!['recordsFed']! > KEYS / 4, `${ofB!['recordsFed']} records were fed to warm-ups`)
  // What came while the tasks moved; all of it would be as many as there are keys.
  t.ok(ofB!['recordsRestored']! < KEYS / 3, `${ofB!['recordsRestored']} were restored after the tasks had come`)
  t.equal(ofA!['commitsDropped']! + ofB!['commitsDropped']!, 0)
  t.same(await outputProblems(cluster, settings, [...input, ...more]), [])
})
