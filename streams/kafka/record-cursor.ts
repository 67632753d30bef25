import { crc32c } from '@node-rs/crc32'
import { StreamsError } from '../errors.ts'
import type { Header, Headers } from '../record.ts'
import { NO_HEADERS } from '../record.ts'
import * as format from './batch-format.ts'
import { decompress } from './compression.ts'
import type { RecordCursor, TopicPartition } from './contract.ts'
import type { AbortedTransaction } from './protocol/fetch.ts'

const ABORT_MARKER = 0
const NOTHING = Buffer.alloc(0)
const NONE_ABORTED: readonly AbortedTransaction[] = []

/** What a cursor reads: the raw batches of one partition's answer. */
export interface FetchedBytes extends TopicPartition {
  readonly data: Buffer
  /** Records below it are in the answer because batches are sent whole; they are skipped. */
  readonly fetchOffset: number
  /** From the answer when reading committed records only; null shows everything but control records. */
  readonly aborted: readonly AbortedTransaction[] | null
}

/**
 * Reads record batches in place. The filter of aborted transactions is the one of Java's `CompletedFetch`: the aborted
 * list is consumed in order of first offset up to each batch, the producer ids it names are hidden, and each abort
 * marker shows its producer again. A range from first offset to marker is not enough: one producer may abort many
 * transactions in one answer, and the marker of the last may be in the next.
 */
export class BatchCursor implements RecordCursor {
  buffer: Buffer = NOTHING
  offset = -1
  timestamp = -1
  leaderEpoch = -1
  keyStart = -1
  keyEnd = -1
  valueStart = -1
  valueEnd = -1
  headerCount = 0

  readonly #source: FetchedBytes
  readonly #aborted: readonly AbortedTransaction[]
  readonly #abortedIds = new Set<number>()
  #nextAborted = 0
  /** Start of the next batch in the answer. */
  #nextBatch = 0
  #baseOffset = -1
  #baseTimestamp = 0
  /** ≥ 0: the batch was stamped by the broker, which its records' own timestamps do not show. */
  #logAppendTime = -1
  #position = 0
  #end = 0
  #recordsLeft = 0
  #headersStart = 0
  #recordEnd = 0

  constructor(source: FetchedBytes) {
    this.#source = source
    this.#aborted = source.aborted === null || source.aborted.length < 2 ? (source.aborted ?? NONE_ABORTED) : [...source.aborted].sort(byFirstOffset)
  }

  next(): boolean {
    for (;;) {
      while (this.#recordsLeft > 0) {
        this.#recordsLeft--
        this.#readRecord()
        if (this.offset >= this.#source.fetchOffset) {
          return true
        }
      }
      if (!this.#openBatch()) {
        return false
      }
    }
  }

  key(): Buffer | null {
    return this.keyStart < 0 ? null : this.buffer.subarray(this.keyStart, this.keyEnd)
  }

  value(): Buffer | null {
    return this.valueStart < 0 ? null : this.buffer.subarray(this.valueStart, this.valueEnd)
  }

  headers(): Headers {
    if (this.headerCount === 0) {
      return NO_HEADERS
    }
    const headers: Header[] = []
    const end = this.#recordEnd
    this.#position = this.#headersStart
    for (let i = 0; i < this.headerCount; i++) {
      const keyLength = this.#varint(end)
      const keyStart = this.#skip(keyLength, end)
      const key = this.buffer.toString('utf8', keyStart, keyStart + keyLength)
      const valueLength = this.#varint(end)
      if (valueLength < 0) {
        headers.push({ key, value: null })
      } else {
        const valueStart = this.#skip(valueLength, end)
        headers.push({ key, value: this.buffer.subarray(valueStart, valueStart + valueLength) })
      }
    }
    this.#position = end
    return headers
  }

  /** Finds the next batch with records to show. False at the end of the answer or at its truncated last batch. */
  #openBatch(): boolean {
    const { data } = this.#source
    for (;;) {
      const start = this.#nextBatch
      if (start + format.RECORDS > data.length) {
        return false
      }
      const size = data.readInt32BE(start + format.BATCH_LENGTH) + format.LENGTH_OVERHEAD
      this.#baseOffset = format.readInt64(data, start)
      if (size < format.RECORDS) {
        throw this.#corrupted(`its length is ${size} bytes`)
      }
      const end = start + size
      if (end > data.length) {
        return false
      }
      this.#verify(start, end)
      this.#nextBatch = end
      this.leaderEpoch = data.readInt32BE(start + format.LEADER_EPOCH)
      const attributes = data.readInt16BE(start + format.ATTRIBUTES)
      const count = data.readInt32BE(start + format.RECORD_COUNT)
      const lastOffset = this.#baseOffset + data.readInt32BE(start + format.LAST_OFFSET_DELTA)
      if (count <= 0 || this.#hidden(start, end, attributes, count, lastOffset) || lastOffset < this.#source.fetchOffset) {
        continue
      }
      this.#enter(start, end, attributes, count)
      return true
    }
  }

  #verify(start: number, end: number): void {
    const { data } = this.#source
    if (data[start + format.MAGIC] !== format.MAGIC_V2) {
      throw this.#corrupted(`record format ${data[start + format.MAGIC]} is not supported, only ${format.MAGIC_V2}`)
    }
    const expected = data.readUInt32BE(start + format.CRC)
    const actual = crc32c(data.subarray(start + format.ATTRIBUTES, end))
    if (actual !== expected) {
      throw this.#corrupted(`its CRC is ${actual.toString(16)} instead of ${expected.toString(16)}`)
    }
  }

  /** Control batches and aborted ones; keeps the books of the aborted-transaction filter on the way. */
  #hidden(start: number, end: number, attributes: number, count: number, lastOffset: number): boolean {
    const { data, aborted } = this.#source
    const control = (attributes & format.CONTROL) !== 0
    if (aborted === null) {
      return control
    }
    const producerId = format.readInt64(data, start + format.PRODUCER_ID)
    if (producerId < 0) {
      return control
    }
    while (this.#nextAborted < this.#aborted.length && this.#aborted[this.#nextAborted]!.firstOffset <= lastOffset) {
      this.#abortedIds.add(this.#aborted[this.#nextAborted]!.producerId)
      this.#nextAborted++
    }
    if (control) {
      if (this.#isAbortMarker(start, end, attributes, count)) {
        this.#abortedIds.delete(producerId)
      }
      return true
    }
    return (attributes & format.TRANSACTIONAL) !== 0 && this.#abortedIds.has(producerId)
  }

  /** A control record's key: version int16, type int16 (0 abort, 1 commit). Compaction may have emptied the batch. */
  #isAbortMarker(start: number, end: number, attributes: number, count: number): boolean {
    this.#enter(start, end, attributes, count)
    this.#readRecord()
    this.#recordsLeft = 0
    return this.keyStart >= 0 && this.keyEnd - this.keyStart >= 4 && this.buffer.readInt16BE(this.keyStart + 2) === ABORT_MARKER
  }

  #enter(start: number, end: number, attributes: number, count: number): void {
    const { data } = this.#source
    this.#baseTimestamp = format.readInt64(data, start + format.BASE_TIMESTAMP)
    this.#logAppendTime = (attributes & format.LOG_APPEND_TIME) === 0 ? -1 : format.readInt64(data, start + format.MAX_TIMESTAMP)
    const compression = attributes & format.COMPRESSION_MASK
    if (compression === 0) {
      this.buffer = data
      this.#position = start + format.RECORDS
      this.#end = end
    } else {
      this.buffer = this.#decompress(compression, data.subarray(start + format.RECORDS, end))
      this.#position = 0
      this.#end = this.buffer.length
    }
    this.#recordsLeft = count
  }

  #readRecord(): void {
    const end = this.#end
    const length = this.#varint(end)
    const recordEnd = this.#position + length
    if (length < 0 || recordEnd > end) {
      throw this.#corrupted(`a record claims ${length} bytes, ${end - this.#position} are left`)
    }
    this.#skip(1, recordEnd)
    const timestampDelta = this.#varlong(recordEnd)
    this.timestamp = this.#logAppendTime >= 0 ? this.#logAppendTime : this.#baseTimestamp + timestampDelta
    this.offset = this.#baseOffset + this.#varint(recordEnd)
    const keyLength = this.#varint(recordEnd)
    if (keyLength < 0) {
      this.keyStart = -1
      this.keyEnd = -1
    } else {
      this.keyStart = this.#skip(keyLength, recordEnd)
      this.keyEnd = this.#position
    }
    const valueLength = this.#varint(recordEnd)
    if (valueLength < 0) {
      this.valueStart = -1
      this.valueEnd = -1
    } else {
      this.valueStart = this.#skip(valueLength, recordEnd)
      this.valueEnd = this.#position
    }
    const headerCount = this.#varint(recordEnd)
    // Each header has two lengths of at least a byte.
    if (headerCount < 0 || headerCount * 2 > recordEnd - this.#position) {
      throw this.#corrupted(`a record claims ${headerCount} headers`)
    }
    this.headerCount = headerCount
    this.#headersStart = this.#position
    this.#recordEnd = recordEnd
    this.#position = recordEnd
  }

  #varint(limit: number): number {
    const { buffer } = this
    let position = this.#position
    let shift = 0
    let value = 0
    for (;;) {
      if (position >= limit || shift > 28) {
        throw this.#corrupted('a length runs past its record')
      }
      const byte = buffer[position++]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.#position = position
        return (value >>> 1) ^ -(value & 1)
      }
      shift += 7
    }
  }

  /** Timestamp deltas may need 64 bits; doubles hold them exactly as far as timestamps are exact. */
  #varlong(limit: number): number {
    const { buffer } = this
    let position = this.#position
    let factor = 1
    let value = 0
    for (let i = 0; i < 10; i++) {
      if (position >= limit) {
        break
      }
      const byte = buffer[position++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) {
        this.#position = position
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      }
      factor *= 128
    }
    throw this.#corrupted('a timestamp runs past its record')
  }

  #skip(length: number, limit: number): number {
    const start = this.#position
    if (length < 0 || start + length > limit) {
      throw this.#corrupted(`a field claims ${length} bytes, ${limit - start} are left`)
    }
    this.#position = start + length
    return start
  }

  #decompress(compression: number, data: Buffer): Buffer {
    try {
      return decompress(compression, data)
    } catch (error) {
      throw this.#corrupted('it cannot be decompressed', error)
    }
  }

  #corrupted(what: string, cause?: unknown): StreamsError {
    const { topic, partition } = this.#source
    this.#recordsLeft = 0
    this.#nextBatch = this.#source.data.length
    return new StreamsError('BATCH_CORRUPTED', `${topic}-${partition}: the record batch at offset ${this.#baseOffset} is damaged: ${what}.`, { cause })
  }
}

function byFirstOffset(a: AbortedTransaction, b: AbortedTransaction): number {
  return a.firstOffset - b.firstOffset
}
