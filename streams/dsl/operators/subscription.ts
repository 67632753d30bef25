/**
 * What the two halves of a foreign-key join say to each other (KIP-213), in Kafka Streams' bytes: the left table
 * subscribes to rows of the right one, the right one answers.
 */
import { Buffer } from 'node:buffer'
import type { Headers } from '../../record.ts'
import type { Serde } from '../../serdes.ts'

/** What the right half is to do; the position is the byte on the wire. */
const INSTRUCTIONS = ['unsubscribe', 'unsubscribe-and-answer', 'subscribe-and-answer', 'subscribe-and-answer-if-found'] as const

export type Instruction = (typeof INSTRUCTIONS)[number]

const HASH_LENGTH = 16
const NO_HASH = 0x80
/** Version 1 has the partition of the left row at its end (KIP-775). */
const SUBSCRIPTION_VERSION = 1
const RESPONSE_VERSION = 0
/** Ours: the row of the right table which the key stands for is nobody's, in outer joins. Kafka Streams has none. */
const UNREFERENCED_VERSION = 1

/** A row of the left table wants to hear of the row of the right table whose key the record has. */
export interface Subscription {
  /** Of the left row's value, null when it has none; comes back with the answer, so that late answers are recognised. */
  readonly hash: Uint8Array | null
  readonly instruction: Instruction
  /** Key of the left row as its serde writes it: the right half has no need to understand it. */
  readonly primaryKey: Uint8Array
  /** Partition of the left row, to which the answer goes; undefined in subscriptions of version 0. */
  readonly primaryPartition: number | undefined
}

/** The answer to one left row; the record's key is the row's. */
export interface SubscriptionResponse<VO> {
  readonly hash: Uint8Array | null
  /** Null: there is no such row in the right table. */
  readonly foreignValue: VO | null
  /** Where to send it; not on the wire. Absent: to where the key belongs. */
  readonly primaryPartition?: number
  /** No answer: what a right row is (null: no longer is) while no left row names it. The key stands for it. */
  readonly unreferenced?: true
}

export const subscriptionSerde: Serde<Subscription> = Object.freeze({
  serialize(_topic: string, { hash, instruction, primaryKey, primaryPartition }: Subscription): Uint8Array {
    const version = primaryPartition === undefined ? 0 : SUBSCRIPTION_VERSION
    const keyAt = 2 + (hash === null ? 0 : HASH_LENGTH)
    const bytes = Buffer.allocUnsafe(keyAt + primaryKey.length + (version === 0 ? 0 : 4))
    bytes[0] = hash === null ? version | NO_HASH : version
    bytes[1] = INSTRUCTIONS.indexOf(instruction)
    if (hash !== null) {
      bytes.set(hash, 2)
    }
    bytes.set(primaryKey, keyAt)
    if (primaryPartition !== undefined) {
      bytes.writeInt32BE(primaryPartition, keyAt + primaryKey.length)
    }
    return bytes
  },
  deserialize(_topic: string, bytes: Uint8Array): Subscription {
    const copy = Buffer.from(bytes)
    const version = (copy[0] ?? 0) & 0x7f
    const keyAt = 2 + (((copy[0] ?? 0) & NO_HASH) === 0 ? HASH_LENGTH : 0)
    const keyEnd = copy.length - (version === 0 ? 0 : 4)
    const instruction = INSTRUCTIONS[copy[1] ?? -1]
    if (version > SUBSCRIPTION_VERSION || instruction === undefined || keyEnd < keyAt) {
      throw new RangeError(`Not a subscription of version 0 or 1 (${copy.length} bytes).`)
    }
    return {
      hash: keyAt === 2 ? null : copy.subarray(2, keyAt),
      instruction,
      primaryKey: copy.subarray(keyAt, keyEnd),
      primaryPartition: version === 0 ? undefined : copy.readInt32BE(keyEnd),
    }
  },
})

/** As in Kafka Streams a value that is written in no bytes cannot be told from none: an empty string comes back as null. */
export function responseSerde<VO>(foreignValue: Serde<VO>): Serde<SubscriptionResponse<VO>> {
  return {
    serialize(topic: string, response: SubscriptionResponse<VO>, headers: Headers): Uint8Array {
      const { hash } = response
      const value = response.foreignValue === null ? new Uint8Array() : foreignValue.serialize(topic, response.foreignValue, headers)
      const version = response.unreferenced === true ? UNREFERENCED_VERSION : RESPONSE_VERSION
      const head = Uint8Array.of(hash === null ? version | NO_HASH : version)
      return Buffer.concat(hash === null ? [head, value] : [head, hash, value])
    },
    deserialize(topic: string, bytes: Uint8Array, headers: Headers): SubscriptionResponse<VO> {
      const first = bytes[0] ?? 0x7f
      const valueAt = 1 + ((first & NO_HASH) === 0 ? HASH_LENGTH : 0)
      const version = first & 0x7f
      if (version > UNREFERENCED_VERSION || bytes.length < valueAt) {
        throw new RangeError(`Not a subscription response of version 0 or 1 (${bytes.length} bytes).`)
      }
      const hash = valueAt === 1 ? null : Uint8Array.from(bytes.subarray(1, valueAt))
      const value = bytes.length === valueAt ? null : foreignValue.deserialize(topic, bytes.subarray(valueAt), headers)
      return version === RESPONSE_VERSION ? { hash, foreignValue: value } : { hash, foreignValue: value, unreferenced: true }
    },
    open: foreignValue.open === undefined ? undefined : () => foreignValue.open!(),
  }
}

/** First part of the keys of all subscriptions to one right row: the length of its key, the key. */
export function subscriptionPrefix(foreignKey: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(4 + foreignKey.length)
  bytes.writeInt32BE(foreignKey.length, 0)
  bytes.set(foreignKey, 4)
  return bytes
}

/** The key under which a subscription is kept: length of the foreign key, foreign key, primary key. */
export function subscriptionKey(foreignKey: Uint8Array, primaryKey: Uint8Array): Uint8Array {
  return Buffer.concat([subscriptionPrefix(foreignKey), primaryKey])
}
