import t from 'tap'
import type { FirstSeen, KnownInvoice } from '../../../processors/index.ts'
import { createDocumentParsers } from '../../../processors/index.ts'
import { generateSamples } from '../../../samples/index.ts'
import { runSample } from '../fixtures/run.ts'

// Every kind of sample through all steps, as the topology wires them, without a broker: each ends as it must.
// Recognition takes its time on a loaded machine; only a hang should end this.
t.setTimeout(240_000)
const parsers = createDocumentParsers({ recognisers: 2 })
t.teardown(() => parsers.close())

t.test('every sample ends as it must, with the truth in its row', async (t) => {
  const seen = { contents: new Map<string, FirstSeen>(), invoices: new Map<string, readonly KnownInvoice[]>() }
  // Dates are of the last ninety days, so the clock of the test is the clock of the samples.
  const now = new Date()
  const samples = await generateSamples({ seed: 20261121, count: 17, now })
  const known = samples.filter((sample) => sample.expected !== 'deadLetter')
  t.ok(known.length === 16)
  const kinds = new Set(samples.map((sample) => sample.kind))
  t.ok(['text-invoice', 'scanned-invoice', 'receipt', 'factur-x', 'zugferd', 'xml-invoice', 'duplicate', 'resent-copy', 'wrong-total', 'corrupt-pdf', 'password-pdf', 'unknown-tenant'].every((kind) => kinds.has(kind as never)))
  for (const sample of known) {
    const outcome = await runSample(parsers, sample, seen, now)
    t.equal(outcome.end, sample.expected, `${sample.fileName}: ${outcome.why}`)
    const { row } = outcome
    if (sample.expected === 'processed' && sample.truth !== undefined) {
      t.equal(row.grandTotal, sample.truth.grandTotal, `${sample.fileName}: total`)
      t.equal(row.invoiceNumber, sample.truth.invoiceNumber, `${sample.fileName}: number`)
      t.equal(row.issueDate, sample.truth.issueDate, `${sample.fileName}: date`)
      t.equal(row.currency, sample.truth.currency, `${sample.fileName}: currency`)
      t.equal(row.type, sample.truth.type, `${sample.fileName}: type`)
    }
  }
})
