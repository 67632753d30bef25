import type { Bytes, RangeOptions } from '../contract.ts'
import { StateStoreError } from '../errors.ts'

/**
 * Rows of stores that forget by time begin with eight bytes of a bucket number (`time / bucketMs`), so that what has
 * expired lies together at the beginning of the store and can be deleted without being looked for; Kafka Streams keeps a
 * database per segment for the same reason. Behind the bucket stands the changelog's key, unchanged.
 *
 *   <8 bucket> <changelog key>                  → value
 *   01 <8 time> <changelog key>                 → (empty)   the index by time, only of stores that ask for it
 *
 * A bucket number is far below 2^56, so its first byte is 0 and no row of the index stands among the others.
 */
export const TIME_BYTES = 8
const INDEX = 1
const MAX_BUCKETS = 2 ** 53

/**
 * At least a minute. Kafka Streams' segments are half the retention; ours are the whole, because a look-up costs a range
 * per bucket it touches, which is dearer than the rows that live somewhat longer on disk.
 */
export function bucketMsFor(retentionMs: number): number {
  return Math.max(retentionMs, 60_000)
}

/** How much longer than the store itself a copy fed by its changelog keeps rows: as long as the changelog itself. */
export const COPY_MARGIN_MS = 86_400_000

/** Big-endian milliseconds. `time`: a safe integer ≥ 0. */
export function writeTime(bytes: Bytes, time: number, at: number): void {
  const high = Math.floor(time / 0x1_0000_0000)
  bytes[at] = high >>> 24
  bytes[at + 1] = (high >>> 16) & 0xff
  bytes[at + 2] = (high >>> 8) & 0xff
  bytes[at + 3] = high & 0xff
  const low = time >>> 0
  bytes[at + 4] = low >>> 24
  bytes[at + 5] = (low >>> 16) & 0xff
  bytes[at + 6] = (low >>> 8) & 0xff
  bytes[at + 7] = low & 0xff
}

export function readTime(bytes: Bytes, at: number): number {
  const high = ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  const low = ((bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!) >>> 0
  return high * 0x1_0000_0000 + low
}

export function checkTime(store: string, what: string, time: number): number {
  if (!Number.isSafeInteger(time) || time < 0) {
    throw new StateStoreError('KEY_INVALID', `store ${store}: ${what} must be milliseconds ≥ 0, not ${time}`)
  }
  return time
}

/** The row of a changelog key whose time is `time`. */
export function bucketRow(bucketMs: number, time: number, logged: Bytes): Bytes {
  const row = Buffer.allocUnsafe(TIME_BYTES + logged.length)
  writeTime(row, Math.floor(time / bucketMs), 0)
  row.set(logged, TIME_BYTES)
  return row
}

/** The key in the changelog of a row; undefined for a row of the index, which no changelog carries. */
export function loggedKey(row: Bytes): Bytes | undefined {
  return row[0] === INDEX ? undefined : row.subarray(TIME_BYTES)
}

export function indexRow(time: number, logged: Bytes): Bytes {
  const row = Buffer.allocUnsafe(1 + TIME_BYTES + logged.length)
  row[0] = INDEX
  writeTime(row, time, 1)
  row.set(logged, 1 + TIME_BYTES)
  return row
}

/** The changelog key a row of the index stands for. */
export function indexedKey(row: Bytes): Bytes {
  return row.subarray(1 + TIME_BYTES)
}

/** Rows of the index with a time in `from` … `to`, both inclusive. */
export function indexRange(from: number, to: number): RangeOptions {
  return { from: indexBound(from), to: indexBound(to + 1) }
}

function indexBound(time: number): Bytes {
  const bound = Buffer.allocUnsafe(1 + TIME_BYTES)
  bound[0] = INDEX
  writeTime(bound, Math.min(time, Number.MAX_SAFE_INTEGER), 1)
  return bound
}

/** First key of a bucket: the bound between it and the one before. */
export function bucketBound(bucket: number): Bytes {
  const bound = Buffer.allocUnsafe(TIME_BYTES)
  writeTime(bound, Math.min(bucket, MAX_BUCKETS), 0)
  return bound
}

/** What may be deleted once every time up to and including `expired` is: whole buckets, and the index so far. */
export function expiredRanges(bucketMs: number, expired: number, indexed: boolean): readonly { readonly from: Bytes; readonly to: Bytes }[] {
  const buckets = Math.floor((expired + 1) / bucketMs)
  const ranges = buckets > 0 ? [{ from: bucketBound(0), to: bucketBound(buckets) }] : []
  return indexed && expired >= 0 ? [...ranges, { from: indexBound(0), to: indexBound(expired + 1) }] : ranges
}
