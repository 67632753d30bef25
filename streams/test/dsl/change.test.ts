import fc from '../../../state-stores/test/seeded.ts'
import t from 'tap'
import { changeSerde } from '../../dsl/change.ts'
import { NO_HEADERS, Serdes } from '../../index.ts'

const serde = changeSerde(Serdes.string())
const hex = (newValue: string | null, oldValue: string | null) =>
  Buffer.from(serde.serialize('t', { newValue, oldValue }, NO_HEADERS)).toString('hex')
const read = (text: string) => serde.deserialize('t', Buffer.from(text, 'hex'), NO_HEADERS)

t.test('the bytes of KIP-904', async (t) => {
  t.equal(hex(null, 'old'), '6f6c6400')
  t.equal(hex('new', null), '6e657701')
  t.equal(hex('new', 'old'), '066e65776f6c6402', 'zig-zag length of the new value, new, old')
  t.equal(hex('x'.repeat(64), 'y').slice(0, 4), '8001', 'a length of two bytes')
  t.same(read('6f6c6400'), { newValue: null, oldValue: 'old' })
  t.same(read('066e65776f6c6402'), { newValue: 'new', oldValue: 'old' })
})

t.test('every change comes back', async () => {
  fc.assert(
    fc.property(fc.option(fc.string({ maxLength: 300 })), fc.option(fc.string({ maxLength: 300 })), (newValue, oldValue) => {
      fc.pre(newValue !== null || oldValue !== null)
      const change = { newValue: newValue?.toWellFormed() ?? null, oldValue: oldValue?.toWellFormed() ?? null }
      const back = serde.deserialize('t', serde.serialize('t', change, NO_HEADERS), NO_HEADERS)
      return back.newValue === change.newValue && back.oldValue === change.oldValue
    })
  )
})

t.test('anything else is refused', async (t) => {
  t.throws(() => hex(null, null), /without an old and a new value/)
  t.throws(() => read(''), /Not a change/)
  t.throws(() => read('6e657707'), /Not a change/)
  t.throws(() => read('7e6e657702'), /exceeds/)
  t.throws(() => read('ffffffffff02'), /no end/)
  t.throws(() => read('056e65776f6c6402'), /exceeds/, 'a negative length')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        serde.deserialize('t', bytes, NO_HEADERS)
        return true
      } catch (error) {
        return error instanceof RangeError
      }
    })
  )
})
