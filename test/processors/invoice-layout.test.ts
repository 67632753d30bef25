/** Invoices as text with places: tables, blocks of parties, tables of sums. All made up. */
import t from 'tap'
import { extract } from '../../processors/index.ts'
import type { DocumentText, Extraction, LineItem } from '../../processors/index.ts'
import { readDecimals } from '../../processors/extract/decimals.ts'
import { page } from './fixtures/text.ts'

type Rows = Parameters<typeof page>[0]

function read(...pages: readonly Rows[]): Extraction {
  const texts = pages.map((rows) => page(rows))
  const text: DocumentText = { ...texts[0]!, pages: texts.map((one, n) => ({ ...one.pages[0]!, number: n + 1 })) }
  const result = extract(text)
  if (!result.ok) {
    throw new Error(result.failure.code)
  }
  return result.value
}

const names = ['lineId', 'sellerItemId', 'description', 'quantity', 'unitPrice', 'taxRate', 'lineTotal'] as const
const plain = (lines: readonly LineItem[], columns: readonly (typeof names)[number][] = ['description', 'quantity', 'unitPrice', 'lineTotal']): readonly (readonly (string | undefined)[])[] =>
  lines.map((line) => columns.map((name) => line[name]?.normalised))

t.test('titles over several rows, an item number, a rate', async (t) => {
  const { lines } = read([
    [90, 'Art.-Nr.', 300, 'Netto-', 500, 'Gesamt'],
    ['Pos', 90, 'Kunde', 150, 'Bezeichnung', 300, 'preis', 380, 'Menge', 430, 'USt.', 500, 'preis'],
    ['1', 90, 'LP-1', 150, 'Latten', 300, '2,5000', 380, '4 Stk', 430, '19 %', 500, '10,00'],
    ['2', 90, 'AK-7', 150, 'Kiste', 300, '1.200,00', 380, '1,5 Std', 430, '7 %', 500, '1.800,00'],
    ['Summe', 500, '1.810,00'],
  ])
  t.same(plain(lines, [...names]), [['1', 'LP-1', 'Latten', '4', '2.50', '19', '10.00'], ['2', 'AK-7', 'Kiste', '1.5', '1200.00', '7', '1800.00']])
  t.ok(lines.every((line) => line.lineTotal!.confidence > 0.9), 'arithmetic makes it sure')
})

t.test('a table goes on over a page break with its titles repeated; carried sums are no items', async (t) => {
  const title = ['Description', 300, 'Qty', 380, 'Unit price', 500, 'Amount'] as const
  const { lines } = read(
    [['Invoice 77'], title, ['Oak shelf', 305, '2', 385, '50.00', 505, '100.00'], ['Page 1 of 2']],
    [title, ['Pine shelf', 305, '3', 385, '10.00', 505, '30.00'], ['Subtotal', 505, '130.00'], ['VAT 20%', 505, '26.00'], ['Total', 505, '156.00']],
  )
  t.same(plain(lines), [['Oak shelf', '2', '50.00', '100.00'], ['Pine shelf', '3', '10.00', '30.00']])
  t.same(plain(lines, ['taxRate']), [['20'], ['20']], 'the only rate of the document is that of its lines')
  t.equal(lines[0]!.taxRate?.provenance.method, 'rule')
})

t.test('a description goes on below; what is said about the item does not belong to its name', async (t) => {
  const { lines } = read([
    ['Bezeichnung', 300, 'Menge', 380, 'Einzelpreis', 500, 'Betrag'],
    ['Gartenstuhl aus', 300, '2', 380, '30,00', 500, '60,00'],
    ['Birkenholz'],
    ['Lieferung: frei Haus'],
    ['Tisch', 300, '1', 380, '40,00', 500, '40,00'],
    [80, 'mit Schublade, eingerückt'],
    ['Zwischensumme', 500, '100,00'],
  ])
  t.same(plain(lines, ['description']), [['Gartenstuhl aus Birkenholz'], ['Tisch']])
})

t.test('arithmetic corrects what titles name otherwise', async (t) => {
  // "Amount" is how much here, not how expensive.
  const { lines } = read([
    ['Amount', 150, 'Product', 380, 'Price', 500, 'Total'],
    ['2.00', 150, 'Balloons', 380, '1.50', 500, '3.00'],
    ['4.00', 150, 'Hot air', 380, '2.00', 500, '8.00'],
    ['Total', 500, '11.00'],
  ])
  t.same(plain(lines), [['Balloons', '2', '1.50', '3.00'], ['Hot air', '4', '2.00', '8.00']])
})

t.test('a total set apart, two cells in one run, a text under a centred title', async (t) => {
  const { lines } = read([
    [150, 'Description', 300, 'Qty', 333, 'VAT', 420, 'Price', 500, 'Amount'],
    ['Blue paint', 300, '3 pcs 20 %', 420, '4.00'],
    [500, '12.00'],
    ['Red paint', 300, '1 pcs 20 %', 420, '5.00'],
    [500, '5.00'],
    ['Total', 500, '17.00'],
  ])
  t.same(plain(lines, ['description', 'quantity', 'taxRate', 'unitPrice', 'lineTotal']), [['Blue paint', '3', '20', '4.00', '12.00'], ['Red paint', '1', '20', '5.00', '5.00']])
})

t.test('an item of two lines has titles of two lines', async (t) => {
  const { lines } = read([
    ['Item no.', 300, 'Qty', 380, 'Price', 500, 'Amount'],
    ['Description'],
    ['X-100', 300, '2', 380, '7.00', 500, '14.00'],
    ['Steel ruler'],
    ['X-200', 300, '1', 380, '9.00', 500, '9.00'],
    ['Set square'],
    ['Total', 500, '23.00'],
  ])
  t.same(plain(lines, ['sellerItemId', 'description', 'quantity', 'lineTotal']), [['X-100', 'Steel ruler', '2', '14.00'], ['X-200', 'Set square', '1', '9.00']])
})

t.test('allowances, tax breakdowns and terms below a table are no items', async (t) => {
  const { lines } = read([
    ['Bezeichnung', 300, 'Menge', 380, 'Einzelpreis', 500, 'Betrag'],
    ['Kiste', 300, '1', 380, '10,00', 500, '10,00'],
    ['Zu- und Abschläge:'],
    ['Fracht', 300, '1', 380, '5,00', 500, '5,00'],
    ['Zahlungsbedingungen:'],
    ['Skonto', 300, '2', 380, '1,00', 500, '2,00'],
  ])
  t.same(plain(lines, ['description']), [['Kiste']])
})

t.test('rows with an amount only are items where the sum needs them, and sums carried over never are', async (t) => {
  const title = ['Description', 300, 'Qty', 380, 'Unit price', 500, 'Amount'] as const
  const sums = (net: string, gross: string) => [['Subtotal', 500, net], ['VAT 20%', 500, '20.00'], ['Total', 500, gross]] as const
  const needed = read([title, ['Notice of 3 May', 500, '80.00'], ['Copies', 300, '2', 380, '10.00', 500, '20.00'], ...sums('100.00', '120.00')])
  t.same(plain(needed.lines, ['description', 'lineTotal']), [['Notice of 3 May', '80.00'], ['Copies', '20.00']])
  const carried = read([title, ['Copies', 300, '2', 380, '40.00', 500, '80.00'], ['Carried over', 500, '80.00'], ['Prints', 300, '1', 380, '20.00', 500, '20.00'], ...sums('100.00', '120.00')])
  t.same(plain(carried.lines, ['description']), [['Copies'], ['Prints']])
  const wrong = read([title, ['Copies', 300, '2', 380, '40.00', 500, '80.00'], ['Note', 500, '7.00'], ...sums('100.00', '120.00')])
  t.same(plain(wrong.lines, ['description']), [['Copies']], 'nothing agrees: what is clear')
})

t.test('what numbers may mean', async (t) => {
  for (const [text, ...values] of [['1.000,0000', '1000'], ['6,5', '6.5'], ['1.250', '1.25', '1250'], ['0.025', '0.025'], ['12,000', '12', '12000'], ['1,234,567', '1234567'], ['-5 Stk', '-5'], ['1234.500', '1234.5'], ['x'], ['1.2.3']] as const) {
    t.same(readDecimals(text).map(String), values, text)
  }
})

t.test('what stands in a party’s block is that party’s', async (t) => {
  const { fields } = read([
    ['Rechnung Nr. 4711 vom 03.05.2026'],
    ['Verkäufer:'],
    ['Name:', 200, 'Holzhof Birke GmbH'],
    ['USt.-Id.-Nr.:', 200, 'DE136695976'],
    ['Käufer/Leistungsempfänger:'],
    ['Nummer:', 200, '4040'],
    ['Name:', 200, 'Tischlerei Eiche AG'],
    ['USt.-Id.-Nr.:', 200, 'ATU33864707'],
    ['Abweichender Warenempfänger:'],
    ['Lager Nord KG'],
    ['USt.-Id.-Nr.: FR40303265045'],
  ])
  t.equal(fields.seller.name?.normalised, 'Holzhof Birke GmbH')
  t.equal(fields.seller.vatId?.normalised, 'DE136695976')
  t.equal(fields.buyer.name?.normalised, 'Tischlerei Eiche AG')
  t.equal(fields.buyer.vatId?.normalised, 'ATU33864707')
})

t.test('without a heading the addressee is whose address has no telephone', async (t) => {
  const { fields } = read([
    [380, 'Holzhof Birke GmbH'],
    ['Frau', 380, 'Am Forst 3'],
    ['Erika Esche', 380, '10115 Berlin'],
    ['Spaltweg 7', 380, 'Telefon 030 1234'],
    ['20095 Hamburg', 380, 'info@birke.example'],
    [],
    [],
    ['Rechnung Nr. 4711'],
    ['Wir danken für Ihren Auftrag.'],
    ...Array.from({ length: 8 }, () => []),
  ])
  t.equal(fields.buyer.name?.normalised, 'Erika Esche')
  t.equal(fields.seller.name?.normalised, 'Holzhof Birke GmbH')
})

t.test('a name of two lines ends with its legal form, an address may be widely spaced', async (t) => {
  const { fields } = read([
    ['Rechnung Nr. 4711', 520, 'Berlin, 03.05.2026'], ['Verkäufer:'], ['Holzhof Birke'], ['Versicherungsverein Nordwald a.G.'], ['Am Forst 3'], ['10115 Berlin'],
    ['Käufer:'], ['Erika Esche'], ['Spaltweg 7'], ['20095 Hamburg'],
  ])
  t.match(fields.seller.name, { normalised: 'Holzhof Birke Versicherungsverein Nordwald a.G.', provenance: { box: { y: 72, height: 26 } } })
  t.equal(fields.buyer.name?.normalised, 'Erika Esche')
  const wide = read([
    [380, 'Holzhof Birke GmbH'], ['Erika Esche', 380, 'Am Forst 3'], [380, '10115 Berlin'], ['Spaltweg 7', 380, 'Telefon 030 1234'], [380, 'info@birke.example'], ['20095 Hamburg'],
    ...Array.from({ length: 9 }, () => []), ['Rechnung Nr. 4711'],
  ])
  t.equal(wide.fields.buyer.name?.normalised, 'Erika Esche')
  t.equal(read([['Unsere Leistungen'], ['für Sie und Ihr Haus'], [], ['20095 Hamburg'], ...Array.from({ length: 12 }, () => []), ['Rechnung Nr. 4711']]).fields.buyer.name, undefined, 'a city apart from a block is not its last line')
})

t.test('a VAT id with a wrong checksum is taken where it is named, and believed less', async (t) => {
  const named = read([['Invoice 12'], ['Customer VAT Number', 250, 'DE123456789'], ['VAT Reg. No. GB980780684']]).fields
  t.match(named.buyer.vatId, { normalised: 'DE123456789' })
  t.ok(named.buyer.vatId!.confidence < named.seller.vatId!.confidence)
  t.equal(read([['Order DE123456789']]).fields.seller.vatId, undefined, 'nothing names it')
})

t.test('neither a title with its number nor a heading of a table nor an item is a name', async (t) => {
  const { fields } = read([['Invoice 12'], ['Article', 90, 'Description', 300, 'Price', 400, 'VAT Basis', 500, 'Amount'], ['4711', 90, 'Garden Paint', 500, '10.00']])
  t.equal(fields.seller.name, undefined)
})

t.test('a GLN is taken where it is named and its check digit is right', async (t) => {
  const { fields } = read([
    ['Rechnung Nr. 4711 vom 03.05.2026'], ['Verkäufer:'], ['Holzhof Birke GmbH'], ['GLN:', 200, '40 12345 00000 9'], ['Käufer:'], ['Tischlerei Eiche AG'], ['ILN 4012345000016'],
    ['Artikel 4012345000023'],
  ])
  t.match(fields.seller.globalIdentifier, { value: '40 12345 00000 9', normalised: '4012345000009' })
  t.equal(fields.buyer.globalIdentifier?.normalised, '4012345000016')
  for (const row of ['GLN 4012345000010', 'EAN 4012345000009', 'GLN 40123450000090']) {
    t.equal(read([['Invoice 12'], [row]]).fields.seller.globalIdentifier, undefined, row)
  }
})

t.test('the document’s own date follows its number; versions, orders and discounts have others', async (t) => {
  const { fields } = read([
    ['Vorlage-Version: 2.1 vom 24.03.2020'],
    ['Schlussrechnung (204) Nr. 2026/77-A vom 25.04.2026'],
    ['Bestellung Nr. 900 vom 01.02.2026'],
    ['Zahlbar innerhalb 30 Tagen netto bis 25.05.2026, 3% Skonto innerhalb 10 Tagen bis 05.05.2026'],
  ])
  t.equal(fields.invoiceNumber?.normalised, '2026/77-A')
  t.equal(fields.issueDate?.normalised, '2026-04-25')
  t.equal(fields.dueDate?.normalised, '2026-05-25')
})

t.test('one date that shows its order shows it for all', async (t) => {
  const american = read([['Invoice Date', 450, '11/03/2026'], ['Due Date', 450, '12/03/2026'], ['Paid', 450, '10/17/2026']]).fields
  t.equal(american.issueDate?.normalised, '2026-11-03')
  t.equal(american.dueDate?.normalised, '2026-12-03')
  t.equal(read([['Invoice Date', 450, '11/03/2026'], ['Paid', 450, '17/10/2026']]).fields.issueDate?.normalised, '2026-03-11')
  t.equal(read([['Invoice Date', 450, '11/03/2026']]).fields.issueDate?.normalised, '2026-03-11', 'else the tenant’s')
})

t.test('letters set apart are read', async (t) => {
  const { fields } = read([['R E C H N U N G S N U M M E R', 300, 'R-100'], ['Br uttosumme', 480, '119,00 EUR'], ['Zahlbetr ag', 480, '119,00']])
  t.equal(fields.invoiceNumber?.normalised, 'R-100')
  t.equal(fields.grandTotal?.normalised, '119.00')
})

t.test('sums in a table: the last row adds up those for each rate', async (t) => {
  const { fields, taxes } = read([
    ['Nettobetrag', 200, 'MwSt-%', 300, 'MwSt-Betrag', 420, 'Endbetrag'],
    ['100,00', 200, '19', 300, '19,00', 420, '119,00'],
    ['200,00', 200, '7', 300, '14,00', 420, '214,00'],
    ['300,00', 200, 'EUR', 300, '33,00', 420, '333,00'],
  ])
  t.equal(fields.taxBasisTotal?.normalised, '300.00')
  t.equal(fields.taxTotal?.normalised, '33.00')
  t.equal(fields.grandTotal?.normalised, '333.00')
  t.same(taxes.map((tax) => [tax.rate?.normalised, tax.basis?.normalised, tax.amount?.normalised]), [['19', '100.00', '19.00'], ['7', '200.00', '14.00']])
})

t.test('taxes by rate without a total of them are added up', async (t) => {
  const { fields } = read([
    ['Summe netto', 420, '300,00'],
    ['USt. 19 %', 420, '19,00'],
    ['USt. 7 %', 420, '14,00'],
    ['Summe brutto', 420, '333,00'],
  ])
  t.equal(fields.taxTotal?.normalised, '33.00')
  t.ok(fields.grandTotal!.confidence > 0.85)
})

t.test('an account printed wrong is kept for validation; one that will be debited is not the sender’s', async (t) => {
  t.match(read([['IBAN: DE12 1234 5678 9012 3456 78']]).fields.iban, { normalised: 'DE12123456789012345678', confidence: 0.6 })
  t.match(read([['IBAN DE89370400440532013000'], ['BIC: COBADEFFXXX']]).fields, { iban: { normalised: 'DE89370400440532013000' }, bic: { normalised: 'COBADEFFXXX' } })
  t.equal(read([['Der Betrag wird von Ihrem Konto mit IBAN DE89370400440532013000 eingezogen']]).fields.iban, undefined)
})
