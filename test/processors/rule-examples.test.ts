/** Rule sets with examples, paths that lead somewhere, and patterns that cannot run away. */
import fc from '../../state-stores/test/seeded.ts'
import t from 'tap'
import { checkRuleSet, checkWithExamples, type RuleSet } from '../../processors/validate/index.ts'
import { parsePattern, patternBounds } from '../../processors/validate/pattern.ts'

const order = { id: 'order-number', version: 1, severity: 'hard', fields: ['purchaseOrderNumber'], message: 'PO- and six digits.',
  when: { fact: 'fields', path: 'purchaseOrderNumber', operator: 'present', value: true },
  require: { fact: 'fields', path: 'purchaseOrderNumber.normalised', operator: 'matches', value: 'PO-\\d{6}' } } as const
const sums = { id: 'sums', version: 1, severity: 'hard', types: ['invoice'], fields: ['grandTotal'], message: 'Sums.',
  require: { fact: 'measures', path: 'totalDifference', operator: 'equal', value: 0 } } as const
const holding: NonNullable<RuleSet['examples']> = [
  { name: 'ours', document: { type: 'invoice', receivedDay: '2026-01-31', fields: { purchaseOrderNumber: 'PO-123456', 'seller.name': 'A', taxBasisTotal: '100.00', taxTotal: '19.00', grandTotal: '119.00' } },
    expect: { 'order-number': 'passed', sums: 'passed' } },
  { name: 'five digits, a cent too much', document: { type: 'invoice', receivedDay: '2026-01-31', fields: { purchaseOrderNumber: { normalised: 'PO-12345', confidence: 0.7 }, taxBasisTotal: '100.00', taxTotal: '19.00', grandTotal: '119.01' } },
    expect: { 'order-number': 'failed', sums: 'failed' } },
  { name: 'no order, a receipt', document: { type: 'receipt', receivedDay: '2026-01-31' }, expect: { 'order-number': 'not-applicable', sums: 'not-applicable' } },
]
const set: RuleSet = { id: 'house', version: 3, rules: [order, sums], examples: holding }

t.test('examples that hold', async (t) => {
  t.same(await checkWithExamples(set), [])
  t.same(await checkWithExamples({ id: set.id, version: 4, rules: set.rules }), [], 'none are needed')
})

t.test('lines, taxes, and what an e-invoice shows are facts of an example, too', async (t) => {
  const rule = (id: string, fact: string, path: string, value: unknown) => ({ id, version: 1, severity: 'soft', fields: [], message: '', require: { fact, path, operator: 'equal', value } })
  const rules = [
    rule('lines', 'measures', 'linesDifference', 0), rule('first', 'document', 'lines.0.quantity.normalised', '2'), rule('taxes', 'measures', 'taxLinesDifference', 1),
    rule('e', 'measures', 'fromEInvoice', true), rule('shown', 'measures', 'visibleNumber', 'differs'), rule('cut', 'measures', 'truncated', true), rule('age', 'measures', 'issueAgeDays', 30),
  ]
  const document = {
    type: 'invoice', receivedDay: '2026-01-31', eInvoice: true, visible: { invoiceNumber: 'differs' }, truncated: true,
    fields: { invoiceNumber: '1', issueDate: '2026-01-01', taxBasisTotal: '6.00', taxTotal: '2.00' }, lines: [{ quantity: '2', lineTotal: '6.00' }], taxes: [{ amount: '1.00' }],
  }
  const expect = Object.fromEntries(rules.map(({ id }) => [id, 'passed']))
  t.same(await checkWithExamples({ id: 'x', version: 1, rules, examples: [{ name: 'all', document, expect }] }), [])
  const errors = await checkWithExamples({ id: 'x', version: 1, rules, examples: [{ name: 'all', document: { ...document, eInvoice: false, visible: {} }, expect }] })
  t.same(errors.map(({ field }) => field), ['examples[0].expect.e', 'examples[0].expect.shown'])
})

t.test('an example that does not hold says where, and what the rule says', async (t) => {
  const wrong = [{ ...holding[0]!, expect: { 'order-number': 'failed', sums: 'passed' } }] as const
  t.same(await checkWithExamples({ ...set, examples: wrong }), [{ field: 'examples[0].expect.order-number', reason: 'failed expected in "ours", the rule says passed' }])
})

t.test('examples and paths that mean nothing are refused with their place', async (t) => {
  const example = (change: object): unknown => ({ ...set, examples: [{ ...holding[0]!, ...change }] })
  const document = (change: object): unknown => example({ document: { ...holding[0]!.document, ...change } })
  const path = (fact: string, path: string, operator = 'equal', value: unknown = 'x'): unknown => ({ id: 'x', version: 1, rules: [{ ...sums, require: { fact, path, operator, value } }] })
  const cases: readonly (readonly [unknown, string, RegExp])[] = [
    [example({ name: '' }), 'examples[0].name', /text/],
    [example({ expect: {} }), 'examples[0].expect', /at least one/],
    [example({ expect: { sums: 'skipped' } }), 'examples[0].expect', /passed, failed, not-applicable/],
    [example({ expect: { other: 'passed' } }), 'examples[0].expect', /no rule other/],
    [example({ more: 1 }), 'examples[0]', /only/],
    [document({ type: 'novel' }), 'examples[0].document.type', /one of/],
    [document({ receivedDay: 'today' }), 'examples[0].document.receivedDay', /YYYY/],
    [document({ fields: { number: '1' } }), 'examples[0].document.fields.number', /no such field/],
    [document({ fields: { 'seller.constructor': '1' } }), 'examples[0].document.fields.seller.constructor', /no such field/],
    [document({ fields: { grandTotal: 119 } }), 'examples[0].document.fields.grandTotal', /text/],
    [document({ fields: { grandTotal: { normalised: '1', confidence: 2 } } }), 'examples[0].document.fields.grandTotal', /0 to 1/],
    [document({ lines: [{ total: '1' }] }), 'examples[0].document.lines[0].total', /no such field/],
    [document({ visible: { grandTotal: 'maybe' } }), 'examples[0].document.visible', /agrees/],
    [{ ...set, examples: Array.from({ length: 101 }, () => holding[0]) }, 'examples', /at most 100/],
    [path('fields', 'number'), 'rules[0].require.path', /fields has no number/],
    [path('fields', 'seller'), 'rules[0].require.path', /has no seller/],
    [path('fields', 'seller.vatId.normalized'), 'rules[0].require.path', /has no/],
    [path('measures', 'totalsDifference'), 'rules[0].require.path', /has no/],
    [path('document', 'lines.first.quantity'), 'rules[0].require.path', /has no/],
    [path('en16931', 'brCo999'), 'rules[0].require.path', /has no/],
    [path('fields', 'invoiceNumber.normalised', 'matches', '(a+)+$'), 'rules[0].require.value', /use any/],
    [path('fields', 'invoiceNumber.normalised', 'matches', 'a'.repeat(patternBounds.maxLength + 1)), 'rules[0].require.value', /at most 200/],
    [path('fields', 'invoiceNumber.normalised', 'matches', 1), 'rules[0].require.value', /pattern/],
  ]
  for (const [value, field, reason] of cases) {
    const error = checkRuleSet(value).find((one) => one.field === field)
    t.match(error?.reason ?? '', reason, `${field}: ${error?.reason ?? JSON.stringify(checkRuleSet(value))}`)
  }
  for (const [fact, name] of [['fields', 'seller.vatId.normalised'], ['fields', 'iban'], ['document', 'type'], ['document', 'lines.length'], ['document', 'taxes.3.rate.confidence'], ['en16931', 'brCo10']] as const) {
    t.same(checkRuleSet(path(fact, name)), [], `${fact} ${name}`)
  }
  await fc.assert(fc.asyncProperty(fc.jsonValue(), async (value) => Array.isArray(await checkWithExamples({ ...set, examples: [value] }))), { numRuns: 50 })
})

t.test('patterns: what JavaScript says about the same expression', async () => {
  const item = fc.tuple(fc.constantFrom('a', 'b', '-', '.', '\\d', '\\w', '\\.', '[a-c]', '[^a]', '[\\d-]', 'é', '😀'), fc.constantFrom('', '', '?', '*', '+', '{2}', '{1,}', '{0,2}')).map((parts) => parts.join(''))
  const pattern = fc.array(item, { maxLength: 6 }).map((items) => items.join(''))
  const text = fc.array(fc.constantFrom('a', 'b', 'c', '-', '.', '1', 'é', '😀'), { maxLength: 10 }).map((characters) => characters.join(''))
  fc.assert(fc.property(pattern, text, (pattern, text) => {
    const parsed = parsePattern(pattern)
    return 'matches' in parsed && parsed.matches(text) === new RegExp(`^(?:${pattern})$`, 'su').test(text)
  }), { numRuns: 2000 })
})

t.test('patterns: what is outside the subset is refused, and says so', async (t) => {
  for (const bad of ['(a)', 'a|b', '^a', 'a$', '*a', 'a**', 'a{', 'a{x}', 'a{3,2}', '[a', '[]', '[z-a]', '\\b', '\\1', '\\', 'a{999}', '[a[b]']) {
    const parsed = parsePattern(bad)
    t.ok('reason' in parsed && parsed.reason !== '', bad)
  }
})

t.test('patterns: work grows with the text, whatever the pattern', async (t) => {
  // a backtracking matcher needs 2^n tries for these; the chain looks at each character once per step
  const parsed = parsePattern(`${'a*'.repeat(90)}b`)
  t.ok('matches' in parsed)
  if ('matches' in parsed) {
    t.equal(parsed.matches('a'.repeat(5_000)), false)
    t.equal(parsed.matches(`${'a'.repeat(5_000)}b`), true)
    t.equal(parsed.matches(`${'a'.repeat(patternBounds.maxTextLength)}b`), false, 'beyond the bound nothing matches')
  }
})
