import type { Decimal } from 'decimal.js'
import type { Field } from '../../types.ts'
import { closeToProduct, taxTolerance } from './calculation-rules.ts'
import type { Check, Invoice } from './invoice.ts'
import { code, decimal, every, orZero, present, sum, when } from './invoice.ts'

/** A VAT category of UNTDID 5305 and what EN 16931-1, 6.4.3 demands where it is used. */
interface Category {
  /** In the rules' names. */
  readonly name: string
  readonly code: string
  readonly title: string
  readonly rate: 'positive' | 'zero' | 'any' | 'none'
  /** Whether the breakdown says why there is no tax. */
  readonly reason: 'needed' | 'none'
  /** Who has to be identified for tax. */
  readonly parties: (invoice: Invoice) => boolean
  readonly partiesText: string
}

const sellerTaxed = ({ fields }: Invoice): boolean => present(fields.seller.vatId) || present(fields.seller.taxNumber) || present(fields.taxRepresentative?.vatId)
const sellerVat = ({ fields }: Invoice): boolean => present(fields.seller.vatId) || present(fields.taxRepresentative?.vatId)
const sellerText = "the seller's VAT id, tax number or tax representative's VAT id (BT-31, BT-32, BT-63)"

const categories: readonly Category[] = [
  { name: 'S', code: 'S', title: 'Standard rated', rate: 'positive', reason: 'none', parties: sellerTaxed, partiesText: sellerText },
  { name: 'Z', code: 'Z', title: 'Zero rated', rate: 'zero', reason: 'none', parties: sellerTaxed, partiesText: sellerText },
  { name: 'E', code: 'E', title: 'Exempt from VAT', rate: 'zero', reason: 'needed', parties: sellerTaxed, partiesText: sellerText },
  {
    name: 'AE', code: 'AE', title: 'Reverse charge', rate: 'zero', reason: 'needed', partiesText: `${sellerText} and the buyer's VAT id or registration (BT-48, BT-47)`,
    parties: (invoice) => sellerTaxed(invoice) && (present(invoice.fields.buyer.vatId) || present(invoice.fields.buyer.registrationId)),
  },
  {
    name: 'IC', code: 'K', title: 'Intra-community supply', rate: 'zero', reason: 'needed', partiesText: "the seller's or tax representative's VAT id and the buyer's (BT-31, BT-63, BT-48)",
    parties: (invoice) => sellerVat(invoice) && present(invoice.fields.buyer.vatId),
  },
  { name: 'G', code: 'G', title: 'Export outside the EU', rate: 'zero', reason: 'needed', parties: sellerVat, partiesText: "the seller's or tax representative's VAT id (BT-31, BT-63)" },
  {
    name: 'O', code: 'O', title: 'Not subject to VAT', rate: 'none', reason: 'needed', partiesText: "no VAT id of seller, tax representative or buyer (BT-31, BT-63, BT-48)",
    parties: ({ fields }) => ![fields.seller.vatId, fields.taxRepresentative?.vatId, fields.buyer.vatId].some(present),
  },
  { name: 'AF', code: 'L', title: 'IGIC (Canary Islands)', rate: 'any', reason: 'none', parties: sellerTaxed, partiesText: sellerText },
  { name: 'AG', code: 'M', title: 'IPSI (Ceuta and Melilla)', rate: 'any', reason: 'none', parties: sellerTaxed, partiesText: sellerText },
]

type Part = 'line' | 'allowance' | 'charge'

interface Taxed {
  readonly category: string
  readonly rate: Field | undefined
  readonly amount: Field | undefined
}

function taxed(invoice: Invoice, part: Part): Taxed[] {
  switch (part) {
    case 'line':
      return invoice.lines.map((line) => ({ category: code(line.taxCategory), rate: line.taxRate, amount: line.lineTotal }))
    case 'allowance':
      return invoice.allowances.map((one) => ({ category: code(one.taxCategory), rate: one.taxRate, amount: one.amount }))
    case 'charge':
      return invoice.charges.map((one) => ({ category: code(one.taxCategory), rate: one.taxRate, amount: one.amount }))
  }
}

const parts: readonly Part[] = ['line', 'allowance', 'charge']
const partNames: Record<Part, string> = { line: 'A line', allowance: 'An allowance', charge: 'A charge' }

function rulesOf(category: Category): Check[] {
  const { name, title, rate, reason } = category
  const of = (invoice: Invoice, part: Part): Taxed[] => taxed(invoice, part).filter((one) => one.category === category.code)
  const used = (invoice: Invoice): boolean => parts.some((part) => of(invoice, part).length > 0)
  const breakdown = (invoice: Invoice): Invoice['taxes'] => invoice.taxes.filter((tax) => code(tax.category) === category.code)
  const byRate = rate === 'positive' || rate === 'any'
  const rateHolds = (field: Field | undefined): boolean =>
    rate === 'none' ? !present(field) : rate === 'positive' ? decimal(field)?.gt(0) === true : rate === 'zero' ? decimal(field)?.isZero() === true : decimal(field)?.gte(0) === true
  const rateText = { none: 'has no VAT rate', positive: 'has a VAT rate above zero', zero: 'has a VAT rate of zero', any: 'has a VAT rate' }[rate]
  return [
    {
      id: `BR-${name}-01`, fields: ['taxTotal'], from: 'without-lines',
      message: `${title}: the VAT breakdown has ${byRate ? 'a group' : 'exactly one group'} of category ${category.code} where it is used (BT-118).`,
      check: (invoice) => when(used(invoice), () => (byRate ? breakdown(invoice).length > 0 : breakdown(invoice).length === 1)),
    },
    ...parts.map((part, n): Check => ({
      id: `BR-${name}-0${n + 2}`, fields: ['seller.vatId', 'buyer.vatId'], from: part === 'line' ? 'full' : 'without-lines',
      message: `${title}: ${partNames[part].toLowerCase()} of category ${category.code} needs ${category.partiesText}.`,
      check: (invoice) => when(of(invoice, part).length > 0, () => category.parties(invoice)),
    })),
    ...parts.map((part, n): Check => ({
      id: `BR-${name}-0${n + 5}`, fields: ['taxRate'], from: part === 'line' ? 'full' : 'without-lines',
      message: `${title}: ${partNames[part].toLowerCase()} of category ${category.code} ${rateText}.`,
      check: (invoice) => every(of(invoice, part), (one) => rateHolds(one.rate)),
    })),
    {
      id: `BR-${name}-08`, fields: ['taxBasisTotal'],
      message: `${title}: the taxable amount is the sum of lines less allowances plus charges of category ${category.code}${byRate ? ' and its rate' : ''} (BT-116).`,
      check: (invoice) => every(breakdown(invoice), (tax) => {
        const same = (one: Taxed): boolean => !byRate || equalRates(one.rate, tax.rate)
        const total = (part: Part): Decimal => sum(of(invoice, part).filter(same).map((one) => one.amount))
        const basis = decimal(tax.basis)
        return basis === undefined ? undefined : basis.minus(total('line').minus(total('allowance')).plus(total('charge'))).abs().lt(taxTolerance)
      }),
    },
    {
      id: `BR-${name}-09`, fields: ['taxTotal'], from: 'without-lines',
      message: byRate ? `${title}: the tax amount is the taxable amount times the rate (BT-117).` : `${title}: the tax amount is zero (BT-117).`,
      check: (invoice) => every(breakdown(invoice), (tax) => (byRate ? closeToProduct(tax.basis, tax.rate, tax.amount) : decimal(tax.amount)?.isZero())),
    },
    {
      id: `BR-${name}-10`, fields: ['taxTotal'], from: 'without-lines',
      message: reason === 'needed' ? `${title}: the breakdown says why there is no tax (BT-120, BT-121).` : `${title}: the breakdown has no reason for an exemption (BT-120, BT-121).`,
      check: (invoice) => every(breakdown(invoice), (tax) => (present(tax.exemptionReason) || present(tax.exemptionReasonCode)) === (reason === 'needed')),
    },
  ]
}

function equalRates(a: Field | undefined, b: Field | undefined): boolean {
  return orZero(a).eq(orZero(b))
}

const usesO = (invoice: Invoice): boolean => invoice.taxes.some((tax) => code(tax.category) === 'O')
const onlyO = (part: Part) => (invoice: Invoice): boolean | undefined => when(usesO(invoice) && taxed(invoice, part).length > 0, () => taxed(invoice, part).every((one) => one.category === 'O'))
const isIntraCommunity = (invoice: Invoice): boolean => invoice.taxes.some((tax) => code(tax.category) === 'K')

/** Rules by VAT category, and what three of them demand besides. */
export const categoryRules: readonly Check[] = [
  ...categories.flatMap(rulesOf),
  {
    id: 'BR-IC-11', message: 'Intra-community supply: the date of delivery or the period is stated (BT-72, BG-14).',
    fields: ['deliveryDate', 'periodStart', 'periodEnd'], from: 'without-lines',
    check: (invoice) =>
      when(isIntraCommunity(invoice), () =>
        [invoice.fields.deliveryDate, invoice.fields.periodStart, invoice.fields.periodEnd].some(present)),
  },
  {
    id: 'BR-IC-12', message: 'Intra-community supply: the country of delivery is stated (BT-80).', fields: ['deliverTo.country'],
    from: 'without-lines',
    check: (invoice) => when(isIntraCommunity(invoice), () => present(invoice.fields.deliverTo?.country)),
  },
  {
    id: 'BR-O-11', message: 'Not subject to VAT: the breakdown has no other category (BT-118).', fields: ['taxTotal'],
    from: 'without-lines',
    check: (invoice) => when(usesO(invoice), () => invoice.taxes.length === 1),
  },
  { id: 'BR-O-12', message: 'Not subject to VAT: no line has another category (BT-151).', fields: ['taxRate'], check: onlyO('line') },
  {
    id: 'BR-O-13', message: 'Not subject to VAT: no allowance has another category (BT-95).', fields: ['allowanceTotal'],
    from: 'without-lines',
    check: onlyO('allowance'),
  },
  {
    id: 'BR-O-14', message: 'Not subject to VAT: no charge has another category (BT-102).', fields: ['chargeTotal'], from: 'without-lines',
    check: onlyO('charge'),
  },
]
