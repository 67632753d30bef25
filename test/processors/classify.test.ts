import t from 'tap'
import { classify } from '../../processors/index.ts'
import { createInvoice } from '../../samples/invoice.ts'
import { writeCii } from '../../samples/cii.ts'
import { createRandom } from '../../samples/random.ts'
import { page } from './fixtures/text.ts'

const cases: readonly (readonly [string, readonly (readonly string[])[]])[] = [
  ['invoice', [['INVOICE'], ['Invoice number: 4711'], ['Due date: 2026-01-01'], ['Bill to'], ['Total', '12.00']]],
  ['invoice', [['Rechnung'], ['Rechnungsnummer: 4711'], ['MwSt. 19%'], ['Gesamtbetrag', '12,00']]],
  ['credit-note', [['CREDIT NOTE'], ['Invoice number: 4711'], ['Total', '-12.00']]],
  ['credit-note', [['Gutschrift'], ['zu Rechnung 4711'], ['Gesamtbetrag', '-12,00']]],
  ['receipt', [['RECEIPT'], ['Coffee', '3.00'], ['TOTAL', '3.00'], ['CASH', '5.00'], ['CHANGE', '2.00']]],
  ['purchase-order', [['PURCHASE ORDER'], ['Ship to'], ['Vendor'], ['Requested delivery 2026-05-05']]],
  ['contract', [['Agreement'], ['The parties hereby agree'], ['Governing law'], ['Termination']]],
  ['letter', [['Dear Ms Example'], ['thank you for your interest in our plans'], ['Yours sincerely, kind regards']]],
  ['form', [['Application form'], ['Please complete in capitals'], ['Date of birth'], ['Signature of the applicant']]],
  ['other', [['The quick brown fox'], ['jumps over the lazy dog']]],
]

t.test('words and titles decide', async (t) => {
  for (const [type, rows] of cases) {
    const result = classify(page(rows))
    t.equal(result.type, type)
    t.equal(result.method, 'words')
    t.ok(result.probability > (type === 'other' ? 0.25 : 0.4) && result.probability <= 1, `${type}: ${result.probability}`)
  }
})

t.test('an e-invoice says itself what it is', async (t) => {
  const invoice = createInvoice(createRandom(1), { language: 'de', now: new Date() })
  for (const [code, type] of [['380', 'invoice'], ['381', 'credit-note']] as const) {
    const text = { ...page([['Lieferschein']]), eInvoice: { syntax: 'cii' as const, profile: '', xml: writeCii(invoice, 'factur-x', code) } }
    t.match(classify(text), { type, probability: 1, method: 'e-invoice-xml' })
  }
})

t.test('a pinned type is taken, no text is other', async (t) => {
  t.match(classify(page([['INVOICE']]), { pinned: 'contract' }), { type: 'contract', probability: 1, method: 'pinned' })
  t.equal(classify(page([])).type, 'other')
})
