/** Kafka's signed (zig-zag) varints, of lengths: whole numbers from -1 (none) on. */

export function varint(length: number): Uint8Array {
  const bytes: number[] = []
  let rest = length < 0 ? -length * 2 - 1 : length * 2
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

/** Reads one at `from`, before `end`; `next` is where it ended. Throws `RangeError` if it does not end. */
export function readVarint(bytes: Uint8Array, from: number, end: number): { value: number; next: number } {
  let raw = 0
  for (let index = 0; index < Math.min(5, end - from); index++) {
    const byte = bytes[from + index]!
    raw += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) {
      return { value: raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2, next: from + index + 1 }
    }
  }
  throw new RangeError('A length has no end.')
}
