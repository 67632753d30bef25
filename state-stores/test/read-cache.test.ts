import t from 'tap'
import { ReadCache } from '../read-cache.ts'

const value = (size: number, fill: number) => Buffer.alloc(size, fill)

t.test('what was used last stays, and the bytes stay bounded', async (t) => {
  const cache = new ReadCache(20_000)
  const store = cache.store()
  store.set('hot', value(100, 1))
  for (let i = 0; i < 1000; i++) {
    store.set(`cold${i}`, value(100, 2))
    t.equal(store.get('hot')?.[0], 1, 'a row that is read survives every rotation')
  }
  let kept = 0
  for (let i = 0; i < 1000; i++) {
    kept += store.get(`cold${i}`) === undefined ? 0 : 1
  }
  t.ok(kept > 20 && kept < 20_000 / 280 + 1, `${kept} rows of 280 bytes in 20,000`)
})

t.test('absence is remembered, and forgotten by a write', async (t) => {
  const store = new ReadCache(20_000).store()
  store.set('a', null)
  t.equal(store.get('a'), null)
  store.set('a', value(1, 7))
  t.equal(store.get('a')?.[0], 7)
  store.set('a', null)
  t.equal(store.get('a'), null)
  store.delete('a')
  t.equal(store.get('a'), undefined)
})

t.test('an update is seen whatever generation the old value is in', async (t) => {
  const cache = new ReadCache(4000)
  const store = cache.store()
  for (let round = 0; round < 50; round++) {
    for (const size of [10, 10, 20]) {
      store.set('key', value(size, round))
      t.equal(store.get('key')?.[0], round)
      t.equal(store.get('key')?.length, size)
      for (let i = 0; i < round % 7; i++) {
        store.set(`other${round}-${i}`, value(50, 0))
      }
      const found = store.get('key')
      t.ok(found === undefined || found === null || found[0] === round)
    }
  }
})

t.test('the stores of a task share the bytes, not the keys', async (t) => {
  const cache = new ReadCache(8000)
  const [one, two] = [cache.store(), cache.store()]
  one.set('a', value(10, 1))
  t.equal(two.get('a'), undefined)
  for (let i = 0; i < 100; i++) {
    two.set(`b${i}`, value(100, 2))
  }
  t.equal(one.get('a'), undefined, 'a store that is not used makes room')
  cache.clear()
  t.equal(two.get('b99'), undefined)
})

t.test('a row too large for the cache is not kept, nor is the one it replaces', async (t) => {
  const store = new ReadCache(8000).store()
  store.set('a', value(10, 1))
  store.set('a', value(5000, 2))
  t.equal(store.get('a'), undefined)
})

t.test('a row that grows and shrinks takes its bookkeeping once', async (t) => {
  const store = new ReadCache(20_000).store()
  store.set('still', value(10, 1))
  for (let i = 0; i < 300; i++) {
    store.set('changing', value(10 + (i % 2), 2))
  }
  t.equal(store.get('still')?.[0], 1, '3,000 bytes of values do not fill 10,000 twice')
})

t.test('off means off', async (t) => {
  const store = new ReadCache(0).store()
  store.set('a', value(10, 1))
  store.set('b', null)
  t.equal(store.get('a'), undefined)
  t.equal(store.get('b'), undefined)
})
