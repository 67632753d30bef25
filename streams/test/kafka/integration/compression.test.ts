/** The codecs of record batches: what other implementations write is read, and nothing takes more memory than it may. */
import * as pk from '@platformatic/kafka'
import fc, { SEED } from '../../../../state-stores/test/seeded.ts'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { decompress, uncompressedLimit } from '../../../kafka/compression.ts'

const GZIP = 1
const SNAPPY = 2
const LZ4 = 3
const ZSTD = 4

/** Their compressors fail on nothing at all once their memory has grown ("detached ArrayBuffer"): what nothing looks like is written by hand. */
const nothing = { [SNAPPY]: Buffer.of(0), [LZ4]: Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, 0, 0, 0, 0]) }

const compressed: { readonly [type: number]: (data: Buffer) => Buffer } = {
  [GZIP]: (data) => gzipSync(data),
  [SNAPPY]: (data) => data.length === 0 ? nothing[SNAPPY] : pk.compressionsAlgorithms.snappy.compressSync(data) as Buffer,
  [LZ4]: (data) => data.length === 0 ? nothing[LZ4] : pk.compressionsAlgorithms.lz4.compressSync(data) as Buffer,
  [ZSTD]: (data) => zstdCompressSync(data),
}

/** Text with repetitions near and far, noise, long runs. */
const content = fc
  .array(
    fc.oneof(
      fc.tuple(fc.constantFrom('a', 'invoice', '{"amount":12,"currency":"EUR"}'), fc.integer({ min: 1, max: 300 })).map(([text, times]) => Buffer.from(text.repeat(times))),
      fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes))
    ),
    { maxLength: 12 }
  )
  .map((parts) => Buffer.concat(parts))

/** As snappy-java, and so Kafka's own producers, frame it. */
function xerial(chunks: readonly Buffer[]): Buffer {
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])
  const packed = chunks.map((chunk) => compressed[SNAPPY]!(chunk))
  return Buffer.concat([header, ...packed.flatMap((chunk) => [lengthOf(chunk), chunk])])
}

function lengthOf(chunk: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(chunk.length)
  return length
}

t.test('what other implementations compress is read', async (t) => {
  t.comment(`seed ${SEED}`)
  fc.assert(
    fc.property(content, fc.nat({ max: 5_000 }), (data, cut) => {
      for (const type of [GZIP, SNAPPY, LZ4, ZSTD]) {
        t.ok(decompress(type, compressed[type]!(data)).equals(data), { diagnostic: false })
      }
      t.ok(decompress(SNAPPY, xerial([data.subarray(0, cut), data.subarray(cut)])).equals(data), { diagnostic: false })
    }),
    { numRuns: 60 }
  )
})

t.test('lz4 frames of other forms: linked blocks, checksums, content size, blocks as they are', async (t) => {
  const frame = (flags: number, ...blocks: Buffer[]): Buffer => {
    const size = (flags & 0x08) === 0 ? Buffer.alloc(0) : Buffer.alloc(8)
    return Buffer.concat([Buffer.from([0x04, 0x22, 0x4d, 0x18, flags, 0x40]), size, Buffer.of(0), ...blocks, Buffer.alloc(4)])
  }
  const word = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    return bytes
  }
  const plain = Buffer.from('0123456789')
  const asIs = [word(plain.length + 0x80000000), plain]
  t.equal(decompress(LZ4, frame(0x60, ...asIs)).toString(), '0123456789')
  t.equal(decompress(LZ4, frame(0x68, ...asIs)).toString(), '0123456789', 'content size')
  t.equal(decompress(LZ4, frame(0x70, ...asIs, word(0))).toString(), '0123456789', 'block checksum')
  // A match of 6 bytes, 10 back, then the literal "x": back into the block before.
  const linked = Buffer.from([0x02, 10, 0, 0x10, 0x78])
  t.equal(decompress(LZ4, frame(0x40, ...asIs, word(linked.length), linked)).toString(), '0123456789012345x')
  t.throws(() => decompress(LZ4, frame(0x60, ...asIs, word(linked.length), linked)), /reaches outside/, 'not when blocks are independent')
})

t.test('a batch that claims or unfolds to more than it may is refused, and its memory never taken', async (t) => {
  const before = process.memoryUsage().arrayBuffers
  const claim = (length: number): Buffer => {
    const bytes: number[] = []
    for (let rest = length; ; rest = Math.floor(rest / 128)) {
      bytes.push(rest < 128 ? rest : (rest % 128) + 128)
      if (rest < 128) {
        return Buffer.concat([Buffer.from(bytes), Buffer.alloc(1_019, 0xfe)])
      }
    }
  }
  t.throws(() => decompress(SNAPPY, claim(2 ** 30)), /claim to unfold to 1073741824/)
  t.throws(() => decompress(SNAPPY, claim(2 ** 32 - 1)), RangeError)
  t.throws(() => decompress(SNAPPY, Buffer.concat([xerial([]), lengthOf(Buffer.alloc(0)).fill(0xff), Buffer.alloc(64)])), /cut off/)
  t.ok(process.memoryUsage().arrayBuffers - before < 1_000_000, 'a kilobyte that claims a gigabyte takes nothing')

  const zeros = Buffer.alloc(300 * 1024 * 1024)
  for (const type of [GZIP, ZSTD]) {
    const bomb = compressed[type]!(zeros)
    t.throws(() => decompress(type, bomb), { code: 'ERR_BUFFER_TOO_LARGE' }, `${bomb.length} bytes of type ${type}`)
  }
  t.equal(uncompressedLimit(1_024), 17 * 1024 * 1024 + 8_192)
  t.equal(uncompressedLimit(2 ** 30), 256 * 1024 * 1024)
})

t.test('damage is an error of range or of the library, never anything else', async (t) => {
  for (const type of [SNAPPY, LZ4]) {
    const good = compressed[type]!(Buffer.from('some text, some text, some other text'.repeat(9)))
    for (let length = 0; length < good.length; length++) {
      t.throws(() => decompress(type, good.subarray(0, length)), RangeError, { diagnostic: false })
    }
  }
  t.throws(() => decompress(7, Buffer.alloc(4)), /type 7 is not known/)
})
