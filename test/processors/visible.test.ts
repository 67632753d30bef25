import t from 'tap'
import { createValidator, extract, reasonsForReview } from '../../processors/index.ts'
import type { Extraction } from '../../processors/index.ts'
import { cii } from './fixtures/e-invoices.ts'
import { page } from './fixtures/text.ts'

const printed = [
  ['Rechnung Nr. 2026/0815 vom 02.10.2026'],
  ['Summe netto', 400, '143,75 EUR'],
  ['MwSt.', 400, '21,31 EUR'],
  ['Gesamtbetrag', 400, '165,06 EUR'],
]
const validator = createValidator()

async function outcome(rows: readonly (readonly (string | number)[])[], xml = cii): Promise<{ visible: Extraction['visible']; failed: readonly string[] }> {
  const text = { ...page(rows), route: 'e-invoice-xml' as const, eInvoice: { syntax: 'cii' as const, profile: '', xml } }
  const result = extract(text)
  if (!result.ok) {
    throw new Error(result.failure.code)
  }
  const validation = await validator.validate({ type: 'invoice', extraction: result.value, receivedDay: '2026-11-21' })
  const reasons = reasonsForReview({ text, classification: { type: 'invoice', probability: 1, method: 'e-invoice-xml', modelVersion: '1' }, validation })
  return { visible: result.value.visible, failed: reasons.filter((reason) => reason.code === 'RULE_FAILED' && reason.subject.startsWith('xml-')).map((reason) => reason.subject) }
}

t.test('pages that show what the XML says agree', async (t) => {
  const { visible, failed } = await outcome(printed)
  t.same(visible, [{ field: 'invoiceNumber', outcome: 'agrees' }, { field: 'issueDate', outcome: 'agrees' }, { field: 'grandTotal', outcome: 'agrees' }])
  t.same(failed, [])
})

t.test('each difference is a reason for review, and says what the pages show', async (t) => {
  const total = await outcome(printed, cii.replace('GrandTotalAmount>165.06', 'GrandTotalAmount>1165.06'))
  t.match(total.visible?.[2], { field: 'grandTotal', outcome: 'differs', visible: { normalised: '165.06', provenance: { page: 1 } } })
  t.same(total.failed, ['xml-total-is-printed'])
  const number = await outcome(printed, cii.replace('2026/0815</ram:ID>', '2026/0816</ram:ID>'))
  t.match(number.visible?.[0], { outcome: 'differs', visible: { normalised: '2026/0815' } })
  t.same(number.failed, ['xml-number-is-printed'])
  const date = await outcome(printed, cii.replace('>20261002<', '>20251002<'))
  t.match(date.visible?.[1], { outcome: 'differs', visible: { normalised: '2026-10-02' } })
  t.same(date.failed, ['xml-date-is-printed'])
})

t.test('a total of the XML that is only the net amount on the pages differs', async (t) => {
  const { visible, failed } = await outcome(printed, cii.replace('GrandTotalAmount>165.06', 'GrandTotalAmount>143.75'))
  t.match(visible?.[2], { outcome: 'differs', visible: { normalised: '165.06' } })
  t.same(failed, ['xml-total-is-printed'])
})

t.test('pages that say nothing about it, and XML without pages, are no difference', async (t) => {
  const silent = await outcome([['Sehr geehrte Damen und Herren']])
  t.ok(silent.visible?.every((one) => one.outcome === 'not-found'))
  t.same(silent.failed, [])
  const alone = await outcome([])
  t.equal(alone.visible, undefined)
  t.same(alone.failed, [])
})
