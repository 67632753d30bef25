import { crc32c } from '@node-rs/crc32'
import { gzipSync } from 'node:zlib'
import * as format from '../../kafka/batch-format.ts'
import { PartitionWriter } from '../../kafka/batch-writer.ts'
import type { AbortedTransaction } from '../../kafka/protocol/fetch.ts'
import { BatchCursor } from '../../kafka/record-cursor.ts'
import type { Headers } from '../../record.ts'

export interface TestRecord {
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Headers
}

export interface BatchOptions {
  readonly baseOffset: number
  readonly producerId?: number
  readonly transactional?: boolean
  readonly leaderEpoch?: number
}

/** One sealed batch as the broker would store it: with its base offset and leader epoch. */
export function batchOf(records: readonly TestRecord[], options: BatchOptions): Buffer {
  const writer = new PartitionWriter({ topic: 'test', partition: 0 })
  for (const { timestamp, key, value, headers } of records) {
    writer.append(timestamp, key, value, headers)
  }
  const batch = Buffer.from(
    writer.seal(0, {
      producerId: BigInt(options.producerId ?? -1),
      producerEpoch: 0,
      baseSequence: 0,
      transactional: options.transactional ?? false
    })
  )
  format.writeInt64(batch, options.baseOffset, format.BASE_OFFSET)
  batch.writeInt32BE(options.leaderEpoch ?? 0, format.LEADER_EPOCH)
  return batch
}

/** Data of a transaction: one record per value. */
export function data(producerId: number, baseOffset: number, ...values: string[]): Buffer {
  return batchOf(values.map(textRecord), { baseOffset, producerId, transactional: true })
}

export function marker(producerId: number, offset: number, type: 'abort' | 'commit'): Buffer {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1])
  const batch = batchOf([{ timestamp: 1, key, value: Buffer.alloc(6), headers: [] }], { baseOffset: offset, producerId, transactional: true })
  return withAttributes(batch, format.TRANSACTIONAL | format.CONTROL)
}

/** What compaction leaves of a marker: a batch header without records. */
export function emptiedMarker(producerId: number, offset: number): Buffer {
  const batch = marker(producerId, offset, 'abort').subarray(0, format.RECORDS)
  batch.writeInt32BE(format.RECORDS - format.LENGTH_OVERHEAD, format.BATCH_LENGTH)
  batch.writeInt32BE(0, format.RECORD_COUNT)
  return withAttributes(batch, format.TRANSACTIONAL | format.CONTROL)
}

export function gzipped(batch: Buffer): Buffer {
  const packed = Buffer.concat([batch.subarray(0, format.RECORDS), gzipSync(batch.subarray(format.RECORDS))])
  packed.writeInt32BE(packed.length - format.LENGTH_OVERHEAD, format.BATCH_LENGTH)
  return withAttributes(packed, packed.readInt16BE(format.ATTRIBUTES) | 1)
}

export function withAttributes(batch: Buffer, attributes: number): Buffer {
  const copy = Buffer.from(batch)
  copy.writeInt16BE(attributes, format.ATTRIBUTES)
  return withCrc(copy)
}

export function withCrc(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(format.ATTRIBUTES)), format.CRC)
  return batch
}

export function textRecord(value: string): TestRecord {
  return { timestamp: 1, key: null, value: Buffer.from(value), headers: [] }
}

export function cursorOver(bytes: Buffer, aborted: readonly AbortedTransaction[] | null = null, fetchOffset = 0): BatchCursor {
  return new BatchCursor({ topic: 'test', partition: 0, data: bytes, fetchOffset, aborted })
}

/** The values a reader sees, as text. */
export function valuesOf(cursor: BatchCursor): string[] {
  const values: string[] = []
  while (cursor.next()) {
    values.push(cursor.value()?.toString() ?? 'null')
  }
  return values
}
