import t from 'tap'
import { MemoryBudget } from 'millrace-state-stores'
import { StateMemory } from '../../runtime/state-memory.ts'

const MIB = 1024 * 1024

t.test('a share is database and read cache, in the proportion they would have with room enough', async (t) => {
  const budget = MemoryBudget.of(1_024 * MIB)
  const memory = new StateMemory(budget, { readCacheBytes: 16 * MIB, storeMemoryMiB: 1_024 }, () => t.fail('there is enough'))
  const first = memory.share('rocksdb', { opening: 1, open: 0 })
  t.same([first.memory!.bytes, first.readCacheBytes], [96 * MIB, 16 * MIB], 'no more than is of use')
  const many = memory.share('leveldb', { opening: 50, open: 0 })
  t.equal(many.memory!.bytes, Math.floor((928 * 1_024) / 100) * 1_024)
  t.equal(many.readCacheBytes, Math.floor(many.memory!.bytes / 6))
  t.same(memory.share('memory', { opening: 1, open: 0 }), { readCacheBytes: 16 * MIB }, 'rows in memory are not rationed')
})

t.test('a figure that is too small is told once', async (t) => {
  const warnings: string[] = []
  const memory = new StateMemory(MemoryBudget.of(6 * MIB), { readCacheBytes: 0, storeMemoryMiB: 6 }, (message) => warnings.push(message))
  for (let i = 0; i < 4; i++) {
    t.equal(memory.share('rocksdb', { opening: 4 - i, open: i }).memory!.bytes, 4 * MIB)
  }
  t.equal(warnings.length, 1)
  t.match(warnings[0], /storeMemoryMiB \(6\).*4 MiB beyond it/)
})
