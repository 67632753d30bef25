/**
 * What a look-up and a write of a task's state cost, beside the engine's own cost. One process, no broker.
 *
 *   node benchmarks/state-stores.ts [rocksdb|leveldb|memory] [keys=100000]
 *
 * Keys of 16 bytes, values of 100; keys are asked for in random order. Medians of five rounds, nanoseconds per operation.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EngineName, openTaskState, storageEngine, type StoreView } from 'millrace-state-stores'

const engine = (process.argv[2] ?? 'rocksdb') as EngineName
const KEYS = Number(process.argv[3] ?? 100_000)
const ROUNDS = 5
const GENERATION = 500

const folder = mkdtempSync(join(tmpdir(), 'millrace-benchmark-'))
const stores = [{ name: 'store', kind: 'key-value', logged: true }] as const
const keys = Array.from({ length: KEYS }, (_, i) => Buffer.from(`key-${String(i).padStart(12, '0')}`))
const value = Buffer.alloc(100, 'v')
let seed = 42

/** A fixed sequence, so that two runs do the same. */
function randomKey(): Buffer {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return keys[seed % KEYS]!
}

function report(name: string, nanoseconds: number[]): void {
  nanoseconds.sort((a, b) => a - b)
  console.log(`${name.padEnd(52)} ${Math.round(nanoseconds[nanoseconds.length >> 1]!).toString().padStart(8)} ns`)
}

async function measure(name: string, operations: number, body: () => Promise<void> | void, between?: () => Promise<void>): Promise<void> {
  const found: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint()
    await body()
    found.push(Number(process.hrtime.bigint() - start) / operations)
    await between?.()
  }
  report(name, found)
}

async function load(store: StoreView, apply: () => Promise<void>): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    store.put(keys[i]!, value, 0)
    if (i % 10_000 === 9999) {
      await apply()
    }
  }
  await apply()
}

async function run(readCacheBytes: number): Promise<void> {
  const location = join(folder, String(readCacheBytes))
  const state = await openTaskState({ engine: storageEngine(engine), location, stores, readCacheBytes })
  const store = state.store('store')
  const nothing = new Map()
  const apply = async (): Promise<void> => {
    state.freeze()
    await state.applyFrozen(nothing)
  }
  await load(store, apply)
  const title = readCacheBytes === 0 ? 'no read cache' : `read cache of ${readCacheBytes >> 20} MB`
  console.log(`\n${engine}, ${KEYS} keys, ${title}`)
  const prefixed = keys.map((key) => Buffer.concat([Buffer.from([0, 0, 0, 1]), key]))
  let found = 0
  if (readCacheBytes === 0) {
    await measure('the engine alone: get', KEYS, () => {
      for (let i = 0; i < KEYS; i++) {
        found += state.database.get(prefixed[(Math.imul(i, 7919) >>> 0) % KEYS]!)!.length
      }
    })
  }
  await measure(`get, ${readCacheBytes === 0 ? 'from the database' : 'from the read cache'}`, KEYS, () => {
    for (let i = 0; i < KEYS; i++) {
      found += store.get(randomKey())!.length
    }
  })
  await measure('put', KEYS, () => {
    for (let i = 0; i < KEYS; i++) {
      store.put(keys[i]!, value, 0)
    }
  }, async () => state.drop())
  await measure('put under a mark per record, released', KEYS, () => {
    for (let i = 0; i < KEYS; i++) {
      const mark = state.mark()
      store.put(keys[i]!, value, 0)
      state.release(mark)
    }
  }, async () => state.drop())
  for (let i = 0; i < KEYS; i++) {
    store.put(keys[i]!, value, 0)
  }
  await measure('get, from the overlay', KEYS, () => {
    for (let i = 0; i < KEYS; i++) {
      found += store.get(randomKey())!.length
    }
  })
  state.drop()
  await measure(`get + put, a commit every ${GENERATION} records`, KEYS, async () => {
    for (let i = 0; i < KEYS; i++) {
      const key = randomKey()
      found += store.get(key)!.length
      store.put(key, value, 0)
      if (i % GENERATION === GENERATION - 1) {
        await apply()
      }
    }
  })
  await measure('a range of 10 rows', 1000, () => {
    for (let i = 0; i < 1000; i++) {
      let rows = 0
      for (const row of store.range({ from: randomKey() })) {
        found += row[1].length
        if (++rows === 10) {
          break
        }
      }
    }
  })
  await measure('a row of a range over everything', KEYS, () => {
    for (const row of store.range({})) {
      found += row[1].length
    }
  })
  if (found === 0) {
    throw new Error('nothing was read')
  }
  await state.close()
}

const before = process.memoryUsage().rss
await run(0)
await run(64 << 20)
console.log(`\nresident ${Math.round(process.memoryUsage().rss / 2 ** 20)} MB, ${Math.round(before / 2 ** 20)} MB at the start`)
rmSync(folder, { recursive: true })
