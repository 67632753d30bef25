/**
 * Rule A2: a process is frozen with a closed generation that moves no offset, because what is in it came from a punctuator,
 * from calls, or from a time to live. Its session ends, another does the same work, and it wakes: the broker takes nothing of it.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { until } from '../integration/kafka-support.ts'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import type { FrozenSettings } from './frozen-topology.ts'
import { countProblems, tally } from './word-load.ts'

const LIMIT_MS = 400_000
t.setTimeout(LIMIT_MS)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

const PARTITIONS = 2
const HOUR = 3_600_000
/** Of the one that is frozen: its calls are far from done when it comes to that, however slow its commits are. */
const SLOW_CALL_MS = 250

type Assertions = Pick<typeof t, 'same' | 'ok'>

async function application(kind: FrozenSettings['kind']) {
  const applicationId = cluster.name(kind)
  const source = await cluster.topic(`${kind}-source`, PARTITIONS)
  const sink = await cluster.topic(`${kind}-sink`, 1)
  const stateDir = cluster.folder()
  const start = (part: { folder?: string; freezeAt?: number; ttlMs?: number; callMs?: number; sessionTimeoutMs?: number } = {}) =>
    new Child(
      {
        applicationId,
        topology: './frozen-topology.ts',
        settings: { kind, source, sink, callMs: part.callMs ?? 1, ttlMs: part.ttlMs ?? HOUR } satisfies FrozenSettings,
        stateDir: part.folder ?? stateDir,
        threads: 'in-process',
        bootstrapServers: cluster.bootstrapServers,
        sessionTimeoutMs: part.sessionTimeoutMs ?? 120_000,
        transactionTimeoutMs: 120_000,
        replicationFactor: 1,
        // Its session decides, as when its host stands still.
        peers: { listen: false },
      },
      part.freezeAt === undefined ? {} : { MILLRACE_TEST: '1', MILLRACE_FAILPOINT: `generation.closed:${part.freezeAt}:freeze` },
    )
  return { applicationId, source, sink, start }
}

/** Freezes one within its `freezeAt`-th generation, wakes it when another has gone on with its work, and stops both once `done`. */
async function freeze(t: Assertions, { applicationId, start }: Awaited<ReturnType<typeof application>>, freezeAt: number, done: () => Promise<boolean>, ttlMs = HOUR): Promise<void> {
  const frozen = start({ freezeAt, ttlMs, callMs: SLOW_CALL_MS, sessionTimeoutMs: 6_000 })
  // Alone it has all tasks; where another is there first, nobody would take over from it.
  await until(() => stopped(frozen.process.pid!), `${applicationId}: it is frozen`, LIMIT_MS)
  const other = start({ folder: cluster.folder(), ttlMs })
  // The first commit announces its tasks; where a broker is slow, the next may already hold all there is to do.
  await until(async () => (await other.tasks()).length === PARTITIONS && (await other.asked()).commits! > 1, `${applicationId}: the other has taken over`, LIMIT_MS)
  frozen.process.kill('SIGCONT')
  await until(async () => {
    const { lost, dropped } = await frozen.asked()
    return lost! > 0 && dropped! > 0
  }, `${applicationId}: it has noticed`, LIMIT_MS)
  await until(done, `${applicationId}: all is done`, LIMIT_MS)
  const [first] = (await frozen.stop()).counters!
  t.ok(first!['commitsDropped']! > 0, `${applicationId}: the generation it was frozen with was refused`)
  await other.stop()
}

/** The state of a process in proc(5) is the field behind its name. */
function stopped(pid: number): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.startsWith('T')
}

async function ofPunctuator(t: Assertions): Promise<void> {
  const app = await application('punctuator')
  await freeze(t, app, 10, async () => (await end(app.sink)) > 200)
  t.same(countProblems(await cluster.committed(app.sink), new Map()), [], 'each task counts 1, 2, 3 …')
}

async function ofCalls(t: Assertions): Promise<void> {
  const app = await application('calls')
  const input = Array.from({ length: 400 }, (_, i) => ({ key: `key-${i % 40}`, value: `${i}` }))
  await cluster.send(app.source, input)
  await freeze(t, app, 6, async () => (await end(app.sink)) > input.length && (await cluster.committed(app.sink)).length >= input.length)
  t.same(countProblems(await cluster.committed(app.sink), tally(input.map(({ key }) => key))), [], 'each result once')
}

async function ofTimeToLive(t: Assertions): Promise<void> {
  const app = await application('time-to-live')
  const changelog = `${app.applicationId}-kept-changelog`
  const input = Array.from({ length: 12_000 }, (_, i) => ({ key: `key-${i}`, value: 'v' }))
  const before = app.start()
  await before.running()
  await cluster.send(app.source, input)
  await cluster.consumed(app.applicationId, app.source)
  await before.stop()
  const tombstones = async () => (await cluster.committed(changelog)).filter(({ value }) => value === null)
  // The first generation announces the task; five hundred entries go at a time.
  await freeze(t, app, 2, async () => (await end(changelog)) > 2 * input.length && (await tombstones()).length >= input.length, 1)
  t.same([...tally((await tombstones()).map(({ key }) => key!.toString()))].filter(([, count]) => count !== 1), [], 'each tombstone once')
}

/** Sum of the high watermarks: records and markers. */
async function end(topic: string): Promise<number> {
  const ends = (await cluster.ours.metadata([topic], { fresh: true })).has(topic) ? await cluster.highWatermarks(topic) : new Map<number, number>()
  return [...ends.values()].reduce((sum, each) => sum + each, 0)
}

t.test('frozen with a generation of a punctuator, of results, of entries that have expired: what it holds is never there twice', async (t) => {
  await Promise.all([ofPunctuator(t), ofCalls(t), ofTimeToLive(t)])
})
