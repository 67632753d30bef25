import { Decimal } from 'decimal.js'
import type { Field } from '../../types.ts'
import type { Check, Invoice } from './invoice.ts'
import { decimal, equal, every, orZero, sum, when } from './invoice.ts'

/** Sums and products of an invoice (EN 16931-1, 6.4.2), exact to the cent. */
export const calculationRules: readonly Check[] = [
  {
    id: 'BR-CO-10', message: 'The sum of lines is the sum of their net amounts (BT-106, BT-131).', fields: ['lineTotal'],
    check: ({ fields, lines }) => when(lines.length > 0, () => equal(decimal(fields.lineTotal), sum(lines.map((line) => line.lineTotal)))),
  },
  {
    id: 'BR-CO-11', message: 'The sum of allowances is the sum of their amounts (BT-107, BT-92).', fields: ['allowanceTotal'],
    from: 'without-lines',
    check: ({ fields, allowances }) =>
      when(fields.allowanceTotal !== undefined || allowances.length > 0, () =>
        equal(orZero(fields.allowanceTotal), sum(allowances.map((one) => one.amount)))),
  },
  {
    id: 'BR-CO-12', message: 'The sum of charges is the sum of their amounts (BT-108, BT-99).', fields: ['chargeTotal'],
    from: 'without-lines',
    check: ({ fields, charges }) =>
      when(fields.chargeTotal !== undefined || charges.length > 0, () =>
        equal(orZero(fields.chargeTotal), sum(charges.map((one) => one.amount)))),
  },
  {
    id: 'BR-CO-13', message: 'The total without VAT is the lines less allowances plus charges (BT-109).',
    fields: ['taxBasisTotal', 'lineTotal', 'allowanceTotal', 'chargeTotal'], from: 'without-lines',
    check: ({ fields }) =>
      equal(decimal(fields.taxBasisTotal), decimal(fields.lineTotal)?.minus(orZero(fields.allowanceTotal)).plus(orZero(fields.chargeTotal))),
  },
  {
    id: 'BR-CO-14', message: 'The tax total is the sum of the breakdown (BT-110, BT-117).', fields: ['taxTotal'], from: 'without-lines',
    check: ({ fields, taxes }) => when(taxes.length > 0, () => equal(decimal(fields.taxTotal), sum(taxes.map((tax) => tax.amount)))),
  },
  {
    id: 'BR-CO-15', message: 'The total with VAT is the total without and the tax (BT-112, BT-109, BT-110).',
    fields: ['grandTotal', 'taxBasisTotal', 'taxTotal'], from: 'minimum',
    check: ({ fields }) => equal(decimal(fields.grandTotal), decimal(fields.taxBasisTotal)?.plus(orZero(fields.taxTotal))),
  },
  {
    id: 'BR-CO-16', message: 'The amount due is the total less what is paid plus what is rounded (BT-115).',
    fields: ['payableAmount', 'grandTotal', 'paidAmount', 'roundingAmount'], from: 'without-lines',
    check: ({ fields }) =>
      equal(decimal(fields.payableAmount), decimal(fields.grandTotal)?.minus(orZero(fields.paidAmount)).plus(orZero(fields.roundingAmount))),
  },
  {
    id: 'BR-CO-17', message: 'A tax amount is its basis times its rate, within one unit of currency (BT-117).', fields: ['taxTotal'],
    from: 'without-lines',
    check: ({ taxes }) => every(taxes, (tax) => closeToProduct(tax.basis, tax.rate, tax.amount)),
  },
  {
    id: 'BR-CO-18', message: 'An invoice has at least one group of the VAT breakdown (BG-23).', fields: ['taxTotal'],
    from: 'without-lines',
    check: ({ taxes }) => taxes.length > 0,
  },
  decimals('BR-DEC-01', 'BT-92', ({ allowances }) => allowances.map((one) => one.amount)),
  decimals('BR-DEC-02', 'BT-93', ({ allowances }) => allowances.map((one) => one.basis)),
  decimals('BR-DEC-05', 'BT-99', ({ charges }) => charges.map((one) => one.amount)),
  decimals('BR-DEC-06', 'BT-100', ({ charges }) => charges.map((one) => one.basis)),
  decimals('BR-DEC-09', 'BT-106', ({ fields }) => [fields.lineTotal]),
  decimals('BR-DEC-10', 'BT-107', ({ fields }) => [fields.allowanceTotal]),
  decimals('BR-DEC-11', 'BT-108', ({ fields }) => [fields.chargeTotal]),
  decimals('BR-DEC-12', 'BT-109', ({ fields }) => [fields.taxBasisTotal]),
  decimals('BR-DEC-13', 'BT-110', ({ fields }) => [fields.taxTotal]),
  decimals('BR-DEC-14', 'BT-112', ({ fields }) => [fields.grandTotal]),
  decimals('BR-DEC-15', 'BT-111', ({ fields }) => [fields.accountingTaxTotal]),
  decimals('BR-DEC-16', 'BT-113', ({ fields }) => [fields.paidAmount]),
  decimals('BR-DEC-17', 'BT-114', ({ fields }) => [fields.roundingAmount]),
  decimals('BR-DEC-18', 'BT-115', ({ fields }) => [fields.payableAmount]),
  decimals('BR-DEC-19', 'BT-116', ({ taxes }) => taxes.map((tax) => tax.basis)),
  decimals('BR-DEC-20', 'BT-117', ({ taxes }) => taxes.map((tax) => tax.amount)),
  decimals('BR-DEC-23', 'BT-131', ({ lines }) => lines.map((line) => line.lineTotal)),
]

/** What the standard's own test files allow between a tax amount and the product it is rounded from. */
export const taxTolerance = new Decimal(1)

export function closeToProduct(basis: Field | undefined, rate: Field | undefined, amount: Field | undefined): boolean | undefined {
  const stated = decimal(amount)
  const product = decimal(basis)?.times(orZero(rate)).div(100)
  return stated === undefined || product === undefined ? undefined : stated.minus(product.toDecimalPlaces(2)).abs().lte(taxTolerance)
}

/** As it was written: closing zeros count. */
function decimals(id: string, term: string, pick: (invoice: Invoice) => readonly (Field | undefined)[]): Check {
  return {
    id,
    message: `An amount has at most two decimals (${term}).`,
    fields: [],
    from: 'minimum',
    check: (invoice) => every(pick(invoice), (field) => when(field !== undefined, () => (field!.value.trim().split('.')[1] ?? '').length <= 2)),
  }
}
