/**
 * Rule C11: the disk is full at step 5 of a commit, when the transaction has ended and its rows go to the local database. A
 * limit of file sizes stands for the disk: it needs no rights, and strikes at the same system call.
 */
import t from 'tap'
import { TestCluster } from '../integration/streams-support.ts'
import { Child } from './child.ts'
import { endlessLines } from './load.ts'
import type { FailureSettings } from './topology.ts'
import { outputProblems, storedCounts, tally, topics } from './word-load.ts'

// A broker that hangs must end the run; a machine that is only busy must not.
t.setTimeout(300_000)
const cluster = new TestCluster()
t.before(() => cluster.connect())
t.teardown(() => cluster.close())

/** The log of a task's database is as large after some dozen commits. */
const FILE_BYTES = 16 * 1024
const FULL = /writing \d+ rows to \S+ failed and changed nothing: .*File too large.*free space/

function options(name: string, settings: FailureSettings, uncaughtError: 'fail' | 'replace-thread') {
  const stateDir = cluster.folder()
  // Nobody but the thread that fails is to end its membership.
  return { applicationId: cluster.name(name), settings, stateDir, bootstrapServers: cluster.bootstrapServers, sessionTimeoutMs: 120_000, replicationFactor: 1, uncaughtError }
}

for (const uncaughtError of ['fail', 'replace-thread'] as const) {
  t.test(`uncaughtError '${uncaughtError}': outputs and stores are those of an undisturbed run`, async (t) => {
    const settings = await topics(cluster, uncaughtError)
    const app = options(uncaughtError, settings, uncaughtError)
    const first = new Child(app, {}, FILE_BYTES)
    const load = endlessLines(cluster, settings.source)
    t.match(await first.exited, { code: 1, signal: null }, 'it ends by itself: nothing it had is left open')
    const input = await load.stop()
    const { error = '', code } = first.reports.find((report) => report.error !== undefined)!
    t.match(error, FULL)
    t.ok(error.includes(app.stateDir), 'the folder is named')
    t.equal(code, uncaughtError === 'fail' ? 'STATE_WRITE_FAILED' : 'THREAD_DIED')
    t.equal(first.warnings.filter((warning) => /is replaced: /.test(warning)).length, uncaughtError === 'fail' ? 0 : 5)
    t.notMatch(first.warnings.join('\n'), /could not release everything/)

    // Room again. A session of two minutes is nothing to wait for: the failed thread has left its group.
    const second = new Child(app)
    await second.running()
    await cluster.consumed(app.applicationId, settings.source)
    await cluster.consumed(app.applicationId, `${app.applicationId}-by-word-repartition`)
    await second.stop()
    t.same(await outputProblems(cluster, settings, input), [])
    t.same(await storedCounts(app.stateDir, 'per-key', (id) => !id.includes('by-word') && !id.startsWith('global')), tally(input.map((line) => line.key)), 'the store')
    t.comment(`${input.length} lines`)
  })
}
