/** What documents of other countries, tills and programs write. All made up. */
import t from 'tap'
import { extract } from '../../processors/index.ts'
import type { DocumentFields, Extraction } from '../../processors/index.ts'
import { findAmounts } from '../../processors/extract/amounts.ts'
import { findDates } from '../../processors/extract/dates.ts'
import { defaultTextBounds, recogniseEInvoice } from '../../processors/text/index.ts'
import { page } from './fixtures/text.ts'

type Rows = Parameters<typeof page>[0]

function read(rows: Rows): Extraction {
  const result = extract(page(rows))
  if (!result.ok) {
    throw new Error(result.failure.code)
  }
  return result.value
}

function values(fields: DocumentFields, ...names: readonly ('invoiceNumber' | 'issueDate' | 'dueDate' | 'currency' | 'taxBasisTotal' | 'taxTotal' | 'grandTotal')[]): readonly (string | undefined)[] {
  return names.map((name) => fields[name]?.normalised)
}

t.test('amounts of other places', async (t) => {
  for (const [text, value] of [
    ['₹ 1,23,456.00', '123456.00'], ['Rs. 12,34,567.50', '1234567.50'], ['1\u202f234,56 €', '1234.56'], ['1\u2009234,56', '1234.56'], ["CHF 1'234.50", '1234.50'], ['1.234,56 kr', '1234.56'],
    ['-$12.50', '-12.50'], ['-EUR 12,50', '-12.50'], ['Rp 71.500', '71500.00'], ['12 500 Ft', '12500.00'], ['99,90 lei', '99.90'], ['₩12,000', '12000.00'], ['12,50- EUR', '-12.50'], ['(12.50)', '-12.50'], ['1 234,50 zł', '1234.50'], ['USD12.00', '12.00'],
  ] as const) {
    t.match(findAmounts(text), [{ value, monetary: true }], text)
  }
  t.equal(findAmounts('12.50 - thank you')[0]?.value, '12.50', 'a dash before words is no minus')
  t.same(findAmounts('Cable 6ft, pole 12 Ft').filter(({ monetary }) => monetary), [], 'feet')
  t.same(findAmounts('12.5 €'), [], 'the end of a number is no amount')
  t.same(findAmounts('21.11.2026'), [])
})

t.test('dates of other places', async (t) => {
  for (const [text, day] of [
    ['1er mai 2026', '2026-05-01'], ['21 de noviembre de 2026', '2026-11-21'], ['3 de março de 2026', '2026-03-03'], ['21 novembre 2026', '2026-11-21'], ['5 maj 2026', '2026-05-05'],
    ['12 października 2026', '2026-10-12'], ['den 3. marts 2026', '2026-03-03'], ['7 gennaio 2026', '2026-01-07'], ['3 augustus 2026', '2026-08-03'], ['Nov-21-2026', '2026-11-21'],
    ['Sept. 5, 2026', '2026-09-05'], ['21/11/2026 14:05', '2026-11-21'], ['2026-11-21T14:05:00', '2026-11-21'], ["21 Nov '26", '2026-11-21'], ['3. května 2026', '2026-05-03'], ['3. septembra 2026', '2026-09-03'], ['14 octombrie 2026', '2026-10-14'], ['3. toukokuuta 2026', '2026-05-03'], ['3 Μαΐου 2026', '2026-05-03'], ['3 ноември 2026 г.', '2026-11-03'], ['21 Nov 10:30', undefined], ['3 stk 20', undefined],
    ['2026. október 2.', '2026-10-02'], ['2026. szept. 12.', '2026-09-12'], ['2026 m. gegužės 14 d.', '2026-05-14'], ['2026. gada 3. janvārī', '2026-01-03'], ['5. veebruar 2026', '2026-02-05'], ['7. srpnja 2026.', '2026-07-07'],
    ['9. avgusta 2026', '2026-08-09'], ['2026 Oct 2', '2026-10-02'], ['2026 Oct 20:15', undefined], ['2026 maj 3.50', undefined],
  ] as const) {
    t.equal(findDates(text, 'day-month')[0]?.day, day, text)
  }
  t.match(findDates('03.04.2026', 'month-day'), [{ day: '2026-04-03', ambiguous: false }], 'dots put the day first')
})

t.test('who writes the month first', async (t) => {
  const rows = (more: string): Rows => [['Alder Supplies LLC'], ['1 Main Street'], ['Springfield, IL 62704'], ['Invoice # A-77'], ['Invoice Date: 03/04/2026'], [more], ['Total', 500, '$10.00']]
  t.equal(read(rows('Thank you')).fields.issueDate?.normalised, '2026-03-04', 'an address in the United States')
  t.equal(read(rows('VAT no. GB 980780684')).fields.issueDate?.normalised, '2026-04-03', 'a tax of elsewhere')
})

t.test('receipts of currencies without cents', async (t) => {
  for (const [sign, point, currency] of [['', '.', undefined], ['Rp ', '.', 'IDR'], ['Rp. ', ',', 'IDR'], ['₩', ',', 'KRW']] as const) {
    const of = (amount: string): string => sign + amount.replace('.', point)
    const text = page([
      ['WARUNG SINAR PAGI'], ['Jl. Mawar No. 12'], ['Jakarta 12190'], ['12/03/2019 18:22'], ['Nasi', 200, of('25.000')], ['Sate', 200, of('40.000')], ['Subtotal', 200, of('65.000')],
      ['PB1 10%', 200, of('6.500')], ['Total', 200, of('71.500')], ['Tunai', 200, of('100.000')], ['Kembali', 200, of('28.500')],
    ], { route: 'ocr', confidence: 0.93 })
    const result = extract({ ...text, pages: [{ ...text.pages[0]!, width: 300 }] })
    t.match(result, { ok: true, value: { fields: { grandTotal: { value: /71.500$/, normalised: '71500.00' }, issueDate: { normalised: '2019-03-12' } } } }, `${sign}71${point}500`)
    t.equal(result.ok ? result.value.fields.currency?.normalised : '', currency)
  }
})

t.test('invoices in other languages', async (t) => {
  const wanted = ['A/2026-77', '2026-05-03', '2026-06-02', 'EUR', '100.00', '21.00', '121.00']
  for (const [language, rows] of Object.entries({
    es: [['Factura Nº: A/2026-77', 350, 'Fecha de factura: 03/05/2026'], ['Fecha de vencimiento: 02/06/2026'], ['Base imponible', 500, '100,00 €'], ['IVA 21%', 500, '21,00 €'], ['Total factura', 500, '121,00 €']],
    it: [['Fattura n. A/2026-77', 350, 'Data fattura: 03/05/2026'], ['Data scadenza: 02/06/2026'], ['Totale imponibile', 500, '100,00 €'], ['Totale IVA', 500, '21,00 €'], ['Totale documento', 500, '121,00 €']],
    nl: [['Factuurnummer: A/2026-77', 350, 'Factuurdatum: 3 mei 2026'], ['Vervaldatum: 2 juni 2026'], ['Totaal excl. btw', 500, '€ 100,00'], ['Btw 21%', 500, '€ 21,00'], ['Totaal te betalen', 500, '€ 121,00']],
    pt: [['Fatura n.º A/2026-77', 350, 'Data de emissão: 03/05/2026'], ['Data de vencimento: 02/06/2026'], ['Subtotal', 500, '100,00 €'], ['IVA 21%', 500, '21,00 €'], ['Total geral', 500, '121,00 €']],
    fr: [['Facture N° A/2026-77', 350, "Date d'émission : 3 mai 2026"], ["Date d'échéance : 2 juin 2026"], ['Total HT', 500, '100,00 €'], ['TVA 21 %', 500, '21,00 €'], ['Net à payer', 500, '121,00 €']],
  } satisfies Record<string, Rows>)) {
    t.same(values(read(rows).fields, 'invoiceNumber', 'issueDate', 'dueDate', 'currency', 'taxBasisTotal', 'taxTotal', 'grandTotal'), wanted, language)
  }
  const swedish = read([['Fakturanr: 4711', 350, 'Fakturadatum: 2026-05-03'], ['Bankgiro 123-4567', 350, 'Förfallodatum: 2026-06-02'], ['Netto', 500, '100,00 kr'], ['Moms 25%', 500, '25,00 kr'], ['Att betala', 500, '125,00 kr']])
  t.same(values(swedish.fields, 'invoiceNumber', 'issueDate', 'dueDate', 'currency', 'grandTotal'), ['4711', '2026-05-03', '2026-06-02', 'SEK', '125.00'])
  const polish = read([['Faktura VAT nr: FV/12/2026', 350, 'Data wystawienia: 03.05.2026'], ['Termin płatności: 02.06.2026'], ['Razem netto', 500, '100,00 zł'], ['Kwota VAT', 500, '23,00 zł'], ['Do zapłaty', 500, '123,00 zł']])
  t.same(values(polish.fields, 'invoiceNumber', 'issueDate', 'dueDate', 'currency', 'grandTotal'), ['FV/12/2026', '2026-05-03', '2026-06-02', 'PLN', '123.00'])
})

t.test('sums and items as other countries write them', async (t) => {
  const swiss = read([['Erle AG'], ['Bezeichnung', 300, 'Menge', 380, 'Preis', 500, 'Betrag CHF'], ['Stuhl', 305, '2', 385, "1'050.00", 505, "2'100.00"], ['Zwischentotal', 500, "2'100.00"], ['MWST 8.1%', 500, '170.10'], ['Total CHF', 500, "2'270.10"]])
  t.same(values(swiss.fields, 'taxBasisTotal', 'taxTotal', 'grandTotal'), ['2100.00', '170.10', '2270.10'])
  t.match(swiss.lines, [{ quantity: { normalised: '2' }, unitPrice: { normalised: '1050.00' }, lineTotal: { normalised: '2100.00' } }])
  const indian = read([['Tax Invoice'], ['Alder Pvt. Ltd.'], ['Taxable Value', 500, '1,00,000.00'], ['CGST 9%', 500, '9,000.00'], ['SGST 9%', 500, '9,000.00'], ['Grand Total', 500, '₹ 1,18,000.00']])
  t.same(values(indian.fields, 'taxBasisTotal', 'taxTotal', 'grandTotal', 'currency'), ['100000.00', '18000.00', '118000.00', 'INR'])
  const credit = read([['CREDIT NOTE'], ['Credit note no.: 12', 350, 'Date: 15 Mar 2026'], ['Net', 500, '-100.00'], ['VAT 20%', 500, '-20.00'], ['Total', 500, '-£120.00']])
  t.same(values(credit.fields, 'invoiceNumber', 'taxBasisTotal', 'taxTotal', 'grandTotal'), ['12', '-100.00', '-20.00', '-120.00'])
})

t.test('a sign of several currencies is the one that is named', async (t) => {
  const currency = (...rows: Rows): string | undefined => read(rows).fields.currency?.normalised
  t.equal(currency(['Total', 500, '$10.00']), 'USD')
  t.equal(currency(['Total', 500, 'US$ 10.00']), 'USD')
  t.equal(currency(['ABN 51 824 753 556'], ['Item', 500, '$4.00'], ['Total', 500, '$10.00']), 'AUD')
  t.equal(currency(['All amounts in CAD'], ['Item', 500, '$4.00'], ['Total', 500, '$10.00']), 'CAD')
  t.equal(currency(['Total', 500, 'S$10.00']), 'SGD')
  t.equal(currency(['Total', 500, 'RM12.50']), 'MYR')
  t.equal(currency(['Total', 500, 'EUR12.50']), 'EUR')
  t.equal(currency(['Cable 6 Ft', 500, '4.00'], ['Total', 500, '10.00']), undefined, 'feet')
  t.equal(currency(['Végösszeg (27% ÁFA)', 500, '12 500 Ft']), 'HUF')
  t.equal(currency(['Total', 500, '12 kr']), undefined, 'three countries have crowns')
})

t.test('a number in several parts', async (t) => {
  for (const [text, number] of [['Rechnung Nr. 2026 / 0815', '2026 / 0815'], ['Invoice No: 4711 0815 22', '4711 0815 22'], ['Invoice No: INV-77 from 3 May 2026', 'INV-77'], ['Invoice No: 4711 03/05/2026', '4711']] as const) {
    t.equal(read([[text]]).fields.invoiceNumber?.normalised, number, text)
  }
})

t.test('a seller whose name only the foot of the page prints is the one its addresses name', async (t) => {
  const { fields } = read([
    ['Your monthly statement', 400, 'Invoice 4711'],
    ['Ms'], ['Ada Birch'], ['5 High Street'], ['London SW1A 1AA'],
    ['Service', 500, '10.00'], ['Total', 500, '10.00'],
    ['info@alder-supplies.com'],
    ['Alder Supplies Ltd'],
  ])
  t.equal(fields.seller.name?.normalised, 'Alder Supplies Ltd')
  const mailbox = read([['Birch Bakery'], ['birch@gmail.com'], ['Invoice 7'], ['Gmail support'], ['Total', 500, '10.00']])
  t.equal(mailbox.fields.seller.name?.normalised, 'Birch Bakery', 'where anybody has a mailbox')
})

t.test('a seller is who stands beside the register’s particulars, in the line or above it', async (t) => {
  const seller = (...foot: Rows): string | undefined => {
    const { fields } = read([
      ['Copie facture', 400, 'Facture 4711'], ['Service clients'], [400, 'Hôtel du Lac'], [400, '5 rue du Port'], [400, '74000 Annecy Cedex 02'],
      ['Prestation', 500, '10,00 €'], ['Frais', 500, '0,00 €'], ['Port', 500, '0,00 €'], ['Total', 500, '10,00 €'], ...foot,
    ])
    t.equal(fields.buyer.name?.normalised, 'Hôtel du Lac', 'a hôtel is no telephone')
    return fields.seller.name?.normalised
  }
  t.equal(seller(['Aulne SAS au capital de 1.000 € - 123 456 789 RCS Lyon - Siège social : 3 rue du Bois, 69001 Lyon']), 'Aulne SAS')
  t.equal(seller(['Aulne et fils'], ['Siège social : 3 rue du Bois - 69001 Lyon - Siret 123 456 789 00011']), 'Aulne et fils')
})

t.test('no sentence, title or column is a seller', async (t) => {
  const { fields } = read([['Payment receipt'], ['Kopie factuur'], ['Factuur datum', 300, 'Artikel'], ['We thank you for the order that you gave us.'], ['Birch Bakery'], ['Total', 500, '10.00']])
  t.equal(fields.seller.name?.normalised, 'Birch Bakery')
})

t.test('an order’s number goes behind that of the invoice', async (t) => {
  t.equal(read([['Order no. 777', 350, 'Order date 1 March 2026'], ['Invoice no. 31-A'], ['Total', 500, '£10.00']]).fields.invoiceNumber?.normalised, '31-A')
})

t.test('a booking’s number stands for that of an invoice without one, believed less', async (t) => {
  const wide: Rows = [['Alder Hotels Ltd', 500, 'Thank you for staying'], ['Booking ID', 300, 'AB2087', 450, 'Check in', 520, '03/05/2026'], ['Total', 500, '10.00']]
  t.match(read(wide).fields.invoiceNumber, { normalised: 'AB2087', confidence: 0.6 })
  t.equal(read([...wide, ['Invoice no. 77-1']]).fields.invoiceNumber?.normalised, '77-1')
})

t.test('headings whose letters are set apart', async (t) => {
  const { fields } = read([['Ver käufer :'], ['Alder GmbH'], ['Weg 1'], ['12345 Ort'], ['Käufer :'], ['Birch GmbH'], ['Summe', 500, '10,00']])
  t.equal(fields.seller.name?.normalised, 'Alder GmbH')
  t.equal(fields.buyer.name?.normalised, 'Birch GmbH')
})

const cii = (more: { readonly date?: string; readonly declaration?: string } = {}): string => `${more.declaration ?? '<?xml version="1.0" encoding="UTF-8"?>'}
<a:CrossIndustryInvoice xmlns:a="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100" xmlns:b="urn:ram" xmlns:c="urn:udt">
<a:ExchangedDocument><b:ID>R-7</b:ID><b:TypeCode>381</b:TypeCode><b:IssueDateTime>${more.date ?? '<c:DateTimeString format="102">20260503</c:DateTimeString>'}</b:IssueDateTime></a:ExchangedDocument>
<a:SupplyChainTradeTransaction><b:ApplicableHeaderTradeAgreement><b:SellerTradeParty><b:Name>Müller</b:Name></b:SellerTradeParty></b:ApplicableHeaderTradeAgreement>
<b:ApplicableHeaderTradeSettlement><b:InvoiceCurrencyCode>EUR</b:InvoiceCurrencyCode>
<b:SpecifiedTradeAllowanceCharge><b:ChargeIndicator><c:Indicator>1</c:Indicator></b:ChargeIndicator><b:ActualAmount>2</b:ActualAmount></b:SpecifiedTradeAllowanceCharge>
<b:SpecifiedTradeSettlementHeaderMonetarySummation><b:GrandTotalAmount>12.5</b:GrandTotalAmount></b:SpecifiedTradeSettlementHeaderMonetarySummation></b:ApplicableHeaderTradeSettlement>
</a:SupplyChainTradeTransaction></a:CrossIndustryInvoice>`

function readXml(bytes: Uint8Array): Extraction {
  const eInvoice = recogniseEInvoice(bytes, defaultTextBounds)
  if (!eInvoice.ok) {
    throw new Error(`${eInvoice.failure.code} ${eInvoice.failure.reason}`)
  }
  const result = extract({ ...page([]), eInvoice: eInvoice.value })
  if (!result.ok) {
    throw new Error(result.failure.code)
  }
  return result.value
}

t.test('e-invoices in every encoding, without lines, under any prefix', async (t) => {
  const utf16 = cii({ declaration: '<?xml version="1.0" encoding="UTF-16"?>' })
  const swapped = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()
  for (const [name, bytes] of Object.entries({
    'UTF-8': Buffer.from(cii()),
    'byte order mark': Buffer.from(`\ufeff${cii()}`),
    'UTF-16': Buffer.from(`\ufeff${utf16}`, 'utf16le'),
    'UTF-16, big end first': swapped(`\ufeff${utf16}`),
    'UTF-16 without a mark': Buffer.from(utf16, 'utf16le'),
    'UTF-16, big end first, without a mark': swapped(utf16),
    'ISO 8859-1': Buffer.from(cii({ declaration: '<?xml version="1.0" encoding="ISO-8859-1"?>' }), 'latin1'),
  })) {
    const { fields, lines, adjustments } = readXml(bytes)
    t.same([fields.invoiceNumber?.normalised, fields.issueDate?.normalised, fields.grandTotal?.normalised, fields.seller.name?.normalised], ['R-7', '2026-05-03', '12.50', 'Müller'], name)
    t.same(lines, [])
    t.equal(adjustments?.[0]?.kind?.normalised, 'charge', 'a boolean may be 1')
  }
})

t.test('dates of CII in other formats', async (t) => {
  for (const date of ['<c:DateTimeString format="203">202605031405</c:DateTimeString>', '<c:DateTime>2026-05-03T14:05:00+02:00</c:DateTime>', '<c:DateTimeString>2026-05-03Z</c:DateTimeString>', '<c:DateTimeString>2026-05-03+02:00</c:DateTimeString>']) {
    t.equal(readXml(Buffer.from(cii({ date }))).fields.issueDate?.normalised, '2026-05-03', date)
  }
})

t.test('an invoice in its envelope, with a file inside, an empty name and its own prefix', async (t) => {
  const ubl = `<?xml version="1.0"?><s:StandardBusinessDocument xmlns:s="urn:sbd"><s:StandardBusinessDocumentHeader><s:HeaderVersion>1.0</s:HeaderVersion></s:StandardBusinessDocumentHeader>
<x:CreditNote xmlns:x="urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2" xmlns:y="c" xmlns:z="b"><z:CustomizationID>urn:cen.eu:en16931:2017</z:CustomizationID><z:ID>C-1</z:ID><z:IssueDate>2026-05-03+02:00</z:IssueDate>
<z:CreditNoteTypeCode>381</z:CreditNoteTypeCode><z:DocumentCurrencyCode>EUR</z:DocumentCurrencyCode>
<y:AdditionalDocumentReference><z:ID>att</z:ID><y:Attachment><z:EmbeddedDocumentBinaryObject mimeCode="text/plain" filename="a.txt">${Buffer.alloc(3000, 'x').toString('base64')}</z:EmbeddedDocumentBinaryObject></y:Attachment></y:AdditionalDocumentReference>
<y:AccountingSupplierParty><y:Party><y:PartyName><z:Name>Alder</z:Name></y:PartyName><y:PartyLegalEntity><z:RegistrationName/></y:PartyLegalEntity></y:Party></y:AccountingSupplierParty>
<y:LegalMonetaryTotal><z:TaxInclusiveAmount currencyID="EUR">12.5</z:TaxInclusiveAmount><z:PayableAmount>12.5</z:PayableAmount></y:LegalMonetaryTotal>
<y:CreditNoteLine><z:ID>1</z:ID><z:CreditedQuantity unitCode="C62">2</z:CreditedQuantity><z:LineExtensionAmount>12.5</z:LineExtensionAmount><y:Item><z:Name>Thing</z:Name></y:Item></y:CreditNoteLine>
</x:CreditNote></s:StandardBusinessDocument>`
  const { fields, lines } = readXml(Buffer.from(ubl))
  t.same(values(fields, 'invoiceNumber', 'issueDate', 'currency', 'grandTotal'), ['C-1', '2026-05-03', 'EUR', '12.50'])
  t.equal(fields.seller.name?.normalised, 'Alder')
  t.equal(fields.specification?.normalised, 'urn:cen.eu:en16931:2017')
  t.match(lines, [{ quantity: { normalised: '2' }, description: { normalised: 'Thing' } }])
})
