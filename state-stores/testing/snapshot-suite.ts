import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChangelogPosition, EngineName, StorageEngine, StoreSpec } from '../contract.ts'
import { engineCapabilities } from '../engines/capabilities.ts'
import { createSessionStore, sessionLayout } from '../kinds/session.ts'
import { storeClock } from '../kinds/store-clock.ts'
import { TTL_LAYOUT, TtlView } from '../kinds/ttl.ts'
import { createVersionedKeyValueStore, VERSIONED_LAYOUT } from '../kinds/versioned.ts'
import { createWindowStore, windowLayout } from '../kinds/window.ts'
import type { SnapshotStore } from '../snapshots/contract.ts'
import { FolderSnapshotStore } from '../snapshots/folder-store.ts'
import { Snapshots } from '../snapshots/snapshots.ts'
import { StateFolder } from '../folder.ts'
import { openTaskState } from '../open-task-state.ts'
import type { DatabaseTaskState } from '../task-state.ts'
import { bytes, lines, type SuiteTest } from './tap.ts'
import { TEXT } from './text.ts'

const OWNER = { application: 'orders', task: 'totals_0' }
const WINDOWS = { retentionMs: 60_000, windowSizeMs: 10, retainDuplicates: false, indexed: true }
const SESSIONS = { retentionMs: 60_000, indexed: true }
const HISTORY = { historyRetentionMs: 60_000 }
const TTL_MS = 60_000

/** Every kind of store, and one without a changelog. */
const STORES: readonly StoreSpec[] = [
  { name: 'totals', kind: 'key-value', logged: true },
  { name: 'seen', kind: 'key-value', logged: true, layout: TTL_LAYOUT },
  { name: 'windows', kind: 'window', logged: true, layout: windowLayout(WINDOWS, false) },
  { name: 'sessions', kind: 'session', logged: true, layout: sessionLayout(SESSIONS) },
  { name: 'rates', kind: 'versioned', logged: true, layout: VERSIONED_LAYOUT },
  { name: 'scratch', kind: 'key-value', logged: false },
]

interface Bench {
  readonly folder: string
  readonly store: SnapshotStore
  readonly snapshots: Snapshots
  readonly state: DatabaseTaskState
  /** One generation over all stores, with the position `offset`; only applied if `apply`. */
  generation(offset: number, apply?: boolean): Promise<void>
  /** Takes a snapshot of the state. */
  take(): Promise<unknown>
  /** Opens a state in a folder of its own. */
  open(more?: { readonly stores?: readonly StoreSpec[]; readonly refuse?: number; readonly application?: string }): Promise<{ readonly state: DatabaseTaskState; readonly refused: string[]; readonly used: string | undefined }>
}

/**
 * The conformance suite of snapshots over one engine: what `Database.checkpoint` and `EngineOptions.checkpoint` promise,
 * and that a snapshot which is damaged or of something else is never used.
 */
export async function snapshotConformance(t: SuiteTest, engine: StorageEngine): Promise<void> {
  const check = (name: string, body: (t: SuiteTest, bench: Bench) => Promise<void>) =>
    t.test(`${engine.name}, snapshots: ${name}`, async (t: SuiteTest) => {
      const folder = t.testdir()
      const opened: DatabaseTaskState[] = []
      try {
        await body(t, await openBench(engine, folder, opened))
      } finally {
        for (const state of opened) {
          await state.close()
        }
      }
    })
  const offsetOf = (state: DatabaseTaskState) => state.position('log-0')?.offset

  await check('hold every kind of store, what is committed and nothing else', async (t, { state, generation, take, open }) => {
    await generation(1)
    await generation(2)
    const committed = rowsOf(state)
    await generation(3, false)
    state.store('totals').put(bytes('open'), bytes('1'), 0)
    await take()
    const { state: copy, refused } = await open()
    t.same(refused, [])
    t.ok(committed.length > 50)
    t.same(rowsOf(copy), committed)
    t.equal(offsetOf(copy), 2)
    const typed = typedStores(copy, 2_000)
    t.same(Array.from(typed.windows.fetch('k1', 0, 10_000), ([, value]) => value), ['1', '2'])
    t.equal(Array.from(typed.sessions.fetch('k1')).length, 2)
    t.same([typed.rates.get('k1', 1_500)?.value, typed.rates.get('k1')?.value], ['1', '2'])
    t.equal(Buffer.from(typed.seen.get(Buffer.from('k1')) ?? []).toString(), '2')
    await state.applyFrozen(new Map([['log-0', { offset: 3 }]]))
    t.same(rowsOf(copy), committed, 'it shares nothing that changes')
    copy.store('totals').put(bytes('of the copy'), bytes('1'), 0)
    copy.freeze()
    await copy.applyFrozen(new Map())
    t.equal(state.committed('totals').get(bytes('of the copy')), undefined)
    t.equal(offsetOf(state), 3)
  })

  await check('leave out what no changelog would bring up to date', async (t, { folder, state, generation, take, open }) => {
    await generation(1)
    state.store('scratch').put(bytes('a'), bytes('old'), 0)
    await generation(2)
    t.same(lines(state.committed('scratch').range({})), ['a=old'])
    await take()
    const { state: copy } = await open()
    t.equal(offsetOf(copy), 2)
    t.same(lines(copy.committed('scratch').range({})), [])
    if (engineCapabilities[engine.name].persistent) {
      // A process that died before it had seen to that.
      const location = join(folder, '0_0')
      await state.close()
      await writeFile(join(location, '.copied'), '')
      const again = await openTaskState({ engine, location, stores: STORES })
      t.same(lines(again.committed('scratch').range({})), [])
      t.equal(rowsOf(again).length, rowsOf(copy).length)
      again.store('scratch').put(bytes('a'), bytes('new'), 0)
      again.freeze()
      await again.applyFrozen(new Map())
      await again.close()
      const last = await openTaskState({ engine, location, stores: STORES })
      t.same(lines(last.committed('scratch').range({})), ['a=new'], 'once')
      await last.close()
    }
  })

  await check('are of one moment, while writes go on', async (t, { state, generation, take, open }) => {
    await generation(1)
    let writing = true
    let offset = 1
    const writes = (async () => {
      while (writing) {
        await generation(++offset)
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
    })()
    try {
      for (let i = 0; i < 3; i++) {
        const before = offset
        await take()
        const { state: copy } = await open()
        const at = offsetOf(copy)!
        t.ok(at >= before && at <= offset, `${before} ≤ ${at} ≤ ${offset}`)
        const generations = new Set(lines(copy.committed('totals').range({})).map((line) => line.split('=')[1]))
        t.same([...generations], [String(at)], 'all rows are of the generation the position names')
      }
    } finally {
      writing = false
      await writes
    }
    t.equal(offsetOf(state), offset)
  })

  await check('are kept as many as asked for; the newest that fits is used', async (t, { store, generation, take, open }) => {
    for (let offset = 1; offset <= 4; offset++) {
      await generation(offset)
      await take()
    }
    const ids = await store.list(OWNER)
    t.equal(ids.length, 3)
    t.same([...ids].sort().reverse(), ids)
    const newest = await open()
    t.equal(offsetOf(newest.state), 4)
    t.equal(newest.used, ids[0])
    const older = await open({ refuse: 4 })
    t.equal(offsetOf(older.state), 3)
    t.same(older.refused, [`${ids[0]}: offset 4 is refused`])
    const none = await open({ application: 'another' })
    t.same([offsetOf(none.state), none.refused], [undefined, []])
  })

  await check('that are damaged or of something else are refused', async (t, { folder, store, generation, take, open }) => {
    await generation(1)
    await take()
    await generation(2)
    await take()
    const [newest, oldest] = await store.list(OWNER)
    const path = (id: string) => join(folder, 'snapshots', OWNER.application, OWNER.task, id)
    const other = await open({ stores: STORES.map((spec) => (spec.name === 'windows' ? { ...spec, layout: 'another' } : spec)) })
    t.equal(offsetOf(other.state), undefined)
    t.equal(other.refused.filter((line) => line.includes('another topology')).length, 2)
    await cp(join(folder, 'snapshots', OWNER.application), join(folder, 'snapshots', 'thief'), { recursive: true })
    const foreign = await open({ application: 'thief' })
    t.equal(offsetOf(foreign.state), undefined)
    t.equal(foreign.refused.filter((line) => line.includes(OWNER.application)).length, 2)
    const largest = (await readdir(path(newest!))).filter((name) => name !== 'manifest.json').sort().at(-1)!
    // Not in place: a hard link would damage the database, too.
    const damage = async (name: string, content: string) => {
      await rm(join(path(newest!), name))
      await writeFile(join(path(newest!), name), content)
    }
    await damage(largest, 'damaged')
    const damaged = await open()
    t.equal(offsetOf(damaged.state), 1)
    t.ok(damaged.refused[0]!.includes(`${largest} is damaged`), damaged.refused[0]!)
    await damage('manifest.json', '{"sha256":"","manifest":"{}"}')
    t.ok((await open()).refused[0]!.includes('manifest is damaged'))
    await truncate(join(path(oldest!), 'manifest.json'), 10)
    const empty = await open()
    t.equal(empty.refused.length, 2)
    t.same([offsetOf(empty.state), rowsOf(empty.state)], [undefined, []])
  })

  if (engineCapabilities[engine.name].persistent) {
    await check('take the place of what is damaged or unfit on the disk, if one fits', async (t, { folder, snapshots, state, generation, take }) => {
      await generation(1)
      await take()
      await generation(2)
      await state.close()
      const location = join(folder, '0_0')
      let released = 0
      const reopen = async (unfit: string | undefined, refused?: string) => {
        const instead: (string | undefined)[] = []
        const opened = await snapshots.openState({ engine, location, stores: STORES, memory: { bytes: 64 * 1024 * 1024, overdrawn: false, release: () => void released++ } }, OWNER, {
          judge: async () => refused,
          onRefused: () => undefined,
          onUsed: (_id, _manifest, why) => instead.push(why),
          unfit: async (positions) => (positions.get('log-0')?.offset === 2 ? unfit : undefined),
        })
        const offset = offsetOf(opened)
        await opened.close()
        return [offset, ...instead]
      }
      t.same(await reopen(undefined), [2], 'it is gone on with')
      t.same(await reopen('too old', 'none fits'), [2], 'there is nothing better')
      t.same(await reopen('too old'), [1, 'too old'])
      t.equal(released, 3)
      await writeFile(join(location, 'CURRENT'), 'damaged')
      await t.rejects(reopen(undefined, 'none fits'), { code: 'STATE_CORRUPTED' })
      t.equal(released, 4)
      t.equal(await readFile(join(location, 'CURRENT'), 'utf8'), 'damaged', 'nothing is deleted that nothing replaces')
      const [offset, why] = await reopen(undefined)
      t.equal(offset, 1)
      t.ok(String(why).includes(location), String(why))
      t.equal(released, 5)
      t.same((await readdir(folder)).filter((name) => name.startsWith('.draft')), [])
    })
  }

  await check('of another engine are refused', async (t, { folder, generation, take }) => {
    await generation(1)
    await take()
    const refused: string[] = []
    const name: EngineName = engine.name === 'memory' ? 'leveldb' : 'memory'
    // Whatever opens it: what is written in the manifest decides.
    const other: StorageEngine = { name, open: (location, options) => engine.open(location, options) }
    const snapshots = new Snapshots({ store: new FolderSnapshotStore(join(folder, 'snapshots')), folder: new StateFolder(folder), keep: 3 })
    const location = join(folder, 'other')
    await mkdir(location)
    const state = await snapshots.openState({ engine: other, location, stores: STORES }, OWNER, { judge: async () => undefined, onRefused: (_, why) => refused.push(why) })
    t.equal(offsetOf(state), undefined)
    t.ok(refused[0]!.includes(engine.name) && refused[0]!.includes(name))
    await state.close()
  })

  await check('that cannot be kept leave nothing behind', async (t, { folder, state, store, generation }) => {
    await generation(1)
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    const failing: SnapshotStore = {
      list: (owner) => store.list(owner),
      manifest: (owner, id) => store.manifest(owner, id),
      publish: () => Promise.reject(full),
      fetch: (owner, id, file, path) => store.fetch(owner, id, file, path),
      remove: (owner, id) => store.remove(owner, id),
    }
    const drafts = new StateFolder(folder)
    await t.rejects(new Snapshots({ store: failing, folder: drafts, keep: 1 }).take(state, OWNER, { engine, stores: STORES }), { code: 'ENOSPC' })
    await t.rejects(new Snapshots({ store, folder: drafts, keep: 1 }).take(state, OWNER, { engine, stores: STORES }, AbortSignal.abort(full)), { code: 'ENOSPC' }, 'given up')
    t.same(await readdir(join(folder, 'snapshots', OWNER.application, OWNER.task)).catch(() => []), [])
    await state.close()
    await t.rejects(new Snapshots({ store, folder: drafts, keep: 1 }).take(state, OWNER, { engine, stores: STORES }), { code: 'STATE_CLOSED' })
    t.same((await readdir(folder)).filter((name) => name.startsWith('.draft')), [])
    t.same(await store.list(OWNER), [])
  })
}

function typedStores(state: DatabaseTaskState, time: number) {
  const options = () => ({ clock: storeClock(time), now: () => time })
  return {
    windows: createWindowStore(state.store('windows'), TEXT, WINDOWS, options()),
    sessions: createSessionStore(state.store('sessions'), TEXT, SESSIONS, options()),
    rates: createVersionedKeyValueStore(state.store('rates'), TEXT, HISTORY, options()),
    seen: new TtlView(state.store('seen'), TTL_MS, storeClock(time)),
  }
}

/** All rows of all stores as the database has them. */
function rowsOf(state: DatabaseTaskState): string[] {
  return STORES.flatMap(({ name }) => lines(state.committed(name).range({})).map((line) => `${name}: ${line}`))
}

async function openBench(engine: StorageEngine, folder: string, opened: DatabaseTaskState[]): Promise<Bench> {
  const store = new FolderSnapshotStore(join(folder, 'snapshots'))
  const snapshots = new Snapshots({ store, folder: new StateFolder(folder), keep: 3 })
  const location = join(folder, '0_0')
  await mkdir(location)
  const state = await openTaskState({ engine, location, stores: STORES })
  opened.push(state)
  const generation = async (offset: number, apply = true): Promise<void> => {
    const { windows, sessions, rates, seen } = typedStores(state, offset * 1_000)
    const value = String(offset)
    for (let i = 0; i < 10; i++) {
      const key = `k${i}`
      state.store('totals').put(Buffer.from(key), Buffer.from(value), offset)
      seen.put(Buffer.from(key), Buffer.from(value), offset * 1_000)
      windows.put(key, value, offset * 1_000)
      sessions.put({ key, window: { start: offset * 1_000, end: offset * 1_000 + 5 } }, value)
      rates.put(key, value, offset * 1_000)
    }
    state.freeze()
    if (apply) {
      const position: Partial<ChangelogPosition> = { offset, topicId: 'T' }
      await state.applyFrozen(new Map([['log-0', position]]))
    }
  }
  const open: Bench['open'] = async ({ stores = STORES, refuse = -1, application = OWNER.application } = {}) => {
    const refused: string[] = []
    let used: string | undefined
    const own = join(folder, `copy-${opened.length}`)
    await mkdir(own)
    const judge = async (positions: ReadonlyMap<string, ChangelogPosition>) => (positions.get('log-0')!.offset === refuse ? `offset ${refuse} is refused` : undefined)
    const onUsed = (id: string) => {
      used = id
    }
    const copy = await snapshots.openState({ engine, location: own, stores }, { ...OWNER, application }, { judge, onRefused: (id, why) => refused.push(`${id}: ${why}`), onUsed })
    opened.push(copy)
    return { state: copy, refused, used }
  }
  return { folder, store, snapshots, state, generation, take: () => snapshots.take(state, OWNER, { engine, stores: STORES }), open }
}
