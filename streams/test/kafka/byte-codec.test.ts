import fc, { SEED } from '../../../state-stores/test/seeded.ts'
import t from 'tap'
import { AnswerFrames } from '../../kafka/answer-frames.ts'
import { ByteReader } from '../../kafka/protocol/byte-reader.ts'
import { ByteWriter } from '../../kafka/protocol/byte-writer.ts'
import { OFFSET_FETCH } from '../../kafka/protocol/groups.ts'

type Field =
  | { readonly type: 'int8' | 'int16' | 'int32' | 'int64' | 'unsignedVarint'; readonly value: number }
  | { readonly type: 'string'; readonly value: string | null }
  | { readonly type: 'bytes' | 'reference'; readonly value: Uint8Array }
  | { readonly type: 'uuid'; readonly value: string }

const integer = (bits: number): fc.Arbitrary<number> => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
const field: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ type: fc.constant('int8' as const), value: integer(8) }),
  fc.record({ type: fc.constant('int16' as const), value: integer(16) }),
  fc.record({ type: fc.constant('int32' as const), value: integer(32) }),
  fc.record({ type: fc.constant('int64' as const), value: fc.maxSafeInteger() }),
  fc.record({ type: fc.constant('unsignedVarint' as const), value: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
  fc.record({ type: fc.constant('string' as const), value: fc.option(fc.string({ unit: 'grapheme', maxLength: 200 }), { nil: null }) }),
  fc.record({ type: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 400 }) }),
  fc.record({ type: fc.constant('reference' as const), value: fc.uint8Array({ maxLength: 400 }) }),
  fc.record({ type: fc.constant('uuid' as const), value: fc.uuid() })
)

function write(writer: ByteWriter, { type, value }: Field): void {
  switch (type) {
    case 'string':
      writer.string(value)
      break
    case 'bytes':
      writer.bytes(value)
      break
    case 'reference':
      writer.reference(Buffer.from(value))
      break
    case 'uuid':
      writer.uuid(value)
      break
    default:
      writer[type](value)
  }
}

function read(reader: ByteReader, type: Field['type']): unknown {
  switch (type) {
    case 'string':
      return reader.nullableString()
    case 'bytes':
    case 'reference':
      return Uint8Array.from(reader.nullableBytes()!)
    default:
      return reader[type]()
  }
}

t.test('whatever is written is read, at every length and across every growth of the buffer', async (t) => {
  t.comment(`seed ${SEED}`)
  fc.assert(
    fc.property(fc.array(field, { maxLength: 120 }), (fields) => {
      const writer = new ByteWriter()
      for (const each of fields) {
        write(writer, each)
      }
      const reader = new ByteReader(Buffer.concat(writer.finish()))
      t.strictSame(fields.map(({ type }) => read(reader, type)), fields.map(({ value }) => value), { diagnostic: false })
      t.equal(reader.remaining, 0, { diagnostic: false })
    }),
    { numRuns: 400 }
  )
  // Each kind of field alone, so that the buffer grows in the middle of each.
  for (const type of ['int8', 'int16', 'int32', 'int64', 'unsignedVarint'] as const) {
    for (let before = 240; before < 260; before++) {
      const writer = new ByteWriter()
      for (let i = 0; i < before; i++) {
        writer.int8(1)
      }
      write(writer, { type, value: 100 })
      const bytes = Buffer.concat(writer.finish())
      t.equal(read(new ByteReader(bytes.subarray(before)), type), 100, { diagnostic: false })
    }
  }
})

t.test('a request far larger than the first buffer', async (t) => {
  const partitions = Array.from({ length: 3_000 }, (_, i) => ({ topic: `topic-${i % 7}`, partition: i }))
  const writer = new ByteWriter()
  OFFSET_FETCH.encode(writer, { groupId: 'g', partitions, requireStable: true })
  const reader = new ByteReader(Buffer.concat(writer.finish()))
  const [group] = reader.structs((r) => {
    r.string()
    r.nullableString()
    r.int32()
    return r.structs((topic) => {
      const name = topic.string()
      return topic.array((p) => ({ topic: name, partition: p.int32() }))
    })
  })
  t.equal(reader.boolean(), true)
  t.same(group!.flat().sort((a, b) => a.partition - b.partition), partitions)
})

t.test('readers refuse what is not there', async (t) => {
  const refused = { code: 'RESPONSE_INVALID' }
  t.throws(() => new ByteReader(Buffer.alloc(3)).int32(), refused)
  t.throws(() => new ByteReader(Buffer.from([200, 1, 0])).nullableString(), refused, 'a string of 199 bytes')
  t.throws(() => new ByteReader(Buffer.from([255, 255, 255, 255, 15])).array((r) => r.int8()), refused, 'an array of 2^32 - 2')
  t.throws(() => new ByteReader(Buffer.from([255, 255, 255, 255, 255, 1])).unsignedVarint(), refused, 'a varint of six bytes')
})

t.test('answers are cut out of what arrives, however it arrives, into memory of their own', async (t) => {
  t.comment(`seed ${SEED}`)
  const whole = (sizes: readonly number[]): Buffer[] => sizes.map((size, number) => Buffer.alloc(size, number + 1))
  const cutBy = (sizes: readonly number[], most: (read: number) => number): Buffer[] => {
    const cut: Buffer[] = []
    const frames = new AnswerFrames((answer) => cut.push(answer))
    const sent = Buffer.concat(whole(sizes).flatMap((answer) => [Buffer.from([answer.length >>> 24, answer.length >>> 16, answer.length >>> 8, answer.length]), answer]))
    for (let at = 0, read = 0; at < sent.length; read++) {
      const target = frames.target()
      const taken = sent.copy(target, 0, at, Math.min(sent.length, at + Math.max(1, most(read))))
      target.fill(0xff, taken)
      frames.advance(taken)
      at += taken
    }
    return cut
  }
  const sizes = fc.array(fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 4, max: 300 }) }, { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 200_000 }) }), { minLength: 1, maxLength: 6 })
  const reads = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 30_000, max: 100_000 })), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(sizes, reads, (answers, most) => {
      const cut = cutBy(answers, (read) => most[read % most.length]! * (answers.some((size) => size > 300) ? 300 : 1))
      return cut.length === answers.length && whole(answers).every((answer, number) => answer.equals(cut[number]!))
    }),
    { numRuns: 50 }
  )
  const [large, small] = cutBy([20 * 1024 * 1024, 10], () => Number.MAX_SAFE_INTEGER)
  t.ok(large!.equals(Buffer.alloc(20 * 1024 * 1024, 1)), 'one that is larger than a size is believed')
  t.ok(small!.equals(Buffer.alloc(10, 2)))
})

t.test('what cannot be an answer', async (t) => {
  const begun = (...bytes: number[]): void => {
    const frames = new AnswerFrames(() => {})
    frames.target().set(bytes)
    frames.advance(bytes.length)
  }
  t.throws(() => begun(0x15, 3, 3, 0, 2, 2, 0x50), { message: 'speaks TLS only: set tls.' })
  t.throws(() => begun(0xff, 0xff, 0xff, 0xff), { message: /claims to have -1 bytes/ })
  t.throws(() => begun(0, 0, 0, 3, 1, 1, 1), { message: /claims to have 3 bytes/ })
  const frames = new AnswerFrames(() => {})
  frames.target().set([0x7f, 0xff, 0xff, 0xff])
  frames.advance(4)
  t.ok(frames.target().length <= 16 * 1024 * 1024, 'nothing is kept ready for a size that nobody has')
})
