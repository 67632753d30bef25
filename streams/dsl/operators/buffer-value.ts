import type { Headers, RecordMetadata } from '../../record.ts'

/** An entry of a suppress buffer, without the time at which it was put there. */
export interface BufferValue {
  readonly timestamp: number
  readonly metadata: RecordMetadata | undefined
  readonly headers: Headers
  /** What the key had when the first of the changes held back came: what downstream still believes. */
  readonly prior: Uint8Array | null
  readonly old: Uint8Array | null
  readonly value: Uint8Array | null
}

const ABSENT = -1
const SAME_AS_PRIOR = -2

/**
 * Kafka Streams' bytes (`BufferValue`, version 3): the record's timestamp, offset, topic, partition and headers, then the
 * prior, the old (-2: it is the prior) and the new value, each after its length. A length of -1 is null.
 */
export function encodeBufferValue({ timestamp, metadata, headers, prior, old, value }: BufferValue): Uint8Array {
  const topic = Buffer.from(metadata?.topic ?? '')
  const parts: Uint8Array[] = [long(timestamp), long(metadata?.offset ?? -1), int(topic.length), topic, int(metadata?.partition ?? -1), int(headers.length)]
  for (const header of headers) {
    const key = Buffer.from(header.key)
    parts.push(int(key.length), key, ...sized(header.value))
  }
  const same = prior !== null && old !== null && Buffer.compare(prior, old) === 0
  parts.push(...sized(prior), ...(same ? [int(SAME_AS_PRIOR)] : sized(old)), ...sized(value))
  return Buffer.concat(parts)
}

/** Throws RangeError for bytes that are none. Byte fields are views. */
export function decodeBufferValue(content: Uint8Array): BufferValue {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length)
  let at = 0
  const int32 = () => {
    at += 4
    return bytes.readInt32BE(at - 4)
  }
  const take = (length: number): Uint8Array => {
    if (length < 0 || at + length > bytes.length) {
      throw new RangeError(`An entry of a suppress buffer ends after ${bytes.length} bytes, within a field of ${length}.`)
    }
    at += length
    return bytes.subarray(at - length, at)
  }
  const nullable = (length: number) => (length === ABSENT ? null : take(length))
  const timestamp = Number(bytes.readBigInt64BE(0))
  const offset = Number(bytes.readBigInt64BE(8))
  at = 16
  const topic = Buffer.from(take(int32())).toString()
  const partition = int32()
  const headers = Array.from({ length: Math.max(0, int32()) }, () => ({ key: Buffer.from(take(int32())).toString(), value: nullable(int32()) }))
  const prior = nullable(int32())
  const oldLength = int32()
  const old = oldLength === SAME_AS_PRIOR ? prior : nullable(oldLength)
  const value = nullable(int32())
  return { timestamp, metadata: partition < 0 ? undefined : { topic, partition, offset }, headers, prior, old, value }
}

function long(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

function int(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

function sized(value: Uint8Array | null): Uint8Array[] {
  return value === null ? [int(ABSENT)] : [int(value.length), value]
}
