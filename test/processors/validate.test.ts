import fc from '../../state-stores/test/seeded.ts'
import t from 'tap'
import type { DocumentType, Extraction, Field, RuleSet, Validation } from '../../processors/index.ts'
import { checkRuleSet, createValidator, defaultRuleSet, extract } from '../../processors/index.ts'
import { resolvePath } from '../../processors/validate/validate.ts'
import { writeCii } from '../../samples/cii.ts'
import { createInvoice } from '../../samples/invoice.ts'
import { createRandom } from '../../samples/random.ts'
import { page } from './fixtures/text.ts'

const now = new Date('2026-11-21T12:00:00Z')
const receivedDay = '2026-11-21'
const field = (normalised: string, confidence = 1): Field => ({ value: normalised, normalised, confidence, provenance: { page: 1, method: 'text-layer' } })
const extraction = (fields: Partial<Extraction['fields']>, more: Partial<Extraction> = {}): Extraction => ({
  fields: { seller: { name: field('A') }, buyer: {}, invoiceNumber: field('1'), issueDate: field('2026-11-01'), currency: field('EUR'), grandTotal: field('119.00'), ...fields },
  lines: [], taxes: [], extractorVersion: '1', truncated: false, ...more,
})
const validator = createValidator()
const run = (value: Extraction, type: DocumentType = 'invoice'): Promise<Validation> => validator.validate({ type, extraction: value, receivedDay })
const failed = (validation: Validation): string[] => validation.results.filter((result) => result.outcome === 'failed').map((result) => result.ruleId)

t.test('the default rule set is valid, and right e-invoices pass it', async (t) => {
  t.same(checkRuleSet(defaultRuleSet), [])
  for (let seed = 0; seed < 20; seed += 1) {
    const invoice = createInvoice(createRandom(seed), { language: 'de', now })
    const result = extract({ ...page([]), eInvoice: { syntax: 'cii', profile: '', xml: writeCii(invoice, 'factur-x') } })
    t.ok(result.ok)
    if (result.ok) {
      const validation = await run(result.value)
      t.same(failed(validation), [])
      t.equal(validation.valid, true)
      t.equal(validation.results.find((one) => one.ruleId === 'total-adds-up')?.outcome, 'passed')
      t.match(validation, { ruleSetId: 'default', ruleSetVersion: defaultRuleSet.version })
    }
  }
})

t.test('each wrong thing fails its own rule', async (t) => {
  const sums = { taxBasisTotal: field('100.00'), taxTotal: field('19.00') }
  const cases: readonly (readonly [string, Extraction, boolean])[] = [
    ['total-adds-up', extraction({ ...sums, grandTotal: field('120.00') }), false],
    ['number-present', extraction({ invoiceNumber: undefined }), false],
    ['number-present', extraction({ invoiceNumber: field('') }), false],
    ['issue-date-present', extraction({ issueDate: undefined }), false],
    ['issue-date-not-in-future', extraction({ issueDate: field('2026-12-24') }), false],
    ['issue-date-plausible', extraction({ issueDate: field('1999-12-24') }), true],
    ['due-date-plausible', extraction({ dueDate: field('2026-10-24') }), true],
    ['currency-known', extraction({ currency: field('XXX') }), false],
    ['iban-checksum', extraction({ iban: field('DE89370400440532013001') }), false],
    ['seller-vat-id-checksum', extraction({ seller: { name: field('A'), vatId: field('DE123456789') } }), true],
    ['seller-present', extraction({ seller: {} }), false],
    ['total-confident', extraction({ grandTotal: field('1.00', 0.2) }), false],
    ['line-arithmetic', extraction({}, { lines: [{ quantity: field('2'), unitPrice: field('3.00'), lineTotal: field('7.00') }] }), true],
    ['whole', extraction({}, { truncated: true }), false],
  ]
  for (const [rule, value, valid] of cases) {
    const validation = await run(value)
    t.ok(failed(validation).includes(rule), rule)
    t.equal(validation.valid, valid, `${rule}: valid`)
  }
  t.same(failed(await run(extraction({ ...sums, iban: field('DE89370400440532013000') }))), [])
  t.same(failed(await run(extraction({ invoiceNumber: undefined, seller: {} }), 'receipt')), [], 'rules are by type')
})

t.test('what a rule needs and is not there makes it not applicable', async (t) => {
  const validation = await run(extraction({}))
  t.equal(validation.results.find((result) => result.ruleId === 'total-adds-up')?.outcome, 'not-applicable')
})

t.test('a tenant has rules of its own', async (t) => {
  const own: RuleSet = {
    id: 'acme', version: 7,
    rules: [
      { id: 'small-only', version: 2, severity: 'hard', fields: ['grandTotal'], message: 'At most 100.', require: { fact: 'fields', path: 'grandTotal.normalised', operator: 'lessThanInclusive', value: 100 } },
      { id: 'known-prefix', version: 1, severity: 'soft', types: ['invoice'], fields: ['invoiceNumber'], message: 'R or A.',
        require: { any: [{ fact: 'fields', path: 'invoiceNumber.normalised', operator: 'startsWith', value: 'R' }, { not: { fact: 'fields', path: 'invoiceNumber.normalised', operator: 'notEqual', value: 'A' } }] } },
    ],
  }
  t.same(checkRuleSet(own), [])
  const validation = await createValidator(own).validate({ type: 'invoice', extraction: extraction({ invoiceNumber: field('A') }), receivedDay })
  t.match(validation, { ruleSetId: 'acme', ruleSetVersion: 7, valid: false, results: [{ ruleId: 'small-only', ruleVersion: 2, outcome: 'failed' }, { ruleId: 'known-prefix', outcome: 'passed' }] })
})

t.test('a bad rule set is refused with its place', async (t) => {
  const rule = { id: 'a', version: 1, severity: 'hard', fields: [], message: '', require: { fact: 'measures', path: 'lineCount', operator: 'equal', value: 1 } }
  const set = (change: Record<string, unknown>): unknown => ({ id: 'x', version: 1, rules: [{ ...rule, ...change }] })
  let deep: unknown = rule.require
  for (let n = 0; n < 10; n += 1) {
    deep = { not: deep }
  }
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [null, /^$/], [[], /^$/], ['x', /^$/],
    [{ id: 'X', version: 1, rules: [] }, /^id$/],
    [{ id: 'x', version: 0, rules: [] }, /^version$/],
    [{ id: 'x', version: 1, rules: Array.from({ length: 201 }, () => rule) }, /^rules$/],
    [{ id: 'x', version: 1, rules: [rule, rule] }, /rules\[1\]\.id/],
    [{ id: 'x', version: 1, rules: [], extra: 1 }, /^$/],
    [set({ severity: 'fatal' }), /severity/],
    [set({ types: ['novel'] }), /types/],
    [set({ require: { ...rule.require, operator: 'evaluate' } }), /operator/],
    [set({ require: { ...rule.require, fact: 'process' } }), /fact/],
    [set({ require: { ...rule.require, path: '$..x[?(@.constructor)]' } }), /path/],
    [set({ require: { ...rule.require, path: '__proto__.x' } }), /path/],
    [set({ require: { ...rule.require, path: 'constructor.name' } }), /path/],
    [set({ require: { ...rule.require, value: { fact: 'fields' } } }), /value/],
    [set({ require: { ...rule.require, params: {} } }), /require/],
    [set({ require: { condition: 'named' } }), /require/],
    [set({ require: { all: [] } }), /all/],
    [set({ require: deep }), /not/],
    [set({ require: { any: Array.from({ length: 60 }, () => rule.require) } }), /any/],
    [set({ message: 'x'.repeat(300_000) }), /^$/],
  ]
  for (const [value, where] of cases) {
    const errors = checkRuleSet(value)
    t.ok(errors.length > 0 && errors.some((error) => where.test(error.field)), `${where} in ${JSON.stringify(errors[0])}`)
    t.throws(() => createValidator(value as RuleSet), { code: 'RULE_SET_INVALID' })
  }
  fc.assert(fc.property(fc.jsonValue(), (value) => Array.isArray(checkRuleSet(value))))
})

t.test('paths lead along own keys only', async (t) => {
  t.equal(resolvePath({ a: { b: [5] } }, 'a.b.0'), 5)
  for (const path of ['a.c', 'toString', '__proto__.x', 'constructor.name', 'a.b.length.x', '$..*', '']) {
    t.equal(resolvePath({ a: { b: [5] } }, path), undefined, path)
  }
})

t.test('lines are summed and multiplied as e-invoices mean them', async (t) => {
  const sums = { lineTotal: field('95.00'), taxBasisTotal: field('95.00'), taxTotal: field('0.00'), grandTotal: field('95.00'), invoiceNumber: { ...field('1'), provenance: { page: 0, method: 'e-invoice-xml' as const } } }
  const line = { quantity: field('50'), unitPrice: field('20.00'), priceQuantity: field('10'), allowanceAmount: field('6.00'), chargeAmount: field('1.00'), lineTotal: field('95.00') }
  const group = { lineStatus: field('GROUP'), lineTotal: field('95.00') }
  const right = failed(await run(extraction(sums, { lines: [group, line] })))
  t.notOk(right.includes('lines-add-up') || right.includes('line-arithmetic'))
  t.ok(failed(await run(extraction(sums, { lines: [line, line] }))).includes('lines-add-up'))
  t.ok(failed(await run(extraction(sums, { lines: [{ ...line, priceQuantity: field('1') }] }))).includes('line-arithmetic'))
})
