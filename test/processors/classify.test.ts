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

t.test('what a document says of others, and what a till calls its paper, does not decide', async (t) => {
  const till = page([['HERON STORES'], ['12 Mill Lane'], ['SIMPLIFIED TAX INVOICE'], ['Invoice no: 000123'], ['Tea 2 x 3.00', 200, '6.00'], ['Total', 200, '6.00'], ['Cash', 200, '10.00'], ['Change', 200, '4.00'], ['Goods sold are not returnable']], { route: 'ocr', confidence: 0.9 })
  t.match(classify({ ...till, pages: [{ ...till.pages[0]!, width: 220 }] }), { type: 'receipt' })
  t.match(classify(page([['Alder Works GmbH', 400, 'Mühlweg 3, 12345 Berlin'], ['Rechnung Nr. 4711', 500, 'Rechnungsdatum 01.02.2026'], ['Bestellnummer: 881', 500, 'Lieferanschrift'], ['Auftrag Nr. 881'], ['Gesamtbetrag', 500, '119,00'], ['Zahlbar bis 01.03.2026']])), { type: 'invoice' })
  t.match(classify(page([['Credit note no. 17', 500, 'for invoice 4711'], ['Original invoice number: 4711', 500, 'Total -12.00']])), { type: 'credit-note' })
  t.match(classify(page([['Sehr geehrte Frau Beispiel,'], ['unsere Rechnung 4711 vom Mai ist noch offen.', 500, 'Berlin, 1. Juni'], ['Mit freundlichen Grüßen']])), { type: 'letter' })
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
