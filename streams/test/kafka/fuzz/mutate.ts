import type { Random } from './random.ts'

/** Values that limits are off by one around: lengths, counts, null markers. */
const INTERESTING = [0, 1, -1, -2, -12, 2, 60, 61, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x7fffffff, -0x80000000, 0x40000000, 0x00ffffff]
/** Varints of -1, of a gigabyte, of 2^31 - 1, and one that never ends. */
const VARINTS = [[1], [0x80, 0x80, 0x80, 0x80, 0x08], [0xff, 0xff, 0xff, 0xff, 0x0f], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].map((bytes) => Buffer.from(bytes))

/** A damaged copy of `source`, one to four changes away; sometimes nothing but noise. `from`: what lies before it is left alone. */
export function mutated(source: Buffer, other: Buffer, random: Random, from = 0): Buffer {
  if (random.below(24) === 0) {
    return Buffer.concat([source.subarray(0, from), random.bytes(random.below(200))])
  }
  let bytes: Buffer = Buffer.from(source)
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    bytes = change(bytes, other, random, from)
  }
  return bytes
}

function change(bytes: Buffer, other: Buffer, random: Random, from: number): Buffer {
  const size = bytes.length - from
  if (size <= 0) {
    return Buffer.concat([bytes, random.bytes(1 + random.below(8))])
  }
  const at = from + random.below(size)
  switch (random.below(9)) {
    case 0:
      bytes[at]! ^= 1 << random.below(8)
      return bytes
    case 1:
      bytes[at] = random.next()
      return bytes
    case 2: {
      const value = random.pick(INTERESTING)
      if (at + 4 <= bytes.length) {
        bytes.writeInt32BE(value, at)
      } else {
        bytes[at] = value
      }
      return bytes
    }
    case 3:
      if (at + 2 <= bytes.length) {
        bytes.writeInt16BE((random.pick(INTERESTING) << 16) >> 16, at)
      }
      return bytes
    case 4: {
      const varint = random.pick(VARINTS)
      varint.copy(bytes, at)
      return bytes
    }
    case 5:
      return bytes.subarray(0, at)
    case 6: {
      const end = Math.min(bytes.length, at + 1 + random.below(16))
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
    }
    case 7: {
      const end = Math.min(bytes.length, at + 1 + random.below(16))
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
    }
    default: {
      const cut = random.below(other.length + 1)
      return Buffer.concat([bytes.subarray(0, at), other.subarray(cut, Math.min(other.length, cut + 64))])
    }
  }
}
