/**
 * Metadata of a committed offset. First the bytes of Kafka Streams' `TopicPartitionMetadata` (version 2: partition time
 * and an empty position map), so that its tools read it; then, behind what Java's decoder reads, a section of our own
 * with string values: `MR`, a version, a count, and length-prefixed UTF-8 pairs. The whole is base64.
 */
import { createHash } from 'node:crypto'
import { StreamsError } from '../errors.ts'

export interface OffsetMetadata {
  /** Highest timestamp seen in the partition, -1 unknown. */
  readonly partitionTime: number
  /** Ours: the transactional id of the committer (rule C3). */
  readonly extras: ReadonlyMap<string, string>
}

/** Key of the committer's transactional id among the extras. */
export const COMMITTER = 'transactional.id'
/** Key of the times of operators and stores there. */
export const TIMES = 'times'
/** Key of the digest of the task's inputs there, of a task that has several (rule A9). */
export const INPUTS = 'inputs'

const VERSION = 2
const EXTRAS_MAGIC = 0x4d52
const EXTRAS_VERSION = 1
const NO_EXTRAS: ReadonlyMap<string, string> = new Map()

/** Which topics a task reads, in eight characters; undefined for a single one. */
export function inputsDigest(topics: readonly string[]): string | undefined {
  return topics.length < 2 ? undefined : createHash('sha256').update([...topics].sort().join('\n')).digest().subarray(0, 6).toString('base64url')
}

export function encodeOffsetMetadata(partitionTime: number, extras: ReadonlyMap<string, string> = NO_EXTRAS): string {
  const pairs: Buffer[] = []
  let size = 1 + 8 + 4
  if (extras.size > 0) {
    size += 4
    for (const [key, value] of extras) {
      const k = Buffer.from(key)
      const v = Buffer.from(value)
      pairs.push(k, v)
      size += 4 + k.length + v.length
    }
  }
  const bytes = Buffer.alloc(size)
  let at = bytes.writeUInt8(VERSION, 0)
  at = bytes.writeBigInt64BE(BigInt(partitionTime), at)
  at = bytes.writeInt32BE(0, at)
  if (pairs.length > 0) {
    at = bytes.writeUInt16BE(EXTRAS_MAGIC, at)
    at = bytes.writeUInt8(EXTRAS_VERSION, at)
    at = bytes.writeUInt8(extras.size, at)
    for (const part of pairs) {
      at = bytes.writeUInt16BE(part.length, at)
      at += part.copy(bytes, at)
    }
  }
  return bytes.toString('base64')
}

/** Reads ours and Kafka Streams' (versions 1 and 2); the empty string means nothing is known. Throws `OFFSETS_MISSING`. */
export function decodeOffsetMetadata(text: string): OffsetMetadata {
  if (text === '') {
    return { partitionTime: -1, extras: NO_EXTRAS }
  }
  const bytes = Buffer.from(text, 'base64')
  try {
    const version = bytes.readUInt8(0)
    const partitionTime = Number(bytes.readBigInt64BE(1))
    if (version < VERSION) {
      return { partitionTime, extras: NO_EXTRAS }
    }
    let at = 13
    for (let entries = bytes.readInt32BE(9); entries > 0; entries--) {
      const length = bytes.readInt32BE(at)
      if (length < 0) {
        // Going backwards, a few bytes would be read two thousand million times.
        throw new RangeError('A position has a negative length.')
      }
      at += 4 + length + 8
    }
    if (at + 4 > bytes.length || bytes.readUInt16BE(at) !== EXTRAS_MAGIC || bytes.readUInt8(at + 2) !== EXTRAS_VERSION) {
      return { partitionTime, extras: NO_EXTRAS }
    }
    const extras = new Map<string, string>()
    let count = bytes.readUInt8(at + 3)
    at += 4
    const next = () => {
      const length = bytes.readUInt16BE(at)
      if (at + 2 + length > bytes.length) {
        throw new RangeError('A text is cut off.')
      }
      const part = bytes.toString('utf8', at + 2, at + 2 + length)
      at += 2 + length
      return part
    }
    for (; count > 0; count--) {
      const key = next()
      extras.set(key, next())
    }
    return { partitionTime, extras }
  } catch (cause) {
    throw new StreamsError(
      'OFFSETS_MISSING',
      "The metadata of a committed offset is neither ours nor Kafka Streams'; commit the group's offsets anew with `millrace reset`.",
      { cause },
    )
  }
}
