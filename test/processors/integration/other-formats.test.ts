/** Generated invoices as HTML, as DOCX and in a mail, through the real parsers: what they say is what was written. */
import t from 'tap'
import { classify, createDocumentParsers, type DocumentText, extract } from '../../../processors/index.ts'
import { createInvoice, decimal, type SampleInvoice } from '../../../samples/invoice.ts'
import { writeDocxInvoice, writeHtmlInvoice, writeMail } from '../../../samples/other-formats.ts'
import { createRandom } from '../../../samples/random.ts'
import { writeCii } from '../../../samples/cii.ts'

const parsers = createDocumentParsers()
t.teardown(() => parsers.close())
const now = new Date('2026-11-21T12:00:00Z')

async function read(bytes: Uint8Array): Promise<DocumentText> {
  t.match(await parsers.receiver.receive({ bytes }), { outcome: 'accepted' })
  const text = await parsers.reader.readText(bytes)
  if (text === 'scan' || !text.ok) {
    throw new Error('not read')
  }
  return text.value
}

/** Fields and lines that are not what was written. */
function wrongIn(text: DocumentText, invoice: SampleInvoice): string[] {
  const extraction = extract(text, { dateOrder: 'day-month', defaultCurrency: invoice.currency, receivedDay: '2026-11-21' })
  if (!extraction.ok) {
    return [extraction.failure.code]
  }
  const { fields, lines } = extraction.value
  const expected = {
    invoiceNumber: invoice.number.toUpperCase(), issueDate: invoice.issueDate, dueDate: invoice.dueDate, currency: invoice.currency, taxBasisTotal: decimal(invoice.net), taxTotal: decimal(invoice.tax),
    grandTotal: decimal(invoice.gross), iban: invoice.seller.iban.replaceAll(' ', ''),
  } as const
  const wrong = Object.entries(expected).filter(([name, value]) => fields[name as keyof typeof expected]?.normalised !== value).map(([name]) => name)
  const seen = lines.map((line) => [line.description?.value, line.quantity?.normalised, line.unitPrice?.normalised, line.lineTotal?.normalised].join('|'))
  const written = invoice.lines.map(({ description, quantity, unitPrice, total }) => [description, quantity, decimal(unitPrice), decimal(total)].join('|'))
  return [
    ...wrong, ...(fields.seller.vatId?.normalised === invoice.seller.vatId.replaceAll(' ', '') ? [] : ['seller.vatId']), ...(fields.seller.name?.value === invoice.seller.name ? [] : ['seller.name']),
    ...(classify(text).type === 'invoice' ? [] : ['type']), ...(JSON.stringify(seen) === JSON.stringify(written) ? [] : ['lines']),
  ]
}

for (const [name, write] of [['HTML', writeHtmlInvoice], ['DOCX', writeDocxInvoice]] as const) {
  t.test(`twelve invoices as ${name}: every field and line`, async (t) => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const random = createRandom(seed)
      const invoice = createInvoice(random, { language: seed % 2 === 0 ? 'en' : 'de', now })
      t.same(wrongIn(await read(write(random, invoice)), invoice), [], `seed ${seed}`)
    }
  })
}

t.test('a mail gives out its attachments byte for byte; its own text is that of the letter', async (t) => {
  const random = createRandom(3)
  const invoices = [createInvoice(random, { language: 'de', now }), createInvoice(random, { language: 'en', now })] as const
  const files = [
    { fileName: 'Rechnung für Sie.xml', contentType: 'application/xml', bytes: Buffer.from(writeCii(invoices[0], 'factur-x')) },
    { fileName: 'invoice.docx', contentType: 'application/octet-stream', bytes: writeDocxInvoice(random, invoices[1]) },
  ]
  const mail = writeMail(random, 'Dear customer,\nplease find enclosed two invoices.\n\nKind regards', files)
  t.match(await parsers.receiver.receive({ bytes: mail, contentType: 'message/rfc822' }), { outcome: 'accepted', contentType: 'message/rfc822', parts: 2 })
  const lines = (await read(mail)).pages[0]!.lines.map((line) => line.text)
  t.same(lines.slice(0, 3), ['Dear customer,', 'please find enclosed two invoices.', 'Kind regards'])
  t.ok(lines.includes('Subject: Your invoices'))
  const unfolded = await parsers.reader.unfold('mail', mail, 0)
  if (!unfolded.ok) {
    throw new Error(unfolded.failure.code)
  }
  t.same(unfolded.value.parts.map(({ fileName, bytes }) => [fileName, Buffer.from(bytes)]), files.map(({ fileName, bytes }) => [fileName, bytes]))
  t.same(wrongIn(await read(unfolded.value.parts[1]!.bytes), invoices[1]), [])
})
