import fc from '../../state-stores/test/seeded.ts'
import t from 'tap'
import { extract } from '../../processors/index.ts'
import type { Extraction } from '../../processors/index.ts'
import { findAmounts, parseAmount } from '../../processors/extract/amounts.ts'
import { findDates } from '../../processors/extract/dates.ts'
import { writeCii } from '../../samples/cii.ts'
import { amount, createInvoice, decimal } from '../../samples/invoice.ts'
import { createRandom } from '../../samples/random.ts'
import { page } from './fixtures/text.ts'

const now = new Date('2026-11-21T12:00:00Z')

function read(rows: readonly (readonly (string | number)[])[], options: Parameters<typeof extract>[1] = {}): Extraction {
  const result = extract(page(rows), options)
  if (!result.ok) {
    throw new Error(result.failure.code)
  }
  return result.value
}

t.test('amounts in every writing', async (t) => {
  for (const [text, value] of [['1,234.50', '1234.50'], ['1.234,50', '1234.50'], ["1'234.50", '1234.50'], ['1 234,50', '1234.50'], ['12', '12.00'], ['0.05', '0.05'], ['1,234', '1234.00'], ['1.234.567,89', '1234567.89']] as const) {
    t.equal(parseAmount(text), value, text)
  }
  for (const text of ['', '1.2.3', '12,345,6', 'abc', '1.23456']) {
    t.equal(parseAmount(text), undefined, text)
  }
  t.match(findAmounts('Total: €1,234.50'), [{ value: '1234.50', monetary: true }])
  t.match(findAmounts('-12,00 EUR and (3.00)'), [{ value: '-12.00' }, { value: '-3.00' }])
  t.match(findAmounts('5.00-'), [{ value: '-5.00' }])
  t.same(findAmounts('20% of 12:30 on 12/05/2026'), [])
  fc.assert(fc.property(fc.integer({ min: 1, max: 999_999_999 }), fc.constantFrom('en' as const, 'de' as const), (cents, language) =>
    parseAmount(amount(cents, language)) === decimal(cents) && findAmounts(`Sum ${amount(cents, language)} EUR`)[0]?.value === decimal(cents)))
})

t.test('dates in every writing; the tenant decides what cannot be told', async (t) => {
  for (const [text, day] of [
    ['2026-11-21', '2026-11-21'], ['21.11.2026', '2026-11-21'], ['21/11/26', '2026-11-21'], ['21 November 2026', '2026-11-21'], ['November 21, 2026', '2026-11-21'],
    ['21. März 2026', '2026-03-21'], ['21-Nov-2026', '2026-11-21'], ['21/NOV/2026', '2026-11-21'], ['1er', undefined], ['31.02.2026', undefined], ['4711', undefined], ['12.34.56.78', undefined],
  ] as const) {
    t.equal(findDates(text, 'day-month')[0]?.day, day, text)
  }
  t.match(findDates('03/04/2026', 'day-month'), [{ day: '2026-04-03', ambiguous: true }])
  t.match(findDates('03/04/2026', 'month-day'), [{ day: '2026-03-04', ambiguous: true }])
  t.match(findDates('13/04/2026', 'month-day'), [{ day: '2026-04-13', ambiguous: false }])
})

t.test('an invoice of labels and values', async (t) => {
  const { fields, lines } = read([
    ['Alder Supplies Ltd'],
    ['VAT Reg. No. GB 980780684'],
    ['Invoice No.: INV-77', 350, 'Date: 3 May 2026'],
    ['Bill to'],
    ['Bramble Tools Ltd'],
    ['Description', 300, 'Qty', 380, 'Unit price', 500, 'Amount'],
    ['Oak shelf', 305, '2', 385, '50.00', 505, '100.00'],
    ['Delivery', 305, '1', 385, '20.00', 505, '20.00'],
    ['Subtotal', 500, '120.00'],
    ['VAT 20%', 500, '24.00'],
    ['Total', 500, '£144.00'],
    ['IBAN GB82 WEST 1234 5698 7654 32'],
  ])
  t.equal(fields.invoiceNumber?.normalised, 'INV-77')
  t.equal(fields.issueDate?.normalised, '2026-05-03')
  t.equal(fields.taxBasisTotal?.normalised, '120.00')
  t.equal(fields.taxTotal?.normalised, '24.00')
  t.equal(fields.grandTotal?.normalised, '144.00')
  t.equal(fields.currency?.normalised, 'GBP')
  t.equal(fields.seller.name?.normalised, 'Alder Supplies Ltd')
  t.equal(fields.seller.vatId?.normalised, 'GB980780684')
  t.equal(fields.buyer.name?.normalised, 'Bramble Tools Ltd')
  t.equal(fields.iban?.normalised, 'GB82WEST12345698765432')
  t.same(lines.map((line) => [line.description?.normalised, line.quantity?.normalised, line.unitPrice?.normalised, line.lineTotal?.normalised]), [
    ['Oak shelf', '2', '50.00', '100.00'], ['Delivery', '1', '20.00', '20.00'],
  ])
  t.match(fields.grandTotal, { provenance: { page: 1, method: 'text-layer', box: { x: 500 } } })
  t.ok(fields.grandTotal!.confidence > 0.8)
})

t.test('a wrong sum stays wrong: clear labels are not overruled', async (t) => {
  const { fields } = read([['Subtotal', 500, '120.00'], ['VAT 20%', 500, '24.00'], ['Deposit', 500, '96.00'], ['Total', 500, '155.00']])
  t.equal(fields.taxBasisTotal?.normalised, '120.00')
  t.equal(fields.taxTotal?.normalised, '24.00')
  t.equal(fields.grandTotal?.normalised, '155.00')
  t.ok(fields.grandTotal!.confidence < read([['Subtotal', 500, '120.00'], ['VAT 20%', 500, '24.00'], ['Total', 500, '144.00']]).fields.grandTotal!.confidence)
})

t.test('what was paid and given back is not the total', async (t) => {
  const { fields } = read([['TOTAL', 500, '12.50'], ['CASH', 500, '50.00'], ['CHANGE', 500, '37.50']])
  t.equal(fields.grandTotal?.normalised, '12.50')
})

t.test('the XML of an e-invoice is the truth', async (t) => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const invoice = createInvoice(createRandom(seed), { language: seed % 2 === 0 ? 'de' : 'en', now })
    const result = extract({ ...page([['Total', '99.99']]), eInvoice: { syntax: 'cii', profile: '', xml: writeCii(invoice, 'zugferd') } })
    t.ok(result.ok)
    if (result.ok) {
      const { fields, lines, taxes } = result.value
      t.equal(fields.grandTotal?.normalised, decimal(invoice.gross))
      t.equal(fields.taxTotal?.normalised, decimal(invoice.tax))
      t.equal(fields.lineTotal?.normalised, decimal(invoice.net))
      t.equal(fields.payableAmount?.normalised, decimal(invoice.gross))
      t.equal(fields.invoiceNumber?.normalised, invoice.number.toUpperCase() === invoice.number ? invoice.number : invoice.number)
      t.equal(fields.issueDate?.normalised, invoice.issueDate)
      t.equal(fields.dueDate?.normalised, invoice.dueDate)
      t.equal(fields.seller.name?.normalised, invoice.seller.name)
      t.equal(fields.seller.vatId?.normalised, invoice.seller.vatId)
      t.equal(fields.buyer.name?.normalised, invoice.buyer.name)
      t.equal(fields.iban?.normalised, invoice.seller.iban)
      t.equal(lines.length, invoice.lines.length)
      t.equal(lines[0]?.quantity?.normalised, String(invoice.lines[0]!.quantity))
      t.equal(taxes[0]?.rate?.normalised, String(invoice.taxRate))
      t.match(fields.grandTotal, { confidence: 1, provenance: { page: 0, method: 'e-invoice-xml' } })
    }
  }
})

t.test('UBL, invoice and credit note', async (t) => {
  const ubl = (root: string, line: string, quantity: string): string => `<?xml version="1.0"?>
<${root} xmlns="urn:oasis:names:specification:ubl:schema:xsd:${root}-2" xmlns:cac="a" xmlns:cbc="b">
  <cbc:ID>U-1</cbc:ID><cbc:IssueDate>2026-02-28</cbc:IssueDate><cbc:DueDate>2026-03-30</cbc:DueDate><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
  <cac:AccountingSupplierParty><cac:Party><cac:PostalAddress><cbc:StreetName>Weg 1</cbc:StreetName><cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
    <cac:PartyTaxScheme><cbc:CompanyID>DE136695976</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
    <cac:PartyLegalEntity><cbc:RegistrationName>A &amp; B GmbH</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
  <cac:TaxTotal><cbc:TaxAmount currencyID="EUR">19</cbc:TaxAmount><cac:TaxSubtotal><cbc:TaxableAmount>100</cbc:TaxableAmount><cbc:TaxAmount>19</cbc:TaxAmount><cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
  <cac:LegalMonetaryTotal><cbc:LineExtensionAmount>100</cbc:LineExtensionAmount><cbc:TaxExclusiveAmount>100</cbc:TaxExclusiveAmount><cbc:TaxInclusiveAmount>119.0</cbc:TaxInclusiveAmount><cbc:PayableAmount>119</cbc:PayableAmount></cac:LegalMonetaryTotal>
  <cac:${line}><cbc:ID>1</cbc:ID><cbc:${quantity} unitCode="C62">2</cbc:${quantity}><cbc:LineExtensionAmount>100</cbc:LineExtensionAmount><cac:Item><cbc:Name>Thing</cbc:Name></cac:Item><cac:Price><cbc:PriceAmount>50</cbc:PriceAmount></cac:Price></cac:${line}>
</${root}>`
  for (const [root, line, quantity] of [['Invoice', 'InvoiceLine', 'InvoicedQuantity'], ['CreditNote', 'CreditNoteLine', 'CreditedQuantity']] as const) {
    const result = extract({ ...page([]), eInvoice: { syntax: 'ubl', profile: '', xml: ubl(root, line, quantity) } })
    t.ok(result.ok)
    if (result.ok) {
      const { fields, lines } = result.value
      t.equal(fields.seller.name?.normalised, 'A & B GmbH')
      t.equal(fields.grandTotal?.normalised, '119.00')
      t.equal(fields.issueDate?.normalised, '2026-02-28')
      t.match(lines, [{ quantity: { normalised: '2' }, unitCode: { normalised: 'C62' }, unitPrice: { normalised: '50.00' }, lineTotal: { normalised: '100.00' } }])
    }
  }
})

t.test('values in an e-invoice that are none are kept and not believed', async (t) => {
  const xml = writeCii(createInvoice(createRandom(1), { language: 'en', now }), 'factur-x')
    .replace(/<ram:GrandTotalAmount>[^<]*/, '<ram:GrandTotalAmount>1e999')
    .replace(/(<ram:IssueDateTime><udt:DateTimeString format="102">)\d+/, '$120261399')
  const result = extract({ ...page([]), eInvoice: { syntax: 'cii', profile: '', xml } })
  t.match(result, { ok: true, value: { fields: { grandTotal: { value: '1e999', normalised: '', confidence: 0 }, issueDate: { normalised: '' } } } })
})

t.test('an e-invoice may write all decimals of a division', async (t) => {
  const xml = writeCii(createInvoice(createRandom(1), { language: 'en', now }), 'factur-x')
    .replace(/<ram:GrandTotalAmount>[^<]*/, '<ram:GrandTotalAmount>10.000000000000000000')
    .replace(/(<ram:NetPriceProductTradePrice><ram:ChargeAmount>)[^<]*/, '$116.806722689075630252')
  const result = extract({ ...page([]), eInvoice: { syntax: 'cii', profile: '', xml } })
  t.match(result, { ok: true, value: { fields: { grandTotal: { normalised: '10.00' } }, lines: [{ unitPrice: { normalised: '16.806722689075630252' } }] } })
})

t.test('any text gives an answer, soon', async (t) => {
  const cell = fc.oneof(fc.string({ maxLength: 60 }), fc.constantFrom('Total', 'Invoice No.', 'Date', '12.00', '1/2/2026', 'Qty', 'Amount', 'Description', 'GB980780684'), fc.integer({ min: 0, max: 600 }))
  fc.assert(fc.property(fc.array(fc.array(cell, { maxLength: 6 }), { maxLength: 30 }), (rows) => extract(page(rows)).ok), { numRuns: 200 })
  for (const hostile of ['1'.repeat(50_000), '1.'.repeat(30_000), '1,000'.repeat(10_000), '- '.repeat(30_000), 'DE 1'.repeat(10_000), 'a '.repeat(30_000), '12 ab'.repeat(10_000)]) {
    const started = process.hrtime.bigint()
    read([[hostile], ['Total', hostile]])
    t.ok(process.hrtime.bigint() - started < 5_000_000_000n, hostile.slice(0, 5))
  }
})

t.test('more lines than a record holds are left out, and it says so', async (t) => {
  const invoice = createInvoice(createRandom(1), { language: 'en', now })
  const line = invoice.lines[0]!
  // three bytes a letter: it is bytes that a record holds
  const many = { ...invoice, lines: Array.from({ length: 3000 }, () => ({ ...line, description: '\u7d19'.repeat(150) })) }
  const result = extract({ ...page([]), eInvoice: { syntax: 'cii', profile: '', xml: writeCii(many, 'factur-x') } })
  t.ok(result.ok)
  if (result.ok) {
    t.equal(result.value.truncated, true)
    t.ok(result.value.lines.length > 100 && result.value.lines.length < 3000)
    t.ok(Buffer.byteLength(JSON.stringify(result.value)) < 500_000)
  }
})

t.test('control characters and halves of characters do not come through', async (t) => {
  const xml = writeCii({ ...createInvoice(createRandom(1), { language: 'en', now }), number: 'A&#0;1' }, 'factur-x').replace('A&amp;#0;1', 'A&#0;&#7;&#xD800;1\u0002')
  const result = extract({ ...page([]), eInvoice: { syntax: 'cii', profile: '', xml } })
  t.ok(result.ok && !/\\[a-z]/.test(JSON.stringify(result.value.fields.invoiceNumber)))
})
