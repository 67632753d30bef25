import { fail, succeed } from '../failure.ts'
import { defaultTextBounds, eInvoiceRoot, find, parseXml } from '../text/index.ts'
import type { EInvoice, Extraction, Outcome } from '../types.ts'
import { mapCii } from './e-invoice-cii.ts'
import { mapUbl } from './e-invoice-ubl.ts'

/** Lines of one invoice; more are left out and the extraction says so. */
export const maxLines = 10_000

type Mapped = Outcome<Omit<Extraction, 'extractorVersion'>>

/** By the object it came in: classification asks first, extraction next, and five megabytes of XML take a second to parse. */
const known = new WeakMap<EInvoice, Mapped>()

/** What the XML says is the truth: every field with confidence 1. Both syntaxes of EN 16931, and ZUGFeRD 1. */
export function mapEInvoice(invoice: EInvoice): Mapped {
  let mapped = known.get(invoice)
  if (mapped === undefined) {
    mapped = map(invoice)
    known.set(invoice, mapped)
  }
  return mapped
}

function map(invoice: EInvoice): Mapped {
  const parsed = parseXml(invoice.xml, defaultTextBounds)
  if (!parsed.ok) {
    return parsed
  }
  const root = eInvoiceRoot(parsed.value)
  if (invoice.syntax === 'ubl') {
    return succeed(mapUbl(root, maxLines))
  }
  const header = find(root, 'ExchangedDocument') ?? find(root, 'HeaderExchangedDocument')
  const trade = find(root, 'SupplyChainTradeTransaction') ?? find(root, 'SpecifiedSupplyChainTradeTransaction')
  return header === undefined || trade === undefined
    ? fail('CORRUPT', 'content', 'an e-invoice without header or transaction')
    : succeed(mapCii(root, maxLines))
}
