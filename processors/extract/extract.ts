import { Decimal } from 'decimal.js'
import { succeed } from '../failure.ts'
import { type MemoryLookup, withLearned } from '../learn/propose.ts'
import type { DocumentFields, DocumentText, Extraction, Field, LineItem, Outcome, TaxLine } from '../types.ts'
import { amountCandidates, labelOf } from './candidates.ts'
import { findCurrency } from './currency.ts'
import type { DateOrder } from './dates.ts'
import { mapEInvoice } from './e-invoice.ts'
import { toField } from './field.ts'
import { findBic, findHeaderDates, findIban, findNumber } from './header.ts'
import { labelsVersion, totalLabels } from './labels.ts'
import type { Layout } from './layout.ts'
import { layOut } from './layout.ts'
import { findParties } from './parties.ts'
import type { ReceiptFields } from './receipt.ts'
import { findReceipt, receiptWeights } from './receipt.ts'
import { isNarrow } from './receipt-rows.ts'
import { findSumTable } from './sum-table.ts'
import { findLines, maxItems } from './table.ts'
import { findTotals } from './totals.ts'
import { compareWithPages } from './visible.ts'

export interface ExtractOptions {
  /** For dates like 03/04/2026 where the document does not tell: by another date, by an address in the United States. Default day-month. */
  readonly dateOrder?: DateOrder
  /** YYYY-MM-DD of the record's time: later dates of issue are misread. */
  readonly receivedDay?: string
  /** Assumed where the document names none; believed little. */
  readonly defaultCurrency?: string
  /** What corrections taught about the tenant's vendors. */
  readonly learned?: MemoryLookup
}

/** Lines and taxes as JSON: every record that holds them has to stay below the brokers' usual 1 MiB. */
const maxItemBytes = 400 * 1024
const maxTaxes = 100

/** Raised whenever the same text may give other fields. */
const rulesVersion = 7
/** Names what extracts: a cache's key and every record carry it. */
export const extractorVersion = `rules-${rulesVersion}.${labelsVersion}.${receiptWeights.version}`

/**
 * Fields of a document: from its e-invoice where there is one (that is the truth), else by rules over the layout: candidates, their
 * scores, an assignment. Pure and synchronous; the same text gives the same fields.
 */
export function extract(text: DocumentText, options: ExtractOptions = {}): Outcome<Extraction> {
  const layout = layOut(text)
  if (text.eInvoice === undefined) {
    const extraction = extractFromPages(layout, options)
    const { learned, dateOrder = 'day-month' } = options
    const fields = learned === undefined ? extraction.fields : withLearned(extraction.fields, learned, layout, text.pages, dateOrder)
    return succeed(bounded({ ...extraction, fields }))
  }
  const mapped = mapEInvoice(text.eInvoice)
  if (!mapped.ok) {
    return mapped
  }
  const visible = layout.rows.length === 0 ? [] : compareWithPages(mapped.value.fields, extractFromPages(layout, options).fields, layout)
  return succeed(bounded({ ...mapped.value, ...(visible.length === 0 ? {} : { visible }), extractorVersion }))
}

function extractFromPages(layout: Layout, options: ExtractOptions): Extraction {
  const amounts = amountCandidates(layout)
  const narrow = isNarrow(layout)
  // A booking's number stands for that of an invoice without one; what a till prints besides is too much to choose from.
  const number = findNumber(layout, 'invoiceNumber') ?? (narrow ? undefined : findNumber(layout, 'reference'))
  const purchaseOrderNumber = findNumber(layout, 'purchaseOrder')
  const iban = findIban(layout)
  const bic = findBic(layout)
  const currency = findCurrency(layout) ?? assumedCurrency(options.defaultCurrency)
  const dateOrder = options.dateOrder ?? 'day-month'
  const sums = findSumTable(layout)
  const invoice: DocumentFields = { ...findParties(layout), ...findHeaderDates(layout, dateOrder, options.receivedDay), ...findTotals(layout, amounts, sums) }
  const fields: DocumentFields = {
    ...(narrow ? asReceipt(invoice, findReceipt(layout, { ...options, dateOrder })) : invoice),
    ...(number === undefined ? {} : { invoiceNumber: number }),
    ...(purchaseOrderNumber === undefined ? {} : { purchaseOrderNumber }),
    ...(iban === undefined ? {} : { iban }),
    ...(bic === undefined ? {} : { bic }),
    ...(currency === undefined ? {} : { currency }),
  }
  const taxes = sums.taxes.length > 0 ? sums.taxes : findTaxes(layout, amounts)
  const lines = withOnlyRate(findLines(layout, [fields.taxBasisTotal, fields.grandTotal]), taxes)
  return { fields, lines, taxes, extractorVersion, truncated: lines.length >= maxItems }
}

/** A document with one rate of tax has it on every line, printed or not. */
function withOnlyRate(lines: readonly LineItem[], taxes: readonly TaxLine[]): readonly LineItem[] {
  const rates = new Set(taxes.map((tax) => tax.rate?.normalised))
  const rate = rates.size === 1 ? taxes[0]?.rate : undefined
  if (rate === undefined || lines.some((line) => line.taxRate !== undefined)) {
    return lines
  }
  const inferred: Field = { ...rate, confidence: 0.7, provenance: { ...rate.provenance, method: 'rule' } }
  return lines.map((line) => ({ ...line, taxRate: inferred }))
}

/**
 * On a narrow page the receipt's fields go before those of an invoice's layout; net and tax stay when they belong to the same total (a
 * wrong sum on paper has to stay wrong) or add up to it.
 */
function asReceipt(invoice: DocumentFields, receipt: ReceiptFields): DocumentFields {
  const { taxBasisTotal, taxTotal, grandTotal, payableAmount, ...rest } = invoice
  const total = receipt.grandTotal ?? grandTotal
  const same = total?.normalised === grandTotal?.normalised || addsUp(taxBasisTotal, taxTotal, total)
  return {
    ...rest,
    seller: { ...invoice.seller, ...(receipt.name === undefined ? {} : { name: receipt.name }), ...(receipt.address === undefined ? {} : { address: receipt.address }) },
    ...(receipt.issueDate === undefined ? {} : { issueDate: receipt.issueDate }),
    ...(total === undefined ? {} : { grandTotal: total }),
    ...(same && taxBasisTotal !== undefined ? { taxBasisTotal } : {}),
    ...(same && taxTotal !== undefined ? { taxTotal } : {}),
    ...(same && payableAmount !== undefined ? { payableAmount } : {}),
  }
}

/** Tills round to five cents. */
function addsUp(net: Field | undefined, tax: Field | undefined, total: Field | undefined): boolean {
  return net !== undefined && tax !== undefined && total !== undefined && new Decimal(net.normalised).plus(tax.normalised).minus(total.normalised).abs().lte('0.05')
}

/** As many lines, taxes and adjustments as fit the bound; what was left out is said, so that nobody takes a part for the whole. */
function bounded(extraction: Extraction): Extraction {
  let left = maxItemBytes
  const fits = (item: unknown): boolean => {
    left -= Buffer.byteLength(JSON.stringify(item))
    return left >= 0
  }
  const taxes = extraction.taxes.slice(0, maxTaxes).filter(fits)
  const adjustments = extraction.adjustments?.slice(0, maxTaxes).filter(fits)
  const cut = extraction.lines.findIndex((line) => !fits(line))
  const lines = cut < 0 ? extraction.lines : extraction.lines.slice(0, cut)
  const whole = lines.length === extraction.lines.length && taxes.length === extraction.taxes.length && adjustments?.length === extraction.adjustments?.length
  return { ...extraction, lines, taxes, ...(adjustments === undefined ? {} : { adjustments }), truncated: extraction.truncated || !whole }
}

function assumedCurrency(code: string | undefined): DocumentFields['currency'] {
  return code === undefined ? undefined : { value: '', normalised: code, confidence: 0.4, provenance: { page: 0, method: 'rule' } }
}

/** `19 %` → `19`, `5,5%` → `5.5` */
function rateIn(text: string): string | undefined {
  return /(?<![\d.,])(\d{1,2}(?:[.,]\d{1,2})?)\s?%/.exec(text)?.[1]?.replace(',', '.').replace(/\.?0+$/, (zeros) => (zeros.startsWith('.') ? '' : zeros))
}

/** Taxes whose row names a rate. */
function findTaxes(layout: Layout, amounts: ReturnType<typeof amountCandidates>): TaxLine[] {
  const taxes: TaxLine[] = []
  const seen = new Set<string>()
  for (const candidate of amounts) {
    const label = candidate.found.monetary ? labelOf(candidate, totalLabels) : undefined
    const rate = label?.class === 'taxTotal' ? layout.rows[candidate.run.row]!.runs.map((run) => rateIn(run.text)).find((found) => found !== undefined) : undefined
    const key = `${rate}|${candidate.found.value}`
    if (label !== undefined && rate !== undefined && !seen.has(key) && taxes.length < 20) {
      seen.add(key)
      taxes.push({
        rate: toField(layout, { ...candidate, found: { text: `${rate}%` } }, rate, 0.8),
        amount: toField(layout, candidate, candidate.found.value, 0.5 + 0.4 * label.strength),
      })
    }
  }
  return taxes
}
