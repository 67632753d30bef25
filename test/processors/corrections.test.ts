import fc from '../../state-stores/test/seeded.ts'
import t from 'tap'
import { applyChanges, decideCorrection, type CorrectionRequest } from '../../processors/corrections/index.ts'
import { forgetInvoice } from '../../processors/dedupe/index.ts'
import type { DocumentState } from '../../processors/lifecycle/index.ts'
import { fold } from '../../processors/lifecycle/index.ts'
import { reasonsForReview } from '../../processors/review.ts'
import type { Classification, Extraction, Field } from '../../processors/types.ts'

const field = (normalised: string): Field => ({ value: normalised, normalised, confidence: 0.6, provenance: { page: 1, method: 'ocr' } })
const classification: Classification = { type: 'invoice', probability: 0.9, method: 'words', modelVersion: 'm' }
const extraction: Extraction = {
  fields: { seller: { name: field('Alder') }, buyer: {}, invoiceNumber: field('R-1'), issueDate: field('2026-01-02'), grandTotal: field('10.00') },
  lines: [{ description: field('Paper'), lineTotal: field('10.00') }],
  taxes: [],
  visible: [
    { field: 'invoiceNumber', outcome: 'differs', visible: field('R-2') }, { field: 'issueDate', outcome: 'agrees' }, { field: 'grandTotal', outcome: 'differs', visible: field('11.00') },
  ],
  extractorVersion: 'e', truncated: false,
}
const document: DocumentState = {
  state: 'IN_REVIEW', revision: 100, header: { tenantId: 'acme', documentId: 'd', source: 'api', fileName: 'a.pdf', contentType: 'application/pdf', size: 5, sha256: 'ff', receivedAt: 1 },
  classification, extraction, reviewReasons: [{ code: 'RULE_FAILED', step: 'validate', subject: 'r' }], corrections: [],
}
const request: CorrectionRequest = { id: 'c1', decision: 'correct', by: 'ann', at: 5, baseRevision: 100, changes: [{ field: 'grandTotal', to: '11' }] }
const problem = (changes: readonly { field: string; to: string | null }[], of: { classification?: Classification; extraction?: Extraction } = document): unknown => {
  const applied = applyChanges(of, changes)
  return applied.ok ? 'none' : applied.problem
}

t.test('values are written as fields are, certain, and without a place on the page', async (t) => {
  const applied = applyChanges(document, [
    { field: 'grandTotal', to: ' 11 ' }, { field: 'seller.vatId', to: 'de 129 273 398' }, { field: 'iban', to: 'de89 3704 0044 0532 0130 00' }, { field: 'invoiceNumber', to: 'r-2' },
    { field: 'currency', to: 'eur' }, { field: 'issueDate', to: null }, { field: 'lines.0.quantity', to: '2.50' }, { field: 'lines.1.description', to: 'Ink' }, { field: 'type', to: 'receipt' },
    { field: 'taxes.0.rate', to: '19' },
  ])
  t.ok(applied.ok)
  if (applied.ok) {
    const { fields, lines, taxes } = applied.extraction
    t.same(fields.grandTotal, { value: '11', normalised: '11.00', confidence: 1, provenance: { page: 0, method: 'correction' } })
    t.match(fields, { seller: { name: { normalised: 'Alder' }, vatId: { normalised: 'DE129273398' } }, iban: { normalised: 'DE89370400440532013000' }, invoiceNumber: { normalised: 'R-2' }, currency: { normalised: 'EUR' } })
    t.notOk('issueDate' in fields)
    t.same(lines.map((line) => [line.description?.normalised, line.quantity?.normalised]), [['Paper', '2.5'], ['Ink', undefined]])
    t.equal(taxes[0]?.rate?.normalised, '19')
    t.match(applied.classification, { type: 'receipt', probability: 1, method: 'pinned' })
    t.same(applied.changes.slice(0, 2), [{ field: 'grandTotal', from: '10.00', to: '11.00' }, { field: 'seller.vatId', from: null, to: 'DE129273398' }])
  }
  t.equal(extraction.fields.grandTotal?.normalised, '10.00', 'what was given stays')
})

t.test('what the pages say about a corrected field is compared again, or forgotten', async (t) => {
  const applied = applyChanges(document, [{ field: 'grandTotal', to: '11.00' }, { field: 'issueDate', to: '2026-01-03' }])
  t.same(applied.ok && applied.extraction.visible, [extraction.visible![0], { field: 'grandTotal', outcome: 'agrees' }])
})

t.test('a line that nothing is left of is gone', async (t) => {
  const applied = applyChanges(document, [{ field: 'lines.0.description', to: null }, { field: 'lines.0.lineTotal', to: null }])
  t.same(applied.ok && applied.extraction.lines, [])
})

t.test('all changes or none: what cannot be made is named, with what could', async (t) => {
  for (const name of ['total', 'seller', 'seller.total', 'seller.name.value', '__proto__', 'constructor', 'fields.grandTotal', 'lines.0', 'lines.2.description', 'lines.01.description', 'lines.0.toString', 'taxes.1.rate', '']) {
    t.match(problem([{ field: name, to: 'x' }]), { code: 'FIELD_UNKNOWN', index: 0, part: 'field' }, name)
  }
  for (const [name, to] of [
    ['grandTotal', '1,234.50'], ['grandTotal', '1e5'], ['grandTotal', ''], ['issueDate', '2026-02-30'], ['issueDate', '02.03.2026'], ['currency', 'EURO'], ['iban', 'x'], ['bic', '1'],
    ['buyer.country', 'DEU'], ['seller.name', 'a\u0000b'], ['seller.name', '\ud800'], ['seller.name', 'x'.repeat(1001)], ['type', 'bill'], ['type', null], ['invoiceNumber', '\n'],
  ] as const) {
    t.match(problem([{ field: 'dueDate', to: '2026-03-01' }, { field: name, to }]), { code: 'VALUE_INVALID', index: 1, part: 'to', limit: /./ }, `${name} ${to}`)
  }
  t.match(problem([]), { code: 'CHANGES_MISSING', part: 'changes' })
  t.match(problem(Array.from({ length: 201 }, () => ({ field: 'note', to: 'x' }))), { code: 'TOO_MANY_CHANGES' })
  t.match(problem([{ field: 'note', to: 'x' }, { field: 'note', to: 'y' }]), { code: 'FIELD_TWICE', index: 1 })
  t.match(problem([{ field: 'grandTotal', to: '10' }, { field: 'note', to: null }]), { code: 'NOTHING_CHANGES' })
  t.match(problem([{ field: 'note', to: 'x' }], {}), { code: 'TYPE_REQUIRED' }, 'of a document that was never read')
  t.match(applyChanges({}, [{ field: 'type', to: 'invoice' }, { field: 'note', to: 'x' }]), { ok: true, extraction: { fields: { note: { normalised: 'x' } } } })
})

t.test('any change ends in a result or a problem', async (t) => {
  const name = fc.oneof(fc.constantFrom('grandTotal', 'issueDate', 'seller.name', 'lines.0.quantity', 'lines.1.note', 'taxes.0.rate', 'type', 'iban'), fc.string())
  fc.assert(fc.property(fc.array(fc.record({ field: name, to: fc.option(fc.oneof(fc.string(), fc.constantFrom('1', '2026-01-02', '\u0000', '\ud800', '9'.repeat(40)))) }), { maxLength: 5 }), (changes) => {
    const applied = applyChanges(document, changes)
    return applied.ok ? applied.changes.every(({ from, to }) => from !== to) : applied.problem.limit !== ''
  }), { numRuns: 30 })
  t.pass('whatever is sent')
})

t.test('only the revision that was seen, in a state that can be decided, once', async (t) => {
  const decided = decideCorrection(document, request)
  t.match(decided, { outcome: 'apply', event: { to: 'CORRECTED', step: 'review', corrections: [{ id: 'c1', field: 'grandTotal', from: '10.00', to: '11.00', by: 'ann', at: 5, revision: 100 }] } })
  t.match(decideCorrection(undefined, request), { outcome: 'refused', refusal: { code: 'DOCUMENT_UNKNOWN' } })
  t.match(decideCorrection({ ...document, revision: 101 }, request), { outcome: 'refused', refusal: { code: 'REVISION_STALE' } })
  t.match(decideCorrection({ ...document, state: 'DUPLICATE' }, request), { outcome: 'refused', refusal: { code: 'NOT_CORRECTABLE' } })
  t.match(decideCorrection({ ...document, state: 'ARCHIVED' }, request), { outcome: 'apply' })
  for (const decision of ['accept', 'reject'] as const) {
    t.match(decideCorrection({ ...document, state: 'ARCHIVED' }, { ...request, decision, changes: [] }), { outcome: 'refused', refusal: { code: 'NOT_CORRECTABLE' } })
    t.match(decideCorrection({ ...document, state: 'ENRICHED' }, { ...request, decision, changes: [] }), { outcome: 'refused' })
  }
  t.match(decideCorrection(document, { ...request, changes: [{ field: 'x', to: '1' }] }), { outcome: 'refused', refusal: { code: 'FIELD_UNKNOWN', index: 0 } })
  if (decided.outcome === 'apply') {
    const folded = fold(document, decided.event, 200)
    t.match(folded, { ok: true, state: { state: 'CORRECTED', revision: 200, reviewReasons: [], corrections: [{ id: 'c1' }] } })
    t.same(folded.ok && decideCorrection(folded.state, request), { outcome: 'repeated' }, 'a record that comes twice')
  }
})

t.test('accepted and rejected documents end, and the history says by whom', async (t) => {
  const ends = (decision: 'accept' | 'reject') => {
    const decided = decideCorrection(document, { ...request, decision, changes: [] })
    return decided.outcome === 'apply' ? fold(document, decided.event, 200) : undefined
  }
  t.match(ends('accept'), { change: { from: 'IN_REVIEW', to: 'ARCHIVED', reason: 'ACCEPTED' }, row: { status: 'ARCHIVED', reviewReasons: null, corrections: /"field":"state".*"by":"ann"/ } })
  t.match(ends('reject'), { change: { to: 'REJECTED', reason: 'REJECTED_IN_REVIEW' }, row: { status: 'REJECTED', reviewReasons: null, failure: /REJECTED_IN_REVIEW/ } })
})

const ORIGINAL = '5c4c9dd5-6a39-8a53-9a73-5d0f0a3f6d21'

t.test('a person says of which document one in review is a copy', async (t) => {
  const { extraction: _, ...unread } = document
  for (const state of [document, unread]) {
    const decided = decideCorrection(state, { ...request, decision: 'duplicate', changes: [{ field: 'duplicateOf', to: ORIGINAL }] })
    t.match(decided, { outcome: 'apply', event: { to: 'DUPLICATE', duplicateOf: ORIGINAL, evidence: { by: 'person' }, corrections: [{ field: 'duplicateOf', from: null, to: ORIGINAL, by: 'ann', revision: 100 }] } })
    const folded = decided.outcome === 'apply' ? fold(state, decided.event, 200) : undefined
    t.match(folded, { change: { from: 'IN_REVIEW', to: 'DUPLICATE', reason: 'DUPLICATE_IN_REVIEW' }, row: { revision: 200, status: 'DUPLICATE', duplicateOf: ORIGINAL, reviewReasons: null, corrections: /ann/ } })
    t.same(folded?.ok && decideCorrection(folded.state, { ...request, decision: 'duplicate' }), { outcome: 'repeated' })
  }
  for (const changes of [[], [{ field: 'duplicateOf', to: null }], [{ field: 'duplicateOf', to: 'x' }], [{ field: 'note', to: ORIGINAL }], [{ field: 'duplicateOf', to: ORIGINAL }, { field: 'note', to: 'x' }]]) {
    t.match(decideCorrection(document, { ...request, decision: 'duplicate', changes }), { outcome: 'refused', refusal: { code: 'VALUE_INVALID' } })
  }
  const itself = { ...document, header: { ...document.header, documentId: ORIGINAL } }
  t.match(decideCorrection(itself, { ...request, decision: 'duplicate', changes: [{ field: 'duplicateOf', to: ORIGINAL }] }), { outcome: 'refused', refusal: { code: 'VALUE_INVALID' } })
})

t.test('a person says that a document is no copy: it is read, or goes round, and says of nothing that it is one', async (t) => {
  const copy: DocumentState = { ...document, state: 'DUPLICATE', duplicateOf: ORIGINAL, duplicateEvidence: { by: 'business-key', fields: [] }, reviewReasons: [] }
  const { extraction: _, classification: _type, ...unread } = copy
  for (const [state, to] of [[copy, 'CORRECTED'], [unread, 'DEDUPLICATED'], [{ ...copy, state: 'ARCHIVED' as const }, 'CORRECTED']] as const) {
    const decided = decideCorrection(state, { ...request, decision: 'not-duplicate', changes: [] })
    t.match(decided, { outcome: 'apply', event: { to, distinct: { from: ORIGINAL }, corrections: [{ field: 'duplicateOf', from: ORIGINAL, to: null }] } })
    const folded = decided.outcome === 'apply' ? fold(state, decided.event, 200) : undefined
    t.match(folded, { ok: true, change: { to, reason: 'NOT_DUPLICATE' }, state: { distinct: { from: ORIGINAL }, corrections: [{ id: 'c1' }] } })
    t.notOk(folded?.ok && ('duplicateOf' in folded.state || 'duplicateEvidence' in folded.state))
  }
  const version = { ...document, reviewReasons: [{ code: 'OTHER_VERSION', step: 'second-look', subject: `of ${ORIGINAL}: grandTotal` }] }
  for (const code of ['OTHER_VERSION', 'NEAR_IDENTICAL_TEXT']) {
    const like = { ...version, reviewReasons: [{ ...version.reviewReasons[0]!, code }] }
    t.match(decideCorrection(like, { ...request, decision: 'not-duplicate', changes: [] }), { outcome: 'apply', event: { to: 'CORRECTED', distinct: { from: ORIGINAL }, corrections: [{ from: ORIGINAL, to: null }] } }, code)
  }
  for (const state of [document, { ...document, state: 'ARCHIVED' as const }, { ...copy, state: 'REJECTED' as const }, { ...unread, state: 'IN_REVIEW' as const }]) {
    t.match(decideCorrection(state, { ...request, decision: 'not-duplicate', changes: [] }), { outcome: 'refused', refusal: { code: 'NOT_CORRECTABLE' } })
  }
  t.match(decideCorrection(copy, request), { outcome: 'refused', refusal: { code: 'NOT_CORRECTABLE' } }, 'fields of a copy are not corrected')
})

t.test('history is bounded: the newest stay', async (t) => {
  const long = (n: number) => ({ id: `c${n}`, field: 'note', from: 'x'.repeat(1000), to: 'y'.repeat(1000), by: 'ann', at: n, revision: n })
  const state: DocumentState = { ...document, corrections: Array.from({ length: 200 }, (_, n) => long(n)) }
  const folded = fold(state, { to: 'ARCHIVED', step: 'review', at: 1, corrections: [long(200)] }, 200)
  if (folded.ok) {
    t.ok(JSON.stringify(folded.state.corrections).length < 110_000)
    t.equal(folded.state.corrections.at(-1)!.id, 'c200')
    t.ok(folded.state.corrections.length > 20)
  }
})

t.test('of a document that a person has corrected only rules are in doubt', async (t) => {
  const validation = { ruleSetId: 'default', ruleSetVersion: 1, results: [{ ruleId: 'sum', ruleVersion: 1, severity: 'hard' as const, outcome: 'failed' as const, fields: [], message: '' }], valid: false }
  const unsure = { ...classification, probability: 0.1 }
  t.same(reasonsForReview({ text: { issues: [], quality: 0.1 }, classification: unsure, validation }).map(({ code }) => code), ['LOW_TEXT_QUALITY', 'LOW_PROBABILITY', 'RULE_FAILED'])
  t.same(reasonsForReview({ text: undefined, classification: unsure, validation }).map(({ code }) => code), ['RULE_FAILED'])
})

t.test('a mistaken invoice is forgotten, others stay', async (t) => {
  const known = (documentId: string) => ({ documentId, sha256: '', seenAt: 0, issueDate: '', grandTotal: '', supporting: {} })
  t.same(forgetInvoice('a', [known('a'), known('b')]), [known('b')])
})
