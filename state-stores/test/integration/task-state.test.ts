import { join } from 'node:path'
import t from 'tap'
import { leveldbEngine, memoryEngine, openTaskState, rocksdbEngine, storageEngine } from '../../index.ts'
import { taskStateConformance } from '../../testing/index.ts'

for (const engine of [memoryEngine, rocksdbEngine, leveldbEngine]) {
  await taskStateConformance(t, engine)
}

t.test('stores need different names', async (t) => {
  const store = { name: 'a', kind: 'key-value', logged: true } as const
  await t.rejects(openTaskState({ engine: memoryEngine, location: '', stores: [store, store] }), { code: 'OPTIONS_INVALID' })
})

t.test('an unknown engine is named with those there are', async (t) => {
  t.throws(() => storageEngine('lmdb' as 'rocksdb'), { code: 'ENGINE_UNAVAILABLE', message: /lmdb.*rocksdb, leveldb, memory/ })
})

t.test('a database that is not a task’s is left alone', async (t) => {
  const location = join(t.testdir(), 'database')
  const foreign = await rocksdbEngine.open(location)
  await foreign.write([{ key: Buffer.from('key'), value: Buffer.from('value') }])
  await foreign.close()
  await t.rejects(openTaskState({ engine: rocksdbEngine, location, stores: [] }), { code: 'STATE_CORRUPTED', message: /no format record/ })
})

t.test('the rows of a replaced prefix are deleted, also by the next open', async (t) => {
  for (const engine of [rocksdbEngine, leveldbEngine]) {
    const location = join(t.testdir(), engine.name)
    const options = { engine, location, stores: [{ name: 'a', kind: 'key-value', logged: true }] as const }
    const position = { offset: 1, topicId: 'T', leaderEpoch: 0, appliedAt: 0 }
    const state = await openTaskState(options)
    const rows = Array.from({ length: 1700 }, (_, i) => ({ key: Buffer.from(`k${i}`), value: Buffer.alloc(10) }))
    await state.restore('a', rows, 'a-0', position)
    await state.beginRebuild('a')
    await state.restore('a', rows.slice(0, 5), 'a-0', position)
    await state.finishRebuild('a')
    await state.beginRebuild('a')
    await state.restore('a', rows.slice(0, 900), 'a-0', position)
    // An interrupted rebuild is garbage too. Closing stops the sweep after the batch it is in.
    await state.close()
    const again = await openTaskState(options)
    await again.swept()
    const book = Buffer.alloc(4)
    const left = Array.from(again.database.range({}), ([key]) => key).filter((key) => book.compare(key, 0, 4) !== 0)
    t.equal(left.length, 5)
    const names = Array.from(again.database.range({ to: Buffer.from([0, 0, 0, 1]) }), ([key]) => Buffer.from(key.subarray(4)).toString())
    t.same(names, ['format', 'next-prefix', 'position/a-0', 'store/a'])
    await again.close()
  }
})

t.test('a range that is forgotten holds nothing back once its turn has ended', async (t) => {
  for (const engine of [memoryEngine, rocksdbEngine, leveldbEngine]) {
    const state = await openTaskState({ engine, location: join(t.testdir(), engine.name), stores: [{ name: 'a', kind: 'key-value', logged: true }] })
    const store = state.store('a')
    const rows = Array.from({ length: 500 }, (_, i) => ({ key: Buffer.from(`k${i}`), value: Buffer.alloc(10) }))
    await state.restore('a', rows, 'a-0', { offset: 1, topicId: 'T', leaderEpoch: 0, appliedAt: 0 })
    const forgotten = Array.from({ length: 20 }, (_, i) => store.range({ reverse: i % 2 === 0 }))
    forgotten[0]!.next()
    t.equal(state.database.openIterators, 20, engine.name)
    for (const [key] of store.range({})) {
      if (key.length > 0) {
        break
      }
    }
    t.equal(store.approximateEntries(), 500)
    t.equal(state.database.openIterators, 20, 'loops that end early and counts leave none')
    await null
    t.equal(state.database.openIterators, 0)
    const mark = state.mark()
    for (const end of [() => state.rollback(mark), () => state.drop(), () => void state.freeze()]) {
      store.range({})
      end()
      t.equal(state.database.openIterators, 0)
    }
    await state.close()
  }
})
