import t from 'tap'
import { distanceOf, FINGERPRINT_BITS, type KnownText, lookupKeys, NEAR, NEAR_ENOUGH, proposeOriginal, textFingerprint } from '../../processors/dedupe/index.ts'
import { createRandom } from '../../samples/random.ts'

const WORDS = 'amount item total tax invoice number date order street city bank account price unit quantity net gross due payment terms delivery customer vendor phone mail page sum rate code'.split(' ')
const LETTERS = [...'abcdefghij0123456789']

/** A text of so many words and numbers, the same for the same seed. */
function textOf(seed: number, words = 300): string {
  const random = createRandom(seed)
  return Array.from({ length: words }, () => (random.next() < 0.4 ? random.digits(5) : random.pick(WORDS))).join(' ')
}

/** As a recogniser misreads: a share of the characters is another one. */
function misread(text: string, share: number, seed: number): string {
  const random = createRandom(seed)
  return [...text].map((char) => (random.next() < share ? random.pick(LETTERS) : char)).join('')
}

const fingerprintOf = (text: string): string | undefined =>
  textFingerprint({ pages: [{ number: 1, width: 1, height: 1, lines: text.split('\n').map((line) => ({ text: line, box: { x: 0, y: 0, width: 1, height: 1 }, confidence: 1 })) }] })

t.test('the same text has the same fingerprint, however its lines are set; another text is half of the bits away', (t) => {
  const text = textOf(1)
  const one = fingerprintOf(text)!
  t.match(one, /^[0-9a-f]{32}$/)
  t.equal(fingerprintOf(text.replaceAll(' ', '\n').toUpperCase()), one)
  t.equal(fingerprintOf(`— ${text.replaceAll(' ', ' – ')} …`), one)
  t.equal(distanceOf(one, one), 0)
  t.equal(distanceOf('0'.repeat(32), 'f'.repeat(32)), FINGERPRINT_BITS)
  t.ok(distanceOf(one, fingerprintOf(textOf(2))!) > NEAR)
  t.equal(fingerprintOf('Page 1 of 1'), undefined, 'too little to go by')
  t.end()
})

t.test('a text with misread characters stays near, and shares a band', (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const text = textOf(seed)
    const [one, other] = [fingerprintOf(text)!, fingerprintOf(misread(text, 0.01, seed + 100))!]
    t.ok(distanceOf(one, other) <= NEAR, `seed ${seed}`)
    const keys = lookupKeys({ fingerprint: one, values: {} })
    t.ok(lookupKeys({ fingerprint: other, values: {} }).some((key) => keys.includes(key)), `seed ${seed}`)
  }
  t.end()
})

const none = '0'.repeat(32)
/** So many bits from {@link none}. */
const away = (bits: number): string => `${'0'.repeat(32 - Math.ceil(bits / 4))}${[1, 3, 7, 15][(bits - 1) % 4]!.toString(16)}${'f'.repeat(Math.ceil(bits / 4) - 1)}`
const known = (documentId: string, over: Partial<KnownText> = {}): KnownText => ({ documentId, fingerprint: none, recognised: false, values: {}, seenAt: 1, ...over })
const values = { invoiceNumber: 'r1', issueDate: '2026-01-31', grandTotal: '10.00' }
const first = known('first', { values })
const copyOf = (bits: number, over: Partial<typeof values>): KnownText => known('copy', { seenAt: 9, fingerprint: away(bits), values: over })

t.test('a likeness is proposed where fields do not tell the two apart', (t) => {
  t.equal(distanceOf(none, away(NEAR_ENOUGH)), NEAR_ENOUGH)
  t.same(proposeOriginal(copyOf(NEAR, {}), [first]), { of: 'first', distance: NEAR, agrees: [], differs: [], unknown: ['invoiceNumber', 'issueDate', 'grandTotal'] })
  t.equal(proposeOriginal(copyOf(NEAR + 1, { grandTotal: '10.00' }), [first]), undefined, 'one value alike is a price')
  const { invoiceNumber: _, ...unnumbered } = values
  t.match(proposeOriginal(copyOf(NEAR_ENOUGH, unnumbered), [first]), { agrees: ['issueDate', 'grandTotal'], unknown: ['invoiceNumber'] })
  t.equal(proposeOriginal(copyOf(NEAR_ENOUGH + 1, unnumbered), [first]), undefined, 'another seller')
  const another = copyOf(NEAR_ENOUGH, { ...values, invoiceNumber: 'r7' })
  t.match(proposeOriginal({ ...another, recognised: true }, [first]), { differs: ['invoiceNumber'] }, 'a digit may be misread')
  t.equal(proposeOriginal(another, [first]), undefined, 'a text layer is not misread: two invoices of one day')
  t.equal(proposeOriginal(copyOf(1, { ...values, invoiceNumber: 'r2', issueDate: '2026-02-28' }), [first]), undefined, "next month's")
  t.equal(proposeOriginal(copyOf(1, { invoiceNumber: 'r2', grandTotal: '10.00' }), [first]), undefined, 'a number that differs, and little besides')
  t.end()
})

t.test('the nearest earlier one is proposed, never the document itself, a later one, or one of which a person said no', (t) => {
  const copy = known('copy', { seenAt: 5 })
  t.equal(proposeOriginal(copy, [known('far', { fingerprint: away(1) }), known('older', { seenAt: 2 }), known('oldest', { seenAt: 1 })])?.of, 'oldest')
  t.equal(proposeOriginal(copy, [known('copy', { seenAt: 5 }), known('later', { seenAt: 6 })]), undefined)
  t.equal(proposeOriginal(copy, [known('first')], 'first'), undefined)
  t.end()
})

t.test('two values alike are enough to be found by, and do not stand in what it is found under', (t) => {
  const { invoiceNumber: _, ...unnumbered } = values
  const [one, other] = [lookupKeys(first), lookupKeys(copyOf(64, unnumbered))]
  t.equal(one.length, FINGERPRINT_BITS / 16 + 3)
  t.ok(other.some((key) => one.includes(key)))
  t.notMatch(one.join(' '), /10\.00|2026-01/)
  t.end()
})
