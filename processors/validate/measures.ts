import { Decimal } from 'decimal.js'
import { isValidBIC, isValidIBAN } from 'ibantools'
import { checkVAT, countries } from 'jsvat'
import { isCurrency } from '../currencies.ts'
import type { Extraction, Field, VisibleValue } from '../types.ts'

/**
 * What rules compare besides the fields themselves: sums, ages, checksums. A measure is absent when the fields it needs are: a rule
 * asks for `present` first. Differences are absolute, in units of the currency.
 */
export interface Measures {
  /** |sum of lines − BT-106 (or net total)|; only when every line has a total. */
  readonly linesDifference?: number
  /** The same against the gross total: receipts print prices with tax. */
  readonly linesGrossDifference?: number
  /** |net + tax − gross| */
  readonly totalDifference?: number
  /** |BT-106 − allowances + charges − net| */
  readonly basisDifference?: number
  /** |sum of tax lines − tax total| */
  readonly taxLinesDifference?: number
  /** |gross − paid + rounding − payable| */
  readonly payableDifference?: number
  /** |quantity × price / how many the price is for − allowances + charges − total|, the worst line. */
  readonly worstLineDifference?: number
  readonly lineCount: number
  /** Days from the date of issue to the day of receipt; negative in the future. */
  readonly issueAgeDays?: number
  /** Days from the date of issue to the due date. */
  readonly paymentDays?: number
  readonly ibanValid?: boolean
  readonly bicValid?: boolean
  readonly sellerVatIdValid?: boolean
  readonly buyerVatIdValid?: boolean
  readonly currencyKnown?: boolean
  /** Of the fields that are required of its type, the least. */
  readonly lowestConfidence?: number
  readonly fromEInvoice: boolean
  /** What the pages of an e-invoice show of what its XML says: `agrees`, `differs`, `not-found`. */
  readonly visibleNumber?: string
  readonly visibleDate?: string
  readonly visibleTotal?: string
  readonly truncated: boolean
}

/** @param receivedDay YYYY-MM-DD of the record's time, never the clock's: a replay measures the same */
export function measure(extraction: Extraction, receivedDay: string): Measures {
  const { fields, lines, taxes } = extraction
  const net = decimalOf(fields.taxBasisTotal)
  const tax = decimalOf(fields.taxTotal)
  const gross = decimalOf(fields.grandTotal)
  // Lines of Factur-X EXTENDED that group others, or only inform, are not part of the sum.
  const counted = lines.filter((line) => !['GROUP', 'INFORMATION'].includes(line.lineStatus?.normalised ?? ''))
  const lineTotals = counted.map((line) => decimalOf(line.lineTotal))
  const lineSum = lineTotals.length > 0 && lineTotals.every((total) => total !== undefined) ? sum(lineTotals) : undefined
  const lineBase = decimalOf(fields.lineTotal) ?? net
  const allowances = decimalOf(fields.allowanceTotal) ?? new Decimal(0)
  const charges = decimalOf(fields.chargeTotal) ?? new Decimal(0)
  const stated = decimalOf(fields.lineTotal)
  const taxAmounts = taxes.map((line) => decimalOf(line.amount))
  const payable = decimalOf(fields.payableAmount)
  const key = [fields.invoiceNumber, fields.issueDate, fields.grandTotal, fields.currency].filter((field) => field !== undefined)
  const measures = {
    linesDifference: difference(lineSum, lineBase),
    linesGrossDifference: difference(lineSum, gross),
    totalDifference: net !== undefined && tax !== undefined ? difference(net.plus(tax), gross) : undefined,
    basisDifference: difference(stated?.minus(allowances).plus(charges), net),
    taxLinesDifference: taxAmounts.length > 0 && taxAmounts.every((amount) => amount !== undefined) ? difference(sum(taxAmounts), tax) : undefined,
    payableDifference: difference(gross?.minus(decimalOf(fields.paidAmount) ?? 0).plus(decimalOf(fields.roundingAmount) ?? 0), payable),
    worstLineDifference: worstLine(extraction),
    lineCount: lines.length,
    issueAgeDays: days(fields.issueDate?.normalised, receivedDay),
    paymentDays: days(fields.issueDate?.normalised, fields.dueDate?.normalised),
    ibanValid: fields.iban === undefined ? undefined : isValidIBAN(fields.iban.normalised),
    bicValid: fields.bic === undefined ? undefined : isValidBIC(fields.bic.normalised),
    sellerVatIdValid: vatIdValid(fields.seller.vatId),
    buyerVatIdValid: vatIdValid(fields.buyer.vatId),
    currencyKnown: fields.currency === undefined ? undefined : isCurrency(fields.currency.normalised),
    lowestConfidence: key.length === 0 ? undefined : Math.min(...key.map((field) => field.confidence)),
    fromEInvoice: fields.invoiceNumber?.provenance.method === 'e-invoice-xml' || fields.grandTotal?.provenance.method === 'e-invoice-xml',
    visibleNumber: visibleOutcome(extraction, 'invoiceNumber'),
    visibleDate: visibleOutcome(extraction, 'issueDate'),
    visibleTotal: visibleOutcome(extraction, 'grandTotal'),
    truncated: extraction.truncated,
  }
  return Object.fromEntries(Object.entries(measures).filter(([, value]) => value !== undefined)) as unknown as Measures
}

function visibleOutcome({ visible }: Extraction, field: VisibleValue['field']): string | undefined {
  return visible?.find((one) => one.field === field)?.outcome
}

function decimalOf(field: Field | undefined): Decimal | undefined {
  return field !== undefined && /^-?\d{1,24}(?:\.\d{1,12})?$/.test(field.normalised) ? new Decimal(field.normalised) : undefined
}

function sum(values: readonly Decimal[]): Decimal {
  return values.reduce((total, value) => total.plus(value), new Decimal(0))
}

function difference(a: Decimal | undefined, b: Decimal | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a.minus(b).abs().toNumber()
}

function worstLine({ lines }: Extraction): number | undefined {
  let worst: number | undefined
  for (const line of lines) {
    const quantity = decimalOf(line.quantity)
    const price = decimalOf(line.unitPrice)
    const per = decimalOf(line.priceQuantity)
    const product = price === undefined ? undefined : quantity?.times(price).div(per === undefined || per.isZero() ? 1 : per)
    const value = difference(product?.minus(decimalOf(line.allowanceAmount) ?? 0).plus(decimalOf(line.chargeAmount) ?? 0), decimalOf(line.lineTotal))
    worst = value === undefined ? worst : Math.max(worst ?? 0, value)
  }
  return worst
}

function days(from: string | undefined, to: string | undefined): number | undefined {
  const start = from === undefined ? Number.NaN : Date.parse(`${from}T00:00:00Z`)
  const end = to === undefined ? Number.NaN : Date.parse(`${to}T00:00:00Z`)
  return Number.isNaN(start) || Number.isNaN(end) ? undefined : Math.round((end - start) / 86_400_000)
}

function vatIdValid(field: Field | undefined): boolean | undefined {
  if (field === undefined) {
    return undefined
  }
  const result = checkVAT(field.normalised, countries)
  // A country nobody has a checksum for is not wrong.
  return result.isSupportedCountry || /^[A-Z]{2}[0-9A-Z+*]{2,13}$/.test(field.normalised) ? result.isValid || !result.isSupportedCountry : false
}
