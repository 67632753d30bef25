import type { Bytes } from '../contract.ts'
import { StateStoreError } from '../errors.ts'

/**
 * Kafka Streams' format of timestamped values: 8 bytes of big-endian milliseconds, then the value. In the store only: the
 * changelog carries the plain value, and the timestamp as the record's own.
 */
export const TIMESTAMP_LENGTH = 8

/** A value and the timestamp (ms) of the record that made it. */
export interface ValueAndTimestamp<V> {
  readonly value: V
  readonly timestamp: number
}

/** `[timestamp | value]` in new memory. `timestamp`: milliseconds, a safe integer. */
export function encodeTimestamped(value: Bytes, timestamp: number): Bytes {
  if (!Number.isSafeInteger(timestamp)) {
    throw new StateStoreError('VALUE_INVALID', `a timestamp must be an integer of milliseconds, not ${timestamp}`)
  }
  const bytes = Buffer.allocUnsafe(TIMESTAMP_LENGTH + value.length)
  // Two halves instead of a BigInt: exact for every safe integer, negative ones included.
  bytes.writeInt32BE(Math.floor(timestamp / 0x1_0000_0000), 0)
  bytes.writeUInt32BE(timestamp >>> 0, 4)
  bytes.set(value, TIMESTAMP_LENGTH)
  return bytes
}

/** The timestamp (ms) of a timestamped value. `STATE_CORRUPTED` if it is too short to be one. */
export function timestampOf(bytes: Bytes): number {
  if (bytes.length < TIMESTAMP_LENGTH) {
    throw new StateStoreError(
      'STATE_CORRUPTED',
      `a timestamped value has at least ${TIMESTAMP_LENGTH} bytes, this one ${bytes.length}: was the store written as a plain one? Rebuild it from its changelog`,
    )
  }
  const high = (bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!
  const low = ((bytes[4]! << 24) | (bytes[5]! << 16) | (bytes[6]! << 8) | bytes[7]!) >>> 0
  return high * 0x1_0000_0000 + low
}

/** The value without its timestamp: a view of `bytes`. */
export function plainValueOf(bytes: Bytes): Bytes {
  timestampOf(bytes)
  return bytes.subarray(TIMESTAMP_LENGTH)
}
