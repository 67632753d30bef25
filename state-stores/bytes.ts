import type { Bytes } from './contract.ts'

/**
 * Byte strings and their order. Every engine orders keys as unsigned bytes; a latin1 string has one UTF-16 unit per byte,
 * so `<` on such strings is the same order, and a `Map` can be keyed by content.
 */

interface Latin1 {
  latin1Slice(start: number, end: number): string
}

const latin1Slice = (Buffer.prototype as unknown as Latin1).latin1Slice

/** The bytes as a string with one unit per byte: a map key whose `<` is the order of the bytes. */
export function idOf(bytes: Bytes): string {
  return latin1Slice.call(bytes, 0, bytes.length)
}

/** Inverse of `idOf`. */
export function bytesOf(id: string): Bytes {
  return Buffer.from(id, 'latin1')
}

/** Lexicographic comparison of unsigned bytes: negative, 0 or positive. A prefix sorts before what it begins. */
export function compareBytes(a: Bytes, b: Bytes): number {
  return Buffer.compare(a, b)
}

/** The least byte string above every string that begins with `prefix`; undefined if there is none (all 0xff, or empty). */
export function prefixEnd(prefix: Bytes): Bytes | undefined {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) {
    length--
  }
  if (length === 0) {
    return undefined
  }
  const end = Buffer.allocUnsafe(length)
  end.set(prefix.subarray(0, length))
  end[length - 1] = end[length - 1]! + 1
  return end
}

/** The least byte string above `key`: turns an inclusive upper bound into the exclusive one ranges take. */
export function keyAfter(key: Bytes): Bytes {
  const next = Buffer.allocUnsafe(key.length + 1)
  next.set(key)
  next[key.length] = 0
  return next
}

/** Up to here a loop is faster than the call of the native copy. */
const LOOPED_BYTES = 32

/** `target.set(source, at)`, quicker for keys and other short strings. */
export function copyInto(target: Bytes, source: Bytes, at: number): void {
  const { length } = source
  if (length > LOOPED_BYTES) {
    target.set(source, at)
    return
  }
  for (let i = 0; i < length; i++) {
    target[at + i] = source[i]!
  }
}

/** A copy nobody else holds. */
export function copyOf(bytes: Bytes): Bytes {
  const copy = Buffer.allocUnsafe(bytes.length)
  copy.set(bytes)
  return copy
}
