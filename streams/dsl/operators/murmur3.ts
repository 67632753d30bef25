/** MurmurHash3 x64 128 (Austin Appleby, public domain), on pairs of 32-bit halves: BigInt would take twenty times as long. */
import { Buffer } from 'node:buffer'

/** The seed of Kafka Streams' Murmur3, so that its applications and ours agree on the hash of a value. */
const SEED = 104_729

const C1_HIGH = 0x87c37b91
const C1_LOW = 0x114253d5
const C2_HIGH = 0x4cf5ad43
const C2_LOW = 0x2745937f
const N1 = 0x52dce729
const N2 = 0x38495ab5

/** A register of 64 bits; both halves as signed 32-bit integers. */
class Word {
  high = 0
  low = 0

  set(high: number, low: number): this {
    this.high = high
    this.low = low
    return this
  }

  xor(high: number, low: number): this {
    this.high ^= high
    this.low ^= low
    return this
  }

  add(high: number, low: number): this {
    const sum = (this.low >>> 0) + (low >>> 0)
    this.low = sum | 0
    this.high = (this.high + high + (sum > 0xffff_ffff ? 1 : 0)) | 0
    return this
  }

  /** The low 64 bits of the product, from products of 16-bit parts, which a double holds exactly. */
  multiply(high: number, low: number): this {
    const a0 = this.low & 0xffff
    const a1 = this.low >>> 16
    const b0 = low & 0xffff
    const b1 = low >>> 16
    const p00 = Math.imul(a0, b0) >>> 0
    const t = a1 * b0 + (p00 >>> 16)
    const u = a0 * b1 + (t & 0xffff)
    const carry = a1 * b1 + Math.floor(t / 0x1_0000) + Math.floor(u / 0x1_0000)
    this.high = (carry + Math.imul(this.high, low) + Math.imul(this.low, high)) | 0
    this.low = ((u & 0xffff) << 16) | (p00 & 0xffff)
    return this
  }

  rotateLeft(bits: number): this {
    const { high, low } = this
    if (bits >= 32) {
      const rest = bits - 32
      return rest === 0
        ? this.set(low, high)
        : this.set((low << rest) | (high >>> (32 - rest)), (high << rest) | (low >>> (32 - rest)))
    }
    return this.set((high << bits) | (low >>> (32 - bits)), (low << bits) | (high >>> (32 - bits)))
  }

  /** The finalizer of MurmurHash3 ("fmix64"). */
  mix(): this {
    // A shift right by 33 leaves one bit less than the high half, in the low half.
    this.low ^= this.high >>> 1
    this.multiply(0xff51afd7, 0xed558ccd)
    this.low ^= this.high >>> 1
    this.multiply(0xc4ceb9fe, 0x1a85ec53)
    this.low ^= this.high >>> 1
    return this
  }
}

/** The 16 bytes of the hash, its two words big-endian, as Kafka Streams writes them. `seed`: an unsigned 31-bit integer. */
export function murmur3(bytes: Uint8Array, seed = SEED): Uint8Array {
  const { length } = bytes
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, length)
  const h1 = new Word().set(0, seed)
  const h2 = new Word().set(0, seed)
  const k1 = new Word()
  const k2 = new Word()
  const mixFirst = () => {
    k1.multiply(C1_HIGH, C1_LOW).rotateLeft(31).multiply(C2_HIGH, C2_LOW)
    h1.xor(k1.high, k1.low)
  }
  const mixSecond = () => {
    k2.multiply(C2_HIGH, C2_LOW).rotateLeft(33).multiply(C1_HIGH, C1_LOW)
    h2.xor(k2.high, k2.low)
  }
  const whole = length - (length % 16)
  for (let at = 0; at < whole; at += 16) {
    k1.set(data.readInt32LE(at + 4), data.readInt32LE(at))
    k2.set(data.readInt32LE(at + 12), data.readInt32LE(at + 8))
    mixFirst()
    h1.rotateLeft(27).add(h2.high, h2.low).multiply(0, 5).add(0, N1)
    mixSecond()
    h2.rotateLeft(31).add(h1.high, h1.low).multiply(0, 5).add(0, N2)
  }
  if (whole < length) {
    // The tail, filled with zeros, mixes as a block does, but without the second half of the step.
    const tail = Buffer.alloc(16)
    data.copy(tail, 0, whole)
    k1.set(tail.readInt32LE(4), tail.readInt32LE(0))
    k2.set(tail.readInt32LE(12), tail.readInt32LE(8))
    mixSecond()
    mixFirst()
  }
  h1.xor(0, length)
  h2.xor(0, length)
  h1.add(h2.high, h2.low)
  h2.add(h1.high, h1.low)
  h1.mix()
  h2.mix()
  h1.add(h2.high, h2.low)
  h2.add(h1.high, h1.low)
  const hash = Buffer.allocUnsafe(16)
  hash.writeInt32BE(h1.high, 0)
  hash.writeInt32BE(h1.low, 4)
  hash.writeInt32BE(h2.high, 8)
  hash.writeInt32BE(h2.low, 12)
  return hash
}
