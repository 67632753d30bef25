/**
 * Rule C12: scans that write and delete as they go, over three layers of which one is just being written to the database. No row
 * vanishes or comes twice, and what was deleted does not come back with the changelog.
 */
import { join } from 'node:path'
import t from 'tap'
import { leveldbEngine, openTaskState, rocksdbEngine, type Row, type TaskState } from '../../index.ts'
import { faultyEngine } from '../../testing/index.ts'
import fc, { SEED } from '../seeded.ts'

// A database that hangs must end the run; a machine that is only busy must not.
t.setTimeout(180_000)

const GENERATIONS = 60
const KEYS = 300

/** What a scan does to rows, by their order in it. */
interface Scan {
  readonly from: number
  readonly to: number
  readonly reverse: boolean
  /** Every so many-th row is deleted. */
  readonly deleteEvery: number
  /** For every so many-th row another one is written, ahead of the scan or behind it. */
  readonly putEvery: number
  readonly putAt: number
}

interface Generation {
  readonly puts: readonly number[]
  readonly scans: readonly Scan[]
  /** The write waits until so many scans are over; 0: it is under way beside them. */
  readonly heldFor: number
}

const index = fc.nat({ max: KEYS - 1 })
const scan: fc.Arbitrary<Scan> = fc.record({ from: index, to: fc.nat({ max: KEYS }), reverse: fc.boolean(), deleteEvery: fc.integer({ min: 2, max: 9 }), putEvery: fc.integer({ min: 2, max: 9 }), putAt: index })
const generation: fc.Arbitrary<Generation> = fc.record({ puts: fc.array(index, { minLength: 20, maxLength: 120 }), scans: fc.array(scan, { minLength: 2, maxLength: 5 }), heldFor: fc.nat({ max: 3 }) })

const keyOf = (i: number): string => `k${String(i).padStart(4, '0')}`
const STORES = [{ name: 'rows', kind: 'key-value', logged: true }] as const

function rowsOf(state: TaskState): string[] {
  return Array.from(state.store('rows').range({}), ([key, value]) => `${Buffer.from(key)}=${Buffer.from(value)}`)
}

for (const engine of [rocksdbEngine, leveldbEngine]) {
  t.test(`${engine.name}: scan and delete while applying`, async (t) => {
    const folder = t.testdir()
    const faulty = faultyEngine(engine)
    const open = (name: string) => openTaskState({ engine: name === 'restored' ? engine : faulty, location: join(folder, name), stores: STORES, readCacheBytes: 10_000 })
    const [state, restored] = [await open('own'), await open('restored')]
    const store = state.store('rows')
    const model = new Map<string, string>()
    const wanted = () => [...model].sort(([a], [b]) => (a < b ? -1 : 1))
    const put = (key: string, value: string | null) => {
      store.put(Buffer.from(key), value === null ? null : Buffer.from(value), 0)
      if (value === null) {
        model.delete(key)
      } else {
        model.set(key, value)
      }
    }
    const walk = ({ from, to, reverse, deleteEvery, putEvery, putAt }: Scan, value: string): boolean => {
      const expected = wanted().filter(([key]) => key >= keyOf(from) && key < keyOf(to))
      const seen: string[] = []
      for (const [key, found] of store.range({ from: Buffer.from(keyOf(from)), to: Buffer.from(keyOf(to)), reverse })) {
        seen.push(`${Buffer.from(key)}=${Buffer.from(found)}`)
        if (seen.length % deleteEvery === 0) {
          put(Buffer.from(key).toString(), null)
        }
        if (seen.length % putEvery === 0) {
          put(keyOf((putAt + seen.length) % KEYS), value)
        }
      }
      const rows = expected.map(([key, row]) => `${key}=${row}`)
      return seen.join() === (reverse ? rows.reverse() : rows).join()
    }
    let offset = 0
    let wrong = 0
    let expired = 0
    const commit = async ({ scans, heldFor }: Generation) => {
      offset++
      const changes = state.freeze()
      const rows: Row[] = changes.flatMap((change) => Array.from(change.entries(), ({ key, value }) => ({ key: Uint8Array.from(key), value: value === null ? null : Uint8Array.from(value) })))
      await restored.restore('rows', rows, 'rows-0', { offset, topicId: 'T', leaderEpoch: 0, appliedAt: 0 })
      let proceed = heldFor > 0 ? faulty.holdWrites() : undefined
      const applying = state.applyFrozen(new Map([['rows-0', { offset }]]))
      for (const [i, each] of scans.entries()) {
        wrong += walk(each, `${offset}.${i}`) ? 0 : 1
        await new Promise<void>((resolve) => setImmediate(resolve))
        if (i + 1 === heldFor) {
          proceed?.()
          proceed = undefined
        }
      }
      const early = store.range({})
      early.next()
      proceed?.()
      await applying
      try {
        early.next()
      } catch (error) {
        expired += (error as { code?: string }).code === 'ITERATOR_EXPIRED' ? 1 : 0
      }
      wrong += rowsOf(state).join() === wanted().map(([key, value]) => `${key}=${value}`).join() ? 0 : 1
    }
    const generations = fc.sample(generation, { numRuns: GENERATIONS, seed: SEED })
    for (const each of generations) {
      for (const i of each.puts) {
        put(keyOf(i), `${offset}`)
      }
      await commit(each)
    }
    await commit({ puts: [], scans: [], heldFor: 0 })
    t.equal(wrong, 0, 'every scan sees the store as it was when it began')
    t.equal(expired, GENERATIONS + 1, 'and none goes on over rows that have moved')
    const last = wanted().map(([key, value]) => `${key}=${value}`)
    t.ok(last.length > 0, `${last.length} rows are left`)
    await state.close()
    const again = await open('own')
    t.same(rowsOf(again), last, 'opened anew')
    t.same(rowsOf(restored), last, 'restored from the changelog: what was deleted stays deleted')
    await Promise.all([again.close(), restored.close()])
  })
}
