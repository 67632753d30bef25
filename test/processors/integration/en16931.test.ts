/** Every rule of EN 16931 that is decided, once held and once broken. */
import t from 'tap'
import { checkRuleSet, createValidator, defaultRuleSet, en16931RuleSet, extract } from '../../../processors/index.ts'
import type { EInvoice, Extraction, Field } from '../../../processors/index.ts'
import type { PartRule } from '../../../processors/types.ts'
import { cii, ubl, zugferd1 } from '../fixtures/e-invoices.ts'
import { page } from '../fixtures/text.ts'

type Fields = { [name: string]: Field }
/** An extraction that a test may change. */
interface Draft {
  fields: { [name: string]: Field | Fields }
  lines: Fields[]
  taxes: Fields[]
  adjustments: Fields[]
  partRules: { [rule in PartRule]?: boolean }
}

const partRules: readonly PartRule[] = [
  'BR-41', 'BR-42', 'BR-43', 'BR-44', 'BR-52', 'BR-54', 'BR-62', 'BR-63', 'BR-64', 'BR-65', 'BR-CO-19', 'BR-CO-20', 'BR-DEC-24', 'BR-DEC-25', 'BR-DEC-27', 'BR-DEC-28',
]

const field = (value: string): Field => ({ value, normalised: value, confidence: 1, provenance: { page: 0, method: 'e-invoice-xml' } })
const fieldsOf = (values: { readonly [name: string]: string }): Fields => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, field(value)]))
const rates: { readonly [category: string]: string | undefined } = { S: '19', L: '7', M: '4', Z: '0', E: '0', AE: '0', K: '0', G: '0' }
const reasons = ['E', 'AE', 'K', 'G', 'O']

/** An invoice that says everything: one line, an allowance and a charge, all of one VAT category. */
function base(category = 'S'): Draft {
  const rate = rates[category]
  // what may be a code or a text is the one here and the other there
  const coded = category === 'Z'
  const tax = (2 * Number(rate ?? 0)).toFixed(2)
  const taxed = { taxCategory: category, ...(rate === undefined ? {} : { taxRate: rate }) }
  const vat = (id: string): { vatId?: string } => (category === 'O' ? {} : { vatId: id })
  return {
    fields: {
      ...fieldsOf({
        specification: 'urn:cen.eu:en16931:2017', typeCode: '380', invoiceNumber: '1', issueDate: '2026-10-02', dueDate: '2026-11-01',
        deliveryDate: '2026-09-30', periodStart: '2026-09-01', periodEnd: '2026-09-30',
        currency: 'EUR', taxCurrency: 'SEK', ...(coded ? { taxPointDateCode: '35' } : { taxPointDate: '2026-10-02' }), precedingInvoiceNumber: '0', precedingInvoiceDate: '2026-08-01',
        paymentMeansCode: '58', iban: 'DE89370400440532013000', bic: 'COBADEFFXXX',
        accountName: 'A', cardNumber: '123456', paymentTerms: '30 days', lineTotal: '200.00', allowanceTotal: '20.00',
        chargeTotal: '20.00', taxBasisTotal: '200.00', taxTotal: tax, accountingTaxTotal: '1.00',
        grandTotal: (200 + Number(tax)).toFixed(2), paidAmount: '50.00',
        roundingAmount: '0.01', payableAmount: (150.01 + Number(tax)).toFixed(2),
      }),
      seller: fieldsOf({ name: 'A', identifier: '1', city: 'Ulm', country: 'DE', ...vat('DE136695976') }),
      buyer: fieldsOf({ name: 'B', registrationId: '2', city: 'Lyon', country: 'FR', ...vat('FR40303265045') }),
      payee: fieldsOf({ name: 'P' }),
      ...(category === 'O' ? {} : { taxRepresentative: fieldsOf({ name: 'R', city: 'Wien', country: 'AT', vatId: 'ATU33864707' }) }),
      deliverTo: fieldsOf({ city: 'Lyon', country: 'FR' }),
    },
    lines: [fieldsOf({ lineId: '1', description: 'X', quantity: '2', unitCode: 'C62', unitPrice: '100.00', grossPrice: '110.00',
    lineTotal: '200.00', periodStart: '2026-09-01', periodEnd: '2026-09-30', ...taxed })],
    taxes: [fieldsOf({ category, ...(rate === undefined ? {} : { rate }), basis: '200.00', amount: tax, ...(reasons.includes(category) ? { exemptionReason: 'because' } : {}) })],
    adjustments: ['allowance', 'charge'].map((kind) => fieldsOf({ kind, amount: '20.00', basis: '200.00', ...(coded ? { reasonCode: '95' } : { reason: 'so' }), ...taxed })),
    partRules: Object.fromEntries(partRules.map((rule) => [rule, true])),
  }
}

type Break = (draft: Draft) => void
const set = (path: string, value: string | undefined): Break => (draft) => {
  const parts = path.split('.')
  let at = draft as unknown as { [name: string]: unknown }
  for (const part of parts.slice(0, -1)) {
    at = at[part] as typeof at
  }
  if (value === undefined) {
    delete at[parts.at(-1)!]
  } else {
    at[parts.at(-1)!] = field(value)
  }
}
const unset = (...paths: string[]): Break => (draft) => {
  for (const path of paths) {
    set(path, undefined)(draft)
  }
}
const both = (...breaks: Break[]): Break => (draft) => {
  for (const one of breaks) {
    one(draft)
  }
}

/** For each rule a VAT category whose invoice holds it, and the change that breaks it. */
const cases = new Map<string, readonly [string, Break]>([
  ...partRules.map((rule): [string, readonly [string, Break]] => [rule.toLowerCase(), ['S', (draft) => { draft.partRules[rule] = false }]]),
  ['br-01', ['S', unset('fields.specification')]], ['br-02', ['S', unset('fields.invoiceNumber')]],
  ['br-03', ['S', unset('fields.issueDate')]], ['br-04', ['S', unset('fields.typeCode')]],
  ['br-05', ['S', unset('fields.currency')]], ['br-06', ['S', unset('fields.seller.name')]],
  ['br-07', ['S', unset('fields.buyer.name')]], ['br-08', ['S', unset('fields.seller.city', 'fields.seller.country')]],
  ['br-09', ['S', unset('fields.seller.country')]], ['br-10', ['S', unset('fields.buyer.city', 'fields.buyer.country')]],
  ['br-11', ['S', unset('fields.buyer.country')]], ['br-12', ['S', unset('fields.lineTotal')]],
  ['br-13', ['S', unset('fields.taxBasisTotal')]], ['br-14', ['S', unset('fields.grandTotal')]],
  ['br-15', ['S', unset('fields.payableAmount')]],
  ['br-16', ['S', (draft) => { draft.lines = [] }]],
  ['br-17', ['S', both(unset('fields.payee.name'), set('fields.payee.identifier', '7'))]],
  ['br-18', ['S', unset('fields.taxRepresentative.name')]],
  ['br-19', ['S', unset('fields.taxRepresentative.city', 'fields.taxRepresentative.country')]],
  ['br-20', ['S', unset('fields.taxRepresentative.country')]],
  ['br-21', ['S', unset('lines.0.lineId')]], ['br-22', ['S', unset('lines.0.quantity')]], ['br-23', ['S', unset('lines.0.unitCode')]],
  ['br-24', ['S', unset('lines.0.lineTotal')]], ['br-25', ['S', unset('lines.0.description')]],
  ['br-26', ['S', unset('lines.0.unitPrice')]], ['br-27', ['S', set('lines.0.unitPrice', '-100.00')]],
  ['br-28', ['S', set('lines.0.grossPrice', '-1.00')]], ['br-29', ['S', set('fields.periodEnd', '2026-08-31')]],
  ['br-30', ['S', set('lines.0.periodEnd', '2026-08-31')]], ['br-31', ['S', unset('adjustments.0.amount')]],
  ['br-32', ['S', unset('adjustments.0.taxCategory')]], ['br-33', ['S', unset('adjustments.0.reason')]],
  ['br-36', ['S', unset('adjustments.1.amount')]], ['br-37', ['S', unset('adjustments.1.taxCategory')]],
  ['br-38', ['S', unset('adjustments.1.reason')]], ['br-45', ['S', unset('taxes.0.basis')]], ['br-46', ['S', unset('taxes.0.amount')]],
  ['br-47', ['S', unset('taxes.0.category')]], ['br-48', ['S', unset('taxes.0.rate')]],
  ['br-49', ['S', unset('fields.paymentMeansCode')]], ['br-50', ['S', unset('fields.iban')]],
  ['br-51', ['S', set('fields.cardNumber', '4111111111111111')]],
  ['br-53', ['S', unset('fields.accountingTaxTotal')]], ['br-55', ['S', unset('fields.precedingInvoiceNumber')]],
  ['br-56', ['S', unset('fields.taxRepresentative.vatId')]], ['br-57', ['S', unset('fields.deliverTo.country')]],
  ['br-61', ['S', unset('fields.iban')]], ['br-cl-01', ['S', set('fields.typeCode', '999')]],
  ['br-cl-04', ['S', set('fields.currency', 'EUX')]], ['br-cl-05', ['S', set('fields.taxCurrency', 'XXY')]],
  ['br-cl-06', ['Z', set('fields.taxPointDateCode', '6')]], ['br-cl-16', ['S', set('fields.paymentMeansCode', '71')]],
  ['br-cl-14', ['S', set('fields.buyer.country', 'QQ')]],
  ['br-cl-17', ['S', set('taxes.0.category', 'Q')]], ['br-cl-18', ['S', set('lines.0.taxCategory', 'Q')]],
  ['br-co-03', ['S', set('fields.taxPointDateCode', '5')]], ['br-co-04', ['S', unset('lines.0.taxCategory')]],
  ['br-co-09', ['S', set('fields.buyer.vatId', 'QQ40303265045')]],
  ['br-co-25', ['S', unset('fields.dueDate', 'fields.paymentTerms')]],
  ['br-co-26', ['S', unset('fields.seller.identifier', 'fields.seller.vatId')]],
  ['br-co-10', ['S', set('fields.lineTotal', '200.01')]], ['br-co-11', ['S', set('fields.allowanceTotal', '20.01')]],
  ['br-co-12', ['S', set('fields.chargeTotal', '19.99')]], ['br-co-13', ['S', set('fields.taxBasisTotal', '199.99')]],
  ['br-co-14', ['S', set('fields.taxTotal', '38.01')]], ['br-co-15', ['S', set('fields.grandTotal', '238.01')]],
  ['br-co-16', ['S', set('fields.payableAmount', '188.00')]], ['br-co-17', ['S', set('taxes.0.amount', '39.01')]],
  ['br-co-18', ['S', (draft) => { draft.taxes = [] }]],
  ...([
    ['01', 'adjustments.0.amount'], ['02', 'adjustments.0.basis'], ['05', 'adjustments.1.amount'], ['06', 'adjustments.1.basis'],
    ['09', 'fields.lineTotal'], ['10', 'fields.allowanceTotal'], ['11', 'fields.chargeTotal'],
    ['12', 'fields.taxBasisTotal'], ['13', 'fields.taxTotal'], ['14', 'fields.grandTotal'], ['15', 'fields.accountingTaxTotal'],
    ['16', 'fields.paidAmount'], ['17', 'fields.roundingAmount'], ['18', 'fields.payableAmount'],
    ['19', 'taxes.0.basis'], ['20', 'taxes.0.amount'], ['23', 'lines.0.lineTotal'],
  ] as const).map(([n, path]) => [`br-dec-${n}`, ['S', set(path, '20.000')]] as const),
  ...Object.entries({ s: 'S', z: 'Z', e: 'E', ae: 'AE', ic: 'K', g: 'G', o: 'O', af: 'L', ag: 'M' }).flatMap(([name, category]) => {
    const nobody = category === 'O'
      ? set('fields.seller.vatId', 'DE136695976')
      : category === 'AE' || category === 'K' ? unset('fields.buyer.vatId', 'fields.buyer.registrationId') : unset('fields.seller.vatId', 'fields.taxRepresentative.vatId')
    const wrongRate = category === 'S' ? '0' : category === 'L' || category === 'M' ? '-1' : '7'
    const broken: readonly (readonly [string, Break])[] = [
      ['01', set('taxes.0.category', category === 'S' ? 'Z' : 'S')],
      ['02', nobody], ['03', nobody], ['04', nobody],
      ['05', set('lines.0.taxRate', wrongRate)], ['06', set('adjustments.0.taxRate', wrongRate)],
      ['07', set('adjustments.1.taxRate', wrongRate)],
      ['08', set('taxes.0.basis', '220.00')], ['09', set('taxes.0.amount', '77.00')],
      ['10', reasons.includes(category) ? unset('taxes.0.exemptionReason') : set('taxes.0.exemptionReason', 'because')],
    ]
    return broken.map(([n, change]) => [`br-${name}-${n}`, [category, change]] as const)
  }),
  ['br-ic-11', ['K', unset('fields.deliveryDate', 'fields.periodStart', 'fields.periodEnd')]],
  ['br-ic-12', ['K', unset('fields.deliverTo.country')]],
  ['br-o-11', ['O', (draft) => { draft.taxes.push(fieldsOf({ category: 'S', rate: '19', basis: '0.00', amount: '0.00' })) }]],
  ['br-o-12', ['O', set('lines.0.taxCategory', 'S')]], ['br-o-13', ['O', set('adjustments.0.taxCategory', 'S')]],
  ['br-o-14', ['O', set('adjustments.1.taxCategory', 'S')]],
])

const validator = createValidator({ id: 'none', version: 1, rules: [] })

async function outcomes(draft: Draft): Promise<Map<string, string>> {
  const extraction = { ...draft, extractorVersion: '1', truncated: false } as unknown as Extraction
  const { results } = await validator.validate({ type: 'invoice', extraction, receivedDay: '2026-11-21' })
  t.ok(results.every((result) => result.ruleVersion === 1 && result.severity === 'hard'), 'every result names its version')
  return new Map(results.map((result) => [result.ruleId, result.outcome]))
}

t.test('the rules are a valid rule set, and every one of them is tested', async (t) => {
  t.same(checkRuleSet(en16931RuleSet), [])
  t.same(en16931RuleSet.rules.map((rule) => rule.id).sort(), [...cases.keys()].sort())
})

t.test('each rule passes on an invoice that holds it, and fails on one that breaks it', async (t) => {
  const held = new Map<string, Map<string, string>>()
  for (const [rule, [category, change]] of cases) {
    const before = held.get(category) ?? (await outcomes(base(category)))
    held.set(category, before)
    t.same([...before].filter(([, outcome]) => outcome === 'failed').map(([id]) => id), [], `category ${category} holds all`)
    t.equal(before.get(rule), 'passed', `${rule} passes`)
    const draft = base(category)
    change(draft)
    t.equal((await outcomes(draft)).get(rule), 'failed', `${rule} fails`)
  }
})

t.test('made-up e-invoices of both syntaxes pass; ZUGFeRD 1 and pages are not held to the standard', async (t) => {
  const rules = async (eInvoice: EInvoice | undefined): Promise<readonly (readonly [string, string])[]> => {
    const result = extract({ ...page([['Rechnung Nr. 4711'], ['Summe', '12,00 EUR']]), ...(eInvoice === undefined ? {} : { eInvoice }) })
    const validation = await validator.validate({ type: 'invoice', extraction: result.ok ? result.value : ({} as Extraction), receivedDay: '2026-11-21' })
    return validation.results.map((one) => [one.ruleId, one.outcome])
  }
  for (const [eInvoice, least] of [[{ syntax: 'cii', profile: '', xml: cii }, 80], [{ syntax: 'ubl',
  profile: '', xml: ubl('Invoice') }, 75], [{ syntax: 'ubl', profile: '', xml: ubl('CreditNote') }, 75]] as const) {
    const results = await rules(eInvoice)
    t.same(results.filter(([, outcome]) => outcome !== 'passed'), [])
    t.ok(results.length >= least, `${results.length} rules apply`)
  }
  t.same(await rules({ syntax: 'cii', profile: '', xml: zugferd1 }), [])
  t.same(await rules(undefined), [])
})

t.test('parts that are not extracted are held to their rules where the XML is read, in both syntaxes', async (t) => {
  const adjustment = (charge: boolean, amount: string, more: string): string => `<ram:SpecifiedTradeAllowanceCharge><ram:ChargeIndicator><udt:Indicator>${charge}</udt:Indicator></ram:ChargeIndicator>${amount}${more}</ram:SpecifiedTradeAllowanceCharge>`
  const line = '<ram:SpecifiedTradeSettlementLineMonetarySummation>'
  const agreement = '<ram:SpecifiedProcuringProject>'
  const why = '<ram:Reason>so</ram:Reason>'
  const amount = (text: string): string => `<ram:ActualAmount>${text}</ram:ActualAmount>`
  const ublAdjustment = (charge: boolean, more: string): string => `<cac:AllowanceCharge><cbc:ChargeIndicator>${charge}</cbc:ChargeIndicator>${more}</cac:AllowanceCharge>`
  const ublLine = '<cac:Price>'
  const ublWhy = '<cbc:AllowanceChargeReason>so</cbc:AllowanceChargeReason>'
  const ublAmount = (text: string): string => `<cbc:Amount currencyID="EUR">${text}</cbc:Amount>`
  const ublItem = '<cbc:Name>Chaise'
  const ublDocument = '<cac:AccountingSupplierParty>'
  const cases: readonly (readonly [PartRule, EInvoice['syntax'], before: string, inserted: string, removed?: string])[] = [
    ['BR-41', 'cii', line, adjustment(false, '', why)], ['BR-42', 'cii', line, adjustment(false, amount('0.00'), '')],
    ['BR-43', 'cii', line, adjustment(true, amount(''), why)], ['BR-44', 'cii', line, adjustment(true, amount('0.00'), '<ram:Reason> </ram:Reason>')],
    ['BR-52', 'cii', agreement, '<ram:AdditionalReferencedDocument><ram:TypeCode>916</ram:TypeCode></ram:AdditionalReferencedDocument>'],
    ['BR-54', 'cii', '<ram:Name>Lattenpaket', '<ram:ApplicableProductCharacteristic><ram:Description>Colour</ram:Description></ram:ApplicableProductCharacteristic>'],
    ['BR-62', 'cii', '', '', ' schemeID="EM"'], ['BR-64', 'cii', '', '', ' schemeID="0160"'],
    ['BR-63', 'cii', '<ram:Name>Tischlerei', '<ram:URIUniversalCommunication><ram:URIID>a@b.example</ram:URIID></ram:URIUniversalCommunication>'],
    ['BR-65', 'cii', '<ram:Name>Lattenpaket', '<ram:DesignatedProductClassification><ram:ClassCode>1</ram:ClassCode></ram:DesignatedProductClassification>'],
    ['BR-CO-19', 'cii', '<ram:SpecifiedTradePaymentTerms>', '<ram:BillingSpecifiedPeriod></ram:BillingSpecifiedPeriod>'], ['BR-CO-20', 'cii', line, '<ram:BillingSpecifiedPeriod></ram:BillingSpecifiedPeriod>'],
    ['BR-DEC-24', 'cii', line, adjustment(false, amount('0.000'), why)], ['BR-DEC-25', 'cii', line, adjustment(false, '<ram:BasisAmount>1.123</ram:BasisAmount>', amount('0.00') + why)],
    ['BR-DEC-27', 'cii', line, adjustment(true, amount('0.000'), why)], ['BR-DEC-28', 'cii', line, adjustment(true, '<ram:BasisAmount>1.123</ram:BasisAmount>', amount('0.00') + why)],
    ['BR-41', 'ubl', ublLine, ublAdjustment(false, ublWhy)], ['BR-42', 'ubl', ublLine, ublAdjustment(false, ublAmount('0.00'))],
    ['BR-43', 'ubl', ublLine, ublAdjustment(true, ublWhy)], ['BR-44', 'ubl', ublLine, ublAdjustment(true, ublAmount('0.00'))],
    ['BR-52', 'ubl', ublDocument, '<cac:AdditionalDocumentReference><cbc:DocumentDescription>x</cbc:DocumentDescription></cac:AdditionalDocumentReference>'],
    ['BR-54', 'ubl', ublItem, '<cac:AdditionalItemProperty><cbc:Value>red</cbc:Value></cac:AdditionalItemProperty>'],
    ['BR-62', 'ubl', '', '', ' schemeID="0088">7300010000001'], ['BR-63', 'ubl', '', '', ' schemeID="0088">7300010000002'],
    ['BR-64', 'ubl', '', '', ' schemeID="0160">7300010000018'],
    ['BR-65', 'ubl', ublItem, '<cac:CommodityClassification><cbc:ItemClassificationCode>1</cbc:ItemClassificationCode></cac:CommodityClassification>'],
    ['BR-CO-19', 'ubl', ublDocument, '<cac:InvoicePeriod></cac:InvoicePeriod>'], ['BR-CO-20', 'ubl', ublLine, '<cac:InvoicePeriod></cac:InvoicePeriod>'],
    ['BR-DEC-24', 'ubl', ublLine, ublAdjustment(false, ublWhy + ublAmount('0.000'))], ['BR-DEC-25', 'ubl', ublLine, ublAdjustment(false, `${ublWhy}${ublAmount('0.00')}<cbc:BaseAmount>1.123</cbc:BaseAmount>`)],
    ['BR-DEC-27', 'ubl', ublLine, ublAdjustment(true, ublWhy + ublAmount('0.000'))], ['BR-DEC-28', 'ubl', ublLine, ublAdjustment(true, `${ublWhy}${ublAmount('0.00')}<cbc:BaseAmount>1.123</cbc:BaseAmount>`)],
  ]
  for (const [rule, syntax, before, inserted, removed = ''] of cases) {
    const whole = syntax === 'cii' ? cii : ubl('Invoice')
    t.ok(whole.includes(before) && whole.includes(removed), `${syntax} ${rule} has its place`)
    const xml = whole.replace(removed, removed.includes('>') ? removed.slice(removed.indexOf('>')) : '').replace(before, inserted + before)
    const result = extract({ ...page([['Rechnung']]), eInvoice: { syntax, profile: '', xml } })
    const { results } = await validator.validate({ type: 'invoice', extraction: result.ok ? result.value : ({} as Extraction), receivedDay: '2026-11-21' })
    t.same(results.filter(({ outcome }) => outcome === 'failed').map(({ ruleId }) => ruleId), [rule.toLowerCase()], `${syntax} ${rule}`)
  }
  t.same(new Set(cases.map(([rule, syntax]) => `${syntax} ${rule}`)).size, 2 * partRules.length)
})

t.test('profiles without lines are not asked for them', async (t) => {
  for (const [profile, asked] of [['urn:factur-x.eu:1p0:minimum', false], ['urn:factur-x.eu:1p0:basicwl', true]] as const) {
    const draft = base()
    draft.lines = []
    set('fields.specification', profile)(draft)
    unset('fields.buyer.city', 'fields.buyer.country')(draft)
    const found = await outcomes(draft)
    t.equal(found.has('br-16') || found.has('br-co-10') || found.has('br-s-08'), false, profile)
    t.equal(found.has('br-10'), asked, profile)
    t.equal(found.get('br-co-15'), 'passed')
  }
})

t.test('lines that only group others do not count', async (t) => {
  const draft = base()
  draft.lines.push(fieldsOf({ lineId: '0', lineStatus: 'GROUP', description: 'all of it', lineTotal: '200.00' }))
  t.same([...(await outcomes(draft))].filter(([, outcome]) => outcome === 'failed'), [])
})

t.test('a tenant may soften a rule by one of the same id, and use its fact in others', async (t) => {
  const soft = { ...en16931RuleSet.rules.find((rule) => rule.id === 'br-co-10')!, severity: 'soft' as const, version: 7 }
  const mine = createValidator({ id: 'mine', version: 2, rules: [...defaultRuleSet.rules.filter((rule) => rule.id === 'whole'), soft] })
  const draft = base()
  set('fields.lineTotal', '200.01')(draft)
  const { results } = await mine.validate({ type: 'invoice', extraction: { ...draft, extractorVersion: '1', truncated: false } as unknown as Extraction, receivedDay: '2026-11-21' })
  t.match(results.filter((result) => result.ruleId === 'br-co-10'), [{ severity: 'soft', ruleVersion: 7, outcome: 'failed' }])
  t.equal(results.filter((result) => result.ruleId === 'br-co-10').length, 1)
})
