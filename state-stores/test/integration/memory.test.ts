/** The figure a user sets holds for all databases of the process: write buffers, block caches, indexes, filters and iterators. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type DatabaseTaskState, MemoryBudget, openTaskState, rocksdbEngine } from '../../index.ts'

t.setTimeout(600_000)
const MIB = 1024 * 1024
const FIGURE = 64 * MIB
const DATABASES = 3
const ROWS = 400
const STORES = [{ name: 'all', kind: 'key-value', logged: true }] as const

t.test('held while databases are filled, read and iterated', async (t) => {
  const folder = t.testdir()
  const budget = MemoryBudget.of(FIGURE)
  const states: DatabaseTaskState[] = []
  for (let i = 0; i < DATABASES; i++) {
    const location = join(folder, String(i))
    mkdirSync(location)
    const memory = budget.share({ opening: DATABASES - i, open: i }, 64 * MIB)
    t.notOk(memory.overdrawn)
    states.push(await openTaskState({ engine: rocksdbEngine, location, stores: STORES, memory, readCacheBytes: 0 }))
  }
  const given = FIGURE - budget.free
  let written = 0
  let most = 0
  const look = () => {
    most = Math.max(most, states.reduce((sum, { database }) => sum + database.memoryBytes(), 0))
  }
  for (let round = 0; round < 60; round++) {
    for (const state of states) {
      const store = state.store('all')
      for (let i = 0; i < ROWS; i++) {
        written++
        store.put(Buffer.from(`${(written * 7_919) % 1_000_003}`), crypto.getRandomValues(Buffer.alloc(1_000)), 0)
      }
      state.freeze()
      await state.applyFrozen(new Map())
      look()
      for (let i = 0; i < 200; i++) {
        store.get(Buffer.from(`${(i * 104_729) % 1_000_003}`))
      }
      // Queries hold their iterators over turns; nothing of a database may be let go below them.
      const open = Array.from({ length: 4 }, () => state.committed('all').range({}))
      for (const rows of open) {
        for (let i = 0; i < 100; i++) {
          rows.next()
        }
      }
      look()
      for (const rows of open) {
        rows.return?.()
      }
    }
  }
  const onDisk = states.reduce((sum, { database }) => sum + database.approximateBytes(), 0)
  t.comment(`${Math.round(onDisk / MIB)} MiB of state in ${DATABASES} databases, ${(most / MIB).toFixed(1)} MiB of memory at most`)
  t.ok(onDisk > 1.5 * given, 'more than would fit')
  t.ok(most > MIB && most <= given, `${most} bytes of ${given} that were given, of ${FIGURE}`)
  for (const state of states) {
    await state.close()
  }
  t.equal(budget.free, FIGURE)
})
