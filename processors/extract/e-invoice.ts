import { Decimal } from 'decimal.js'
import { fail, succeed } from '../failure.ts'
import type { XmlElement } from '../text/index.ts'
import { defaultTextBounds, find, findAll, parseXml } from '../text/index.ts'
import type { DocumentFields, EInvoice, Extraction, Field, LineItem, Outcome, Party, TaxLine } from '../types.ts'

/** Lines of one invoice; more are left out and the extraction says so. */
export const maxLines = 10_000
const provenance = { page: 0, method: 'e-invoice-xml' } as const

/** The parsed invoice with the code of its type, which decides the classification (UNTDID 1001). */
export interface MappedEInvoice {
  readonly typeCode: string
  readonly extraction: Omit<Extraction, 'extractorVersion'>
}

/** What the XML says is the truth: every field with confidence 1. Both syntaxes of EN 16931, and ZUGFeRD 1. */
export function mapEInvoice(invoice: EInvoice): Outcome<MappedEInvoice> {
  const parsed = parseXml(invoice.xml, defaultTextBounds)
  if (!parsed.ok) {
    return parsed
  }
  const root = parsed.value
  if (invoice.syntax === 'ubl') {
    return succeed(mapUbl(root))
  }
  const header = find(root, 'ExchangedDocument') ?? find(root, 'HeaderExchangedDocument')
  const trade = find(root, 'SupplyChainTradeTransaction') ?? find(root, 'SpecifiedSupplyChainTradeTransaction')
  return header === undefined || trade === undefined ? fail('CORRUPT', 'content', 'an e-invoice without header or transaction') : succeed(mapCii(header, trade))
}

function mapCii(header: XmlElement, trade: XmlElement): MappedEInvoice {
  const agreement = find(trade, 'ApplicableHeaderTradeAgreement') ?? find(trade, 'ApplicableSupplyChainTradeAgreement')
  const delivery = find(trade, 'ApplicableHeaderTradeDelivery') ?? find(trade, 'ApplicableSupplyChainTradeDelivery')
  const settlement = find(trade, 'ApplicableHeaderTradeSettlement') ?? find(trade, 'ApplicableSupplyChainTradeSettlement')
  const sums = find(settlement, 'SpecifiedTradeSettlementHeaderMonetarySummation') ?? find(settlement, 'SpecifiedTradeSettlementMonetarySummation')
  const currency = find(settlement, 'InvoiceCurrencyCode')
  // The tax total may stand there twice, the second time in the currency of accounting (BT-111).
  const taxTotals = findAll(sums, 'TaxTotalAmount')
  const taxTotal = taxTotals.find((total) => total.attributes.get('currencyID') === currency?.text) ?? taxTotals[0]
  const means = findAll(settlement, 'SpecifiedTradeSettlementPaymentMeans')
  const account = means.map((one) => find(one, 'PayeePartyCreditorFinancialAccount', 'IBANID')).find((id) => id !== undefined)
  const bank = means.map((one) => find(one, 'PayeeSpecifiedCreditorFinancialInstitution', 'BICID')).find((id) => id !== undefined)
  const terms = findAll(settlement, 'SpecifiedTradePaymentTerms')
  const fields: DocumentFields = compact({
    seller: ciiParty(find(agreement, 'SellerTradeParty')),
    buyer: ciiParty(find(agreement, 'BuyerTradeParty')),
    invoiceNumber: text(find(header, 'ID')),
    issueDate: ciiDate(find(header, 'IssueDateTime')),
    dueDate: ciiDate(terms.map((term) => find(term, 'DueDateDateTime')).find((date) => date !== undefined)),
    deliveryDate: ciiDate(find(delivery, 'ActualDeliverySupplyChainEvent', 'OccurrenceDateTime')),
    currency: code(currency),
    purchaseOrderNumber: text(find(agreement, 'BuyerOrderReferencedDocument', 'IssuerAssignedID') ?? find(agreement, 'BuyerOrderReferencedDocument', 'ID')),
    precedingInvoiceNumber: text(find(settlement, 'InvoiceReferencedDocument', 'IssuerAssignedID')),
    iban: id(account),
    bic: id(bank),
    lineTotal: amount(find(sums, 'LineTotalAmount')),
    allowanceTotal: amount(find(sums, 'AllowanceTotalAmount')),
    chargeTotal: amount(find(sums, 'ChargeTotalAmount')),
    taxBasisTotal: amount(find(sums, 'TaxBasisTotalAmount')),
    taxTotal: amount(taxTotal),
    grandTotal: amount(find(sums, 'GrandTotalAmount')),
    paidAmount: amount(find(sums, 'TotalPrepaidAmount')),
    roundingAmount: amount(find(sums, 'RoundingAmount')),
    payableAmount: amount(find(sums, 'DuePayableAmount')),
  })
  const items = findAll(trade, 'IncludedSupplyChainTradeLineItem')
  return {
    typeCode: find(header, 'TypeCode')?.text ?? '',
    extraction: {
      fields,
      lines: items.slice(0, maxLines).map(ciiLine),
      taxes: findAll(settlement, 'ApplicableTradeTax').slice(0, maxLines).map((tax) => compact<TaxLine>({
        category: code(find(tax, 'CategoryCode')),
        rate: number(find(tax, 'RateApplicablePercent') ?? find(tax, 'ApplicablePercent')),
        basis: amount(find(tax, 'BasisAmount')),
        amount: amount(find(tax, 'CalculatedAmount')),
      })),
      truncated: items.length > maxLines,
    },
  }
}

function ciiLine(item: XmlElement): LineItem {
  const agreement = find(item, 'SpecifiedLineTradeAgreement') ?? find(item, 'SpecifiedSupplyChainTradeAgreement')
  const delivery = find(item, 'SpecifiedLineTradeDelivery') ?? find(item, 'SpecifiedSupplyChainTradeDelivery')
  const settlement = find(item, 'SpecifiedLineTradeSettlement') ?? find(item, 'SpecifiedSupplyChainTradeSettlement')
  const quantity = find(delivery, 'BilledQuantity')
  const tax = find(settlement, 'ApplicableTradeTax')
  return compact<LineItem>({
    lineId: text(find(item, 'AssociatedDocumentLineDocument', 'LineID')),
    description: text(find(item, 'SpecifiedTradeProduct', 'Name')),
    quantity: number(quantity),
    unitCode: attribute(quantity, 'unitCode'),
    unitPrice: amount(find(agreement, 'NetPriceProductTradePrice', 'ChargeAmount')),
    taxRate: number(find(tax, 'RateApplicablePercent') ?? find(tax, 'ApplicablePercent')),
    lineTotal: amount(
      find(settlement, 'SpecifiedTradeSettlementLineMonetarySummation', 'LineTotalAmount') ??
      find(settlement, 'SpecifiedTradeSettlementMonetarySummation', 'LineTotalAmount'),
    ),
  })
}

function ciiParty(party: XmlElement | undefined): Party {
  const registrations = findAll(party, 'SpecifiedTaxRegistration').map((registration) => find(registration, 'ID'))
  const scheme = (name: string): XmlElement | undefined => registrations.find((registration) => registration?.attributes.get('schemeID') === name)
  const address = find(party, 'PostalTradeAddress')
  return compact<Party>({
    name: text(find(party, 'Name')),
    vatId: id(scheme('VA')),
    taxNumber: text(scheme('FC')),
    address: joined(address, ['LineOne', 'LineTwo', 'LineThree', 'PostcodeCode', 'CityName']),
    country: code(find(address, 'CountryID')),
  })
}

function mapUbl(root: XmlElement): MappedEInvoice {
  const creditNote = root.name === 'CreditNote'
  const sums = find(root, 'LegalMonetaryTotal')
  const currency = find(root, 'DocumentCurrencyCode')
  const taxTotals = findAll(root, 'TaxTotal')
  const taxTotal = taxTotals.find((total) => find(total, 'TaxAmount')?.attributes.get('currencyID') === currency?.text) ?? taxTotals[0]
  const account = findAll(root, 'PaymentMeans').map((means) => find(means, 'PayeeFinancialAccount')).find((one) => one !== undefined)
  const fields: DocumentFields = compact({
    seller: ublParty(find(root, 'AccountingSupplierParty', 'Party')),
    buyer: ublParty(find(root, 'AccountingCustomerParty', 'Party')),
    invoiceNumber: text(find(root, 'ID')),
    issueDate: isoDate(find(root, 'IssueDate')),
    dueDate: isoDate(find(root, 'DueDate') ?? find(root, 'PaymentMeans', 'PaymentDueDate')),
    deliveryDate: isoDate(find(root, 'Delivery', 'ActualDeliveryDate')),
    currency: code(currency),
    purchaseOrderNumber: text(find(root, 'OrderReference', 'ID')),
    precedingInvoiceNumber: text(find(root, 'BillingReference', 'InvoiceDocumentReference', 'ID')),
    iban: id(find(account, 'ID')),
    bic: id(find(account, 'FinancialInstitutionBranch', 'ID')),
    lineTotal: amount(find(sums, 'LineExtensionAmount')),
    allowanceTotal: amount(find(sums, 'AllowanceTotalAmount')),
    chargeTotal: amount(find(sums, 'ChargeTotalAmount')),
    taxBasisTotal: amount(find(sums, 'TaxExclusiveAmount')),
    taxTotal: amount(find(taxTotal, 'TaxAmount')),
    grandTotal: amount(find(sums, 'TaxInclusiveAmount')),
    paidAmount: amount(find(sums, 'PrepaidAmount')),
    roundingAmount: amount(find(sums, 'PayableRoundingAmount')),
    payableAmount: amount(find(sums, 'PayableAmount')),
  })
  const items = findAll(root, creditNote ? 'CreditNoteLine' : 'InvoiceLine')
  return {
    typeCode: (find(root, 'InvoiceTypeCode') ?? find(root, 'CreditNoteTypeCode'))?.text ?? (creditNote ? '381' : ''),
    extraction: {
      fields,
      lines: items.slice(0, maxLines).map((item) => {
        const quantity = find(item, creditNote ? 'CreditedQuantity' : 'InvoicedQuantity')
        return compact<LineItem>({
          lineId: text(find(item, 'ID')),
          description: text(find(item, 'Item', 'Name')),
          quantity: number(quantity),
          unitCode: attribute(quantity, 'unitCode'),
          unitPrice: amount(find(item, 'Price', 'PriceAmount')),
          taxRate: number(find(item, 'Item', 'ClassifiedTaxCategory', 'Percent')),
          lineTotal: amount(find(item, 'LineExtensionAmount')),
        })
      }),
      taxes: findAll(taxTotal, 'TaxSubtotal').slice(0, maxLines).map((tax) => compact<TaxLine>({
        category: code(find(tax, 'TaxCategory', 'ID')),
        rate: number(find(tax, 'TaxCategory', 'Percent')),
        basis: amount(find(tax, 'TaxableAmount')),
        amount: amount(find(tax, 'TaxAmount')),
      })),
      truncated: items.length > maxLines,
    },
  }
}

function ublParty(party: XmlElement | undefined): Party {
  const schemes = findAll(party, 'PartyTaxScheme')
  const vat = schemes.find((scheme) => find(scheme, 'TaxScheme', 'ID')?.text === 'VAT')
  const other = schemes.find((scheme) => scheme !== vat)
  const address = find(party, 'PostalAddress')
  return compact<Party>({
    name: text(find(party, 'PartyLegalEntity', 'RegistrationName') ?? find(party, 'PartyName', 'Name')),
    vatId: id(find(vat, 'CompanyID')),
    taxNumber: text(find(other, 'CompanyID')),
    address: joined(address, ['StreetName', 'AdditionalStreetName', 'PostalZone', 'CityName']),
    country: code(find(address, 'Country', 'IdentificationCode')),
  })
}

const maxValue = 1000

function field(value: string | undefined, normalise: (value: string) => string | undefined): Field | undefined {
  if (value === undefined || value === '') {
    return undefined
  }
  const normalised = normalise(value)
  // A value that is not what its element promises is kept as it stands, and not believed.
  return normalised === undefined || normalised === ''
    ? { value: value.slice(0, maxValue).toWellFormed(), normalised: '', confidence: 0, provenance }
    : { value: value.slice(0, maxValue).toWellFormed(), normalised: normalised.slice(0, maxValue).toWellFormed(), confidence: 1, provenance }
}

function text(element: XmlElement | undefined): Field | undefined {
  return field(element?.text, (value) => value.replace(/\s+/g, ' ').trim())
}

function id(element: XmlElement | undefined): Field | undefined {
  return field(element?.text, (value) => value.replace(/\s+/g, '').toUpperCase())
}

function code(element: XmlElement | undefined): Field | undefined {
  return field(element?.text, (value) => value.trim().toUpperCase())
}

function attribute(element: XmlElement | undefined, name: string): Field | undefined {
  return field(element?.attributes.get(name), (value) => value.trim())
}

/** xs:decimal, bounded: an exponent or a thousand digits is no number. */
function number(element: XmlElement | undefined): Field | undefined {
  return field(element?.text, (value) => toDecimal(value)?.toFixed())
}

/** An amount has two decimals at least, so that equal amounts are equal strings. */
function amount(element: XmlElement | undefined): Field | undefined {
  return field(element?.text, (value) => {
    const decimal = toDecimal(value)
    return decimal?.toFixed(Math.max(2, decimal.decimalPlaces()))
  })
}

function toDecimal(value: string): Decimal | undefined {
  const plain = value.trim()
  return /^[+-]?(?:\d{1,24}(?:\.\d{0,12})?|\.\d{1,12})$/.test(plain) ? new Decimal(plain) : undefined
}

/** Format 102: YYYYMMDD; what else occurs is ISO 8601 with or without a time. */
function ciiDate(element: XmlElement | undefined): Field | undefined {
  // The first drafts of ZUGFeRD have the digits in the element itself.
  return field((find(element, 'DateTimeString') ?? element)?.text, (value) => {
    const match = /^(\d{4})-?(\d{2})-?(\d{2})(?:T.*)?$/.exec(value.trim())
    return match === null ? undefined : checkedDay(`${match[1]}-${match[2]}-${match[3]}`)
  })
}

function isoDate(element: XmlElement | undefined): Field | undefined {
  return field(element?.text, (value) => checkedDay(value.trim().slice(0, 10)))
}

function checkedDay(day: string): string | undefined {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== day ? undefined : day
}

function joined(element: XmlElement | undefined, names: readonly string[]): Field | undefined {
  const parts = names.map((name) => find(element, name)?.text ?? '').filter((part) => part !== '')
  return field(parts.join(', '), (value) => value.replace(/\s+/g, ' '))
}

/** Leaves out what is not there: absent and undefined are the same in a record, not in a comparison. */
function compact<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
}
