import { join } from 'node:path'
import type { StorageEngine, TaskState, TaskStateOptions } from '../contract.ts'
import { storeClock } from '../kinds/store-clock.ts'
import { createWindowStore, type WindowStore, windowFormat, windowLayout, type WindowStoreShape } from '../kinds/window.ts'
import { type Windowed, windowStoreKey } from '../kinds/window-key.ts'
import { openTaskState } from '../open-task-state.ts'
import type { SuiteTest } from './tap.ts'
import type { TaskStateFactory } from './task-state-suite.ts'
import { TEXT } from './text.ts'

const MINUTE = 60_000

interface Bench {
  readonly store: WindowStore<string, string>
  readonly state: TaskState
  readonly expired: () => number
  commit(): Promise<void>
  /** The database is closed and opened again; the store's time comes with it, as the engine's does. */
  reopen(shape?: WindowStoreShape): Promise<Bench>
  close(): Promise<void>
}

/** The conformance suite of window stores over one engine. */
export async function windowStoreConformance(t: SuiteTest, engine: StorageEngine, open: TaskStateFactory = openTaskState): Promise<void> {
  const bench = async (folder: string, shape: Partial<WindowStoreShape>): Promise<Bench> => {
    const options = { engine, location: join(folder, '0_1'), readCacheBytes: 100_000 }
    return openBench(options, open, { retentionMs: 10 * MINUTE, windowSizeMs: 10, retainDuplicates: false, indexed: false, ...shape }, -1)
  }
  for (const indexed of [false, true]) {
    const named = (name: string) => `${engine.name}, window store${indexed ? ' with an index by time' : ''}: ${name}`

    await t.test(named('reads by key and time over everything that was written'), async (t: SuiteTest) => {
      const it = await bench(t.testdir(), { indexed })
      const { store } = it
      store.put('b', 'b0', 0)
      store.put('a', 'a25', 25 * MINUTE)
      store.put('a', 'a20', 20 * MINUTE)
      store.put('ab', 'ab20', 20 * MINUTE)
      await it.commit()
      store.put('a', 'a21', 21 * MINUTE)
      store.put('a', 'a20 again', 20 * MINUTE)
      t.equal(store.fetch('a', 20 * MINUTE), 'a20 again')
      t.equal(store.fetch('a', 22 * MINUTE), undefined)
      t.equal(store.fetch('b', 0), undefined, 'expired: 25 minutes have come, ten are kept')
      t.same(starts(store.fetch('a', 0, 60 * MINUTE)), ['20=a20 again', '21=a21', '25=a25'])
      t.same(starts(store.backwardFetch('a', 0, 21 * MINUTE)), ['21=a21', '20=a20 again'])
      t.same(starts(store.fetch('a', 21 * MINUTE, 25 * MINUTE)), ['21=a21', '25=a25'], 'both bounds are inclusive')
      t.same(starts(store.fetch('a', 22 * MINUTE, 21 * MINUTE)), [])
      t.same(rows(store.fetchAll(20 * MINUTE, 21 * MINUTE)).sort(), ['a@20=a20 again', 'a@21=a21', 'ab@20=ab20'])
      t.same(rows(store.all()).sort(), ['a@20=a20 again', 'a@21=a21', 'a@25=a25', 'ab@20=ab20'])
      t.same(rows(store.backwardAll()), rows(store.all()).reverse())
      t.same(rows(store.backwardFetchAll(20 * MINUTE, 21 * MINUTE)), rows(store.fetchAll(20 * MINUTE, 21 * MINUTE)).reverse())
      t.same(rows(store.fetchRange('ab', undefined, 0, 60 * MINUTE)), ['ab@20=ab20'])
      t.same(rows(store.fetchRange(undefined, 'a', 0, 21 * MINUTE)), ['a@20=a20 again', 'a@21=a21'])
      t.same(rows(store.backwardFetchRange('a', 'a', 0, 21 * MINUTE)), ['a@21=a21', 'a@20=a20 again'])
      if (indexed) {
        t.same(rows(store.all()), ['a@20=a20 again', 'ab@20=ab20', 'a@21=a21', 'a@25=a25'], 'in the order of time, then of keys')
      }
      await it.close()
    })

    await t.test(named('a deleted window is gone, also from ranges'), async (t: SuiteTest) => {
      const it = await bench(t.testdir(), { indexed })
      const { store } = it
      store.put('a', '1', 5)
      await it.commit()
      store.put('a', null, 5)
      store.put('a', null, 7)
      t.equal(store.fetch('a', 5), undefined)
      t.same(rows(store.all()), [])
      await it.commit()
      t.same(rows(store.all()), [])
      await it.close()
    })

    await t.test(named('what comes too late is not written, but counted'), async (t: SuiteTest) => {
      const it = await bench(t.testdir(), { indexed })
      const { store } = it
      store.put('a', 'new', 30 * MINUTE)
      const oldest = 20 * MINUTE + (indexed ? 0 : 1)
      store.put('a', 'too late', oldest - 1)
      store.put('a', 'just in time', oldest)
      t.equal(it.expired(), 1)
      t.same(rows(store.all()).length, 2)
      await it.close()
    })

    await t.test(named('expired rows leave the database'), async (t: SuiteTest) => {
      const it = await bench(t.testdir(), { indexed })
      for (let minute = 0; minute < 40; minute++) {
        it.store.put(`k${minute % 3}`, 'value', minute * MINUTE)
      }
      await it.commit()
      // Ten minutes are kept, in buckets of ten: those from 20 on. Ordered by time it is ten minutes and one millisecond.
      t.equal(it.state.store('windows').approximateEntries(), indexed ? 20 + 11 : 20)
      t.equal(rows(it.store.all()).length, indexed ? 11 : 10)
      for (let minute = 40; minute < 60; minute++) {
        it.store.put('k', 'value', minute * MINUTE)
      }
      await it.commit()
      t.equal(it.state.store('windows').approximateEntries(), indexed ? 20 + 11 : 20)
      await it.close()
    })

    await t.test(named('what was written and dropped with its generation expires nothing'), async (t: SuiteTest) => {
      const it = await bench(t.testdir(), { indexed })
      it.store.put('a', 'kept', 0)
      await it.commit()
      it.state.expire('windows', [{ from: new Uint8Array(0), to: Uint8Array.of(255) }])
      it.state.drop()
      await it.commit()
      t.same(rows(it.store.all()), ['a@0=kept'])
      await it.close()
    })

    await t.test(named('its changelog restores it'), async (t: SuiteTest) => {
      const folder = t.testdir()
      const it = await bench(folder, { indexed })
      it.store.put('a', '1', 2 * MINUTE)
      it.store.put('b', '2', 3 * MINUTE)
      it.store.put('a', null, 2 * MINUTE)
      it.store.put('c', '3', 4 * MINUTE)
      const format = windowFormat({ retentionMs: 10 * MINUTE, windowSizeMs: 10, retainDuplicates: false, indexed }, false)
      const records = it.state.freeze().flatMap((changes) =>
        Array.from(changes.entries(), ({ key, value, timestamp }) => ({ key: format.recordKey(key, value === null), value, timestamp })),
      )
      t.same(
        records.flatMap(({ key, value }) => (key === undefined ? [] : [`${Buffer.from(key).toString('latin1')}=${value === null ? null : Buffer.from(value).toString()}`])),
        [`a${long(2 * MINUTE)}\0\0\0\0=null`, `b${long(3 * MINUTE)}\0\0\0\0=2`, `c${long(4 * MINUTE)}\0\0\0\0=3`],
        'key, start and sequence number, as in Kafka Streams',
      )
      await it.state.applyFrozen(new Map())
      const other = await bench(join(folder, 'other'), { indexed })
      const batch = records.flatMap(({ key, value, timestamp }) => (key === undefined ? [] : format.rows(key, value, timestamp)))
      await other.state.restore('windows', batch, 'changelog-0', { offset: 3, topicId: 'x', leaderEpoch: 0, appliedAt: 0 })
      t.same(rows(other.store.all()), rows(it.store.all()))
      t.same(rows(other.store.all()), ['b@3=2', 'c@4=3'])
      await it.close()
      await other.close()
    })
  }

  await t.test(`${engine.name}, window store: a copy fed by the changelog forgets, a day later`, async (t: SuiteTest) => {
    const it = await bench(t.testdir(), { indexed: true })
    const shape = { retentionMs: 10 * MINUTE, windowSizeMs: 10, retainDuplicates: false, indexed: true }
    const format = windowFormat(shape, false)
    const day = 24 * 60 * MINUTE
    for (const [offset, time] of [0, 5 * MINUTE, 10 * MINUTE, day, day + 20 * MINUTE, day + 30 * MINUTE].entries()) {
      const key = windowStoreKey(Buffer.from('a'), time, 0)
      t.equal(format.time!(key), time)
      const position = { offset: offset + 1, topicId: 'x', leaderEpoch: 0, appliedAt: 0 }
      await it.state.restore('windows', format.rows(key, Buffer.from('v'), time), 'log-0', position, format.expiredAt!(time))
      await (it.state as { swept?: () => Promise<void> }).swept?.()
    }
    t.equal(it.state.store('windows').approximateEntries(), 2 * 3, 'with their places in the order')
    await it.close()
  })

  await t.test(`${engine.name}, window store: duplicates stay beside each other`, async (t: SuiteTest) => {
    const it = await bench(t.testdir(), { retainDuplicates: true })
    const { store } = it
    for (const value of ['1', '2', '3']) {
      store.put('a', value, 5)
      await it.commit()
    }
    store.put('a', '0', 4)
    store.put('a', null, 5)
    t.same(Array.from(store.fetch('a', 0, 10), ([start, value]) => `${start}=${value}`), ['4=0', '5=1', '5=2', '5=3'])
    t.same(Array.from(store.backwardFetch('a', 5, 5), ([start, value]) => `${start}=${value}`), ['5=3', '5=2', '5=1'])
    t.equal(store.fetch('a', 5), '1')
    await it.close()
  })

  await t.test(`${engine.name}, window store: survives, unless its layout has changed`, async (t: SuiteTest) => {
    if (engine.name === 'memory') {
      return
    }
    const shape = { retentionMs: 10 * MINUTE, windowSizeMs: 10, retainDuplicates: false, indexed: false }
    let it = await bench(t.testdir(), shape)
    it.store.put('a', 'kept', 5 * MINUTE)
    it.state.freeze()
    await it.state.applyFrozen(new Map([['log-0', { offset: 7 }], ['login-0', { offset: 9 }]]))
    it = await it.reopen()
    t.equal(it.store.fetch('a', 5 * MINUTE), 'kept')
    t.equal(it.state.position('log-0')?.offset, 7)
    it = await it.reopen({ ...shape, retentionMs: 20 * MINUTE })
    t.same(rows(it.store.all()), [])
    t.equal(it.state.position('log-0'), undefined, 'the changelog fills it again, from its beginning')
    t.equal(it.state.position('login-0')?.offset, 9)
    await it.close()
  })
}

async function openBench(options: Omit<TaskStateOptions, 'stores'>, open: TaskStateFactory, shape: WindowStoreShape, time: number): Promise<Bench> {
  const state = await open({ ...options, stores: [{ name: 'windows', kind: 'window', logged: true, layout: windowLayout(shape, false), changelog: 'log' }] })
  let expired = 0
  let sequence = 0
  const clock = storeClock(time)
  const store = createWindowStore(state.store('windows'), TEXT, shape, {
    clock,
    now: () => 100,
    onExpired: () => expired++,
    sequence: () => sequence++,
  })
  return {
    store,
    state,
    expired: () => expired,
    async commit() {
      const ranges = store.expiredRows()
      if (ranges !== undefined) {
        state.expire('windows', ranges)
      }
      state.freeze()
      await state.applyFrozen(new Map())
      await (state as { swept?: () => Promise<void> }).swept?.()
    },
    async reopen(other = shape) {
      await state.close()
      return openBench(options, open, other, clock.time)
    },
    close: () => state.close(),
  }
}

function starts(found: Iterable<readonly [number, string]>): string[] {
  return Array.from(found, ([start, value]) => `${start / MINUTE}=${value}`)
}

function rows(found: Iterable<readonly [Windowed<string>, string]>): string[] {
  return Array.from(found, ([{ key, window }, value]) => `${key}@${Math.floor(window.start / MINUTE)}=${value}`)
}

function long(time: number): string {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(time))
  return bytes.toString('latin1')
}
