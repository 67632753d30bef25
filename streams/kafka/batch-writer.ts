import { crc32c } from '@node-rs/crc32'
import type { Headers } from '../record.ts'
import * as format from './batch-format.ts'
import { compress } from './compression.ts'
import type { BatchWriter, Compression, TopicPartition } from './contract.ts'

/** Below the broker's default message.max.bytes of 1,048,588, with room for what it adds. */
const MAX_BATCH_BYTES = 900_000
const INITIAL_BYTES = 16_384
/** A writer that once held a burst gives the memory back when it is reset. */
const KEEP_BYTES = 4 * 1024 * 1024
/** Deltas stay in 30 bits, so that their zigzag is plain 32-bit arithmetic; a jump in time starts a new batch. */
const MAX_TIMESTAMP_DELTA = 2 ** 30 - 1

export interface BatchIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly transactional: boolean
}

interface Segment {
  start: number
  end: number
  count: number
  baseTimestamp: number
  maxTimestamp: number
}

/**
 * Record batches under construction for one partition, one behind the other in one buffer. Headers are left open
 * until `seal`, because producer id, epoch and sequence are known only when the batch is sent.
 */
export class PartitionWriter implements BatchWriter {
  readonly topic: string
  readonly partition: number
  readonly #maxBatchBytes: number
  readonly #compression: Compression | undefined
  #buffer: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  #end = 0
  #count = 0
  #segments: Segment[] = []

  /** `maxMessageBytes`: what the topic takes; a single record above it is a batch of its own, which the broker refuses. */
  constructor({ topic, partition }: TopicPartition, maxMessageBytes = MAX_BATCH_BYTES, compression?: Compression) {
    this.topic = topic
    this.partition = partition
    this.#maxBatchBytes = Math.min(maxMessageBytes, MAX_BATCH_BYTES)
    this.#compression = compression
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#end
  }

  get batches(): number {
    return this.#segments.length
  }

  recordsIn(batch: number): number {
    return this.#segments[batch]!.count
  }

  append(timestamp: number, key: Uint8Array | null, value: Uint8Array | null, headers: Headers): void {
    let segment = this.#segments[this.#segments.length - 1]
    let delta = segment === undefined ? 0 : timestamp - segment.baseTimestamp
    const payload = payloadSize(key, value, headers)
    if (
      segment === undefined ||
      delta > MAX_TIMESTAMP_DELTA ||
      delta < -MAX_TIMESTAMP_DELTA ||
      this.#end - segment.start + payload + 20 > this.#maxBatchBytes
    ) {
      segment = this.#startSegment(timestamp)
      delta = 0
    }
    const timestampDelta = zigzag(delta)
    const offsetDelta = zigzag(segment.count)
    const length = 1 + format.varintSize(timestampDelta) + format.varintSize(offsetDelta) + payload
    this.#ensure(length + 5)
    let at = writeVarint(this.#buffer, this.#end, length * 2)
    this.#buffer[at++] = 0
    at = writeVarint(this.#buffer, at, timestampDelta)
    at = writeVarint(this.#buffer, at, offsetDelta)
    at = writeBytes(this.#buffer, at, key)
    at = writeBytes(this.#buffer, at, value)
    at = writeVarint(this.#buffer, at, headers.length * 2)
    for (const header of headers) {
      const keyLength = utf8Length(header.key)
      at = writeVarint(this.#buffer, at, keyLength * 2)
      this.#buffer.write(header.key, at, keyLength, 'utf8')
      at = writeBytes(this.#buffer, at + keyLength, header.value)
    }
    this.#end = at
    segment.end = at
    segment.count++
    this.#count++
    if (timestamp > segment.maxTimestamp) {
      segment.maxTimestamp = timestamp
    }
  }

  mark(): number {
    return this.#end
  }

  truncate(mark: number): void {
    if (mark < 0 || mark > this.#end) {
      throw new RangeError(`The mark ${mark} is not in this writer's ${this.#end} bytes.`)
    }
    while (this.#segments.length > 0 && this.#segments[this.#segments.length - 1]!.start >= mark) {
      this.#count -= this.#segments.pop()!.count
    }
    const segment = this.#segments[this.#segments.length - 1]
    if (segment !== undefined && segment.end > mark) {
      this.#count -= segment.count
      this.#recount(segment, mark)
      this.#count += segment.count
    }
    this.#end = mark
  }

  reset(): void {
    this.#end = 0
    this.#count = 0
    this.#segments = []
    if (this.#buffer.length > KEEP_BYTES) {
      this.#buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
    }
  }

  /** Completes the header of one batch. The view must stay untouched until the broker has answered: a retry sends it again. */
  seal(batch: number, identity: BatchIdentity): Buffer {
    const { start, end, count, baseTimestamp, maxTimestamp } = this.#segments[batch]!
    const { view, type } = packed(this.#buffer.subarray(start, end), this.#compression)
    format.writeInt64(view, 0, format.BASE_OFFSET)
    view.writeInt32BE(view.length - format.LENGTH_OVERHEAD, format.BATCH_LENGTH)
    view.writeInt32BE(-1, format.LEADER_EPOCH)
    view[format.MAGIC] = format.MAGIC_V2
    view.writeInt16BE((identity.transactional ? format.TRANSACTIONAL : 0) | type, format.ATTRIBUTES)
    view.writeInt32BE(count - 1, format.LAST_OFFSET_DELTA)
    format.writeInt64(view, baseTimestamp, format.BASE_TIMESTAMP)
    format.writeInt64(view, maxTimestamp, format.MAX_TIMESTAMP)
    view.writeBigInt64BE(identity.producerId, format.PRODUCER_ID)
    view.writeInt16BE(identity.producerEpoch, format.PRODUCER_EPOCH)
    view.writeInt32BE(identity.baseSequence, format.BASE_SEQUENCE)
    view.writeInt32BE(count, format.RECORD_COUNT)
    view.writeUInt32BE(crc32c(view.subarray(format.ATTRIBUTES)), format.CRC)
    return view
  }

  #startSegment(timestamp: number): Segment {
    this.#ensure(format.RECORDS)
    const start = this.#end
    this.#end += format.RECORDS
    const segment = { start, end: this.#end, count: 0, baseTimestamp: timestamp, maxTimestamp: timestamp }
    this.#segments.push(segment)
    return segment
  }

  /** After a truncation: counts the records that are left. Rare, so it walks them. */
  #recount(segment: Segment, end: number): void {
    segment.count = 0
    segment.end = end
    segment.maxTimestamp = segment.baseTimestamp
    let at = segment.start + format.RECORDS
    while (at < end) {
      const [length, body] = readUnsignedVarint(this.#buffer, at)
      const [timestampDelta] = readUnsignedVarint(this.#buffer, body + 1)
      segment.maxTimestamp = Math.max(segment.maxTimestamp, segment.baseTimestamp + ((timestampDelta >>> 1) ^ -(timestampDelta & 1)))
      segment.count++
      at = body + length / 2
    }
  }

  #ensure(bytes: number): void {
    const needed = this.#end + bytes
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
      this.#buffer.copy(larger, 0, 0, this.#end)
      this.#buffer = larger
    }
  }
}

/** A batch with room for its header and its records compressed, or as they are where that is no longer. */
function packed(view: Buffer, compression: Compression | undefined): { readonly view: Buffer; readonly type: number } {
  if (compression !== undefined) {
    const { type, data } = compress(compression, view.subarray(format.RECORDS))
    if (format.RECORDS + data.length < view.length) {
      const smaller = Buffer.allocUnsafeSlow(format.RECORDS + data.length)
      data.copy(smaller, format.RECORDS)
      return { view: smaller, type }
    }
  }
  return { view, type: 0 }
}

/** Sequences wrap to 0 after 2^31 - 1 (Java: `DefaultRecordBatch.incrementSequence`). */
export function nextSequence(sequence: number, records: number): number {
  return (sequence + records) % 2 ** 31
}

const zigzag = format.zigzag

function payloadSize(key: Uint8Array | null, value: Uint8Array | null, headers: Headers): number {
  let size = bytesSize(key) + bytesSize(value) + format.varintSize(headers.length * 2)
  for (const header of headers) {
    const keyLength = utf8Length(header.key)
    size += format.varintSize(keyLength * 2) + keyLength + bytesSize(header.value)
  }
  return size
}

function bytesSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : format.varintSize(bytes.length * 2) + bytes.length
}

function utf8Length(text: string): number {
  return Buffer.byteLength(text, 'utf8')
}

function writeVarint(buffer: Buffer, position: number, value: number): number {
  let at = position
  let rest = value
  while (rest > 0x7f) {
    buffer[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  buffer[at++] = rest
  return at
}

function writeBytes(buffer: Buffer, position: number, bytes: Uint8Array | null): number {
  if (bytes === null) {
    buffer[position] = 1
    return position + 1
  }
  const length = bytes.length
  const at = writeVarint(buffer, position, length * 2)
  if (length < 24) {
    // A native copy costs more than this for keys and other small fields.
    for (let i = 0; i < length; i++) {
      buffer[at + i] = bytes[i]!
    }
  } else {
    buffer.set(bytes, at)
  }
  return at + length
}

function readUnsignedVarint(buffer: Buffer, position: number): [value: number, next: number] {
  let at = position
  let value = 0
  let shift = 0
  for (;;) {
    const byte = buffer[at++]!
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      return [value >>> 0, at]
    }
    shift += 7
  }
}
