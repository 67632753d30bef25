import type { DocumentFields, LineItem, Party, TaxLine } from '../types.ts'
import { en16931RuleSet } from './en16931/index.ts'
import type { Measures } from './measures.ts'

/** What there is for rules and their examples to name, as the types have it: the compiler refuses a name too many or too few. */
type PartyName = 'seller' | 'buyer' | 'payee' | 'taxRepresentative' | 'deliverTo'

const parties: { readonly [name in PartyName]: true } = { seller: true, buyer: true, payee: true, taxRepresentative: true, deliverTo: true }

const partyFields: { readonly [name in keyof Party]-?: true } = {
  name: true, tradingName: true, identifier: true, globalIdentifier: true, registrationId: true, vatId: true, taxNumber: true,
  electronicAddress: true, address: true, street: true, streetAdditional: true, addressLine: true, city: true, postcode: true,
  region: true, country: true, contactName: true, contactPhone: true, contactEmail: true,
}

const plainFields: { readonly [name in Exclude<keyof DocumentFields, PartyName>]-?: true } = {
  specification: true, businessProcess: true, typeCode: true, invoiceNumber: true, issueDate: true, dueDate: true, deliveryDate: true,
  periodStart: true, periodEnd: true, currency: true, taxCurrency: true, taxPointDate: true, taxPointDateCode: true,
  buyerReference: true, projectReference: true, contractNumber: true, purchaseOrderNumber: true, salesOrderNumber: true,
  receivingAdviceNumber: true, despatchAdviceNumber: true, buyerAccountingReference: true, paymentTerms: true, note: true,
  precedingInvoiceNumber: true, precedingInvoiceDate: true, paymentMeansCode: true, remittanceInformation: true, iban: true,
  accountNumber: true, accountName: true, bic: true, cardNumber: true, mandateReference: true, creditorIdentifier: true,
  debitedAccount: true, lineTotal: true, allowanceTotal: true, chargeTotal: true, taxBasisTotal: true, taxTotal: true,
  accountingTaxTotal: true, grandTotal: true, paidAmount: true, roundingAmount: true, payableAmount: true,
}

const lineFields: { readonly [name in keyof LineItem]-?: true } = {
  lineId: true, note: true, description: true, details: true, sellerItemId: true, buyerItemId: true, standardItemId: true,
  orderLine: true, quantity: true, unitCode: true, unitPrice: true, grossPrice: true, priceDiscount: true, priceQuantity: true,
  periodStart: true, periodEnd: true, allowanceAmount: true, chargeAmount: true, taxCategory: true, taxRate: true, lineTotal: true,
  lineStatus: true,
}

const taxFields: { readonly [name in keyof TaxLine]-?: true } = {
  category: true, rate: true, basis: true, amount: true, exemptionReason: true, exemptionReasonCode: true,
}

const measures: { readonly [name in keyof Measures]-?: true } = {
  linesDifference: true, linesGrossDifference: true, totalDifference: true, basisDifference: true, taxLinesDifference: true,
  payableDifference: true, worstLineDifference: true, lineCount: true, issueAgeDays: true, paymentDays: true, ibanValid: true,
  bicValid: true, sellerVatIdValid: true, buyerVatIdValid: true, currencyKnown: true, lowestConfidence: true, fromEInvoice: true,
  visibleNumber: true, visibleDate: true, visibleTotal: true, truncated: true,
}

const standard: ReadonlySet<string> = new Set(en16931RuleSet.rules.flatMap(({ require }) => ('path' in require && require.path !== undefined ? [require.path] : [])))

const fieldParts: ReadonlySet<string> = new Set(['', 'value', 'normalised', 'confidence', 'provenance.page', 'provenance.method'])

/** `invoiceNumber`, `seller.vatId`. */
export const isDocumentField = (name: string): boolean => {
  const [party, part, ...more] = name.split('.') as [string, ...string[]]
  return part === undefined ? Object.hasOwn(plainFields, party) : more.length === 0 && Object.hasOwn(parties, party) && Object.hasOwn(partyFields, part)
}

export const isLineField = (name: string): boolean => Object.hasOwn(lineFields, name)

export const isTaxField = (name: string): boolean => Object.hasOwn(taxFields, name)

/** Whether a fact can have something there; a name that nobody fills would make a rule that never says anything. */
export function isFactPath(fact: string, path: string): boolean {
  const parts = path.split('.')
  switch (fact) {
    case 'fields': {
      const length = Object.hasOwn(parties, parts[0] ?? '') ? 2 : 1
      return isDocumentField(parts.slice(0, length).join('.')) && fieldParts.has(parts.slice(length).join('.'))
    }
    case 'measures':
      return Object.hasOwn(measures, path)
    case 'en16931':
      return standard.has(path)
    case 'document': {
      const [list, index, name, ...part] = parts as [string, ...string[]]
      if (path === 'type' || path === 'lines.length' || path === 'taxes.length') {
        return true
      }
      const isField = list === 'lines' ? isLineField : list === 'taxes' ? isTaxField : () => false
      return index !== undefined && /^\d{1,4}$/.test(index) && name !== undefined && isField(name) && fieldParts.has(part.join('.'))
    }
    default:
      return false
  }
}
