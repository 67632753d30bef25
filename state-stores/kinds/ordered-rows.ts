import type { Bytes } from '../contract.ts'
import { TIME_BYTES, writeTime } from './time-buckets.ts'

/**
 * Rows of stores that keep entries by key and, beside them, an order by time:
 *
 *   00 <key>           the entry
 *   01 <8 time> <key>  its place in the order
 */
export const ENTRY = 0
export const ORDER = 1

export function entryRow(key: Bytes): Bytes {
  const row = Buffer.allocUnsafe(1 + key.length)
  row[0] = ENTRY
  row.set(key, 1)
  return row
}

export function orderRow(time: number, key: Bytes): Bytes {
  const row = Buffer.allocUnsafe(1 + TIME_BYTES + key.length)
  row[0] = ORDER
  writeTime(row, time, 1)
  row.set(key, 1 + TIME_BYTES)
  return row
}
