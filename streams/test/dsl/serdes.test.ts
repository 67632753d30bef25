/** The bytes are those of Java's `org.apache.kafka.common.serialization`. */
import fc from '../../../state-stores/test/seeded.ts'
import t from 'tap'
import { NO_HEADERS, type Serde, Serdes } from '../../index.ts'

const hex = <T>(serde: Serde<T>, value: T) => Buffer.from(serde.serialize('t', value, NO_HEADERS)).toString('hex')
const read = <T>(serde: Serde<T>, text: string) => serde.deserialize('t', Buffer.from(text, 'hex'), NO_HEADERS)

t.test('bytes as Java writes them', async (t) => {
  t.equal(hex(Serdes.string(), 'Zürich €'), '5ac3bc7269636820e282ac')
  t.equal(hex(Serdes.integer(), -2), 'fffffffe')
  t.equal(hex(Serdes.integer(), 2 ** 31 - 1), '7fffffff')
  t.equal(hex(Serdes.long(), 1_000_000_000_000), '000000e8d4a51000')
  t.equal(hex(Serdes.long(), -1), 'ffffffffffffffff')
  t.equal(hex(Serdes.bigint(), -(2n ** 63n)), '8000000000000000')
  t.equal(hex(Serdes.double(), 1.5), '3ff8000000000000')
  t.equal(hex(Serdes.boolean(), true), '01')
  t.equal(hex(Serdes.json<{ a: number }>(), { a: 1 }), Buffer.from('{"a":1}').toString('hex'))
  t.equal(hex(Serdes.bytes(), Uint8Array.of(1, 2)), '0102')
  t.equal(hex(Serdes.uuid(), '123E4567-e89b-12d3-a456-426614174000'), Buffer.from('123e4567-e89b-12d3-a456-426614174000').toString('hex'))
})

t.test('and back', async (t) => {
  t.equal(read(Serdes.string(), '5ac3bc'), 'Zü')
  t.equal(read(Serdes.string(), ''), '')
  t.equal(read(Serdes.integer(), 'fffffffe'), -2)
  t.equal(read(Serdes.long(), 'ffffffffffffffff'), -1)
  t.equal(read(Serdes.bigint(), '7fffffffffffffff'), 2n ** 63n - 1n)
  t.equal(read(Serdes.double(), '3ff8000000000000'), 1.5)
  t.equal(read(Serdes.boolean(), '00'), false)
  t.same(read(Serdes.json<unknown>(), Buffer.from('[null]').toString('hex')), [null])
  t.equal(read(Serdes.uuid(), Buffer.from('123e4567-e89b-12d3-a456-426614174000').toString('hex')), '123e4567-e89b-12d3-a456-426614174000')
})

t.test('every string and number comes back', async () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => read(Serdes.string(), hex(Serdes.string(), text)) === text.toWellFormed()))
  fc.assert(fc.property(fc.maxSafeInteger(), (long) => read(Serdes.long(), hex(Serdes.long(), long)) === long))
  fc.assert(fc.property(fc.double(), (double) => Object.is(read(Serdes.double(), hex(Serdes.double(), double)), double)))
  fc.assert(fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (big) => read(Serdes.bigint(), hex(Serdes.bigint(), big)) === big))
})

t.test('bytes are copied, because the buffer they come from is reused', async (t) => {
  const buffer = Uint8Array.of(1, 2, 3)
  const read = Serdes.bytes().deserialize('t', buffer.subarray(1), NO_HEADERS)
  buffer.fill(0)
  t.same([...read], [2, 3])
})

t.test('what does not fit is refused, without quoting it', async (t) => {
  const refused = (action: () => unknown, message: RegExp) => {
    try {
      action()
      t.fail('was taken')
    } catch (error) {
      t.match((error as Error).message, message)
      t.notMatch((error as Error).message, /secret/)
    }
  }
  refused(() => read(Serdes.integer(), '00'), /1 bytes cannot be read as integer, which has 4/)
  refused(() => read(Serdes.long(), '00'), /1 bytes cannot be read as long, which has 8/)
  refused(() => read(Serdes.long(), '7fffffffffffffff'), /read it with Serdes.bigint/)
  refused(() => read(Serdes.double(), ''), /0 bytes cannot be read as double/)
  refused(() => read(Serdes.boolean(), '02'), /0 or 1/)
  refused(() => read(Serdes.json<unknown>(), Buffer.from('{secret').toString('hex')), /Not JSON \(7 bytes\)/)
  refused(() => read(Serdes.uuid(), Buffer.from('secret').toString('hex')), /Not a UUID/)
  refused(() => read(Serdes.void(), '00'), /nothing but null/)
  refused(() => hex(Serdes.integer(), 2 ** 31), /whole number from -2147483648 to 2147483647/)
  refused(() => hex(Serdes.long(), 2 ** 53), /whole number/)
  refused(() => hex(Serdes.long(), 0.5), /whole number/)
  refused(() => hex(Serdes.string(), 5 as unknown as string), /takes strings, not number/)
  refused(() => hex(Serdes.json<unknown>(), undefined), /cannot write undefined/)
  refused(() => hex(Serdes.bytes(), 'secret' as unknown as Uint8Array), /takes a Uint8Array/)
  refused(() => hex(Serdes.uuid(), 'secret'), /UUID/)
  refused(() => hex(Serdes.double(), 'secret' as unknown as number), /takes numbers/)
  refused(() => hex(Serdes.boolean(), 1 as unknown as boolean), /takes booleans/)
})

t.test('equal serdes are one object', async (t) => {
  t.equal(Serdes.string(), Serdes.string())
  t.equal(Serdes.json<string>() as unknown, Serdes.json<number>())
})
