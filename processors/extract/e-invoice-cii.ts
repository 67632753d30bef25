import type { XmlElement } from '../text/index.ts'
import { find, findAll } from '../text/index.ts'
import type { Adjustment, DocumentFields, Extraction, LineItem, Party, TaxLine } from '../types.ts'
import { allOf, partRules } from './e-invoice-parts.ts'
import { account, amount, attribute, ciiDate, code, compact, id, isTrue, joined, number, orNothing, stated, sumOf, text } from './e-invoice-values.ts'

/**
 * UN/CEFACT Cross Industry Invoice, D16B (ZUGFeRD 2, Factur-X, XRechnung) and the 2013 one (ZUGFeRD 1): the same tree under other
 * names for its branches. The binding of terms to elements is CEN/TS 16931-3-3.
 */
export function mapCii(root: XmlElement, maxLines: number): Omit<Extraction, 'extractorVersion'> {
  const context = find(root, 'ExchangedDocumentContext') ?? find(root, 'SpecifiedExchangedDocumentContext')
  const header = find(root, 'ExchangedDocument') ?? find(root, 'HeaderExchangedDocument')
  const trade = find(root, 'SupplyChainTradeTransaction') ?? find(root, 'SpecifiedSupplyChainTradeTransaction')
  const agreement = find(trade, 'ApplicableHeaderTradeAgreement') ?? find(trade, 'ApplicableSupplyChainTradeAgreement')
  const delivery = find(trade, 'ApplicableHeaderTradeDelivery') ?? find(trade, 'ApplicableSupplyChainTradeDelivery')
  const settlement = find(trade, 'ApplicableHeaderTradeSettlement') ?? find(trade, 'ApplicableSupplyChainTradeSettlement')
  const items = findAll(trade, 'IncludedSupplyChainTradeLineItem')
  const fields: DocumentFields = compact<DocumentFields>({
    seller: partyOf(find(agreement, 'SellerTradeParty')),
    buyer: partyOf(find(agreement, 'BuyerTradeParty')),
    payee: orNothing(partyOf(find(settlement, 'PayeeTradeParty'))),
    taxRepresentative: orNothing(partyOf(find(agreement, 'SellerTaxRepresentativeTradeParty'))),
    deliverTo: orNothing(partyOf(find(delivery, 'ShipToTradeParty'))),
    specification: text(find(context, 'GuidelineSpecifiedDocumentContextParameter', 'ID')),
    businessProcess: text(find(context, 'BusinessProcessSpecifiedDocumentContextParameter', 'ID')),
    typeCode: code(find(header, 'TypeCode')),
    invoiceNumber: text(find(header, 'ID')),
    issueDate: ciiDate(find(header, 'IssueDateTime')),
    note: text(find(header, 'IncludedNote', 'Content')),
    deliveryDate: ciiDate(find(delivery, 'ActualDeliverySupplyChainEvent', 'OccurrenceDateTime')),
    buyerReference: text(find(agreement, 'BuyerReference')),
    projectReference: text(find(agreement, 'SpecifiedProcuringProject', 'ID')),
    contractNumber: reference(find(agreement, 'ContractReferencedDocument')),
    purchaseOrderNumber: reference(find(agreement, 'BuyerOrderReferencedDocument')),
    salesOrderNumber: reference(find(agreement, 'SellerOrderReferencedDocument')),
    receivingAdviceNumber: reference(find(delivery, 'ReceivingAdviceReferencedDocument')),
    despatchAdviceNumber: reference(find(delivery, 'DespatchAdviceReferencedDocument')),
    ...settlementFields(settlement),
    ...totals(settlement),
  })
  return {
    fields,
    lines: items.slice(0, maxLines).map(lineOf),
    taxes: findAll(settlement, 'ApplicableTradeTax').slice(0, maxLines).map((tax) => compact<TaxLine>({
      category: code(find(tax, 'CategoryCode')),
      rate: number(rateOf(tax)),
      basis: amount(find(tax, 'BasisAmount')),
      amount: amount(find(tax, 'CalculatedAmount')),
      exemptionReason: text(find(tax, 'ExemptionReason')),
      exemptionReasonCode: code(find(tax, 'ExemptionReasonCode')),
    })),
    adjustments: adjustmentsOf(settlement).slice(0, maxLines),
    partRules: partRulesOf(items, agreement, settlement),
    truncated: items.length > maxLines,
  }
}

function partRulesOf(items: readonly XmlElement[], agreement: XmlElement | undefined, settlement: XmlElement | undefined): Extraction['partRules'] {
  const adjustments = allOf(items, 'SpecifiedLineTradeSettlement', 'SpecifiedTradeAllowanceCharge')
  const products = allOf(items, 'SpecifiedTradeProduct')
  return partRules({
    lineAllowances: adjustments.filter((one) => !isCharge(one)),
    lineCharges: adjustments.filter(isCharge),
    adjustment: { amount: 'ActualAmount', basis: 'BasisAmount', reason: 'Reason', reasonCode: 'ReasonCode' },
    periods: findAll(settlement, 'BillingSpecifiedPeriod'),
    linePeriods: allOf(items, 'SpecifiedLineTradeSettlement', 'BillingSpecifiedPeriod'),
    period: ['StartDateTime', 'EndDateTime'],
    documentReferences: findAll(agreement, 'AdditionalReferencedDocument').map((one) => find(one, 'IssuerAssignedID')),
    itemAttributes: allOf(products, 'ApplicableProductCharacteristic').map((one) => [find(one, 'Description'), find(one, 'Value')]),
    sellerAddress: find(agreement, 'SellerTradeParty', 'URIUniversalCommunication', 'URIID'),
    buyerAddress: find(agreement, 'BuyerTradeParty', 'URIUniversalCommunication', 'URIID'),
    itemIdentifiers: products.map((product) => find(product, 'GlobalID')),
    itemClasses: allOf(products, 'DesignatedProductClassification').map((one) => find(one, 'ClassCode')),
  })
}

/** D16B names the number of a referenced document IssuerAssignedID, ZUGFeRD 1 named it ID. */
function reference(document: XmlElement | undefined): ReturnType<typeof text> {
  return text(find(document, 'IssuerAssignedID') ?? find(document, 'ID'))
}

function rateOf(tax: XmlElement | undefined): XmlElement | undefined {
  return find(tax, 'RateApplicablePercent') ?? find(tax, 'ApplicablePercent')
}

function first<T>(values: readonly (T | undefined)[]): T | undefined {
  return values.find((value) => value !== undefined)
}

function settlementFields(settlement: XmlElement | undefined): Partial<{ [Key in keyof DocumentFields]: DocumentFields[Key] | undefined }> {
  const means = findAll(settlement, 'SpecifiedTradeSettlementPaymentMeans')
  const terms = findAll(settlement, 'SpecifiedTradePaymentTerms')
  const taxes = findAll(settlement, 'ApplicableTradeTax')
  const creditor = means.map((one) => find(one, 'PayeePartyCreditorFinancialAccount'))
  const preceding = find(settlement, 'InvoiceReferencedDocument')
  return {
    dueDate: ciiDate(first(terms.map((term) => find(term, 'DueDateDateTime')))),
    periodStart: ciiDate(find(settlement, 'BillingSpecifiedPeriod', 'StartDateTime')),
    periodEnd: ciiDate(find(settlement, 'BillingSpecifiedPeriod', 'EndDateTime')),
    currency: code(find(settlement, 'InvoiceCurrencyCode')),
    taxCurrency: code(find(settlement, 'TaxCurrencyCode')),
    taxPointDate: ciiDate(first(taxes.map((tax) => find(tax, 'TaxPointDate')))),
    taxPointDateCode: code(first(taxes.map((tax) => find(tax, 'DueDateTypeCode')))),
    buyerAccountingReference: text(find(settlement, 'ReceivableSpecifiedTradeAccountingAccount', 'ID')),
    paymentTerms: text(first(terms.map((term) => find(term, 'Description')))),
    precedingInvoiceNumber: reference(preceding),
    precedingInvoiceDate: ciiDate(find(preceding, 'FormattedIssueDateTime') ?? find(preceding, 'IssueDateTime')),
    paymentMeansCode: code(first(means.map((one) => find(one, 'TypeCode')))),
    remittanceInformation: text(find(settlement, 'PaymentReference')),
    ...account(first(creditor.map((one) => find(one, 'IBANID'))) ?? first(creditor.map((one) => find(one, 'ProprietaryID')))),
    accountName: text(first(creditor.map((one) => find(one, 'AccountName')))),
    bic: id(first(means.map((one) => find(one, 'PayeeSpecifiedCreditorFinancialInstitution', 'BICID')))),
    cardNumber: text(first(means.map((one) => find(one, 'ApplicableTradeSettlementFinancialCard', 'ID')))),
    mandateReference: text(first(terms.map((term) => find(term, 'DirectDebitMandateID')))),
    creditorIdentifier: text(find(settlement, 'CreditorReferenceID')),
    debitedAccount: id(first(means.map((one) => find(one, 'PayerPartyDebtorFinancialAccount', 'IBANID')))),
  }
}

function totals(settlement: XmlElement | undefined): Partial<{ [Key in keyof DocumentFields]: DocumentFields[Key] | undefined }> {
  const sums = find(settlement, 'SpecifiedTradeSettlementHeaderMonetarySummation') ?? find(settlement, 'SpecifiedTradeSettlementMonetarySummation')
  const currency = find(settlement, 'InvoiceCurrencyCode')?.text
  // The tax total may stand there twice, the second time in the currency of accounting.
  const taxTotals = findAll(sums, 'TaxTotalAmount')
  const taxTotal = taxTotals.find((total) => total.attributes.get('currencyID') === currency) ?? taxTotals[0]
  return {
    lineTotal: amount(find(sums, 'LineTotalAmount')),
    allowanceTotal: amount(find(sums, 'AllowanceTotalAmount')),
    chargeTotal: amount(find(sums, 'ChargeTotalAmount')),
    taxBasisTotal: amount(find(sums, 'TaxBasisTotalAmount')),
    taxTotal: amount(taxTotal),
    accountingTaxTotal: amount(taxTotals.find((total) => total !== taxTotal)),
    grandTotal: amount(find(sums, 'GrandTotalAmount')),
    paidAmount: amount(find(sums, 'TotalPrepaidAmount')),
    roundingAmount: amount(find(sums, 'RoundingAmount')),
    payableAmount: amount(find(sums, 'DuePayableAmount')),
  }
}

function isCharge(element: XmlElement): boolean {
  const indicator = find(element, 'ChargeIndicator')
  return isTrue(find(indicator, 'Indicator') ?? indicator)
}

function adjustmentsOf(settlement: XmlElement | undefined): Adjustment[] {
  return [
    ...findAll(settlement, 'SpecifiedTradeAllowanceCharge').map((one) => compact<Adjustment>({
      kind: stated(isCharge(one) ? 'charge' : 'allowance'),
      amount: amount(find(one, 'ActualAmount')),
      basis: amount(find(one, 'BasisAmount')),
      percent: number(find(one, 'CalculationPercent')),
      taxCategory: code(find(one, 'CategoryTradeTax', 'CategoryCode')),
      taxRate: number(rateOf(find(one, 'CategoryTradeTax'))),
      reason: text(find(one, 'Reason')),
      reasonCode: code(find(one, 'ReasonCode')),
    })),
    // Freight and the like in ZUGFeRD 1 and Factur-X EXTENDED: part of the charges' total.
    ...findAll(settlement, 'SpecifiedLogisticsServiceCharge').map((one) => compact<Adjustment>({
      kind: stated('charge'),
      amount: amount(find(one, 'AppliedAmount')),
      taxCategory: code(find(one, 'AppliedTradeTax', 'CategoryCode')),
      taxRate: number(rateOf(find(one, 'AppliedTradeTax'))),
      reason: text(find(one, 'Description')),
    })),
  ]
}

function lineOf(item: XmlElement): LineItem {
  const document = find(item, 'AssociatedDocumentLineDocument')
  const product = find(item, 'SpecifiedTradeProduct')
  const agreement = find(item, 'SpecifiedLineTradeAgreement') ?? find(item, 'SpecifiedSupplyChainTradeAgreement')
  const delivery = find(item, 'SpecifiedLineTradeDelivery') ?? find(item, 'SpecifiedSupplyChainTradeDelivery')
  const settlement = find(item, 'SpecifiedLineTradeSettlement') ?? find(item, 'SpecifiedSupplyChainTradeSettlement')
  const quantity = find(delivery, 'BilledQuantity')
  const gross = find(agreement, 'GrossPriceProductTradePrice')
  const net = find(agreement, 'NetPriceProductTradePrice')
  const tax = find(settlement, 'ApplicableTradeTax')
  const adjustments = findAll(settlement, 'SpecifiedTradeAllowanceCharge')
  return compact<LineItem>({
    lineId: text(find(document, 'LineID')),
    lineStatus: code(find(document, 'LineStatusReasonCode')),
    note: text(find(document, 'IncludedNote', 'Content')),
    description: text(find(product, 'Name')),
    details: text(find(product, 'Description')),
    sellerItemId: text(find(product, 'SellerAssignedID')),
    buyerItemId: text(find(product, 'BuyerAssignedID')),
    standardItemId: text(find(product, 'GlobalID')),
    orderLine: text(find(agreement, 'BuyerOrderReferencedDocument', 'LineID')),
    quantity: number(quantity),
    unitCode: attribute(quantity, 'unitCode'),
    unitPrice: amount(find(net, 'ChargeAmount')),
    grossPrice: amount(find(gross, 'ChargeAmount')),
    priceDiscount: amount(find(gross, 'AppliedTradeAllowanceCharge', 'ActualAmount')),
    priceQuantity: number(find(net, 'BasisQuantity') ?? find(gross, 'BasisQuantity')),
    periodStart: ciiDate(find(settlement, 'BillingSpecifiedPeriod', 'StartDateTime')),
    periodEnd: ciiDate(find(settlement, 'BillingSpecifiedPeriod', 'EndDateTime')),
    allowanceAmount: sumOf(adjustments.filter((one) => !isCharge(one)).map((one) => find(one, 'ActualAmount'))),
    chargeAmount: sumOf(adjustments.filter(isCharge).map((one) => find(one, 'ActualAmount'))),
    taxCategory: code(find(tax, 'CategoryCode')),
    taxRate: number(rateOf(tax)),
    lineTotal: amount(
      find(settlement, 'SpecifiedTradeSettlementLineMonetarySummation', 'LineTotalAmount') ??
      find(settlement, 'SpecifiedTradeSettlementMonetarySummation', 'LineTotalAmount'),
    ),
  })
}

function partyOf(party: XmlElement | undefined): Party {
  const registrations = findAll(party, 'SpecifiedTaxRegistration').map((registration) => find(registration, 'ID'))
  const scheme = (name: string): XmlElement | undefined => registrations.find((registration) => registration?.attributes.get('schemeID') === name)
  const address = find(party, 'PostalTradeAddress')
  const contact = find(party, 'DefinedTradeContact')
  return compact<Party>({
    name: text(find(party, 'Name')),
    tradingName: text(find(party, 'SpecifiedLegalOrganization', 'TradingBusinessName')),
    identifier: text(find(party, 'ID')),
    globalIdentifier: text(find(party, 'GlobalID')),
    registrationId: text(find(party, 'SpecifiedLegalOrganization', 'ID')),
    // The first drafts of ZUGFeRD wrote VAT for VA.
    vatId: id(scheme('VA') ?? scheme('VAT')),
    taxNumber: text(scheme('FC')),
    electronicAddress: text(find(party, 'URIUniversalCommunication', 'URIID')),
    address: joined(['LineOne', 'LineTwo', 'LineThree', 'PostcodeCode', 'CityName'].map((name) => find(address, name))),
    street: text(find(address, 'LineOne')),
    streetAdditional: text(find(address, 'LineTwo')),
    addressLine: text(find(address, 'LineThree')),
    city: text(find(address, 'CityName')),
    postcode: text(find(address, 'PostcodeCode')),
    region: text(find(address, 'CountrySubDivisionName')),
    country: code(find(address, 'CountryID')),
    contactName: text(find(contact, 'PersonName') ?? find(contact, 'DepartmentName')),
    contactPhone: text(find(contact, 'TelephoneUniversalCommunication', 'CompleteNumber')),
    contactEmail: text(find(contact, 'EmailURIUniversalCommunication', 'URIID') ?? find(contact, 'EmailURIUniversalCommunication', 'CompleteNumber')),
  })
}
