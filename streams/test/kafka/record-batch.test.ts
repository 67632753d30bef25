import fc, { SEED } from '../../../state-stores/test/seeded.ts'
import t from 'tap'
import * as format from '../../kafka/batch-format.ts'
import { createCluster } from '../../kafka/cluster.ts'
import { scanBatches } from '../../kafka/batch-scan.ts'
import { nextSequence, PartitionWriter } from '../../kafka/batch-writer.ts'
import type { BatchCursor } from '../../kafka/record-cursor.ts'
import type { StreamsError } from '../../errors.ts'
import type { TestRecord } from './batches.ts'
import { batchOf, cursorOver, gzipped, textRecord, valuesOf, withAttributes, withCrc } from './batches.ts'

const bytes = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null })
const record: fc.Arbitrary<TestRecord> = fc.record({
  timestamp: fc.integer({ min: 0, max: 4_102_444_800_000 }),
  key: bytes,
  value: bytes,
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 12 }), value: bytes }), { maxLength: 4 })
})

function plain(source: TestRecord): unknown {
  const hex = (value: Uint8Array | null): string | null => (value === null ? null : Buffer.from(value).toString('hex'))
  return { ts: source.timestamp, key: hex(source.key), value: hex(source.value), headers: source.headers.map((h) => [h.key, hex(h.value)]) }
}

function read(cursor: BatchCursor): unknown[] {
  const result: unknown[] = []
  while (cursor.next()) {
    result.push(plain({ timestamp: cursor.timestamp, key: cursor.key(), value: cursor.value(), headers: cursor.headers() }))
  }
  return result
}

/** All batches of a writer, one behind the other, with the offsets a broker would give. */
function stored(writer: PartitionWriter, baseOffset = 0): Buffer {
  const parts: Buffer[] = []
  let offset = baseOffset
  for (let batch = 0; batch < writer.batches; batch++) {
    const view = Buffer.from(writer.seal(batch, { producerId: 1n, producerEpoch: 0, baseSequence: 0, transactional: true }))
    format.writeInt64(view, offset, format.BASE_OFFSET)
    offset += writer.recordsIn(batch)
    parts.push(view)
  }
  return Buffer.concat(parts)
}

t.test('what is written is read, over any number of batches', async (t) => {
  t.comment(`seed ${SEED}`)
  fc.assert(
    fc.property(fc.array(record, { maxLength: 60 }), fc.integer({ min: 200, max: 5_000 }), (records, limit) => {
      const writer = new PartitionWriter({ topic: 'test', partition: 0 }, limit)
      for (const { timestamp, key, value, headers } of records) {
        writer.append(timestamp, key, value, headers)
      }
      t.equal(writer.count, records.length, { diagnostic: false })
      t.strictSame(read(cursorOver(stored(writer), [])), records.map(plain), { diagnostic: false })
    }),
    { numRuns: 150 }
  )
})

for (const [compression, type] of [['gzip', 1], ['zstd', 4]] as const) {
  t.test(`${compression}: what is written is read, and nothing grows`, async (t) => {
    const filled = (value: (i: number) => Buffer): PartitionWriter => {
      const writer = createCluster({ bootstrapServers: ['127.0.0.1:1'], clientId: 'test', compression }).writer({ topic: 'test', partition: 0 }, 20_000) as PartitionWriter
      for (let i = 0; i < 500; i++) {
        writer.append(1_000 + i, Buffer.from(`key ${i}`), value(i), [{ key: 'h', value: Buffer.from(`${i}`) }])
      }
      return writer
    }
    const regular = filled((i) => Buffer.from(`{"count":${i},"text":"${'the same words '.repeat(10)}"}`))
    const batches = stored(regular)
    t.ok(batches.length < regular.bytes / 5, `${batches.length} of ${regular.bytes} bytes`)
    t.equal(batches.readInt16BE(format.ATTRIBUTES) & format.COMPRESSION_MASK, type)
    const found = read(cursorOver(batches, [])) as { ts: number; key: string; headers: unknown[] }[]
    t.equal(found.length, 500)
    t.match(found[499], { ts: 1_499, key: Buffer.from('key 499').toString('hex'), headers: [['h', Buffer.from('499').toString('hex')]] })

    let state = 1
    const noise = new PartitionWriter({ topic: 'test', partition: 0 }, 20_000, compression)
    noise.append(1, null, Buffer.from(Array.from({ length: 64 }, () => (state = (state * 48_271) % 2_147_483_647) & 255)), [])
    const one = stored(noise)
    t.equal(one.readInt16BE(format.ATTRIBUTES) & format.COMPRESSION_MASK, 0, 'what does not shrink is written as it is')
    t.equal(read(cursorOver(one, [])).length, 1)
  })
}

t.test('truncating to a mark takes back exactly what came after it', async (t) => {
  t.comment(`seed ${SEED}`)
  fc.assert(
    fc.property(fc.array(record, { maxLength: 30 }), fc.array(record, { maxLength: 30 }), fc.array(record, { maxLength: 5 }), (kept, dropped, after) => {
      const writer = new PartitionWriter({ topic: 'test', partition: 0 }, 1_000)
      const append = (list: readonly TestRecord[]): void => {
        for (const { timestamp, key, value, headers } of list) {
          writer.append(timestamp, key, value, headers)
        }
      }
      append(kept)
      const mark = writer.mark()
      append(dropped)
      writer.truncate(mark)
      t.equal(writer.bytes, mark, { diagnostic: false })
      append(after)
      t.equal(writer.count, kept.length + after.length, { diagnostic: false })
      t.strictSame(read(cursorOver(stored(writer), [])), [...kept, ...after].map(plain), { diagnostic: false })
      for (let batch = 0; batch < writer.batches; batch++) {
        const view = writer.seal(batch, { producerId: 1n, producerEpoch: 0, baseSequence: 0, transactional: false })
        const timestamps = read(cursorOver(Buffer.from(view))).map((r) => (r as { ts: number }).ts)
        t.equal(format.readInt64(view, format.MAX_TIMESTAMP), Math.max(...timestamps), { diagnostic: false })
      }
    }),
    { numRuns: 150 }
  )
})

t.test('a writer splits by size and by jumps in time, and is empty after reset', async (t) => {
  const writer = new PartitionWriter({ topic: 'test', partition: 3 }, 10_000)
  for (let i = 0; i < 30; i++) {
    writer.append(1_000 + i, Buffer.from('key'), Buffer.alloc(1_000, i), [])
  }
  t.equal(writer.batches, 4)
  writer.append(2 ** 40, null, Buffer.from('far'), [])
  t.equal(writer.batches, 5, 'the delta does not fit')
  writer.append(1_000, null, Buffer.alloc(50_000), [])
  t.equal(writer.batches, 6, 'a record larger than the limit stands alone')
  t.same(
    Array.from({ length: 6 }, (_, i) => writer.recordsIn(i)).reduce((a, b) => a + b),
    32
  )
  writer.reset()
  t.equal(writer.count, 0)
  t.equal(writer.bytes, 0)
  t.equal(writer.batches, 0)
  t.throws(() => writer.truncate(1), RangeError)
})

t.test('sequence numbers wrap to zero after 2^31 - 1, as in Java', async (t) => {
  t.equal(nextSequence(0, 5), 5)
  t.equal(nextSequence(2 ** 31 - 6, 5), 2 ** 31 - 1)
  t.equal(nextSequence(2 ** 31 - 5, 5), 0)
  t.equal(nextSequence(2 ** 31 - 1, 5), 4)
  const writer = new PartitionWriter({ topic: 'test', partition: 0 })
  writer.append(1, null, null, [])
  const view = writer.seal(0, { producerId: 2n ** 40n + 1n, producerEpoch: 32_767, baseSequence: 2 ** 31 - 1, transactional: true })
  t.equal(view.readInt32BE(format.BASE_SEQUENCE), 2 ** 31 - 1)
  t.equal(view.readInt16BE(format.PRODUCER_EPOCH), 32_767)
  t.equal(view.readBigInt64BE(format.PRODUCER_ID), 2n ** 40n + 1n)
})

t.test('records below the fetch position and truncated last batches are skipped', async (t) => {
  const first = batchOf(['a', 'b', 'c'].map(textRecord), { baseOffset: 10 })
  const second = batchOf(['d', 'e'].map(textRecord), { baseOffset: 13 })
  const all = Buffer.concat([first, second])
  t.same(valuesOf(cursorOver(all, null, 12)), ['c', 'd', 'e'])
  t.same(valuesOf(cursorOver(all, null, 14)), ['e'])
  for (let cut = 1; cut < second.length; cut++) {
    const part = all.subarray(0, all.length - cut)
    t.same(valuesOf(cursorOver(part, null, 11)), ['b', 'c'], { diagnostic: false })
    t.equal(scanBatches(part).nextOffset, 13, { diagnostic: false })
  }
  t.same(scanBatches(all), { nextOffset: 15, records: 5, bytes: all.length, damage: undefined })
  t.same(scanBatches(Buffer.alloc(0)), { nextOffset: -1, records: 0, bytes: 0, damage: undefined })
})

t.test('broker timestamps, leader epochs, gaps of compaction', async (t) => {
  const stamped = withAttributes(batchOf([{ timestamp: 5, key: null, value: null, headers: [] }], { baseOffset: 1, leaderEpoch: 9 }), format.LOG_APPEND_TIME)
  format.writeInt64(stamped, 77, format.MAX_TIMESTAMP)
  const cursor = cursorOver(withCrc(stamped))
  t.ok(cursor.next())
  t.equal(cursor.timestamp, 77)
  t.equal(cursor.leaderEpoch, 9)
  t.equal(cursor.offset, 1)
  t.equal(cursor.key(), null)
  t.equal(cursor.value(), null)
  t.notOk(cursor.next())
  t.notOk(cursor.next(), 'stays at the end')
})

t.test('compressed batches', async (t) => {
  const batch = batchOf(['a', 'b'].map(textRecord), { baseOffset: 4 })
  t.same(valuesOf(cursorOver(Buffer.concat([gzipped(batch), batchOf([textRecord('c')], { baseOffset: 6 })]))), ['a', 'b', 'c'])
  const broken = gzipped(batch)
  broken[broken.length - 12]! ^= 0xff
  t.throws(() => valuesOf(cursorOver(withCrc(broken))), { code: 'BATCH_CORRUPTED' })
  t.throws(() => valuesOf(cursorOver(withAttributes(batch, 6))), { code: 'BATCH_CORRUPTED' }, 'unknown compression')
})

t.test('a damaged batch names topic, partition and offset, and nothing of its content', async (t) => {
  const good = batchOf([textRecord('good')], { baseOffset: 41 })
  const bad = batchOf([textRecord('secret')], { baseOffset: 42 })
  bad[bad.length - 3]! ^= 1
  const cursor = cursorOver(Buffer.concat([good, bad, good]))
  t.ok(cursor.next())
  const error = t.throws(() => cursor.next(), { code: 'BATCH_CORRUPTED' }) as unknown as StreamsError
  t.match(error.message, /test-0: the record batch at offset 42 is damaged: its CRC/)
  t.notMatch(error.message, /secret/)
  t.notOk(cursor.next(), 'nothing is shown behind the damage')
})

t.test('old record formats are refused', async (t) => {
  const batch = batchOf([textRecord('x')], { baseOffset: 0 })
  batch[format.MAGIC] = 1
  t.throws(() => valuesOf(cursorOver(batch)), { code: 'BATCH_CORRUPTED', message: /format 1/ })
})

t.test('no bytes make the reader read over the end, hang, or throw anything but BATCH_CORRUPTED', async (t) => {
  t.comment(`seed ${SEED}`)
  const source = Buffer.concat([
    batchOf(
      Array.from({ length: 8 }, (_, i) => ({ timestamp: i, key: Buffer.from(`k${i}`), value: Buffer.alloc(i * 3), headers: [{ key: 'h', value: Buffer.from('v') }] })),
      { baseOffset: 0, producerId: 3, transactional: true }
    ),
    gzipped(batchOf(['p', 'q'].map(textRecord), { baseOffset: 8 }))
  ])
  const drain = (input: Buffer): void => {
    scanBatches(input)
    const cursor = cursorOver(input, [{ producerId: 3, firstOffset: 4 }])
    let records = 0
    try {
      while (cursor.next()) {
        cursor.headers()
        cursor.key()
        cursor.value()
        if (++records > input.length * 100) {
          throw new Error('more records than bytes')
        }
      }
    } catch (error) {
      if ((error as StreamsError).code !== 'BATCH_CORRUPTED') {
        throw error
      }
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => drain(Buffer.from(noise))),
    { numRuns: 500 }
  )
  // Mutations with the CRC repaired, so that they reach the code behind it.
  const mutation = fc.record({ at: fc.nat(source.length - 1), to: fc.integer({ min: 0, max: 255 }) })
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), fc.boolean(), (mutations, repair) => {
      const input = Buffer.from(source)
      for (const { at, to } of mutations) {
        input[at] = to
      }
      if (repair) {
        repairAll(input)
      }
      drain(input)
    }),
    { numRuns: 3_000 }
  )
  t.pass('survived')
})

function repairAll(input: Buffer): void {
  let at = 0
  while (at + format.RECORDS <= input.length) {
    const size = input.readInt32BE(at + format.BATCH_LENGTH) + format.LENGTH_OVERHEAD
    if (size < format.RECORDS || at + size > input.length) {
      return
    }
    input[at + format.MAGIC] = 2
    withCrc(input.subarray(at, at + size))
    at += size
  }
}
