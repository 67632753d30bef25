import type { StorageEngine, TaskState } from '../contract.ts'
import { createSessionStore, sessionFormat, sessionLayout, type SessionStore } from '../kinds/session.ts'
import { type Expiring, storeClock } from '../kinds/store-clock.ts'
import type { Windowed } from '../kinds/window-key.ts'
import { openTaskState } from '../open-task-state.ts'
import type { SuiteTest } from './tap.ts'
import type { TaskStateFactory } from './task-state-suite.ts'
import { TEXT } from './text.ts'

const MINUTE = 60_000

const session = (key: string, start: number, end: number): Windowed<string> => ({ key, window: { start, end } })

/** The conformance suite of session stores over one engine. */
export async function sessionStoreConformance(t: SuiteTest, engine: StorageEngine, open: TaskStateFactory = openTaskState): Promise<void> {
  for (const indexed of [false, true]) {
    await t.test(`${engine.name}, session store${indexed ? ' with an index by time' : ''}`, async (t: SuiteTest) => {
      const shape = { retentionMs: 10 * MINUTE, indexed }
      const state = await open({
        engine,
        location: t.testdir(),
        readCacheBytes: 100_000,
        stores: [{ name: 'sessions', kind: 'session', logged: true, layout: sessionLayout(shape) }],
      })
      let expired = 0
      const store = createSessionStore(state.store('sessions'), TEXT, shape, { clock: storeClock(), now: () => 7, onExpired: () => expired++ })
      try {
        await reads(t, state, store)
        store.put(session('late', 0, 10 * MINUTE), 'x')
        t.equal(expired, 0)
        store.put(session('new', 21 * MINUTE, 21 * MINUTE), 'y')
        // Ordered by time it keeps one millisecond more.
        store.put(session('late', 0, indexed ? 11 * MINUTE - 1 : 11 * MINUTE), 'x')
        t.equal(expired, 1, 'a session that ends at the retention has expired')
        t.same(shown(store.fetch('late')), [])
        t.equal(store.fetchSession('late', 0, 10 * MINUTE), undefined)
        await commit(state, store)
        t.same(Array.from(state.store('sessions').range({})).length > 0, true)
        store.put(session('new', 40 * MINUTE, 41 * MINUTE), 'z')
        await commit(state, store)
        t.equal(state.store('sessions').approximateEntries(), indexed ? 2 : 1, 'the rest has left the database')
      } finally {
        await state.close()
      }
    })
  }

  async function reads(t: SuiteTest, state: TaskState, store: SessionStore<string, string> & Expiring): Promise<void> {
    store.put(session('a', 10, 20), 'a1')
    store.put(session('a', 5 * MINUTE, 6 * MINUTE), 'a2')
    store.put(session('ab', 10, 30), 'ab')
    await commit(state, store)
    store.put(session('a', 50, 60), 'a3')
    t.same(shown(store.findSessions('a', 20, 50)), ['a[10,20]=a1', 'a[50,60]=a3'])
    t.same(shown(store.findSessions('a', 21, 50)), ['a[50,60]=a3'])
    t.same(shown(store.findSessions('a', 0, 49)), ['a[10,20]=a1'])
    t.same(shown(store.backwardFetch('a')), ['a[300000,360000]=a2', 'a[50,60]=a3', 'a[10,20]=a1'])
    t.same(shown(store.findSessionsByEnd(20, 60)).sort(), ['a[10,20]=a1', 'a[50,60]=a3', 'ab[10,30]=ab'])
    t.equal(store.fetchSession('a', 10, 20), 'a1')
    t.equal(store.fetchSession('a', 10, 21), undefined)
    store.remove(session('a', 10, 20))
    t.same(shown(store.findSessions('a', 0, 40)), [])
    t.same(shown(store.findSessionsByEnd(0, 30)), ['ab[10,30]=ab'])
    const format = sessionFormat({ retentionMs: 10 * MINUTE, indexed: true })
    const records = state.freeze().flatMap((changes) => [...changes.entries()].flatMap(({ key, value }) => {
      const record = format.recordKey(key, value === null)
      return record === undefined ? [] : [`${Buffer.from(record).toString('hex')}=${value === null ? null : Buffer.from(value).toString()}`]
    }))
    await state.applyFrozen(new Map())
    t.same(records, [`61${hex(60)}${hex(50)}=a3`, `61${hex(20)}${hex(10)}=null`], 'key, end, start, as in Kafka Streams')
    t.same(format.rows(Buffer.from(`61${hex(60)}${hex(50)}`, 'hex'), Buffer.from('a3'), 0).length, 2)
  }
}

async function commit(state: TaskState, store: Expiring): Promise<void> {
  const ranges = store.expiredRows()
  if (ranges !== undefined) {
    state.expire('sessions', ranges)
  }
  state.freeze()
  await state.applyFrozen(new Map())
  await (state as { swept?: () => Promise<void> }).swept?.()
}

function hex(time: number): string {
  return time.toString(16).padStart(16, '0')
}

function shown(rows: Iterable<readonly [Windowed<string>, string]>): string[] {
  return Array.from(rows, ([{ key, window }, value]) => `${key}[${window.start},${window.end}]=${value}`)
}
