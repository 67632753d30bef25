import type { XmlElement } from '../text/index.ts'
import { find, findAll } from '../text/index.ts'
import type { Adjustment, DocumentFields, Extraction, LineItem, Party, TaxLine } from '../types.ts'
import { allOf, partRules } from './e-invoice-parts.ts'
import { account, amount, attribute, code, compact, id, isoDate, isTrue, joined, number, orNothing, stated, sumOf, text } from './e-invoice-values.ts'

/** OASIS UBL 2.1, Invoice and CreditNote (XRechnung, Peppol BIS). The binding of terms to elements is CEN/TS 16931-3-2. */
export function mapUbl(root: XmlElement, maxLines: number): Omit<Extraction, 'extractorVersion'> {
  const creditNote = root.name === 'CreditNote'
  const currency = find(root, 'DocumentCurrencyCode')
  const taxTotals = findAll(root, 'TaxTotal')
  const taxTotal = taxTotals.find((total) => find(total, 'TaxAmount')?.attributes.get('currencyID') === currency?.text) ?? taxTotals[0]
  const items = findAll(root, creditNote ? 'CreditNoteLine' : 'InvoiceLine')
  const preceding = find(root, 'BillingReference', 'InvoiceDocumentReference')
  const fields: DocumentFields = compact<DocumentFields>({
    seller: partyOf(find(root, 'AccountingSupplierParty', 'Party')),
    buyer: partyOf(find(root, 'AccountingCustomerParty', 'Party')),
    payee: orNothing(withoutTradingName(partyOf(find(root, 'PayeeParty')))),
    taxRepresentative: orNothing(withoutTradingName(partyOf(find(root, 'TaxRepresentativeParty')))),
    deliverTo: orNothing(compact<Party>({
      name: text(find(root, 'Delivery', 'DeliveryParty', 'PartyName', 'Name')),
      identifier: text(find(root, 'Delivery', 'DeliveryLocation', 'ID')),
      ...addressOf(find(root, 'Delivery', 'DeliveryLocation', 'Address')),
    })),
    specification: text(find(root, 'CustomizationID')),
    businessProcess: text(find(root, 'ProfileID')),
    typeCode: code(find(root, creditNote ? 'CreditNoteTypeCode' : 'InvoiceTypeCode')),
    invoiceNumber: text(find(root, 'ID')),
    issueDate: isoDate(find(root, 'IssueDate')),
    dueDate: isoDate(find(root, 'DueDate') ?? findAll(root, 'PaymentMeans').map((one) => find(one, 'PaymentDueDate')).find((date) => date !== undefined)),
    deliveryDate: isoDate(find(root, 'Delivery', 'ActualDeliveryDate')),
    periodStart: isoDate(find(root, 'InvoicePeriod', 'StartDate')),
    periodEnd: isoDate(find(root, 'InvoicePeriod', 'EndDate')),
    currency: code(currency),
    taxCurrency: code(find(root, 'TaxCurrencyCode')),
    taxPointDate: isoDate(find(root, 'TaxPointDate')),
    taxPointDateCode: code(find(root, 'InvoicePeriod', 'DescriptionCode')),
    buyerReference: text(find(root, 'BuyerReference')),
    projectReference: text(find(root, 'ProjectReference', 'ID')),
    contractNumber: text(find(root, 'ContractDocumentReference', 'ID')),
    purchaseOrderNumber: text(find(root, 'OrderReference', 'ID')),
    salesOrderNumber: text(find(root, 'OrderReference', 'SalesOrderID')),
    receivingAdviceNumber: text(find(root, 'ReceiptDocumentReference', 'ID')),
    despatchAdviceNumber: text(find(root, 'DespatchDocumentReference', 'ID')),
    buyerAccountingReference: text(find(root, 'AccountingCost')),
    paymentTerms: text(find(root, 'PaymentTerms', 'Note')),
    note: text(find(root, 'Note')),
    precedingInvoiceNumber: text(find(preceding, 'ID')),
    precedingInvoiceDate: isoDate(find(preceding, 'IssueDate')),
    ...paymentFields(root),
    ...totals(root),
    taxTotal: amount(find(taxTotal, 'TaxAmount')),
    accountingTaxTotal: amount(find(taxTotals.find((total) => total !== taxTotal), 'TaxAmount')),
  })
  return {
    fields,
    lines: items.slice(0, maxLines).map((item) => lineOf(item, creditNote ? 'CreditedQuantity' : 'InvoicedQuantity')),
    taxes: findAll(taxTotal, 'TaxSubtotal').slice(0, maxLines).map((tax) => compact<TaxLine>({
      category: code(find(tax, 'TaxCategory', 'ID')),
      rate: number(find(tax, 'TaxCategory', 'Percent')),
      basis: amount(find(tax, 'TaxableAmount')),
      amount: amount(find(tax, 'TaxAmount')),
      exemptionReason: text(find(tax, 'TaxCategory', 'TaxExemptionReason')),
      exemptionReasonCode: code(find(tax, 'TaxCategory', 'TaxExemptionReasonCode')),
    })),
    adjustments: findAll(root, 'AllowanceCharge').slice(0, maxLines).map((one) => compact<Adjustment>({
      kind: stated(isCharge(one) ? 'charge' : 'allowance'),
      amount: amount(find(one, 'Amount')),
      basis: amount(find(one, 'BaseAmount')),
      percent: number(find(one, 'MultiplierFactorNumeric')),
      taxCategory: code(find(one, 'TaxCategory', 'ID')),
      taxRate: number(find(one, 'TaxCategory', 'Percent')),
      reason: text(find(one, 'AllowanceChargeReason')),
      reasonCode: code(find(one, 'AllowanceChargeReasonCode')),
    })),
    partRules: partRulesOf(root, items),
    truncated: items.length > maxLines,
  }
}

function partRulesOf(root: XmlElement, items: readonly XmlElement[]): Extraction['partRules'] {
  const adjustments = allOf(items, 'AllowanceCharge')
  const products = allOf(items, 'Item')
  return partRules({
    lineAllowances: adjustments.filter((one) => !isCharge(one)),
    lineCharges: adjustments.filter(isCharge),
    adjustment: { amount: 'Amount', basis: 'BaseAmount', reason: 'AllowanceChargeReason', reasonCode: 'AllowanceChargeReasonCode' },
    periods: findAll(root, 'InvoicePeriod'),
    linePeriods: allOf(items, 'InvoicePeriod'),
    // BT-8, the code of the tax point, stands in the same element
    period: ['StartDate', 'EndDate', 'DescriptionCode'],
    documentReferences: findAll(root, 'AdditionalDocumentReference').map((one) => find(one, 'ID')),
    itemAttributes: allOf(products, 'AdditionalItemProperty').map((one) => [find(one, 'Name'), find(one, 'Value')]),
    sellerAddress: find(root, 'AccountingSupplierParty', 'Party', 'EndpointID'),
    buyerAddress: find(root, 'AccountingCustomerParty', 'Party', 'EndpointID'),
    itemIdentifiers: products.map((product) => find(product, 'StandardItemIdentification', 'ID')),
    itemClasses: allOf(products, 'CommodityClassification').map((one) => find(one, 'ItemClassificationCode')),
  })
}

type Some = Partial<{ [Key in keyof DocumentFields]: DocumentFields[Key] | undefined }>

function paymentFields(root: XmlElement): Some {
  const means = findAll(root, 'PaymentMeans')
  const pick = (...path: string[]): XmlElement | undefined => means.map((one) => find(one, ...path)).find((found) => found !== undefined)
  // BT-90 is an identifier of the payee, else of the seller, marked SEPA.
  const sepa = [find(root, 'PayeeParty'), find(root, 'AccountingSupplierParty', 'Party')]
    .flatMap((party) => findAll(party, 'PartyIdentification'))
    .map((one) => find(one, 'ID'))
    .find((one) => one?.attributes.get('schemeID') === 'SEPA')
  return {
    paymentMeansCode: code(pick('PaymentMeansCode')),
    remittanceInformation: text(pick('PaymentID')),
    ...account(pick('PayeeFinancialAccount', 'ID')),
    accountName: text(pick('PayeeFinancialAccount', 'Name')),
    bic: id(pick('PayeeFinancialAccount', 'FinancialInstitutionBranch', 'ID')),
    cardNumber: text(pick('CardAccount', 'PrimaryAccountNumberID')),
    mandateReference: text(pick('PaymentMandate', 'ID')),
    creditorIdentifier: text(sepa),
    debitedAccount: id(pick('PaymentMandate', 'PayerFinancialAccount', 'ID')),
  }
}

function totals(root: XmlElement): Some {
  const sums = find(root, 'LegalMonetaryTotal')
  return {
    lineTotal: amount(find(sums, 'LineExtensionAmount')),
    allowanceTotal: amount(find(sums, 'AllowanceTotalAmount')),
    chargeTotal: amount(find(sums, 'ChargeTotalAmount')),
    taxBasisTotal: amount(find(sums, 'TaxExclusiveAmount')),
    grandTotal: amount(find(sums, 'TaxInclusiveAmount')),
    paidAmount: amount(find(sums, 'PrepaidAmount')),
    roundingAmount: amount(find(sums, 'PayableRoundingAmount')),
    payableAmount: amount(find(sums, 'PayableAmount')),
  }
}

function isCharge(element: XmlElement): boolean {
  return isTrue(find(element, 'ChargeIndicator'))
}

function lineOf(item: XmlElement, quantityName: string): LineItem {
  const quantity = find(item, quantityName)
  const product = find(item, 'Item')
  const price = find(item, 'Price')
  const adjustments = findAll(item, 'AllowanceCharge')
  return compact<LineItem>({
    lineId: text(find(item, 'ID')),
    note: text(find(item, 'Note')),
    description: text(find(product, 'Name')),
    details: text(find(product, 'Description')),
    sellerItemId: text(find(product, 'SellersItemIdentification', 'ID')),
    buyerItemId: text(find(product, 'BuyersItemIdentification', 'ID')),
    standardItemId: text(find(product, 'StandardItemIdentification', 'ID')),
    orderLine: text(find(item, 'OrderLineReference', 'LineID')),
    quantity: number(quantity),
    unitCode: attribute(quantity, 'unitCode'),
    unitPrice: amount(find(price, 'PriceAmount')),
    grossPrice: amount(find(price, 'AllowanceCharge', 'BaseAmount')),
    priceDiscount: amount(find(price, 'AllowanceCharge', 'Amount')),
    priceQuantity: number(find(price, 'BaseQuantity')),
    periodStart: isoDate(find(item, 'InvoicePeriod', 'StartDate')),
    periodEnd: isoDate(find(item, 'InvoicePeriod', 'EndDate')),
    allowanceAmount: sumOf(adjustments.filter((one) => !isCharge(one)).map((one) => find(one, 'Amount'))),
    chargeAmount: sumOf(adjustments.filter(isCharge).map((one) => find(one, 'Amount'))),
    taxCategory: code(find(product, 'ClassifiedTaxCategory', 'ID')),
    taxRate: number(find(product, 'ClassifiedTaxCategory', 'Percent')),
    lineTotal: amount(find(item, 'LineExtensionAmount')),
  })
}

function partyOf(party: XmlElement | undefined): Party {
  const schemes = findAll(party, 'PartyTaxScheme')
  const vat = schemes.find((scheme) => find(scheme, 'TaxScheme', 'ID')?.text === 'VAT')
  const other = schemes.find((scheme) => ![undefined, 'VAT'].includes(find(scheme, 'TaxScheme', 'ID')?.text))
  const identifiers = findAll(party, 'PartyIdentification').map((one) => find(one, 'ID')).filter((one) => one?.attributes.get('schemeID') !== 'SEPA')
  const legal = find(party, 'PartyLegalEntity')
  const name = find(party, 'PartyName', 'Name')
  const contact = find(party, 'Contact')
  return compact<Party>({
    name: text(find(legal, 'RegistrationName')) ?? text(name),
    tradingName: text(name),
    identifier: text(identifiers.find((one) => !one?.attributes.has('schemeID'))),
    globalIdentifier: text(identifiers.find((one) => one?.attributes.has('schemeID') === true)),
    registrationId: text(find(legal, 'CompanyID')),
    vatId: id(find(vat, 'CompanyID')),
    taxNumber: text(find(other, 'CompanyID')),
    electronicAddress: text(find(party, 'EndpointID')),
    ...addressOf(find(party, 'PostalAddress')),
    contactName: text(find(contact, 'Name')),
    contactPhone: text(find(contact, 'Telephone')),
    contactEmail: text(find(contact, 'ElectronicMail')),
  })
}

/** Payee and tax representative have one name only, and it is the party's (BT-59, BT-62). */
function withoutTradingName({ tradingName: _, ...party }: Party): Party {
  return party
}

function addressOf(address: XmlElement | undefined): { [Key in keyof Party]: Party[Key] | undefined } {
  const street = find(address, 'StreetName')
  const more = find(address, 'AdditionalStreetName')
  const line = find(address, 'AddressLine', 'Line')
  const postcode = find(address, 'PostalZone')
  const city = find(address, 'CityName')
  return {
    address: joined([street, more, line, postcode, city]),
    street: text(street),
    streetAdditional: text(more),
    addressLine: text(line),
    city: text(city),
    postcode: text(postcode),
    region: text(find(address, 'CountrySubentity')),
    country: code(find(address, 'Country', 'IdentificationCode')),
  }
}
