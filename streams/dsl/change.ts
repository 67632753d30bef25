import { Buffer } from 'node:buffer'
import { StreamsError } from '../errors.ts'
import type { AnySerde } from '../graph/topology.ts'
import type { Headers } from '../record.ts'
import type { Serde } from '../serdes.ts'
import { readVarint, varint } from './varint.ts'

/**
 * What flows between table operators: the value a key has now and the one it had. `null`: none. `oldValue` is only
 * filled where an operator downstream asked for it (`OldValues`).
 */
export interface Change<V> {
  readonly newValue: V | null
  readonly oldValue: V | null
  /**
   * Only from versioned tables: the change is of the past, the key has a later version (KIP-914). Who joins or aggregates
   * tables passes it over.
   */
  readonly outOfOrder?: true
}

/** A change as an operator hands it on; one of the past says so. */
export function changed<V>(newValue: V | null, oldValue: V | null, outOfOrder: boolean): Change<V> {
  return outOfOrder ? { newValue, oldValue, outOfOrder } : { newValue, oldValue }
}

const OLD_ONLY = 0
const NEW_ONLY = 1
const BOTH = 2

/**
 * A change in the repartition topic of a grouped table, in Kafka Streams' bytes (KIP-904): `old 0x00`, `new 0x01`, or
 * `varint(length of new) new old 0x02`. Old and new of one key travel in one record, so no reader ever sees the
 * aggregate with the old value taken out and the new one not yet added.
 */
export function changeSerde<V>(inner: Serde<V>): Serde<Change<V>> {
  return {
    serialize(topic: string, change: Change<V>, headers: Headers): Uint8Array {
      const newBytes = change.newValue === null ? null : inner.serialize(topic, change.newValue, headers)
      const oldBytes = change.oldValue === null ? null : inner.serialize(topic, change.oldValue, headers)
      if (newBytes !== null && oldBytes !== null) {
        return Buffer.concat([varint(newBytes.byteLength), newBytes, oldBytes, Uint8Array.of(BOTH)])
      }
      if (newBytes !== null) {
        return Buffer.concat([newBytes, Uint8Array.of(NEW_ONLY)])
      }
      if (oldBytes !== null) {
        return Buffer.concat([oldBytes, Uint8Array.of(OLD_ONLY)])
      }
      throw new TypeError('A change without an old and a new value cannot be written.')
    },
    deserialize(topic: string, bytes: Uint8Array, headers: Headers): Change<V> {
      const end = bytes.byteLength - 1
      const read = (from: number, to: number) => inner.deserialize(topic, bytes.subarray(from, to), headers)
      switch (bytes[end]) {
        case OLD_ONLY:
          return { newValue: null, oldValue: read(0, end) }
        case NEW_ONLY:
          return { newValue: read(0, end), oldValue: null }
        case BOTH: {
          const { value: length, next } = readVarint(bytes, 0, end)
          if (length < 0 || next + length > end) {
            throw new RangeError('The length in a change exceeds it.')
          }
          return { newValue: read(next, next + length), oldValue: read(next + length, end) }
        }
        default:
          throw new RangeError('Not a change: its last byte names no form of KIP-904.')
      }
    },
    open: inner.open === undefined ? undefined : () => inner.open!(),
  }
}

/**
 * Whether a table operator hands on old values. Asked for by operators downstream that subtract them, and passed up to
 * where they are known; read when processors are made, that is after the topology is complete.
 */
export class OldValues {
  readonly #parents: readonly OldValues[]
  #enabled = false

  constructor(...parents: readonly OldValues[]) {
    this.#parents = parents
  }

  get enabled(): boolean {
    return this.#enabled
  }

  enable(): void {
    this.#enabled = true
    for (const parent of this.#parents) {
      parent.enable()
    }
  }

  /** Asks for them only if nothing needs to be kept for that; says whether they come. */
  enableIfKnown(): boolean {
    this.#enabled ||= this.#parents.every((parent) => parent.enableIfKnown())
    return this.#enabled
  }
}

/** Equality of keys as Kafka sees it: by their bytes. */
export function sameKey<K>(serde: AnySerde, left: K, right: K): boolean {
  try {
    return sameBytes(serde, left, right)
  } catch (cause) {
    throw new StreamsError('SERIALIZATION_FAILED', 'The key a grouped table was given by its mapper cannot be written.', { cause })
  }
}

/** Equality of what would be written; of what is no object, by itself. */
export function sameBytes<T>(serde: AnySerde, left: T, right: T): boolean {
  if (left === right) {
    return true
  }
  if (typeof left !== 'object' && typeof right !== 'object') {
    return false
  }
  return Buffer.from(serde.serialize('', left, [])).equals(serde.serialize('', right, []))
}
