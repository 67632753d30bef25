/** When snapshots are taken, and what their settings may be. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { memoryEngine, openMemoryTaskState, StateFolder } from 'millrace-state-stores'
import { buildTopology, Serdes } from '../../index.ts'
import { resolveConfig } from '../../runtime/config.ts'
import { StateSnapshots } from '../../runtime/state-snapshots.ts'
import { storeSpecs } from '../../runtime/stores.ts'
import { TaskEntry } from '../../runtime/task-entry.ts'

const CHANGELOG = 'app-totals-changelog-0'

/** Over the empty folder `root`; `blocked`: with a file where the snapshots should be. */
function bench(root: string, blocked = false) {
  const folder = join(root, 'snapshots')
  if (blocked) {
    writeFileSync(folder, '')
  }
  const { subtopologies } = buildTopology((b) => void b.stream('in', { key: Serdes.string(), value: Serdes.string() }).groupByKey().count({ name: 'totals' }), { applicationId: 'app' })
  const subtopology = subtopologies[0]!
  const { name, fingerprint } = subtopology
  const entries = [0, 1].map((partition) => {
    const entry = new TaskEntry('app', { subtopology: name, fingerprint, partition }, subtopology, { partitionsOf: () => 2, cameLater: () => false })
    entry.state = openMemoryTaskState(storeSpecs(subtopology))
    entry.status = 'running'
    return entry
  })
  const warnings: string[] = []
  const taken: string[] = []
  const waiting: (() => void)[] = []
  const clock = { now: 0 }
  const snapshots = new StateSnapshots<TaskEntry>({
    applicationId: 'app',
    config: { folder, intervalMs: 10_000, keep: 2 },
    folder: new StateFolder(root),
    failpoint: () => undefined,
    sourceOf: () => ({ engine: memoryEngine, stores: storeSpecs(subtopology) }),
    judge: async () => undefined,
    unfit: async () => undefined,
    now: () => clock.now,
    onTaken: ({ id }) => {
      taken.push(id)
      waiting.shift()?.()
    },
    onWarning: (message) => {
      warnings.push(message)
      waiting.shift()?.()
    },
  })
  const commit = async (partition: number, offset: number) => {
    const { state } = entries[partition]!
    state!.freeze()
    await state!.applyFrozen(new Map([[`app-totals-changelog-${partition}`, { offset, topicId: 'T' }]]))
  }
  /** The next one has been taken, or has failed. */
  const done = () => new Promise<void>((resolve) => waiting.push(resolve)).then(() => new Promise<void>((resolve) => setImmediate(resolve)))
  return { snapshots, entries, warnings, taken, clock, commit, done, folder }
}

t.test('one at a time, of what is due and has committed something since', async (t) => {
  const { snapshots, entries, taken, clock, commit, done, warnings, folder } = bench(t.testdir())
  await commit(0, 5)
  await commit(1, 5)
  snapshots.committed(entries)
  clock.now = 4_999
  snapshots.committed(entries)
  t.same(taken, [], 'never before half of the interval')
  clock.now = 10_000
  snapshots.committed(entries)
  await done()
  t.same(taken, ['in_0'])
  snapshots.committed(entries)
  await done()
  t.same(taken, ['in_0', 'in_1'], 'the other one had to wait')
  clock.now = 30_000
  snapshots.committed(entries)
  await commit(1, 6)
  clock.now = 50_000
  snapshots.committed(entries)
  await done()
  t.same(taken, ['in_0', 'in_1', 'in_1'])
  entries[1]!.status = 'suspended'
  await commit(1, 7)
  clock.now = 90_000
  snapshots.committed(entries)
  await snapshots.close()
  t.same(taken.length, 3)
  await commit(0, 9)
  clock.now = 120_000
  snapshots.committed(entries)
  t.same([taken.length, warnings], [3, []], 'not while it closes')
  t.equal(readdirSync(join(folder, 'app', 'in_1')).length, 2)
})

t.test('a folder that cannot be written is told, and tried again', async (t) => {
  const { snapshots, entries, taken, clock, commit, done, warnings } = bench(t.testdir(), true)
  for (const offset of [1, 2]) {
    await commit(0, offset)
    snapshots.committed([entries[0]!])
    clock.now += 20_000
    snapshots.committed([entries[0]!])
    await done()
  }
  t.same(taken, [])
  t.equal(warnings.length, 2)
  t.match(warnings[0], /A snapshot of task in_0 could not be taken and is tried again later: .*ENOTDIR/)
  await snapshots.close()
})

t.test('a state is opened from the newest, and from nothing when they cannot be reached', async (t) => {
  const root = t.testdir({ full: {}, blocked: {} })
  const { snapshots, entries, clock, commit, done } = bench(join(root, 'full'))
  await commit(0, 5)
  snapshots.committed([entries[0]!])
  clock.now = 20_000
  snapshots.committed([entries[0]!])
  await done()
  const options = { engine: memoryEngine, location: '', stores: storeSpecs(entries[0]!.subtopology) }
  const state = await snapshots.open(entries[0]!, options)
  t.equal(state.position(CHANGELOG)?.offset, 5)
  const other = bench(join(root, 'blocked'), true)
  const empty = await other.snapshots.open(entries[0]!, options)
  t.equal(empty.position(CHANGELOG), undefined)
  t.match(other.warnings, [/The snapshots of task in_0 cannot be used: .*ENOTDIR/])
})

t.test('settings', async (t) => {
  const resolve = (snapshots: object) => resolveConfig({ applicationId: 'app', bootstrapServers: 'h:1', snapshots: snapshots as { folder: string } })
  t.same(resolve({ folder: '/s' }).snapshots, { folder: '/s', intervalMs: 600_000, keep: 2 })
  t.equal(resolveConfig({ applicationId: 'app', bootstrapServers: 'h:1' }).snapshots, undefined)
  for (const [settings, message] of [
    [{}, /snapshots\.folder must be the path/],
    [{ folder: '/s', intervalMs: 10 }, /snapshots\.intervalMs is 10: .* from 1000 to/],
    [{ folder: '/s', keep: 0 }, /snapshots\.keep is 0: .* from 1 to 100/],
    [{ folder: '/s', every: 1 }, /snapshots\.every is no setting: known are folder, intervalMs, keep/],
  ] as const) {
    t.throws(() => resolve(settings), { code: 'CONFIG_INVALID', message })
  }
})
