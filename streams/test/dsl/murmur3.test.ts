import t from 'tap'
import { murmur3 } from '../../dsl/operators/murmur3.ts'

const U64 = (value: bigint) => BigInt.asUintN(64, value)
const rotate = (value: bigint, bits: bigint) => U64((value << bits) | (value >> (64n - bits)))

/** The algorithm as published, in 64-bit arithmetic. */
function reference(bytes: Uint8Array, seed: number): string {
  const C1 = 0x87c37b91114253d5n
  const C2 = 0x4cf5ad432745937fn
  const word = (at: number) => {
    let value = 0n
    for (let i = 0; i < 8; i++) {
      value |= BigInt(bytes[at + i] ?? 0) << BigInt(8 * i)
    }
    return value
  }
  const mix = (given: bigint) => {
    let value = given ^ (given >> 33n)
    value = U64(value * 0xff51afd7ed558ccdn)
    value ^= value >> 33n
    value = U64(value * 0xc4ceb9fe1a85ec53n)
    return value ^ (value >> 33n)
  }
  let h1 = BigInt(seed)
  let h2 = BigInt(seed)
  const first = (k: bigint) => U64(rotate(U64(k * C1), 31n) * C2)
  const second = (k: bigint) => U64(rotate(U64(k * C2), 33n) * C1)
  let at = 0
  for (; at + 16 <= bytes.length; at += 16) {
    h1 = U64((rotate(h1 ^ first(word(at)), 27n) + h2) * 5n + 0x52dce729n)
    h2 = U64((rotate(h2 ^ second(word(at + 8)), 31n) + h1) * 5n + 0x38495ab5n)
  }
  if (at < bytes.length) {
    h1 ^= first(word(at))
    h2 ^= second(word(at + 8))
  }
  const length = BigInt(bytes.length)
  h1 = U64((h1 ^ length) + (h2 ^ length))
  h2 = U64((h2 ^ length) + h1)
  h1 = mix(h1)
  h2 = mix(h2)
  h1 = U64(h1 + h2)
  h2 = U64(h2 + h1)
  return h1.toString(16).padStart(16, '0') + h2.toString(16).padStart(16, '0')
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

t.test('published values', async (t) => {
  t.equal(hex(murmur3(Buffer.from(''), 0)), '00000000000000000000000000000000')
  t.equal(hex(murmur3(Buffer.from('hello'), 0)), 'cbd8a7b341bd9b025b1e906a48ae1d19')
  t.equal(hex(murmur3(Buffer.from('The quick brown fox jumps over the lazy dog'), 0)), 'e34bbc7bbc071b6c7a433ca9c49a9347')
})

t.test('every length to 100, with bytes of both signs, equals the algorithm in 64 bits', async (t) => {
  let state = 7
  const different: number[] = []
  for (let length = 0; length <= 100; length++) {
    const bytes = Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
      return state >>> 16
    })
    if (hex(murmur3(bytes)) !== reference(bytes, 104_729)) {
      different.push(length)
    }
  }
  t.same(different, [])
})

t.test('a view in the middle of a buffer is hashed as its own bytes', async (t) => {
  const whole = Buffer.from('..hello..')
  t.equal(hex(murmur3(whole.subarray(2, 7), 0)), 'cbd8a7b341bd9b025b1e906a48ae1d19')
})
