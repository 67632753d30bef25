import { fail, succeed } from '../failure.ts'
import type { EInvoice, Outcome } from '../types.ts'
import type { XmlBounds, XmlElement } from './xml.ts'
import { decodeXml, find, parseXml } from './xml.ts'

/** Cross Industry Invoice: ZUGFeRD 1 (Document), ZUGFeRD 2, Factur-X and XRechnung (Invoice). UBL: invoice and credit note. */
const roots: ReadonlyMap<string, EInvoice['syntax']> = new Map([
  ['CrossIndustryInvoice', 'cii'], ['CrossIndustryDocument', 'cii'], ['Invoice', 'ubl'], ['CreditNote', 'ubl'],
])

/** The e-invoice itself: Peppol's envelope (StandardBusinessDocument) holds it after a header. */
export function eInvoiceRoot(root: XmlElement): XmlElement {
  return root.name === 'StandardBusinessDocument' ? root.children.find((child) => roots.has(child.name)) ?? root : root
}

/** Tells an e-invoice by its root element, never by a file's name: names vary in case and between standards. */
export function recogniseEInvoice(bytes: Uint8Array, bounds: XmlBounds): Outcome<EInvoice> {
  const decoded = decodeXml(bytes, bounds)
  if (!decoded.ok) {
    return decoded
  }
  const parsed = parseXml(decoded.value, bounds)
  if (!parsed.ok) {
    return parsed
  }
  const root = eInvoiceRoot(parsed.value)
  // The first drafts of ZUGFeRD called their root Invoice as UBL does; what is inside is CII.
  const syntax = find(root, 'HeaderExchangedDocument') === undefined ? roots.get(root.name) : 'cii'
  if (syntax === undefined) {
    return fail('TYPE_UNSUPPORTED', 'content', 'XML that is no e-invoice: root CrossIndustryInvoice, CrossIndustryDocument, Invoice or CreditNote expected')
  }
  const profile = (
    find(root, 'CustomizationID') ??
    find(root, 'ExchangedDocumentContext', 'GuidelineSpecifiedDocumentContextParameter', 'ID') ??
    find(root, 'SpecifiedExchangedDocumentContext', 'GuidelineSpecifiedDocumentContextParameter', 'ID')
  )?.text
  return succeed({ syntax, profile: (profile ?? '').slice(0, 200).toWellFormed(), xml: decoded.value })
}
