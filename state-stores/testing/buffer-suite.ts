import { join } from 'node:path'
import type { Row, StorageEngine, TaskState } from '../contract.ts'
import { BUFFER_LAYOUT, bufferFormat, createTimeOrderedBuffer, type TimeOrderedBuffer } from '../kinds/time-ordered-buffer.ts'
import { openTaskState } from '../open-task-state.ts'
import { bytes, type SuiteTest, text } from './tap.ts'
import type { TaskStateFactory } from './task-state-suite.ts'

/** The conformance suite of time-ordered buffers over one engine. */
export async function bufferConformance(t: SuiteTest, engine: StorageEngine, open: TaskStateFactory = openTaskState): Promise<void> {
  const opened = async (location: string): Promise<{ state: TaskState; buffer: TimeOrderedBuffer }> => {
    const state = await open({ engine, location, stores: [{ name: 'held', kind: 'buffer', logged: true, layout: BUFFER_LAYOUT }] })
    return { state, buffer: createTimeOrderedBuffer(state.store('held'), () => 9) }
  }
  const due = (buffer: TimeOrderedBuffer, time: number, limit?: number) => buffer.due(time, limit).map(({ key, time: place, content }) => `${text(key)}@${place}=${text(content)}`)

  await t.test(`${engine.name}, time-ordered buffer`, async (t: SuiteTest) => {
    const folder = t.testdir()
    const { state, buffer } = await opened(join(folder, '0_1'))
    const restored = await opened(join(folder, '0_2'))
    try {
      t.equal(buffer.earliest, Number.POSITIVE_INFINITY)
      buffer.put(bytes('b'), 5, bytes('b1'))
      buffer.put(bytes('a'), 5, bytes('a1'))
      buffer.put(bytes('c'), 3, bytes('c1'))
      state.freeze()
      await state.applyFrozen(new Map())
      buffer.put(bytes('b'), 1, bytes('b2 longer'))
      t.equal(buffer.entries, 3)
      t.equal(buffer.bytes, 3 + 2 + 2 + 9)
      t.equal(buffer.earliest, 3)
      t.same(due(buffer, 2), [])
      t.same(due(buffer, 5), ['c@3=c1', 'a@5=a1', 'b@5=b2 longer'], 'by time, then key; what was there keeps its place')
      t.same(due(buffer, 9, 2), ['c@3=c1', 'a@5=a1'])
      buffer.delete(bytes('c'))
      buffer.delete(bytes('never'))
      t.equal(buffer.entries, 2)
      t.equal(buffer.bytes, 2 + 2 + 9)
      t.same(due(buffer, 4), [])
      t.equal(buffer.earliest, 5)

      const mark = state.mark()
      buffer.put(bytes('d'), 0, bytes('x'))
      t.equal(buffer.earliest, 0)
      state.rollback(mark)
      state.release(mark)
      t.equal(buffer.entries, 2)
      t.equal(buffer.earliest, 5, 'taken back with the rest')

      buffer.put(bytes('d'), 7, bytes('d1'))
      buffer.delete(bytes('a'))
      const rows: Row[] = state.freeze().flatMap((changes) =>
        [...changes.entries()].flatMap(({ key, value, timestamp }) => {
          const recordKey = bufferFormat.recordKey(key, value === null)
          return recordKey === undefined ? [] : bufferFormat.rows(recordKey, value, timestamp)
        }),
      )
      await state.applyFrozen(new Map())
      const before = ['a', 'c'].flatMap((key) => bufferFormat.rows(bytes(key), Buffer.concat([bytes('old'), Buffer.alloc(8)]), 0))
      await restored.state.restore('held', [...before, ...rows], 'log-0', { offset: 5, topicId: 'x', leaderEpoch: 0, appliedAt: 0 })
      t.same(due(restored.buffer, 100), ['b@5=b2 longer', 'd@7=d1'], 'of what was deleted nothing comes back')
      t.equal(restored.buffer.entries, 2)
      t.equal(restored.buffer.bytes, buffer.bytes)
      t.equal(restored.buffer.earliest, 5)
    } finally {
      await state.close()
      await restored.state.close()
    }
  })
}
