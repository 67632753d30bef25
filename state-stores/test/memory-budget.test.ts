import t from 'tap'
import { MemoryBudget, memoryEngine, openTaskState, SMALLEST_SHARE } from '../index.ts'

const MIB = 1024 * 1024
const ONE = { opening: 1, open: 0 }

t.test('those that open together get the same, and leave as much for who comes later', async (t) => {
  const budget = MemoryBudget.of(512 * MIB)
  const share = (opening: number, open: number) => budget.share({ opening, open }, 1024 * MIB).bytes / MIB
  t.same([share(4, 0), share(3, 1), share(2, 2), share(1, 3)], [64, 64, 64, 64])
  t.equal(budget.free, 256 * MIB)
  t.same([share(2, 4), share(1, 5)], [32, 32], 'in a fail-over')
  t.equal(budget.share(ONE, 16 * MIB).bytes, 16 * MIB, 'no more than is asked for')
})

t.test('what is given is never more than there is, down to the smallest share', async (t) => {
  const budget = MemoryBudget.of(100 * MIB)
  const shares = []
  while (budget.free >= SMALLEST_SHARE) {
    shares.push(budget.share(ONE, 64 * MIB))
  }
  t.ok(shares.reduce((sum, { bytes }) => sum + bytes, 0) <= 100 * MIB)
  t.notOk(shares.some(({ overdrawn }) => overdrawn))
  const beyond = budget.share(ONE, 64 * MIB)
  t.same([beyond.bytes, beyond.overdrawn], [SMALLEST_SHARE, true])
  for (const share of [...shares, beyond]) {
    share.release()
    share.release()
  }
  t.equal(budget.free, 100 * MIB)
})

t.test('a thread that dies gives back what it had, and only that', async (t) => {
  const budget = MemoryBudget.of(100 * MIB)
  const mine = new MemoryBudget(budget.shared, 1)
  const other = new MemoryBudget(budget.shared, 2)
  mine.share(ONE, 10 * MIB)
  const kept = other.share(ONE, 20 * MIB)
  budget.reclaim(1)
  t.equal(budget.free, 80 * MIB)
  budget.reclaim(1)
  t.equal(budget.free, 80 * MIB)
  kept.release()
  t.equal(budget.free, 100 * MIB)
})

t.test('a state has its share until it is closed, or if it cannot be opened', async (t) => {
  const budget = MemoryBudget.of(100 * MIB)
  const options = { engine: memoryEngine, location: '', stores: [] }
  const state = await openTaskState({ ...options, memory: budget.share(ONE, 64 * MIB) })
  t.equal(budget.free, 50 * MIB)
  await state.close()
  t.equal(budget.free, 100 * MIB)
  const failing = { name: 'memory' as const, open: () => Promise.reject(new Error('no')) }
  await t.rejects(openTaskState({ ...options, engine: failing, memory: budget.share(ONE, 64 * MIB) }), /no/)
  t.equal(budget.free, 100 * MIB)
})
