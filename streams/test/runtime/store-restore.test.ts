/** One chunk of a changelog as rows: the last record of a key counts, whether keys recur or not. */
import t from 'tap'
import { openMemoryTaskState, timestampedFormat } from 'millrace-state-stores'
import { BatchCursor } from '../../kafka/record-cursor.ts'
import { restoreChunk } from '../../runtime/store-restore.ts'
import { LEADER_EPOCH } from '../../kafka/batch-format.ts'
import { batchOf, marker } from '../kafka/batches.ts'

/** Keys by the number of the record; every seventh of those that recur is a deletion at last. */
const CHUNKS: { readonly [name: string]: (i: number) => number } = {
  'keys that recur from the beginning': (i) => i % 10,
  'keys that recur only later': (i) => (i < 300 ? i : i % 50),
  'keys that recur at the beginning only': (i) => (i < 300 ? i % 20 : i),
  'keys of one record each': (i) => i,
}

for (const [name, keyOf] of Object.entries(CHUNKS)) {
  t.test(name, async (t) => {
    const expected = new Map<string, string>()
    const records = Array.from({ length: 1_000 }, (_, i) => {
      const key = `k${keyOf(i)}`
      const value = i > 900 && keyOf(i) % 7 === 0 ? null : `v${i}`
      expected.delete(key)
      if (value !== null) {
        expected.set(key, `${value}@${i}`)
      }
      return { timestamp: i, key: Buffer.from(key), value: value === null ? null : Buffer.from(value), headers: [] }
    })
    const state = openMemoryTaskState([{ name: 's', kind: 'key-value', logged: true }])
    const data = batchOf(records, { baseOffset: 5, leaderEpoch: 3 })
    const cursor = new BatchCursor({ topic: 'log', partition: 0, data, fetchOffset: 5, aborted: null })
    const fetched = { topic: 'log', partition: 0, epoch: 0, cursor, bytes: data.length, maxRecords: 1_000, nextOffset: 1_006, highWatermark: 1_006, lastStableOffset: 1_006, logStartOffset: 0, receivedAt: 0 }
    // Read before: what is cached must not outlive it.
    const store = state.store('s')
    t.equal(store.get(Buffer.from('k1')), undefined)
    const count = await restoreChunk(state, { store: 's', topic: 'log', key: 'log-0', format: timestampedFormat, source: undefined }, fetched, 2_000, 'T', 'fail', 77)
    data.fill(0)
    t.equal(count, 1_000)
    t.same(state.position('log-0'), { offset: 1_006, topicId: 'T', leaderEpoch: 3, appliedAt: 77 })
    const found = new Map(Array.from(store.range({}), ([key, value]) => [Buffer.from(key).toString(), `${Buffer.from(value.subarray(8)).toString()}@${Buffer.from(value).readBigInt64BE(0)}`]))
    t.same(found, expected)
    t.same(store.get(Buffer.from('k1'))?.subarray(8), Buffer.from(expected.get('k1')!.split('@')[0]!))
    await state.close()
  })
}

t.test('a copy that has not come to the end of its changelog is as old as it was when it had (A3)', async (t) => {
  const state = openMemoryTaskState([{ name: 's', kind: 'key-value', logged: true }])
  const restore = async (offset: number, lastStableOffset: number, now: number) => {
    const data = batchOf([{ timestamp: 1, key: Buffer.from('k'), value: Buffer.from('v'), headers: [] }], { baseOffset: offset, leaderEpoch: 3 })
    const cursor = new BatchCursor({ topic: 'log', partition: 0, data, fetchOffset: offset, aborted: [] })
    const nextOffset = offset + 1
    const chunk = { topic: 'log', partition: 0, epoch: 0, cursor, bytes: data.length, maxRecords: 1, nextOffset, highWatermark: lastStableOffset, lastStableOffset, logStartOffset: 0, receivedAt: 0 }
    await restoreChunk(state, { store: 's', topic: 'log', key: 'log-0', format: timestampedFormat, source: undefined }, chunk, 2_000, 'T', 'fail', now)
    return state.position('log-0')?.appliedAt
  }
  t.equal(await restore(5, 100, 10), 10, 'begun')
  t.equal(await restore(6, 100, 20), 10, 'on its way: what follows may be older than this')
  t.equal(await restore(99, 100, 30), 30, 'there')
  t.equal(await restore(100, 200, 40), 30, 'behind again')
  await state.close()
})

t.test('the position behind a marker that a new leader wrote has the epoch of the marker', async (t) => {
  const state = openMemoryTaskState([{ name: 's', kind: 'key-value', logged: true }])
  const behind = marker(9, 6, 'abort')
  behind.writeInt32BE(4, LEADER_EPOCH)
  const chunk = (bytes: Buffer, fetchOffset: number, nextOffset: number) => ({
    topic: 'log', partition: 0, epoch: 0, cursor: new BatchCursor({ topic: 'log', partition: 0, data: bytes, fetchOffset, aborted: [] }), bytes: bytes.length, maxRecords: 1,
    nextOffset, highWatermark: nextOffset, lastStableOffset: nextOffset, logStartOffset: 0, receivedAt: 0,
  })
  const restore = (bytes: Buffer, fetchOffset: number, nextOffset: number) =>
    restoreChunk(state, { store: 's', topic: 'log', key: 'log-0', format: timestampedFormat, source: undefined }, chunk(bytes, fetchOffset, nextOffset), 2_000, 'T', 'fail', 77)
  await restore(batchOf([{ timestamp: 1, key: Buffer.from('k'), value: Buffer.from('v'), headers: [] }], { baseOffset: 5, leaderEpoch: 3 }), 5, 6)
  t.match(state.position('log-0'), { offset: 6, leaderEpoch: 3 })
  await restore(behind, 6, 7)
  t.match(state.position('log-0'), { offset: 7, leaderEpoch: 4 }, 'held against the end of epoch 3 it would pass for lost')
  await state.close()
})
