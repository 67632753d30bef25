import { join } from 'node:path'
import type { ChangelogPosition, StorageEngine, StoreChanges, TaskState, TaskStateOptions } from '../contract.ts'
import { type EngineCapabilities, engineCapabilities } from '../engines/capabilities.ts'
import { openTaskState } from '../open-task-state.ts'
import { faultyEngine, type FaultyEngine } from './faults.ts'
import { bytes, lines, type SuiteTest, text } from './tap.ts'
import { restoreConformance } from './restore-suite.ts'

/** Opens the task state under test. */
export type TaskStateFactory = (options: TaskStateOptions) => Promise<TaskState>

export const STORES: TaskStateOptions['stores'] = [
  { name: 'orders', kind: 'key-value', logged: true },
  { name: 'totals', kind: 'key-value', logged: true },
  { name: 'scratch', kind: 'key-value', logged: false },
]

const NO_POSITIONS: ReadonlyMap<string, Partial<ChangelogPosition>> = new Map()

export interface TaskStateBench {
  readonly state: TaskState
  readonly engine: FaultyEngine
  readonly options: TaskStateOptions
  /** Opens the state again, with other stores if given. The old one must be closed. */
  reopen(stores?: TaskStateOptions['stores']): Promise<TaskState>
}

export type Check = (name: string, body: (t: SuiteTest, bench: TaskStateBench) => Promise<void>) => Promise<void>

/** The conformance suite of `TaskState`, over one engine, with the read cache on and off. */
export async function taskStateConformance(
  t: SuiteTest,
  engine: StorageEngine,
  open: TaskStateFactory = openTaskState,
  capabilities: EngineCapabilities = engineCapabilities[engine.name],
): Promise<void> {
  for (const readCacheBytes of [0, 100_000]) {
    const check: Check = async (name, body) => {
      await t.test(`${engine.name}, read cache ${readCacheBytes}: ${name}`, async (t: SuiteTest) => {
        const faulty = faultyEngine(engine)
        const options = { engine: faulty, location: join(t.testdir(), '0_1'), stores: STORES, readCacheBytes }
        const opened: TaskState[] = []
        const reopen = async (stores = STORES): Promise<TaskState> => {
          const state = await open({ ...options, stores })
          opened.push(state)
          return state
        }
        try {
          await body(t, { state: await reopen(), engine: faulty, options, reopen })
        } finally {
          for (const state of opened) {
            await state.close()
          }
        }
      })
    }
    await writesAndRanges(check)
    await marks(check)
    await commits(check)
    await restoreConformance(check, capabilities)
  }
}

export function put(state: TaskState, store: string, key: string, value: string | null, timestamp = 0): void {
  state.store(store).put(bytes(key), value === null ? null : bytes(value), timestamp)
}

export function get(state: TaskState, store: string, key: string): string | undefined {
  return text(state.store(store).get(bytes(key)))
}

export function all(state: TaskState, store: string): string {
  return lines(state.store(store).range({})).join()
}

/** Commits what is open. */
export async function commit(state: TaskState): Promise<void> {
  state.freeze()
  await state.applyFrozen(NO_POSITIONS)
}

function changed(changes: readonly StoreChanges[]): string[] {
  return changes.flatMap((change) =>
    Array.from(change.entries(), (entry) => `${change.store}:${text(entry.key)}=${entry.value === null ? null : text(entry.value)}@${entry.timestamp}`),
  )
}

async function writesAndRanges(check: Check): Promise<void> {
  await check('a caller may use one buffer for every key', async (t, { state }) => {
    const store = state.store('orders')
    const key = Buffer.alloc(40)
    const long = Buffer.alloc(2_000)
    for (const [i, at] of [0, 7, 39].entries()) {
      for (const [buffer, last] of [[key, at], [long, at + 1_900]] as const) {
        buffer.fill(0)
        buffer[last] = 1
        t.equal(store.get(buffer), undefined)
        store.put(buffer, bytes(`value ${i}`), 0)
        // What is read next has the same length and differs in one byte.
        buffer[last] = 2
        t.equal(store.get(buffer), undefined)
        buffer[last] = 1
        t.equal(text(store.get(buffer)), `value ${i}`)
      }
    }
    await commit(state)
    key.fill(0)
    key[7] = 1
    t.equal(text(store.get(key)), 'value 1')
    t.equal(text(store.get(key.subarray(0, 39))), undefined)
  })
  await check('a store sees its own writes at once, and nobody else’s', async (t, { state }) => {
    put(state, 'orders', 'a', '1')
    put(state, 'totals', 'a', '2')
    t.equal(get(state, 'orders', 'a'), '1')
    t.equal(get(state, 'totals', 'a'), '2')
    t.equal(get(state, 'scratch', 'a'), undefined)
    put(state, 'orders', 'a', null)
    t.equal(get(state, 'orders', 'a'), undefined)
    t.equal(all(state, 'orders'), '')
    t.equal(all(state, 'totals'), 'a=2')
    t.throws(() => state.store('other'), { code: 'STORE_UNKNOWN', message: /orders, totals, scratch/ })
    t.throws(() => state.store('orders').put('a' as unknown as Uint8Array, null, 0), { code: 'KEY_INVALID', message: /orders/ })
    t.throws(() => state.store('orders').get(null as unknown as Uint8Array), { code: 'KEY_INVALID' })
    t.throws(() => state.store('orders').range({ to: 3 as unknown as Uint8Array }), { code: 'KEY_INVALID' })
    t.throws(() => state.store('orders').put(bytes('a'), 'a' as unknown as Uint8Array, 0), { code: 'VALUE_INVALID' })
  })

  await check('the empty key and keys of high bytes stay within their store', async (t, { state }) => {
    for (const round of ['overlay', 'database']) {
      const store = state.store('orders')
      store.put(new Uint8Array(0), bytes('empty'), 0)
      store.put(new Uint8Array([255, 255, 255, 255, 255]), bytes('high'), 0)
      put(state, 'totals', '', 'other')
      t.same(
        Array.from(store.range({ reverse: true }), ([key, value]) => [key.length, text(value)]),
        [
          [5, 'high'],
          [0, 'empty'],
        ],
        round,
      )
      t.equal(text(store.get(new Uint8Array(0))), 'empty')
      await commit(state)
    }
    t.equal(all(state, 'totals'), '=other')
  })

  await check('a range merges open over frozen over database', async (t, { state }) => {
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      put(state, 'orders', key, 'old')
    }
    await commit(state)
    put(state, 'orders', 'a', null)
    put(state, 'orders', 'b', 'frozen')
    put(state, 'orders', 'c', 'frozen')
    put(state, 'orders', 'bb', 'frozen')
    state.freeze()
    put(state, 'orders', 'a', 'open')
    put(state, 'orders', 'b', null)
    put(state, 'orders', 'f', 'open')
    put(state, 'orders', 'e', null)
    const want = ['a=open', 'bb=frozen', 'c=frozen', 'd=old', 'f=open']
    const store = state.store('orders')
    t.same(lines(store.range({})), want)
    t.same(lines(store.range({ reverse: true })), want.toReversed())
    t.same(lines(store.range({ from: bytes('b'), to: bytes('d') })), want.slice(1, 3))
    t.same(lines(store.range({ from: bytes('b'), to: bytes('d'), reverse: true })), want.slice(1, 3).toReversed())
    t.same(lines(store.range({ from: bytes('d'), to: bytes('b') })), [])
    t.equal(store.approximateEntries(), 5)
    await state.applyFrozen(NO_POSITIONS)
    t.same(lines(store.range({})), want)
    await commit(state)
    t.same(lines(store.range({})), want)
  })

  await check('writing while iterating neither skips nor repeats a key (C12)', async (t, { state }) => {
    const store = state.store('orders')
    const keys = Array.from({ length: 700 }, (_, i) => `k${String(i).padStart(4, '0')}`)
    for (const key of keys.filter((_, i) => i % 2 === 0)) {
      put(state, 'orders', key, 'v')
    }
    await commit(state)
    for (const key of keys.filter((_, i) => i % 2 === 1)) {
      put(state, 'orders', key, 'v')
    }
    const seen: string[] = []
    for (const [key] of store.range({})) {
      seen.push(text(key)!)
      store.put(key, null, 0)
      put(state, 'orders', `${text(key)}x`, 'later')
    }
    t.same(seen, keys)
    t.same(
      Array.from(store.range({}), ([key]) => text(key)),
      keys.map((key) => `${key}x`),
    )
  })

  await check('an iterator lives within one turn (C12)', async (t, { state }) => {
    put(state, 'orders', 'a', '1')
    put(state, 'orders', 'b', '1')
    const expired = { code: 'ITERATOR_EXPIRED', message: /orders/ }
    const fresh = () => {
      const iterator = state.store('orders').range({})
      iterator.next()
      return iterator
    }
    const awaited = fresh()
    await Promise.resolve()
    t.throws(() => awaited.next(), expired, 'after an await')
    const outer = fresh()
    const mark = state.mark()
    put(state, 'orders', 'b', 'bad')
    const rolledBack = fresh()
    state.rollback(mark)
    t.throws(() => rolledBack.next(), expired, 'after a rollback')
    t.same(lines(outer), ['b=1'], 'but not one from before the mark: nothing it shows is taken back')
    const froze = fresh()
    state.freeze()
    t.throws(() => froze.next(), expired, 'after a freeze')
    const dropped = fresh()
    state.drop()
    t.throws(() => dropped.next(), expired, 'after a drop')
    const empty = state.store('orders').range({})
    t.equal(empty.next().done, true)
    await Promise.resolve()
    t.equal(empty.next().done, true, 'one that is done stays done')
  })

  await check('bytes are not shared with the caller', async (t, { state }) => {
    const store = state.store('orders')
    const key = bytes('key')
    const value = bytes('value')
    store.put(key, value, 0)
    key.fill(0)
    value.fill(0)
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 2; i++) {
        store.get(bytes('key'))!.fill(0)
        const [row] = [...store.range({})]
        row![0].fill(0)
        row![1].fill(0)
        t.same(lines(store.range({})), ['key=value'])
        t.equal(text(store.get(bytes('key'))), 'value')
      }
      await commit(state)
    }
  })
}

async function marks(check: Check): Promise<void> {
  await check('a mark takes back what came after it, as often as needed (B1)', async (t, { state }) => {
    put(state, 'orders', 'a', '1')
    const mark = state.mark()
    for (let attempt = 0; attempt < 3; attempt++) {
      put(state, 'orders', 'a', 'bad')
      put(state, 'orders', 'b', 'bad')
      put(state, 'totals', 'a', 'bad')
      put(state, 'orders', 'a', null)
      t.equal(all(state, 'orders'), 'b=bad')
      state.rollback(mark)
      t.equal(all(state, 'orders'), 'a=1')
      t.equal(all(state, 'totals'), '')
      t.equal(get(state, 'orders', 'a'), '1')
    }
    state.release(mark)
    t.throws(() => state.rollback(mark), { code: 'MARK_INVALID' })
    t.same(changed(state.freeze()), ['orders:a=1@0'])
  })

  await check('marks nest', async (t, { state }) => {
    const outer = state.mark()
    put(state, 'orders', 'a', '1')
    const inner = state.mark()
    put(state, 'orders', 'a', '2')
    state.rollback(inner)
    t.equal(all(state, 'orders'), 'a=1')
    put(state, 'orders', 'a', '3')
    state.release(inner)
    const second = state.mark()
    put(state, 'orders', 'a', '4')
    state.rollback(outer)
    t.equal(all(state, 'orders'), '')
    t.equal(state.dirty, false)
    t.equal(state.uncommittedBytes, 0)
    t.throws(() => state.rollback(second), { code: 'MARK_INVALID' }, 'set after the one gone back to')
    put(state, 'orders', 'b', '1')
    const third = state.mark()
    put(state, 'orders', 'c', '1')
    state.release(outer)
    state.rollback(third)
    t.equal(all(state, 'orders'), 'b=1', 'releasing the outer mark leaves the inner one')
  })

  await check('a mark ends with its generation', async (t, { state }) => {
    const frozen = state.mark()
    put(state, 'orders', 'a', '1')
    state.freeze()
    t.throws(() => state.rollback(frozen), { code: 'MARK_INVALID' })
    const dropped = state.mark()
    state.drop()
    t.throws(() => state.release(dropped), { code: 'MARK_INVALID' })
  })
}

async function commits(check: Check): Promise<void> {
  await check('a generation gives its last value per key, in the order of first writes', async (t, { state }) => {
    t.equal(state.dirty, false)
    t.equal(state.uncommittedBytes, 0)
    put(state, 'orders', 'b', '1', 10)
    put(state, 'orders', 'a', '1', 11)
    put(state, 'scratch', 'a', '1', 12)
    put(state, 'orders', 'b', '2', 9)
    put(state, 'totals', 'gone', null, 13)
    t.equal(state.dirty, true)
    t.ok(state.uncommittedBytes > 10)
    const changes = state.freeze()
    t.equal(state.dirty, false)
    t.equal(state.uncommittedBytes, 0)
    put(state, 'orders', 'b', 'next generation', 14)
    t.same(changed(changes), ['orders:b=2@9', 'orders:a=1@11', 'totals:gone=null@13'])
    t.same(
      changes.map((change) => change.size),
      [2, 1],
    )
    t.throws(() => state.freeze(), { code: 'STATE_FROZEN_TWICE' })
    await state.applyFrozen(NO_POSITIONS)
    t.equal(get(state, 'scratch', 'a'), '1', 'an unlogged store is applied with the others')
    t.same(changed(state.freeze()), ['orders:b=next generation@14'])
  })

  await check('positions ride with the rows; partial ones are merged', async (t, { state }) => {
    t.equal(state.position('orders-1'), undefined)
    const apply = async (position: Partial<ChangelogPosition>) => {
      state.freeze()
      await state.applyFrozen(new Map([['orders-1', position]]))
      return state.position('orders-1')
    }
    t.equal(await apply({ leaderEpoch: 3 }), undefined, 'without an offset there is no position yet')
    t.same(await apply({ offset: 5, topicId: 'T', leaderEpoch: 3, appliedAt: 77 }), { offset: 5, topicId: 'T', leaderEpoch: 3, appliedAt: 77 })
    t.same(await apply({ offset: 6, appliedAt: 78 }), { offset: 6, topicId: 'T', leaderEpoch: 3, appliedAt: 78 })
    t.same(await apply({ appliedAt: 79 }), { offset: 6, topicId: 'T', leaderEpoch: 3, appliedAt: 79 }, 'an ack without an offset (C11)')
    t.same(await apply({ offset: 2, topicId: 'U', leaderEpoch: 0, appliedAt: 80 }), { offset: 2, topicId: 'U', leaderEpoch: 0, appliedAt: 80 })
    put(state, 'orders', 'a', '1')
    await t.rejects(apply({ topicId: 'V' }), { code: 'OPTIONS_INVALID', message: /orders-1/ })
    await t.rejects(state.applyFrozen(new Map([['orders-1', { offset: -1 }]])), { code: 'OPTIONS_INVALID' })
    await state.applyFrozen(new Map([['orders-1', { offset: 3, appliedAt: 81 }]]))
    t.equal(all(state, 'orders'), 'a=1')
    t.equal(state.position('orders-1')?.offset, 3)
    t.equal(state.position('orders-2'), undefined)
  })

  await check('after a failed write the state is right and lags (C11)', async (t, { state, engine }) => {
    put(state, 'orders', 'a', '1')
    state.freeze()
    await state.applyFrozen(new Map([['orders-1', { offset: 1 }]]))
    put(state, 'orders', 'a', '2')
    put(state, 'orders', 'b', '2')
    state.freeze()
    engine.failNextWrite()
    const failure = { code: 'STATE_WRITE_FAILED', cause: { code: 'ENOSPC' } }
    await t.rejects(state.applyFrozen(new Map([['orders-1', { offset: 2 }]])), failure)
    t.equal(all(state, 'orders'), 'a=2,b=2', 'nothing is dropped')
    t.equal(state.position('orders-1')?.offset, 1)
    t.throws(() => state.freeze(), { code: 'STATE_FROZEN_TWICE' })
    state.drop()
    t.equal(all(state, 'orders'), 'a=1')
    t.equal(get(state, 'orders', 'a'), '1')
    t.equal(get(state, 'orders', 'b'), undefined)
    put(state, 'orders', 'a', '3')
    state.freeze()
    engine.failNextWrite()
    await t.rejects(state.applyFrozen(new Map([['orders-1', { offset: 2 }]])), failure)
    await state.applyFrozen(new Map([['orders-1', { offset: 2 }]]))
    t.equal(get(state, 'orders', 'a'), '3', 'the same generation can be applied again')
    t.equal(state.position('orders-1')?.offset, 2)
  })

  await check('while a generation is being applied the next one goes on', async (t, { state, engine }) => {
    put(state, 'orders', 'a', '1')
    await commit(state)
    t.equal(get(state, 'orders', 'a'), '1')
    put(state, 'orders', 'a', '2')
    put(state, 'orders', 'b', '2')
    state.freeze()
    const proceed = engine.holdWrites()
    const applying = state.applyFrozen(new Map([['orders-1', { offset: 9 }]]))
    t.equal(get(state, 'orders', 'a'), '2')
    put(state, 'orders', 'b', '3')
    t.equal(all(state, 'orders'), 'a=2,b=3')
    await t.rejects(state.applyFrozen(NO_POSITIONS), { code: 'STATE_FROZEN_TWICE' })
    t.throws(() => state.freeze(), { code: 'STATE_FROZEN_TWICE' })
    t.equal(state.position('orders-1'), undefined)
    proceed()
    await applying
    t.equal(all(state, 'orders'), 'a=2,b=3')
    t.equal(get(state, 'orders', 'b'), '3')
    t.equal(state.position('orders-1')?.offset, 9)
    state.drop()
    t.equal(all(state, 'orders'), 'a=2,b=2')
    t.equal(get(state, 'orders', 'b'), '2')
  })

  await check('a drop during an apply leaves what was decided', async (t, { state, engine }) => {
    put(state, 'orders', 'a', '1')
    await commit(state)
    put(state, 'orders', 'a', '2')
    state.freeze()
    const proceed = engine.holdWrites()
    const applying = state.applyFrozen(NO_POSITIONS)
    put(state, 'orders', 'a', '3')
    state.drop()
    t.equal(get(state, 'orders', 'a'), '1')
    proceed()
    await applying
    t.equal(get(state, 'orders', 'a'), '2', 'the read cache forgot what it read meanwhile')
    t.equal(all(state, 'orders'), 'a=2')
    put(state, 'orders', 'a', '4')
    await commit(state)
    t.equal(get(state, 'orders', 'a'), '4')
  })

  await check('closing waits for the write under way and ends everything', async (t, { state, engine }) => {
    put(state, 'orders', 'a', '1')
    await commit(state)
    get(state, 'orders', 'a')
    state.freeze()
    const proceed = engine.holdWrites()
    const applying = state.applyFrozen(new Map([['orders-1', { offset: 1 }]]))
    const store = state.store('orders')
    const iterator = store.range({})
    const closing = state.close()
    proceed()
    await applying
    await closing
    await state.close()
    const closed = { code: 'STATE_CLOSED' }
    t.throws(() => iterator.next(), { code: 'ITERATOR_EXPIRED' })
    t.throws(() => store.get(bytes('a')), closed)
    t.throws(() => store.put(bytes('a'), null, 0), closed)
    t.throws(() => store.range({}), closed)
    t.throws(() => state.freeze(), closed)
    t.throws(() => state.mark(), closed)
    t.throws(() => state.drop(), closed)
    await t.rejects(state.applyFrozen(NO_POSITIONS), closed)
    await t.rejects(state.beginRebuild('orders'), closed)
  })
}
