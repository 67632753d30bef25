/** Vendors with words of their own beside their values: the first invoice is corrected, the next ones are read. */
import t from 'tap'
import type { DocumentFields, DocumentText } from '../../../processors/index.ts'
import { createDocumentParsers, extract } from '../../../processors/index.ts'
import { observe, remember, vendorKeysOf, type VendorMemory } from '../../../processors/learn/index.ts'
import { type SeriesInvoice, vendorSeries } from '../../../samples/index.ts'

const names = ['invoiceNumber', 'issueDate', 'dueDate', 'grandTotal'] as const
const vendors = [
  { seed: 1, language: 'en', words: { number: 'Our sign', date: 'Written on', due: 'Kindly by', gross: 'We ask for' } },
  { seed: 2, language: 'de', words: { number: 'Kundennummer', date: 'Lieferdatum', due: 'Datum', gross: 'Anzahlung' } },
  { seed: 3, language: 'en', words: { number: 'Account no', date: 'Order date', due: 'Date', gross: 'Deposit' } },
  { seed: 4, language: 'de', words: { number: 'Vorgang', date: 'Geschrieben', due: 'Gern bis', gross: 'Wir erbitten' } },
] as const
const now = new Date('2026-10-01T00:00:00Z')
const invoices = 4

const parsers = createDocumentParsers()
t.teardown(() => parsers.close())

async function textOf({ bytes }: SeriesInvoice): Promise<DocumentText> {
  const text = await parsers.reader.read(bytes)
  if (!text.ok) {
    throw new Error(text.failure.code)
  }
  return text.value
}

/** @param memory as the topology's table has it: by tenant and digest */
function fieldsOf(text: DocumentText, memory: ReadonlyMap<string, VendorMemory>, tenant = 'acme'): DocumentFields {
  const extraction = extract(text, { receivedDay: '2026-10-02', learned: ({ digest }) => memory.get(`${tenant}|${digest}`) })
  if (!extraction.ok) {
    throw new Error(extraction.failure.code)
  }
  return extraction.value.fields
}

const wrong = (fields: DocumentFields, { truth }: SeriesInvoice) => names.filter((name) => fields[name]?.normalised !== truth[name])

t.test('one correction of a vendor makes its next invoices right', async (t) => {
  const memory = new Map<string, VendorMemory>()
  const count = { fields: 0, before: 0, after: 0 }
  for (const vendor of vendors) {
    const series = await vendorSeries({ ...vendor, count: invoices, now })
    const texts = await Promise.all(series.map(textOf))
    const first = fieldsOf(texts[0]!, memory)
    const taught = wrong(first, series[0]!).map((field) => ({ field, value: series[0]!.truth[field]! }))
    t.ok(taught.length > 0, `${vendor.words.number}: rules alone do not read it`)
    const before = texts.slice(1).map((text) => fieldsOf(text, memory))
    const lesson = observe(texts[0]!, taught, 'day-month')
    for (const { digest } of vendorKeysOf(first)) {
      memory.set(`acme|${digest}`, remember(memory.get(`acme|${digest}`), lesson))
    }
    for (const [n, text] of texts.slice(1).entries()) {
      const invoice = series[n + 1]!
      const after = fieldsOf(text, memory)
      count.fields += names.length
      count.before += names.length - wrong(before[n]!, invoice).length
      count.after += names.length - wrong(after, invoice).length
      for (const { field } of taught) {
        t.equal(after[field]?.normalised, invoice.truth[field], `${vendor.words.number}: ${field} of invoice ${n + 2}`)
      }
      t.same(fieldsOf(text, memory, 'globex'), before[n], 'another tenant learns nothing')
    }
  }
  t.comment(`${count.fields} fields of the next invoices: ${count.before} right before, ${count.after} after`)
  t.ok(count.after > count.before)
})

t.test('a learned field says that it is, and where it stands', async (t) => {
  const [first, second] = await vendorSeries({ ...vendors[0], count: 2, now })
  const text = await textOf(first!)
  const memory = new Map(vendorKeysOf(fieldsOf(text, new Map())).map(({ digest }) => [`acme|${digest}`, observe(text, [{ field: 'invoiceNumber', value: first!.truth.invoiceNumber }], 'day-month')]))
  t.match(fieldsOf(await textOf(second!), memory).invoiceNumber, { provenance: { page: 1, method: 'learned', box: { width: Number } }, confidence: 0.9 })
})

t.test('sums that add up are not overruled', async (t) => {
  const [first] = await vendorSeries({ seed: 5, language: 'en', words: {}, count: 1, now })
  const text = await textOf(first!)
  const known = fieldsOf(text, new Map())
  t.equal(known.grandTotal?.normalised, first!.truth.grandTotal)
  const lesson = observe(text, [{ field: 'grandTotal', value: first!.truth.taxBasisTotal }], 'day-month')
  t.equal(lesson.places.length, 1, 'a person wrote the net amount there')
  const memory = new Map(vendorKeysOf(known).map(({ digest }) => [`acme|${digest}`, lesson]))
  t.equal(fieldsOf(text, memory).grandTotal?.normalised, first!.truth.grandTotal)
})
