/**
 * Rows of a page as one piece of bytes: it crosses threads by transfer and instances as it is.
 *
 *   row = flags (1) · key (4 + n, flag 1) · value (4 + n) · timestamp (8, flag 2) · window start and end (8 + 8, flag 4) · validTo (8, flag 8)
 *
 * Numbers are IEEE 754 doubles: times are whole numbers below 2^53.
 */
import { StreamsError } from '../errors.ts'
import type { Bytes, PageRow } from './page.ts'

const KEY = 1
const TIMESTAMP = 2
const WINDOW = 4
const VALID_TO = 8
const KNOWN = KEY | TIMESTAMP | WINDOW | VALID_TO

function sizeOf({ key, value, timestamp, window, validTo }: PageRow): number {
  return 1 + (key === undefined ? 0 : 4 + key.length) + 4 + value.length + (timestamp === undefined ? 0 : 8) + (window === undefined ? 0 : 16) + (validTo === undefined ? 0 : 8)
}

/** In a buffer of its own, which can be transferred. */
export function encodeRows(rows: readonly PageRow[]): Bytes {
  const bytes = Buffer.from(new ArrayBuffer(rows.reduce((size, row) => size + sizeOf(row), 0)))
  let at = 0
  const put = (part: Bytes) => {
    at = bytes.writeUInt32BE(part.length, at)
    bytes.set(part, at)
    at += part.length
  }
  for (const { key, value, timestamp, window, validTo } of rows) {
    at = bytes.writeUInt8((key === undefined ? 0 : KEY) | (timestamp === undefined ? 0 : TIMESTAMP) | (window === undefined ? 0 : WINDOW) | (validTo === undefined ? 0 : VALID_TO), at)
    if (key !== undefined) {
      put(key)
    }
    put(value)
    for (const number of [timestamp, ...(window ?? []), validTo]) {
      if (number !== undefined) {
        at = bytes.writeDoubleBE(number, at)
      }
    }
  }
  return new Uint8Array(bytes.buffer)
}

/** Views of `bytes`. Throws `RESPONSE_INVALID` for anything `encodeRows` does not write. */
export function decodeRows(bytes: Bytes): PageRow[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const rows: PageRow[] = []
  let at = 0
  const take = (length: number): number => {
    if (length > buffer.length - at) {
      throw new StreamsError('RESPONSE_INVALID', `Rows of a query end at byte ${buffer.length}, inside a row.`)
    }
    at += length
    return at - length
  }
  const part = (): Bytes => {
    const length = buffer.readUInt32BE(take(4))
    const from = take(length)
    return buffer.subarray(from, from + length)
  }
  const number = (): number => buffer.readDoubleBE(take(8))
  while (at < buffer.length) {
    const flags = buffer.readUInt8(take(1))
    if ((flags & ~KNOWN) !== 0) {
      throw new StreamsError('RESPONSE_INVALID', `Rows of a query have a part this build does not know (flags ${flags}).`)
    }
    const key = (flags & KEY) === 0 ? {} : { key: part() }
    const value = part()
    const timestamp = (flags & TIMESTAMP) === 0 ? {} : { timestamp: number() }
    const window = (flags & WINDOW) === 0 ? {} : { window: [number(), number()] as const }
    const validTo = (flags & VALID_TO) === 0 ? {} : { validTo: number() }
    rows.push({ ...key, value, ...timestamp, ...window, ...validTo })
  }
  return rows
}
