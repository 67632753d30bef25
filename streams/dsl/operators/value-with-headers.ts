import { Buffer } from 'node:buffer'
import { type Header, type Headers, NO_HEADERS } from '../../record.ts'
import type { Serde } from '../../serdes.ts'
import { readVarint, varint } from '../varint.ts'

/** A value that is set aside, with what came along. */
export interface ValueWithHeaders<V> {
  readonly value: V
  readonly headers: Headers
}

/**
 * In the bytes of Kafka Streams' stores with headers (KIP-1271): length of the headers, their number, each as lengths and
 * bytes of key and value, then the value.
 */
export function valueWithHeaders<V>(inner: Serde<V>): Serde<ValueWithHeaders<V>> {
  return {
    serialize(topic: string, { value, headers }: ValueWithHeaders<V>): Uint8Array {
      const bytes = inner.serialize(topic, value, headers)
      if (headers.length === 0) {
        return Buffer.concat([varint(0), bytes])
      }
      const parts: Uint8Array[] = [varint(headers.length)]
      for (const header of headers) {
        const key = Buffer.from(header.key)
        parts.push(varint(key.length), key, varint(header.value === null ? -1 : header.value.length))
        if (header.value !== null) {
          parts.push(header.value)
        }
      }
      const head = Buffer.concat(parts)
      return Buffer.concat([varint(head.length), head, bytes])
    },
    deserialize(topic: string, bytes: Uint8Array): ValueWithHeaders<V> {
      const { value: length, next: from } = readVarint(bytes, 0, bytes.length)
      const end = from + length
      if (length < 0 || end > bytes.length) {
        throw new RangeError('The length of the headers exceeds the value they belong to.')
      }
      const headers = length === 0 ? NO_HEADERS : readHeaders(bytes, from, end)
      return { value: inner.deserialize(topic, bytes.subarray(end), headers), headers }
    },
    open: inner.open === undefined ? undefined : () => inner.open!(),
  }
}

function readHeaders(bytes: Uint8Array, from: number, end: number): Headers {
  const take = (at: number, length: number) => {
    if (at + length > end) {
      throw new RangeError('The length of a header exceeds that of all.')
    }
    return Buffer.from(bytes.subarray(at, at + length))
  }
  const { value: count, next } = readVarint(bytes, from, end)
  const headers: Header[] = []
  let at = next
  for (let i = 0; i < count; i++) {
    const key = readVarint(bytes, at, end)
    const name = take(key.next, Math.max(key.value, 0))
    const value = readVarint(bytes, key.next + name.length, end)
    const content = value.value < 0 ? null : take(value.next, value.value)
    headers.push({ key: name.toString(), value: content })
    at = value.next + (content === null ? 0 : content.length)
  }
  return headers
}
