import type { Bytes } from '../contract.ts'
import { StateStoreError } from '../errors.ts'
import { readTime, TIME_BYTES, writeTime } from './time-buckets.ts'

/** A span of event time, ms. Time windows end before `end`; sessions include it. */
export interface Window {
  readonly start: number
  readonly end: number
}

/** A key in one window. */
export interface Windowed<K> {
  readonly key: K
  readonly window: Window
}

const SEQUENCE_BYTES = 4
const WINDOW_SUFFIX = TIME_BYTES + SEQUENCE_BYTES
const SESSION_SUFFIX = 2 * TIME_BYTES

/** Kafka Streams' key of window stores and their changelogs: key, 8 bytes of start, 4 bytes of sequence number. */
export function windowStoreKey(key: Bytes, start: number, sequence: number): Bytes {
  const bytes = Buffer.allocUnsafe(key.length + WINDOW_SUFFIX)
  bytes.set(key)
  writeTime(bytes, start, key.length)
  bytes.writeUInt32BE(sequence, key.length + TIME_BYTES)
  return bytes
}

export function windowStartOf(bytes: Bytes): number {
  return readTime(bytes, suffix(bytes, WINDOW_SUFFIX))
}

export function keyOfWindow(bytes: Bytes): Bytes {
  return bytes.subarray(0, suffix(bytes, WINDOW_SUFFIX))
}

/** Kafka Streams' key of session stores, their changelogs and session-windowed topics: key, 8 bytes of end, 8 of start. */
export function sessionKey(key: Bytes, start: number, end: number): Bytes {
  const bytes = Buffer.allocUnsafe(key.length + SESSION_SUFFIX)
  bytes.set(key)
  writeTime(bytes, end, key.length)
  writeTime(bytes, start, key.length + TIME_BYTES)
  return bytes
}

export function sessionOf(bytes: Bytes): Window {
  const at = suffix(bytes, SESSION_SUFFIX)
  return { end: readTime(bytes, at), start: readTime(bytes, at + TIME_BYTES) }
}

export function keyOfSession(bytes: Bytes): Bytes {
  return bytes.subarray(0, suffix(bytes, SESSION_SUFFIX))
}

/** Whether `bytes`, from `at` on, are `key` and `suffix` more bytes: a range by key meets longer keys that begin alike. */
export function isOfKey(bytes: Bytes, at: number, key: Bytes, length: number): boolean {
  if (bytes.length !== at + key.length + length) {
    return false
  }
  for (let i = 0; i < key.length; i++) {
    if (bytes[at + i] !== key[i]) {
      return false
    }
  }
  return true
}

export { SESSION_SUFFIX, WINDOW_SUFFIX }

function suffix(bytes: Bytes, length: number): number {
  const at = bytes.length - length
  if (at < 0) {
    throw new StateStoreError('STATE_CORRUPTED', `a windowed key ends in ${length} bytes of time, this one has ${bytes.length} in all: is the changelog that of another kind of store?`)
  }
  return at
}
