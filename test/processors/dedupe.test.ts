import t from 'tap'
import { businessKey, contentKey, decide } from '../../processors/index.ts'
import type { DedupeInput, Extraction, Field } from '../../processors/index.ts'

const input: DedupeInput = { documentId: 'b', timestamp: 1000, policy: 'link', override: false }
const first = { documentId: 'a', seenAt: 400 }

t.test('the first document is remembered, the second is a duplicate', async (t) => {
  t.same(decide(input, undefined), { outcome: 'first', remember: { documentId: 'b', seenAt: 1000 } })
  t.same(decide(input, first), { outcome: 'duplicate', duplicateOf: 'a', policy: 'link' })
  t.same(decide({ ...input, policy: 'reject' }, first), { outcome: 'duplicate', duplicateOf: 'a', policy: 'reject' })
})

t.test('warned and overridden documents go on and say of what', async (t) => {
  t.same(decide({ ...input, policy: 'warn' }, first), { outcome: 'warned', duplicateOf: 'a' })
  t.same(decide({ ...input, policy: 'reject', override: true }, first), { outcome: 'warned', duplicateOf: 'a' })
})

t.test('the same document again is no duplicate of itself', async (t) => {
  t.same(decide({ ...input, documentId: 'a' }, first), { outcome: 'first' })
})

t.test('time to live is measured between records', async (t) => {
  t.equal(decide({ ...input, timeToLiveMs: 600 }, first).outcome, 'duplicate')
  t.same(decide({ ...input, timeToLiveMs: 599 }, first), { outcome: 'first', remember: { documentId: 'b', seenAt: 1000 } })
  t.equal(decide({ ...input, timestamp: 0, timeToLiveMs: 10 }, first).outcome, 'duplicate', 'a late record is no expiry')
})

t.test('keys keep tenants apart', async (t) => {
  t.not(contentKey('acme', 'ff'), contentKey('globex', 'ff'))
})

t.test('the business key needs vendor, number, date and total, and cannot be forged', async (t) => {
  const field = (normalised: string): Field => ({ value: normalised, normalised, confidence: 1, provenance: { page: 1, method: 'rule' } })
  const extraction = (number: string, name = 'Alder GmbH'): Extraction => ({
    fields: { seller: { name: field(name) }, buyer: {}, invoiceNumber: field(number), issueDate: field('2026-01-02'), grandTotal: field('10.00') },
    lines: [], taxes: [], extractorVersion: '1', truncated: false,
  })
  t.equal(businessKey('acme', extraction('R-1')), businessKey('acme', extraction('r 1', 'ALDER  gmbh')), 'writing does not matter')
  t.not(businessKey('acme', extraction('R-1')), businessKey('globex', extraction('R-1')))
  t.not(businessKey('acme', extraction('R-1')), businessKey('acme', extraction('R-2')))
  t.not(businessKey('acme', extraction('1'), 'v|1'), businessKey('acme', extraction('1'), 'v'))
  const { grandTotal: _, ...rest } = extraction('R-1').fields
  t.equal(businessKey('acme', { ...extraction('R-1'), fields: rest }), undefined)
  t.equal(businessKey('acme', extraction('---')), undefined)
})
