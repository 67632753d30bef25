import t from 'tap'
import { contentKey, decide, invoiceIdentity, lookAgain } from '../../processors/index.ts'
import type { DedupeInput, DocumentFields, DocumentType, Field, InvoiceIdentity, KnownInvoice, SecondLookInput } from '../../processors/index.ts'

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

const field = (normalised: string, confidence = 1): Field => ({ value: normalised, normalised, confidence, provenance: { page: 1, method: 'rule' } })
const complete: DocumentFields = { seller: { name: field('Alder GmbH') }, buyer: {}, invoiceNumber: field('R-1042'), issueDate: field('2026-01-02'), grandTotal: field('10.00') }
const identify = (fields: Partial<DocumentFields> = {}, type: DocumentType = 'invoice', tenant = 'acme'): InvoiceIdentity | undefined =>
  invoiceIdentity(tenant, { type }, { fields: { ...complete, ...fields } })

t.test('an invoice is told from others by vendor and number, however they are set', async (t) => {
  const { key } = identify()!
  t.match(key, /^acme\|invoice\|[0-9a-f]{64}$/, 'nothing of the document can be read in it')
  t.match(identify(), { issueDate: '2026-01-02', grandTotal: '10.00', versioned: true })
  t.equal(identify({ seller: { name: field('ALDER  gmbh') }, invoiceNumber: field('r 1042') })!.key, key)
  t.equal(identify({ issueDate: field('2026-01-03'), grandTotal: field('11.00') })!.key, key, 'versions of it meet under one key')
  t.equal(identify({}, 'receipt')!.key, key, 'a rescan may look like a receipt')
  t.not(identify({}, 'invoice', 'globex')!.key, key)
  t.not(identify({ invoiceNumber: field('R-1043') })!.key, key)
  t.not(identify({}, 'credit-note')!.key, key, 'what takes it back may have its number')
  const vat = identify({ seller: { name: field('Alder'), vatId: field('DE129273398') }, iban: field('DE89370400440532013000') })!.key
  t.equal(identify({ seller: { name: field('Alder GmbH & Co'), vatId: field('DE129273398') } })!.key, vat, 'the VAT id says who it is')
  t.not(identify({ seller: { name: field('a"]["b') }, invoiceNumber: field('c11') })!.key, identify({ seller: { name: field('a') }, invoiceNumber: field('bc11') })!.key)
})

t.test('no identity where a field of it is missing or doubtful', async (t) => {
  for (const missing of [
    { seller: {} }, { seller: { name: field('---') } }, { invoiceNumber: field('') }, { invoiceNumber: field('12') }, { invoiceNumber: field('R-1042', 0.4) },
    { issueDate: field('') }, { issueDate: field('2026-01-02', 0.49) }, { grandTotal: field('10.00', 0.3) }, { seller: { name: field('Alder GmbH', 0.2) } },
  ]) {
    t.equal(identify(missing), undefined, JSON.stringify(missing))
  }
  const { invoiceNumber: _, ...unnumbered } = complete
  t.equal(invoiceIdentity('acme', { type: 'receipt' }, { fields: unnumbered }), undefined, 'the same merchant, day and total is another receipt')
  for (const type of ['purchase-order', 'contract', 'letter', 'form', 'other'] as const) {
    t.equal(identify({}, type), undefined, type)
  }
})

const identity: InvoiceIdentity = { key: 'k', issueDate: '2026-01-02', grandTotal: '10.00', supporting: {}, versioned: true }
const look: SecondLookInput = { documentId: 'b', sha256: 'bb', timestamp: 1000, identity, policy: 'link', override: false }
const fields = ['vendor', 'invoiceNumber', 'issueDate', 'grandTotal']
const original: KnownInvoice = { documentId: 'a', sha256: 'aa', issueDate: '2026-01-02', grandTotal: '10.00', supporting: {}, seenAt: 400 }
const itself: KnownInvoice = { documentId: 'b', sha256: 'bb', issueDate: '2026-01-02', grandTotal: '10.00', supporting: {}, seenAt: 1000 }

t.test('the same invoice in other bytes is a duplicate, as the tenant and the sender want it', async (t) => {
  t.same(lookAgain(look), { outcome: 'first', remember: [itself] })
  t.same(lookAgain(look, [original]), { outcome: 'duplicate', duplicateOf: 'a', policy: 'link', fields })
  t.same(lookAgain({ ...look, policy: 'reject' }, [original]), { outcome: 'duplicate', duplicateOf: 'a', policy: 'reject', fields })
  t.same(lookAgain({ ...look, policy: 'warn' }, [original]), { outcome: 'warned', duplicateOf: 'a' })
  t.same(lookAgain({ ...look, policy: 'reject', override: true }, [original]), { outcome: 'warned', duplicateOf: 'a' })
  t.same(lookAgain({ ...look, sha256: 'aa' }, [original]), { outcome: 'first' }, 'the same bytes are the first look\'s')
  t.same(lookAgain(look, [itself]), { outcome: 'first' }, 'the same document again')
  t.same(lookAgain({ ...look, override: true, distinctFrom: 'a' }, [original]), { outcome: 'first', remember: [original, itself] }, 'a person has said that it is no copy of this one')
  t.match(lookAgain({ ...look, override: true, distinctFrom: 'a' }, [original, { ...original, documentId: 'c' }]), { outcome: 'warned', duplicateOf: 'c' })
})

t.test('another date or total is a version, not a duplicate', async (t) => {
  const corrected = { ...look, identity: { ...identity, grandTotal: '12.00' } }
  const version = { ...itself, grandTotal: '12.00' }
  t.same(lookAgain(corrected, [original]), { outcome: 'version', of: 'a', differs: ['grandTotal'], remember: [original, version] })
  t.same(lookAgain(corrected, [original, version]), { outcome: 'version', of: 'a', differs: ['grandTotal'] }, 'again, the same is decided')
  t.same(lookAgain({ ...corrected, documentId: 'c', sha256: 'cc' }, [original, version]), { outcome: 'duplicate', duplicateOf: 'b', policy: 'link', fields }, 'a copy of the version')
  t.match(lookAgain({ ...look, identity: { ...identity, issueDate: '2026-02-02', grandTotal: '12.00' } }, [original]), { outcome: 'version', differs: ['issueDate', 'grandTotal'] })
  t.same(lookAgain({ ...corrected, override: true }, [original]), { outcome: 'first', remember: [original, version] })
  t.same(lookAgain({ ...corrected, identity: { ...corrected.identity, versioned: false } }, [original]), { outcome: 'first', remember: [original, version] }, 'numbers of receipts begin anew')
  t.same(lookAgain(look, [{ ...itself, grandTotal: '99.00' }]), { outcome: 'first', remember: [itself] }, 'read anew, and otherwise')
})

t.test('a copy contradicts its original in nothing that both say for sure', async (t) => {
  const withIban = { ...identity, supporting: { iban: 'DE89370400440532013000', taxTotal: '1.60' } }
  const known = [{ ...original, supporting: { iban: 'DE89370400440532013000', currency: 'EUR' } }]
  t.same(lookAgain({ ...look, identity: withIban }, known), { outcome: 'duplicate', duplicateOf: 'a', policy: 'link', fields: [...fields, 'iban'] }, 'equal ones are evidence')
  const otherAccount = { ...withIban, supporting: { ...withIban.supporting, iban: 'DE02120300000000202051' } }
  t.match(lookAgain({ ...look, identity: otherAccount }, known), { outcome: 'version', of: 'a', differs: ['iban'] })
  t.match(lookAgain({ ...look, identity: { ...otherAccount, versioned: false } }, known), { outcome: 'first' })
  t.same(identify({ iban: field('DE89370400440532013000', 0.89), currency: field('EUR'), taxTotal: field('') })!.supporting, { currency: 'EUR' }, 'doubtful ones say nothing')
  const lines = (...totals: [string, number][]) =>
    invoiceIdentity('acme', { type: 'invoice' }, { fields: complete, lines: totals.map(([total, confidence]) => ({ lineTotal: field(total, confidence) })) })!.supporting.lines
  t.equal(lines(['1.00', 1], ['9.00', 1]), lines(['9.00', 0.9], ['1.00', 1]), 'lines in any order')
  t.not(lines(['1.00', 1], ['9.00', 1]), lines(['2.00', 1], ['8.00', 1]), 'other lines, the same total: another invoice')
  t.equal(lines(['1.00', 1], ['9.00', 0.8]), undefined)
})

t.test('what is remembered is bounded, in time and in number', async (t) => {
  t.equal(lookAgain({ ...look, timeToLiveMs: 600 }, [original]).outcome, 'duplicate')
  t.same(lookAgain({ ...look, timeToLiveMs: 599 }, [original]), { outcome: 'first', remember: [itself] })
  let known: readonly KnownInvoice[] = []
  for (let n = 0; n < 100; n++) {
    const { remember } = lookAgain({ ...look, documentId: String(n), sha256: String(n), identity: { ...identity, grandTotal: `${n}.00`, versioned: false } }, known)
    known = remember ?? known
  }
  t.equal(known.length, 16)
  t.equal(known.at(-1)!.documentId, '99')
})
