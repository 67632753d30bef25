import { Buffer } from 'node:buffer'
import { type OperatorNote, operatorNote } from '../../graph/operator-time.ts'
import type { AnySerde } from '../../graph/topology.ts'
import type { KeyValueStore, ProcessingContext } from '../../processor.ts'
import { NO_HEADERS } from '../../record.ts'

export type JoinSide = 'left' | 'right'

/** A record that waits for a partner, or for its time. */
export interface WaitingRecord {
  readonly side: JoinSide
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: number
}

export interface WaitingRecordsOptions {
  readonly store: string
  readonly key: AnySerde
  readonly left: AnySerde
  readonly right: AnySerde
  /** Sides whose records may be here: both only in an outer join of streams. */
  readonly sides: readonly JoinSide[]
}

const LEFT = 1
const RIGHT = 0
const HEAD = 9
/** Nothing of a side is here: later than every time. */
const NONE = Number.MAX_SAFE_INTEGER
const UNKNOWN = -1

/**
 * Records that wait in the order of their time: those of a left or outer join of streams which have found no partner yet
 * (its shared store, in the bytes of Kafka Streams: `time side key` → list of `side value`; both sides use the same), and
 * those which a table is given time to catch up with.
 */
export class WaitingRecords {
  readonly #options: WaitingRecordsOptions
  readonly #store: KeyValueStore<Uint8Array, Uint8Array>
  readonly #topic: string
  /** Time of the oldest record of each side, so that looking for closed windows mostly needs no look into the store. */
  readonly #oldest: { readonly [S in JoinSide]: OperatorNote }

  constructor(context: ProcessingContext, options: WaitingRecordsOptions) {
    this.#options = options
    this.#store = context.getStateStore(options.store)
    this.#topic = `${context.applicationId}-${options.store}-changelog`
    this.#oldest = {
      left: operatorNote(context, `${options.store} left`),
      right: operatorNote(context, `${options.store} right`),
    }
  }

  add(record: WaitingRecord): void {
    const { side, timestamp } = record
    const row = this.#row(side, timestamp, record.key)
    const value = this.#options[side].serialize(this.#topic, record.value, NO_HEADERS)
    this.#store.put(row, withEntry(this.#store.get(row), Buffer.concat([Uint8Array.of(side === 'left' ? LEFT : RIGHT), value])))
    const oldest = this.#oldest[side]
    if (oldest.value !== UNKNOWN && timestamp < oldest.value) {
      oldest.set(timestamp)
    }
  }

  /** The records of this side, key and time have found a partner. */
  remove(side: JoinSide, timestamp: number, key: unknown): void {
    if (!this.#options.sides.includes(side) || timestamp < this.#oldest[side].value) {
      return
    }
    const row = this.#row(side, timestamp, key)
    if (this.#store.get(row) !== undefined) {
      this.#store.put(row, null)
    }
  }

  /** Whether `take` might find something; only looks. */
  isDue(closed: (side: JoinSide) => number): boolean {
    return this.#options.sides.some((side) => this.#oldest[side].value < closed(side))
  }

  /** Takes out, oldest first, the records that are older than `closed` says for their side. */
  *take(closed: (side: JoinSide) => number): Generator<WaitingRecord> {
    const { sides } = this.#options
    if (!this.isDue(closed)) {
      return
    }
    const open = new Map<JoinSide, number>()
    // Not from the beginning: what was taken out lately lies there, as deletions that every look would have to pass.
    const oldest = Math.min(...sides.map((side) => this.#oldest[side].value))
    for (const [row, list] of this.#store.range(oldest === UNKNOWN ? undefined : timeBytes(oldest), undefined)) {
      const head = Buffer.from(row.buffer, row.byteOffset, HEAD)
      const timestamp = Number(head.readBigInt64BE(0))
      const side: JoinSide = head[8] === LEFT ? 'left' : 'right'
      if (timestamp >= closed(side)) {
        // Behind it may still be closed windows of the other side, if that has shorter ones.
        if (!open.has(side)) {
          open.set(side, timestamp)
        }
        if (open.size === sides.length) {
          break
        }
        continue
      }
      this.#store.put(row, null)
      const key: unknown = this.#options.key.deserialize(this.#topic, row.subarray(HEAD), NO_HEADERS)
      for (const entry of entriesOf(list)) {
        yield { side, key, timestamp, value: this.#options[side].deserialize(this.#topic, entry.subarray(1), NO_HEADERS) }
      }
    }
    for (const side of sides) {
      this.#oldest[side].set(open.get(side) ?? NONE)
    }
  }

  #row(side: JoinSide, timestamp: number, key: unknown): Uint8Array {
    const keyBytes = this.#options.key.serialize(this.#topic, key, NO_HEADERS)
    return Buffer.concat([timeBytes(timestamp), Uint8Array.of(side === 'left' ? LEFT : RIGHT), keyBytes])
  }
}

/** 8 bytes, big-endian: in the order of time. */
function timeBytes(timestamp: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64BE(BigInt(timestamp), 0)
  return bytes
}

const LIST_HEAD = 5
/** Kafka's ListSerializer: entries of any length, each with its length before it. */
const VARIABLE_SIZE = 1

/** `VARIABLE_SIZE`, number of entries, then length and bytes of each. */
function withEntry(list: Uint8Array | undefined, entry: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc((list?.length ?? LIST_HEAD) + 4 + entry.length)
  if (list === undefined) {
    bytes[0] = VARIABLE_SIZE
  } else {
    bytes.set(list)
  }
  bytes.writeInt32BE(bytes.readInt32BE(1) + 1, 1)
  bytes.writeInt32BE(entry.length, bytes.length - entry.length - 4)
  bytes.set(entry, bytes.length - entry.length)
  return bytes
}

function* entriesOf(list: Uint8Array): Generator<Uint8Array> {
  const bytes = Buffer.from(list.buffer, list.byteOffset, list.length)
  for (let at = LIST_HEAD; at < bytes.length; ) {
    const length = bytes.readInt32BE(at)
    yield bytes.subarray(at + 4, at + 4 + length)
    at += 4 + length
  }
}
