import { join } from 'node:path'
import type { Row, StorageEngine, TaskState } from '../contract.ts'
import { storeClock } from '../kinds/store-clock.ts'
import { createVersionedKeyValueStore, VERSIONED_LAYOUT, type VersionedKeyValueStore, versionedFormat } from '../kinds/versioned.ts'
import { openTaskState } from '../open-task-state.ts'
import type { SuiteTest } from './tap.ts'
import type { TaskStateFactory } from './task-state-suite.ts'
import { TEXT } from './text.ts'

interface Bench {
  readonly state: TaskState
  readonly store: VersionedKeyValueStore<string, string>
  readonly expired: () => number
  /** Commits; returns what the changelog gets. */
  commit(): Promise<readonly { readonly key: Uint8Array; readonly value: Uint8Array | null; readonly timestamp: number }[]>
}

/** The conformance suite of versioned stores over one engine. */
export async function versionedStoreConformance(t: SuiteTest, engine: StorageEngine, open: TaskStateFactory = openTaskState): Promise<void> {
  const check = async (name: string, historyRetentionMs: number, body: (t: SuiteTest, bench: Bench, other: () => Promise<Bench>) => Promise<void>) => {
    await t.test(`${engine.name}, versioned store: ${name}`, async (t: SuiteTest) => {
      const folder = t.testdir()
      const opened: Bench[] = []
      const next = async () => {
        const bench = await openBench(engine, open, join(folder, `0_${opened.length}`), historyRetentionMs)
        opened.push(bench)
        return bench
      }
      try {
        await body(t, await next(), next)
      } finally {
        for (const { state } of opened) {
          await state.close()
        }
      }
    })
  }
  const at = (store: VersionedKeyValueStore<string, string>, key: string, asOf?: number): string | undefined => {
    const found = asOf === undefined ? store.get(key) : store.get(key, asOf)
    return found === undefined ? undefined : `${found.value}@${found.timestamp}`
  }
  const history = (store: VersionedKeyValueStore<string, string>, key: string, from: number, to: number): string[] =>
    Array.from(store.versions(key, from, to), ({ value, timestamp, validTo }) => `${value}@${timestamp}-${validTo}`)

  await check('finds what held at a time', 1_000, async (t, { store, commit }) => {
    t.equal(store.put('k', 'a', 10), Number.POSITIVE_INFINITY)
    t.equal(store.put('k', 'c', 30), Number.POSITIVE_INFINITY)
    await commit()
    t.equal(store.put('k', 'b', 20), 30, 'out of order: valid until the version that follows')
    t.equal(store.put('kk', 'other', 15), Number.POSITIVE_INFINITY)
    t.equal(at(store, 'k'), 'c@30')
    t.equal(at(store, 'k', 9), undefined)
    t.equal(at(store, 'k', 10), 'a@10')
    t.equal(at(store, 'k', 19), 'a@10')
    t.equal(at(store, 'k', 20), 'b@20')
    t.equal(at(store, 'k', 29), 'b@20')
    t.equal(at(store, 'k', 1_000), 'c@30')
    t.same(history(store, 'k', 0, 100), ['a@10-20', 'b@20-30', 'c@30-Infinity'])
    t.same(history(store, 'k', 15, 20), ['a@10-20', 'b@20-30'])
    t.same(history(store, 'k', 35, 40), ['c@30-Infinity'])
    t.same(history(store, 'none', 0, 40), [])
  })

  await check('a version with the time of another replaces it, the latest too', 1_000, async (t, { store }) => {
    store.put('k', 'to be replaced', 1)
    store.put('k', 'b', 1)
    t.equal(at(store, 'k'), 'b@1')
    store.put('k', null, 1)
    t.equal(at(store, 'k'), undefined)
    store.put('k', 'c', 1)
    t.equal(at(store, 'k'), 'c@1')
    t.same(history(store, 'k', 0, 5), ['c@1-Infinity'])
  })

  await check('deletions are versions', 1_000, async (t, { store, commit }) => {
    store.put('k', 'a', 10)
    t.same(store.delete('k', 20), { value: 'a', timestamp: 10 })
    t.equal(at(store, 'k'), undefined)
    t.equal(at(store, 'k', 19), 'a@10')
    t.equal(at(store, 'k', 20), undefined)
    await commit()
    t.equal(store.put('k', 'late', 15), 20)
    t.equal(at(store, 'k', 16), 'late@15')
    t.equal(at(store, 'k'), undefined)
    t.equal(store.put('new', null, 30), Number.POSITIVE_INFINITY)
    t.equal(store.put('new', 'before', 25), 30, 'a deletion is remembered, also of what never was')
    t.equal(at(store, 'new'), undefined)
    t.equal(at(store, 'new', 29), 'before@25')
    t.same(history(store, 'k', 0, 100), ['a@10-15', 'late@15-20'])
  })

  await check('what is older than its history is not put, and found only if it is the latest', 100, async (t, { store, expired }) => {
    store.put('old', 'a', 10)
    store.put('old', 'b', 20)
    store.put('only', 'x', 10)
    store.put('clock', 'now', 300)
    t.equal(store.put('k', 'too late', 199), undefined)
    t.equal(store.put('k', 'in time', 200), Number.POSITIVE_INFINITY)
    t.equal(expired(), 1)
    t.equal(at(store, 'only', 50), 'x@10', 'expired, but still the latest')
    t.equal(at(store, 'old', 15), undefined)
    t.equal(at(store, 'old', 199), 'b@20')
  })

  await check('what nobody can ask for leaves the database', 100, async (t, { store, state, commit }) => {
    for (let time = 0; time < 1_000; time += 10) {
      store.put(`k${(time / 10) % 2}`, `${time}`, time)
      if (time % 100 === 0) {
        await commit()
      }
    }
    store.delete('k0', 2_000)
    store.put('k1', 'last', 3_000)
    store.put('k1', 'and last', 3_001)
    for (let time = 3_100; time < 3_400; time += 20) {
      store.put('k2', 'x', time)
      await commit()
    }
    const rows = Array.from(state.store('versions').range({}), ([key]) => Buffer.from(key).toString('latin1'))
    t.equal(at(store, 'k1'), 'and last@3001')
    t.ok(rows.length < 30, `${rows.length} rows are left`)
    t.same(rows.filter((row) => row.includes('k0')), [], 'of a deleted key nothing is')
  })

  await check('a version that expires in the generation that put it is logged', 100, async (t, { store, commit }) => {
    store.put('k', 'a', 10)
    await commit()
    store.put('clock', 'x', 115)
    store.delete('k', 15)
    store.put('clock', 'x', 300)
    store.put('clock', 'x', 400)
    const records = await commit()
    t.same(records.filter(({ key }) => Buffer.from(key).toString() === 'k').map(({ value, timestamp }) => [value, timestamp]), [[null, 15]])
  })

  await check('every version is logged, the latest of a key last; its changelog restores it', 1_000, async (t, { store, commit }, other) => {
    store.put('k', 'b', 20)
    store.put('k', 'a', 10)
    store.put('gone', 'x', 5)
    store.delete('gone', 25)
    const first = await commit()
    store.put('k', 'between', 15)
    const second = await commit()
    const shown = (records: typeof first) => records.map(({ key, value, timestamp }) => `${Buffer.from(key)}=${value === null ? null : Buffer.from(value)}@${timestamp}`)
    t.same(shown(first), ['gone=x@5', 'k=a@10', 'k=b@20', 'gone=null@25'])
    t.same(shown(second), ['k=between@15', 'k=b@20'], 'out of order: the latest once more, for compaction leaves the last record')
    const restored = await other()
    const rows: Row[] = [...first, ...second].flatMap(({ key, value, timestamp }) => versionedFormat.rows(key, value, timestamp))
    await restored.state.restore('versions', rows, 'log-0', { offset: 6, topicId: 'x', leaderEpoch: 0, appliedAt: 0 })
    for (const key of ['k', 'gone']) {
      t.same(history(restored.store, key, 0, 100), history(store, key, 0, 100))
      t.equal(at(restored.store, key), at(store, key))
    }
    restored.store.put('k', 'newer', 40)
    t.equal(at(restored.store, 'k'), 'newer@40')
    t.equal(at(restored.store, 'k', 39), 'b@20')
  })
}

async function openBench(engine: StorageEngine, open: TaskStateFactory, location: string, historyRetentionMs: number): Promise<Bench> {
  const state = await open({ engine, location, readCacheBytes: 100_000, stores: [{ name: 'versions', kind: 'versioned', logged: true, layout: VERSIONED_LAYOUT }] })
  let expired = 0
  const store = createVersionedKeyValueStore(state.store('versions'), TEXT, { historyRetentionMs }, { clock: storeClock(), now: () => 0, onExpired: () => expired++ })
  return {
    state,
    store,
    expired: () => expired,
    async commit() {
      store.expiredRows()
      const records = state.freeze().flatMap((changes) =>
        [...changes.entries()].flatMap(({ key, value, timestamp }) => {
          const recordKey = versionedFormat.recordKey(key, value === null)
          return recordKey === undefined ? [] : [{ key: Uint8Array.from(recordKey), value: value === null ? null : versionedFormat.recordValue(value), timestamp }]
        }),
      )
      await state.applyFrozen(new Map())
      return records.sort((a, b) => a.timestamp - b.timestamp)
    },
  }
}
