import type { ChangelogPosition, RangeOptions, TaskStateOptions } from '../contract.ts'
import type { EngineCapabilities } from '../engines/capabilities.ts'
import { bytes, lines, text } from './tap.ts'
import { all, type Check, commit, get, put, STORES } from './task-state-suite.ts'

const at = (offset: number): ChangelogPosition => ({ offset, topicId: 'T', leaderEpoch: 4, appliedAt: 1_700_000_000_000 })
const row = (key: string, value: string | null) => ({ key: bytes(key), value: value === null ? null : bytes(value) })

/** Restoring, rebuilding and reopening: the second half of the conformance suite of `TaskState`. */
export async function restoreConformance(check: Check, capabilities: EngineCapabilities): Promise<void> {
  await check('restored records are seen at once, the last of a key wins', async (t, { state }) => {
    t.equal(get(state, 'orders', 'a'), undefined)
    await state.restore('orders', [row('a', '1'), row('b', '1'), row('a', '2'), row('b', null)], 'orders-1', at(4))
    t.equal(get(state, 'orders', 'a'), '2', 'also of a key that was looked up before')
    t.equal(all(state, 'orders'), 'a=2')
    t.same(state.position('orders-1'), at(4))
    await Promise.all([
      state.restore('orders', [row('a', '3')], 'orders-1', at(5)),
      state.restore('orders', [row('a', '4')], 'orders-1', at(6)),
      state.restore('orders', [row('a', '5')], 'orders-1', at(7)),
    ])
    t.equal(get(state, 'orders', 'a'), '5', 'restores are applied in the order of the calls')
    t.equal(state.position('orders-1')?.offset, 7)
    t.equal(all(state, 'totals'), '')
    await state.restore('orders', [], 'orders-1', at(8))
    t.equal(state.position('orders-1')?.offset, 8, 'markers move the position too')
    await t.rejects(state.restore('other', [], 'orders-1', at(9)), { code: 'STORE_UNKNOWN' })
  })

  await check('a failed restore changes nothing', async (t, { state, engine }) => {
    await state.restore('orders', [row('a', '1')], 'orders-1', at(1))
    engine.failNextWrite()
    await t.rejects(state.restore('orders', [row('a', '2')], 'orders-1', at(2)), { code: 'STATE_WRITE_FAILED' })
    t.equal(get(state, 'orders', 'a'), '1')
    t.equal(state.position('orders-1')?.offset, 1)
    await state.restore('orders', [row('a', '2')], 'orders-1', at(2))
    t.equal(get(state, 'orders', 'a'), '2')
  })

  await check('a rebuild is invisible until it is finished (A3)', async (t, { state }) => {
    for (let i = 0; i < 1200; i++) {
      put(state, 'orders', `old${i}`, 'v')
    }
    put(state, 'totals', 'kept', 'v')
    await commit(state)
    await state.restore('orders', [row('a', 'old')], 'orders-1', at(90))
    await state.beginRebuild('orders')
    await t.rejects(state.beginRebuild('orders'), { code: 'STORE_REBUILDING' })
    t.throws(() => put(state, 'orders', 'a', '1'), { code: 'STORE_REBUILDING', message: /orders/ })
    t.equal(state.position('orders-1')?.offset, 90)
    await state.restore('orders', [row('a', 'new'), row('b', 'new')], 'orders-1', at(12))
    t.equal(state.position('orders-1')?.offset, 12)
    t.equal(get(state, 'orders', 'a'), 'old')
    t.equal(get(state, 'orders', 'b'), undefined)
    await state.finishRebuild('orders')
    t.equal(all(state, 'orders'), 'a=new,b=new')
    t.equal(get(state, 'orders', 'a'), 'new')
    t.equal(get(state, 'orders', 'b'), 'new')
    t.equal(get(state, 'orders', 'old7'), undefined)
    t.same(state.position('orders-1'), at(12))
    t.equal(all(state, 'totals'), 'kept=v')
    put(state, 'orders', 'c', '1')
    await commit(state)
    t.equal(all(state, 'orders'), 'a=new,b=new,c=1')
    await t.rejects(state.finishRebuild('orders'), { code: 'STORE_REBUILDING' })
    put(state, 'orders', 'd', '1')
    await t.rejects(state.beginRebuild('orders'), { code: 'STORE_REBUILDING' }, 'not over uncommitted writes')
  })

  await check('a rebuild whose swap failed can be finished', async (t, { state, engine }) => {
    await state.restore('orders', [row('a', 'old')], 'orders-1', at(90))
    engine.failNextWrite()
    await t.rejects(state.beginRebuild('orders'), { code: 'STATE_WRITE_FAILED' })
    put(state, 'orders', 'a', 'old')
    await commit(state)
    await state.beginRebuild('orders')
    await state.restore('orders', [row('b', 'new')], 'orders-1', at(2))
    engine.failNextWrite()
    await t.rejects(state.finishRebuild('orders'), { code: 'STATE_WRITE_FAILED' })
    t.equal(all(state, 'orders'), 'a=old')
    await state.finishRebuild('orders')
    t.equal(all(state, 'orders'), 'b=new')
    t.equal(state.position('orders-1')?.offset, 2)
  })

  await check('the committed view shows no generation before it is applied, and outlives turns', async (t, { state }) => {
    const committed = state.committed('orders')
    const rows = (options: RangeOptions = {}) => lines(committed.range(options)).join()
    put(state, 'orders', 'a', '1')
    put(state, 'orders', 'b', '1')
    put(state, 'totals', 'a', 'another store')
    await commit(state)
    put(state, 'orders', 'a', '2')
    put(state, 'orders', 'c', '2')
    t.equal(text(committed.get(bytes('a'))), '1')
    t.equal(committed.get(bytes('c')), undefined)
    state.freeze()
    put(state, 'orders', 'b', null)
    t.equal(rows(), 'a=1,b=1', 'neither what is frozen nor what is open')
    const range = committed.range({})
    range.next()
    await state.applyFrozen(new Map())
    t.equal(rows(), 'a=2,b=1,c=2')
    t.equal(lines(range).join(), 'b=1', 'as the store was when it was opened')
    t.equal(rows({ from: bytes('b'), reverse: true }), 'c=2,b=1')
    t.equal(rows({ to: bytes('b') }), 'a=2')
    state.drop()
    t.equal(rows(), 'a=2,b=1,c=2')
    t.throws(() => committed.put(bytes('a'), null, 0), { code: 'VALUE_INVALID' })
    await state.beginRebuild('orders')
    await state.restore('orders', [row('z', 'new')], 'orders-1', at(3))
    t.equal(rows(), 'a=2,b=1,c=2', 'the old rows until the new ones are whole')
    await state.finishRebuild('orders')
    t.equal(rows(), 'z=new')
  })

  if (!capabilities.persistent) {
    return
  }

  await check('what was applied survives, what was not does not', async (t, { state, reopen }) => {
    put(state, 'orders', 'a', '1')
    put(state, 'scratch', 'a', '1')
    state.freeze()
    await state.applyFrozen(new Map([['orders-1', at(1)]]))
    put(state, 'orders', 'a', '2')
    state.freeze()
    put(state, 'orders', 'b', '3')
    await state.close()
    const again = await reopen()
    t.equal(all(again, 'orders'), 'a=1')
    t.equal(all(again, 'scratch'), 'a=1')
    t.same(again.position('orders-1'), at(1))
  })

  await check('stores keep their rows when others come, go or change places (A11)', async (t, { state, reopen }) => {
    put(state, 'orders', 'a', 'orders')
    put(state, 'totals', 'a', 'totals')
    put(state, 'scratch', 'a', 'scratch')
    await commit(state)
    await state.close()
    const named = (...names: string[]): TaskStateOptions['stores'] => names.map((name) => ({ name, kind: 'key-value', logged: true }))
    const second = await reopen(named('new', 'scratch', 'orders'))
    t.equal(all(second, 'new'), '')
    t.equal(all(second, 'orders'), 'a=orders')
    t.equal(all(second, 'scratch'), 'a=scratch')
    put(second, 'new', 'a', 'new')
    await commit(second)
    await second.close()
    const third = await reopen([...named('newer', 'new'), ...STORES])
    t.equal(all(third, 'newer'), '')
    t.equal(all(third, 'new'), 'a=new')
    t.equal(all(third, 'totals'), 'a=totals')
    t.equal(all(third, 'orders'), 'a=orders')
  })

  await check('an interrupted rebuild starts again from the old rows', async (t, { state, reopen }) => {
    await state.restore('orders', [row('a', 'old')], 'orders-1', at(90))
    await state.beginRebuild('orders')
    await state.restore('orders', [row('b', 'half')], 'orders-1', at(3))
    await state.close()
    const again = await reopen()
    t.equal(all(again, 'orders'), 'a=old')
    t.same(again.position('orders-1'), at(90))
    await again.beginRebuild('orders')
    await again.restore('orders', [row('c', 'new')], 'orders-1', at(5))
    await again.finishRebuild('orders')
    await again.close()
    const last = await reopen()
    t.equal(all(last, 'orders'), 'c=new')
    t.same(last.position('orders-1'), at(5))
  })

  await check('one state at a time', async (t, { state, reopen }) => {
    await t.rejects(reopen(), { code: 'STATE_OPEN_FAILED', message: /0_1/ })
    put(state, 'orders', 'a', '1')
    await commit(state)
    t.equal(all(state, 'orders'), 'a=1')
  })
}
