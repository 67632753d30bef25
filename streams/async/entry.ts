/**
 * A record that was admitted into the in-flight table: what is known of it in memory, and its two rows in the store. The
 * payload row is written once, and only if the entry outlives the generation it was born in; what changes with every try
 * is a row of its own (rule C9).
 */
import { idOf } from 'millrace-state-stores'
import type { AnyRecord } from '../graph/topology.ts'
import type { Header, Headers } from '../record.ts'
import { NO_HEADERS } from '../record.ts'
import type { Origin } from '../runtime/core.ts'
import type { CallSpan } from '../tracing/task-tracing.ts'

/**
 * queued (in a lane, or behind an older one of its key) → running → settled → done; running → backoff → queued; running
 * or settled → parked → queued; queued → undone, when the record that admitted it was taken back.
 */
export type EntryState = 'queued' | 'opening' | 'running' | 'settled' | 'backoff' | 'parked' | 'done' | 'undone'

const NEXT: { readonly [S in EntryState]: readonly EntryState[] } = {
  queued: ['opening', 'running', 'backoff', 'parked', 'done', 'undone'],
  opening: ['queued', 'settled'],
  running: ['settled', 'backoff', 'parked', 'done'],
  settled: ['backoff', 'parked', 'done'],
  backoff: ['queued', 'done'],
  parked: ['queued', 'done'],
  done: [],
  undone: [],
}

/** One try of a call. A settled promise is matched with this object, never with a key or an offset (rule B5). */
export interface Call {
  readonly incarnation: number
  readonly controller: AbortController
  readonly deadline: number
  readonly span: CallSpan | undefined
  /** Where it is among the thread's running calls. */
  readonly place: number
}

export type Outcome = { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly error: unknown }

export class Entry implements Origin {
  readonly admission: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly ordinal: string
  readonly timestamp: number
  readonly raw = 'operator'
  readonly lane: string
  /** Serialized key, one character a byte; undefined for a null key, which has no order. */
  readonly keyId: string | undefined
  /** Of the payload row. */
  readonly bytes: number
  state: EntryState = 'queued'
  /** As the operator's serdes give it back, from the first try on; undefined before, and while it is parked. */
  record: AnyRecord | undefined
  /** Undefined once it is in the store. */
  payload: Uint8Array | undefined
  persisted = false
  attemptRowPersisted = false
  /** Tries that have begun. */
  attempts = 0
  /** Code of the last failure, '' for none. */
  failure = ''
  parkedAt = 0
  dueAt = 0
  /** What the operator's circuit breaker keeps with it (`CircuitCall`). */
  permit = 0
  slot = -1
  call: Call | undefined
  outcome: Outcome | undefined
  private readonly read: (entry: Entry) => Uint8Array

  constructor(admission: number, payload: Payload, bytes: number, read: (entry: Entry) => Uint8Array) {
    this.admission = admission
    this.topic = payload.topic
    this.partition = payload.partition
    this.offset = payload.offset
    this.ordinal = payload.ordinal
    this.timestamp = payload.timestamp
    this.lane = payload.lane
    this.keyId = payload.key === null ? undefined : idOf(payload.key)
    this.bytes = bytes
    this.read = read
  }

  to(state: EntryState): void {
    if (!NEXT[this.state].includes(state)) {
      throw new Error(`An in-flight entry can't go from ${this.state} to ${state}.`)
    }
    this.state = state
  }

  decode(): Payload {
    return decodePayload(this.payload ?? this.read(this))
  }

  rawKey(): Uint8Array | null {
    return this.decode().key
  }

  rawValue(): Uint8Array | null {
    return this.decode().value
  }

  headers(): Headers {
    return this.record?.headers ?? this.decode().headers
  }
}

export interface Payload {
  readonly timestamp: number
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly ordinal: string
  readonly lane: string
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Headers
}

/** The row that changes with the tries. */
export interface AttemptRow {
  readonly attempts: number
  readonly failure: string
  /** Wall clock (ms), 0: not parked. */
  readonly parkedAt: number
}

const PAYLOAD_VERSION = 1
const ATTEMPT_VERSION = 1
export const PAYLOAD_ROW = 1
export const ATTEMPT_ROW = 2
/** Bytes of a row's key beside the operator's name. */
export const ROW_KEY_OVERHEAD = 1 + 2 + 8

/** Kind, operator, admission number (big-endian: the store's order is the order of admission). */
export function rowKey(kind: typeof PAYLOAD_ROW | typeof ATTEMPT_ROW, operator: Uint8Array, admission: number): Uint8Array {
  const key = Buffer.allocUnsafeSlow(ROW_KEY_OVERHEAD + operator.length)
  key[0] = kind
  key.writeUInt16BE(operator.length, 1)
  key.set(operator, 3)
  key.writeBigUInt64BE(BigInt(admission), 3 + operator.length)
  return key
}

export function parseRowKey(bytes: Uint8Array): { readonly kind: number; readonly operator: string; readonly admission: number } {
  const key = asBuffer(bytes)
  const length = key.readUInt16BE(1)
  return { kind: key[0]!, operator: key.toString('utf8', 3, 3 + length), admission: Number(key.readBigUInt64BE(3 + length)) }
}

export function encodePayload(payload: Payload): Uint8Array {
  const texts = [payload.topic, payload.ordinal, payload.lane].map((text) => Buffer.from(text))
  const names = payload.headers.map((header) => Buffer.from(header.key))
  let size = 1 + 8 + 4 + 8 + 4
  for (const text of texts) {
    size += 4 + text.length
  }
  size += 4 + (payload.key?.length ?? 0) + 4 + (payload.value?.length ?? 0)
  payload.headers.forEach((header, i) => {
    size += 4 + names[i]!.length + 4 + (header.value?.length ?? 0)
  })
  const bytes = Buffer.allocUnsafeSlow(size)
  let at = bytes.writeUInt8(PAYLOAD_VERSION, 0)
  at = bytes.writeDoubleBE(payload.timestamp, at)
  at = bytes.writeInt32BE(payload.partition, at)
  at = bytes.writeDoubleBE(payload.offset, at)
  const put = (part: Uint8Array | null) => {
    at = bytes.writeInt32BE(part === null ? -1 : part.length, at)
    if (part !== null) {
      bytes.set(part, at)
      at += part.length
    }
  }
  texts.forEach(put)
  put(payload.key)
  put(payload.value)
  at = bytes.writeInt32BE(payload.headers.length, at)
  payload.headers.forEach((header, i) => {
    put(names[i]!)
    put(header.value)
  })
  return bytes
}

/** Key, value and headers are views of `row`. */
export function decodePayload(row: Uint8Array): Payload {
  const bytes = asBuffer(row)
  if (bytes[0] !== PAYLOAD_VERSION) {
    throw new Error(`An in-flight entry has format ${bytes[0]}; this version reads ${PAYLOAD_VERSION}.`)
  }
  let at = 1 + 8 + 4 + 8
  const take = (): Buffer | null => {
    const length = bytes.readInt32BE(at)
    at += 4
    if (length < 0) {
      return null
    }
    at += length
    return bytes.subarray(at - length, at)
  }
  const topic = take()!.toString()
  const ordinal = take()!.toString()
  const lane = take()!.toString()
  const key = take()
  const value = take()
  let count = bytes.readInt32BE(at)
  at += 4
  let headers: Headers = NO_HEADERS
  if (count > 0) {
    const list: Header[] = []
    for (; count > 0; count--) {
      const name = take()!.toString()
      list.push({ key: name, value: take() })
    }
    headers = list
  }
  const timestamp = bytes.readDoubleBE(1)
  const partition = bytes.readInt32BE(9)
  const offset = bytes.readDoubleBE(13)
  return { timestamp, partition, offset, topic, ordinal, lane, key, value, headers }
}

export function encodeAttemptRow(row: AttemptRow): Uint8Array {
  const failure = Buffer.from(row.failure)
  const bytes = Buffer.allocUnsafeSlow(1 + 4 + 8 + failure.length)
  bytes.writeUInt8(ATTEMPT_VERSION, 0)
  bytes.writeUInt32BE(row.attempts, 1)
  bytes.writeDoubleBE(row.parkedAt, 5)
  bytes.set(failure, 13)
  return bytes
}

export function decodeAttemptRow(row: Uint8Array): AttemptRow {
  const bytes = asBuffer(row)
  if (bytes[0] !== ATTEMPT_VERSION) {
    throw new Error(`The tries of an in-flight entry have format ${bytes[0]}; this version reads ${ATTEMPT_VERSION}.`)
  }
  return { attempts: bytes.readUInt32BE(1), parkedAt: bytes.readDoubleBE(5), failure: bytes.toString('utf8', 13) }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
