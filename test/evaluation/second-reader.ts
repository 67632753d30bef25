/**
 * A second reader of e-invoices, to hold the product's against. It shares no code and no library with it: PDFs are opened with pdf-lib,
 * XML is cut into tags by hand, and what a term of EN 16931 is, is a table of paths after CEN/TS 16931-3.
 */
import { PDFArray, PDFDict, PDFDocument, PDFHexString, PDFName, PDFRawStream, PDFRef, PDFStream, PDFString, decodePDFRawStream } from 'pdf-lib'
import type { PDFObject } from 'pdf-lib'

interface Node {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: Node[]
  text: string
}

/** Values by the product's field names: `seller.name`, `grandTotal`; groups that repeat as lists of such maps. */
export interface SecondReading {
  readonly fields: ReadonlyMap<string, string>
  readonly lines: readonly ReadonlyMap<string, string>[]
  readonly taxes: readonly ReadonlyMap<string, string>[]
  readonly adjustments: readonly ReadonlyMap<string, string>[]
}

// --- the XML inside a PDF

/** Every file embedded in a PDF, by the name tree and by associated files. */
export async function embeddedFiles(bytes: Uint8Array): Promise<Uint8Array[]> {
  const document = await PDFDocument.load(bytes, { ignoreEncryption: true, updateMetadata: false })
  const resolve = (object: PDFObject | undefined): PDFObject | undefined => (object instanceof PDFRef ? document.context.lookup(object) : object)
  const files = new Set<PDFObject>()
  const specification = (object: PDFObject | undefined): void => {
    const dictionary = resolve(object)
    const embedded = dictionary instanceof PDFDict ? resolve(dictionary.get(PDFName.of('EF'))) : undefined
    if (embedded instanceof PDFDict) {
      const file = resolve(embedded.get(PDFName.of('UF')) ?? embedded.get(PDFName.of('F')))
      if (file !== undefined) {
        files.add(file)
      }
    }
  }
  const walk = (object: PDFObject | undefined, depth: number): void => {
    const node = resolve(object)
    if (!(node instanceof PDFDict) || depth > 10) {
      return
    }
    for (const item of list(resolve(node.get(PDFName.of('Names'))))) {
      if (!(item instanceof PDFString) && !(item instanceof PDFHexString)) {
        specification(item)
      }
    }
    for (const kid of list(resolve(node.get(PDFName.of('Kids'))))) {
      walk(kid, depth + 1)
    }
  }
  const names = resolve(document.catalog.get(PDFName.of('Names')))
  walk(names instanceof PDFDict ? names.get(PDFName.of('EmbeddedFiles')) : undefined, 0)
  for (const item of list(resolve(document.catalog.get(PDFName.of('AF'))))) {
    specification(item)
  }
  return [...files].filter((file) => file instanceof PDFStream).map((file) => (file instanceof PDFRawStream ? decodePDFRawStream(file).decode() : file.getContents()))
}

function list(object: PDFObject | undefined): readonly PDFObject[] {
  return object instanceof PDFArray ? object.asArray() : []
}

/** The e-invoice among the embedded files: the first that is one by its content. */
export async function secondReadingOfPdf(bytes: Uint8Array): Promise<SecondReading | undefined> {
  for (const file of await embeddedFiles(bytes)) {
    const text = textOf(file)
    if (text.trimStart().startsWith('<') && /<(?:\w+:)?(?:CrossIndustry(?:Invoice|Document)|Invoice|CreditNote)[\s>]/.test(text)) {
      return secondReading(text)
    }
  }
  return undefined
}

function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes)
  if (buffer[0] === 0xff && buffer[1] === 0xfe) {
    return buffer.subarray(2).toString('utf16le')
  }
  const head = buffer.subarray(0, 120).toString('latin1')
  return /encoding=["'](?:iso-8859-1|windows-1252)["']/i.test(head) ? buffer.toString('latin1') : buffer.toString('utf8').replace(/^\ufeff/, '')
}

// --- XML by hand

function parse(xml: string): Node {
  const root: Node = { name: '', attributes: new Map(), children: [], text: '' }
  const open: Node[] = [root]
  for (const [, comment, data, instruction, tag, text] of xml.matchAll(/(<!--[\s\S]*?-->)|<!\[CDATA\[([\s\S]*?)\]\]>|(<[?!][^>]*>)|<([^>]+)>|([^<]+)/g)) {
    const top = open[open.length - 1]!
    if (comment !== undefined || instruction !== undefined) {
      continue
    }
    if (data !== undefined) {
      top.text += data
    } else if (text !== undefined) {
      top.text += withoutReferences(text)
    } else if (tag?.startsWith('/')) {
      open.pop()
    } else if (tag !== undefined) {
      const name = /^[^\s/]+/.exec(tag)![0].replace(/^.*:/, '')
      const attributes = new Map([...tag.matchAll(/([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map((match) => [match[1]!.replace(/^.*:/, ''), withoutReferences(match[2] ?? match[3] ?? '')]))
      const node: Node = { name, attributes, children: [], text: '' }
      top.children.push(node)
      if (!tag.endsWith('/')) {
        open.push(node)
      }
    }
  }
  return root
}

function withoutReferences(text: string): string {
  return text
    .replace(/&#x([0-9a-f]+);/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replace(/&#(\d+);/g, (_, decimal: string) => String.fromCodePoint(Number(decimal)))
    .replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&apos;/g, "'").replace(/&amp;/g, '&')
}

/** `A/B|C/D[@x=y]/E@a`: alternatives of a step by `|`, a condition on an attribute or a child, an attribute at the end; `=!y` is any other value. All matches. */
function select(from: Node | undefined, path: string): { readonly node: Node; readonly value: string }[] {
  const [steps, attribute] = path.split(/@(?=\w+$)/) as [string, string | undefined]
  let nodes = from === undefined ? [] : [from]
  for (const step of steps.match(/[^/[]+(?:\[[^\]]*\])?/g) ?? []) {
    const [, names, , condition, value] = /^([\w|]+)(\[(@?[\w/]*)=([^\]]*)\])?$/.exec(step)!
    nodes = nodes.flatMap((node) => node.children.filter((child) => names!.split('|').includes(child.name)))
    if (condition !== undefined) {
      const of = (node: Node): string => (condition.startsWith('@') ? node.attributes.get(condition.slice(1)) ?? '' : select(node, condition)[0]?.value ?? '')
      nodes = nodes.filter((node) => (value!.startsWith('!') ? of(node) !== '' && of(node) !== value!.slice(1) : of(node) === value))
    }
  }
  return nodes.map((node) => ({ node, value: (attribute === undefined ? node.text : node.attributes.get(attribute) ?? '').replace(/\s+/g, ' ').trim() }))
}

// --- the terms

type Kind = 'text' | 'id' | 'code' | 'number' | 'amount' | 'date'
type Terms = { readonly [field: string]: readonly [Kind, ...string[]] }

const ciiParty = (at: string): Terms => ({
  name: ['text', `${at}/Name`], tradingName: ['text', `${at}/SpecifiedLegalOrganization/TradingBusinessName`],
  identifier: ['text', `${at}/ID`],
  globalIdentifier: ['text', `${at}/GlobalID`], registrationId: ['text', `${at}/SpecifiedLegalOrganization/ID`],
  vatId: ['id', `${at}/SpecifiedTaxRegistration/ID[@schemeID=VA]`, `${at}/SpecifiedTaxRegistration/ID[@schemeID=VAT]`],
  taxNumber: ['text', `${at}/SpecifiedTaxRegistration/ID[@schemeID=FC]`],
  electronicAddress: ['text', `${at}/URIUniversalCommunication/URIID`], street: ['text', `${at}/PostalTradeAddress/LineOne`],
  streetAdditional: ['text', `${at}/PostalTradeAddress/LineTwo`],
  addressLine: ['text', `${at}/PostalTradeAddress/LineThree`], city: ['text', `${at}/PostalTradeAddress/CityName`],
  postcode: ['text', `${at}/PostalTradeAddress/PostcodeCode`],
  region: ['text', `${at}/PostalTradeAddress/CountrySubDivisionName`], country: ['code', `${at}/PostalTradeAddress/CountryID`],
  contactName: ['text', `${at}/DefinedTradeContact/PersonName`, `${at}/DefinedTradeContact/DepartmentName`],
  contactPhone: ['text', `${at}/DefinedTradeContact/TelephoneUniversalCommunication/CompleteNumber`],
  contactEmail: ['text', `${at}/DefinedTradeContact/EmailURIUniversalCommunication/URIID`, `${at}/DefinedTradeContact/EmailURIUniversalCommunication/CompleteNumber`],
})
const ublAddress = (at: string): Terms => ({
  street: ['text', `${at}/StreetName`], streetAdditional: ['text', `${at}/AdditionalStreetName`],
  addressLine: ['text', `${at}/AddressLine/Line`], city: ['text', `${at}/CityName`],
  postcode: ['text', `${at}/PostalZone`], region: ['text', `${at}/CountrySubentity`], country: ['code', `${at}/Country/IdentificationCode`],
})
const ublParty = (at: string): Terms => ({
  name: ['text', `${at}/PartyLegalEntity/RegistrationName`, `${at}/PartyName/Name`],
  identifier: ['text', `${at}/PartyIdentification/ID[@schemeID=]`], registrationId: ['text', `${at}/PartyLegalEntity/CompanyID`],
  vatId: ['id', `${at}/PartyTaxScheme[TaxScheme/ID=VAT]/CompanyID`],
  taxNumber: ['text', `${at}/PartyTaxScheme[TaxScheme/ID=!VAT]/CompanyID`], electronicAddress: ['text', `${at}/EndpointID`],
  ...ublAddress(`${at}/PostalAddress`),
  contactName: ['text', `${at}/Contact/Name`], contactPhone: ['text', `${at}/Contact/Telephone`],
  contactEmail: ['text', `${at}/Contact/ElectronicMail`],
})
const under = (prefix: string, terms: Terms): Terms => Object.fromEntries(Object.entries(terms).map(([name, term]) => [`${prefix}.${name}`, term]))

const H = 'ExchangedDocument|HeaderExchangedDocument'
const X = 'ExchangedDocumentContext|SpecifiedExchangedDocumentContext'
const T = 'SupplyChainTradeTransaction|SpecifiedSupplyChainTradeTransaction'
const A = `${T}/ApplicableHeaderTradeAgreement|ApplicableSupplyChainTradeAgreement`
const D = `${T}/ApplicableHeaderTradeDelivery|ApplicableSupplyChainTradeDelivery`
const S = `${T}/ApplicableHeaderTradeSettlement|ApplicableSupplyChainTradeSettlement`
const M = `${S}/SpecifiedTradeSettlementHeaderMonetarySummation|SpecifiedTradeSettlementMonetarySummation`
const P = `${S}/SpecifiedTradeSettlementPaymentMeans`
const number = 'IssuerAssignedID|ID'
const rate = 'RateApplicablePercent|ApplicablePercent'
const charge = ['[ChargeIndicator/Indicator=true]', '[ChargeIndicator=true]']

const ciiTerms: Terms = {
  specification: ['text', `${X}/GuidelineSpecifiedDocumentContextParameter/ID`],
  businessProcess: ['text', `${X}/BusinessProcessSpecifiedDocumentContextParameter/ID`],
  typeCode: ['code', `${H}/TypeCode`], invoiceNumber: ['text', `${H}/ID`],
  issueDate: ['date', `${H}/IssueDateTime/DateTimeString`, `${H}/IssueDateTime`], note: ['text', `${H}/IncludedNote/Content`],
  ...under('seller', ciiParty(`${A}/SellerTradeParty`)), ...under('buyer', ciiParty(`${A}/BuyerTradeParty`)), ...under('payee', ciiParty(`${S}/PayeeTradeParty`)),
  ...under('taxRepresentative', ciiParty(`${A}/SellerTaxRepresentativeTradeParty`)), ...under('deliverTo', ciiParty(`${D}/ShipToTradeParty`)),
  buyerReference: ['text', `${A}/BuyerReference`], projectReference: ['text', `${A}/SpecifiedProcuringProject/ID`],
  contractNumber: ['text', `${A}/ContractReferencedDocument/${number}`],
  purchaseOrderNumber: ['text', `${A}/BuyerOrderReferencedDocument/${number}`],
  salesOrderNumber: ['text', `${A}/SellerOrderReferencedDocument/${number}`],
  deliveryDate: ['date', `${D}/ActualDeliverySupplyChainEvent/OccurrenceDateTime/DateTimeString`, `${D}/ActualDeliverySupplyChainEvent/OccurrenceDateTime`],
  receivingAdviceNumber: ['text', `${D}/ReceivingAdviceReferencedDocument/${number}`],
  despatchAdviceNumber: ['text', `${D}/DespatchAdviceReferencedDocument/${number}`],
  currency: ['code', `${S}/InvoiceCurrencyCode`], taxCurrency: ['code', `${S}/TaxCurrencyCode`],
  remittanceInformation: ['text', `${S}/PaymentReference`], creditorIdentifier: ['text', `${S}/CreditorReferenceID`],
  dueDate: ['date', `${S}/SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString`, `${S}/SpecifiedTradePaymentTerms/DueDateDateTime`],
  paymentTerms: ['text', `${S}/SpecifiedTradePaymentTerms/Description`],
  mandateReference: ['text', `${S}/SpecifiedTradePaymentTerms/DirectDebitMandateID`],
  periodStart: ['date', `${S}/BillingSpecifiedPeriod/StartDateTime/DateTimeString`],
  periodEnd: ['date', `${S}/BillingSpecifiedPeriod/EndDateTime/DateTimeString`],
  taxPointDate: ['date', `${S}/ApplicableTradeTax/TaxPointDate/DateString`],
  taxPointDateCode: ['code', `${S}/ApplicableTradeTax/DueDateTypeCode`],
  buyerAccountingReference: ['text', `${S}/ReceivableSpecifiedTradeAccountingAccount/ID`],
  precedingInvoiceNumber: ['text', `${S}/InvoiceReferencedDocument/${number}`],
  precedingInvoiceDate: ['date', `${S}/InvoiceReferencedDocument/FormattedIssueDateTime/DateTimeString`, `${S}/InvoiceReferencedDocument/IssueDateTime/DateTimeString`],
  paymentMeansCode: ['code', `${P}/TypeCode`], iban: ['id', `${P}/PayeePartyCreditorFinancialAccount/IBANID`],
  accountName: ['text', `${P}/PayeePartyCreditorFinancialAccount/AccountName`],
  bic: ['id', `${P}/PayeeSpecifiedCreditorFinancialInstitution/BICID`],
  cardNumber: ['text', `${P}/ApplicableTradeSettlementFinancialCard/ID`],
  debitedAccount: ['id', `${P}/PayerPartyDebtorFinancialAccount/IBANID`],
  lineTotal: ['amount', `${M}/LineTotalAmount`], allowanceTotal: ['amount', `${M}/AllowanceTotalAmount`],
  chargeTotal: ['amount', `${M}/ChargeTotalAmount`], taxBasisTotal: ['amount', `${M}/TaxBasisTotalAmount`],
  grandTotal: ['amount', `${M}/GrandTotalAmount`], paidAmount: ['amount', `${M}/TotalPrepaidAmount`],
  roundingAmount: ['amount', `${M}/RoundingAmount`], payableAmount: ['amount', `${M}/DuePayableAmount`],
}
const LA = 'SpecifiedLineTradeAgreement|SpecifiedSupplyChainTradeAgreement'
const LS = 'SpecifiedLineTradeSettlement|SpecifiedSupplyChainTradeSettlement'
const LD = 'SpecifiedLineTradeDelivery|SpecifiedSupplyChainTradeDelivery'
const ciiLine: Terms = {
  lineId: ['text', 'AssociatedDocumentLineDocument/LineID'], lineStatus: ['code', 'AssociatedDocumentLineDocument/LineStatusReasonCode'],
  note: ['text', 'AssociatedDocumentLineDocument/IncludedNote/Content'],
  description: ['text', 'SpecifiedTradeProduct/Name'], details: ['text', 'SpecifiedTradeProduct/Description'],
  sellerItemId: ['text', 'SpecifiedTradeProduct/SellerAssignedID'], buyerItemId: ['text', 'SpecifiedTradeProduct/BuyerAssignedID'],
  standardItemId: ['text', 'SpecifiedTradeProduct/GlobalID'], orderLine: ['text', `${LA}/BuyerOrderReferencedDocument/LineID`],
  quantity: ['number', `${LD}/BilledQuantity`], unitCode: ['text', `${LD}/BilledQuantity@unitCode`],
  unitPrice: ['amount', `${LA}/NetPriceProductTradePrice/ChargeAmount`],
  grossPrice: ['amount', `${LA}/GrossPriceProductTradePrice/ChargeAmount`],
  priceDiscount: ['amount', `${LA}/GrossPriceProductTradePrice/AppliedTradeAllowanceCharge/ActualAmount`],
  priceQuantity: ['number', `${LA}/NetPriceProductTradePrice/BasisQuantity`, `${LA}/GrossPriceProductTradePrice/BasisQuantity`],
  periodStart: ['date', `${LS}/BillingSpecifiedPeriod/StartDateTime/DateTimeString`],
  periodEnd: ['date', `${LS}/BillingSpecifiedPeriod/EndDateTime/DateTimeString`],
  taxCategory: ['code', `${LS}/ApplicableTradeTax/CategoryCode`], taxRate: ['number', `${LS}/ApplicableTradeTax/${rate}`],
  lineTotal: ['amount', `${LS}/SpecifiedTradeSettlementLineMonetarySummation|SpecifiedTradeSettlementMonetarySummation/LineTotalAmount`],
}
const ciiTax: Terms = {
  category: ['code', 'CategoryCode'], rate: ['number', rate], basis: ['amount', 'BasisAmount'], amount: ['amount', 'CalculatedAmount'],
  exemptionReason: ['text', 'ExemptionReason'], exemptionReasonCode: ['code', 'ExemptionReasonCode'],
}
const ciiAdjustment: Terms = {
  amount: ['amount', 'ActualAmount', 'AppliedAmount'], basis: ['amount', 'BasisAmount'], percent: ['number', 'CalculationPercent'],
  taxCategory: ['code', 'CategoryTradeTax|AppliedTradeTax/CategoryCode'],
  taxRate: ['number', `CategoryTradeTax|AppliedTradeTax/${rate}`], reason: ['text', 'Reason', 'Description'],
  reasonCode: ['code', 'ReasonCode'],
}

const ublTerms: Terms = {
  specification: ['text', 'CustomizationID'], businessProcess: ['text', 'ProfileID'],
  typeCode: ['code', 'InvoiceTypeCode|CreditNoteTypeCode'], invoiceNumber: ['text', 'ID'], issueDate: ['date', 'IssueDate'],
  note: ['text', 'Note'],
  ...under('seller', ublParty('AccountingSupplierParty/Party')), ...under('buyer', ublParty('AccountingCustomerParty/Party')), ...under('payee', ublParty('PayeeParty')),
  ...under('taxRepresentative', ublParty('TaxRepresentativeParty')), ...under('deliverTo', { name: ['text', 'Delivery/DeliveryParty/PartyName/Name'], identifier: ['text', 'Delivery/DeliveryLocation/ID'], ...ublAddress('Delivery/DeliveryLocation/Address') }),
  'seller.tradingName': ['text', 'AccountingSupplierParty/Party/PartyName/Name'],
  'buyer.tradingName': ['text', 'AccountingCustomerParty/Party/PartyName/Name'],
  buyerReference: ['text', 'BuyerReference'], projectReference: ['text', 'ProjectReference/ID'],
  contractNumber: ['text', 'ContractDocumentReference/ID'], purchaseOrderNumber: ['text', 'OrderReference/ID'],
  salesOrderNumber: ['text', 'OrderReference/SalesOrderID'], receivingAdviceNumber: ['text', 'ReceiptDocumentReference/ID'],
  despatchAdviceNumber: ['text', 'DespatchDocumentReference/ID'],
  deliveryDate: ['date', 'Delivery/ActualDeliveryDate'], dueDate: ['date', 'DueDate', 'PaymentMeans/PaymentDueDate'],
  currency: ['code', 'DocumentCurrencyCode'], taxCurrency: ['code', 'TaxCurrencyCode'],
  taxPointDate: ['date', 'TaxPointDate'], taxPointDateCode: ['code', 'InvoicePeriod/DescriptionCode'],
  periodStart: ['date', 'InvoicePeriod/StartDate'], periodEnd: ['date', 'InvoicePeriod/EndDate'],
  buyerAccountingReference: ['text', 'AccountingCost'], paymentTerms: ['text', 'PaymentTerms/Note'],
  precedingInvoiceNumber: ['text', 'BillingReference/InvoiceDocumentReference/ID'],
  precedingInvoiceDate: ['date', 'BillingReference/InvoiceDocumentReference/IssueDate'],
  paymentMeansCode: ['code', 'PaymentMeans/PaymentMeansCode'], remittanceInformation: ['text', 'PaymentMeans/PaymentID'],
  iban: ['id', 'PaymentMeans/PayeeFinancialAccount/ID'], accountName: ['text', 'PaymentMeans/PayeeFinancialAccount/Name'],
  bic: ['id', 'PaymentMeans/PayeeFinancialAccount/FinancialInstitutionBranch/ID'],
  cardNumber: ['text', 'PaymentMeans/CardAccount/PrimaryAccountNumberID'], mandateReference: ['text', 'PaymentMeans/PaymentMandate/ID'],
  debitedAccount: ['id', 'PaymentMeans/PaymentMandate/PayerFinancialAccount/ID'],
  creditorIdentifier: ['text', 'PayeeParty/PartyIdentification/ID[@schemeID=SEPA]', 'AccountingSupplierParty/Party/PartyIdentification/ID[@schemeID=SEPA]'],
  lineTotal: ['amount', 'LegalMonetaryTotal/LineExtensionAmount'], allowanceTotal: ['amount', 'LegalMonetaryTotal/AllowanceTotalAmount'],
  chargeTotal: ['amount', 'LegalMonetaryTotal/ChargeTotalAmount'],
  taxBasisTotal: ['amount', 'LegalMonetaryTotal/TaxExclusiveAmount'], grandTotal: ['amount', 'LegalMonetaryTotal/TaxInclusiveAmount'],
  paidAmount: ['amount', 'LegalMonetaryTotal/PrepaidAmount'],
  roundingAmount: ['amount', 'LegalMonetaryTotal/PayableRoundingAmount'], payableAmount: ['amount', 'LegalMonetaryTotal/PayableAmount'],
}
const ublLine: Terms = {
  lineId: ['text', 'ID'], note: ['text', 'Note'], description: ['text', 'Item/Name'], details: ['text', 'Item/Description'],
  sellerItemId: ['text', 'Item/SellersItemIdentification/ID'], buyerItemId: ['text', 'Item/BuyersItemIdentification/ID'],
  standardItemId: ['text', 'Item/StandardItemIdentification/ID'], orderLine: ['text', 'OrderLineReference/LineID'],
  quantity: ['number', 'InvoicedQuantity|CreditedQuantity'], unitCode: ['text', 'InvoicedQuantity|CreditedQuantity@unitCode'],
  unitPrice: ['amount', 'Price/PriceAmount'], grossPrice: ['amount', 'Price/AllowanceCharge/BaseAmount'],
  priceDiscount: ['amount', 'Price/AllowanceCharge/Amount'], priceQuantity: ['number', 'Price/BaseQuantity'],
  periodStart: ['date', 'InvoicePeriod/StartDate'], periodEnd: ['date', 'InvoicePeriod/EndDate'],
  taxCategory: ['code', 'Item/ClassifiedTaxCategory/ID'], taxRate: ['number', 'Item/ClassifiedTaxCategory/Percent'],
  lineTotal: ['amount', 'LineExtensionAmount'],
}
const ublTax: Terms = {
  category: ['code', 'TaxCategory/ID'], rate: ['number', 'TaxCategory/Percent'], basis: ['amount', 'TaxableAmount'],
  amount: ['amount', 'TaxAmount'], exemptionReason: ['text', 'TaxCategory/TaxExemptionReason'],
  exemptionReasonCode: ['code', 'TaxCategory/TaxExemptionReasonCode'],
}
const ublAdjustment: Terms = {
  amount: ['amount', 'Amount'], basis: ['amount', 'BaseAmount'], percent: ['number', 'MultiplierFactorNumeric'],
  taxCategory: ['code', 'TaxCategory/ID'], taxRate: ['number', 'TaxCategory/Percent'],
  reason: ['text', 'AllowanceChargeReason'], reasonCode: ['code', 'AllowanceChargeReasonCode'],
}

// --- the reading

export function secondReading(xml: string): SecondReading {
  const root = parse(xml).children[0]!
  const ubl = root.name === 'CreditNote' || (root.name === 'Invoice' && select(root, 'HeaderExchangedDocument').length === 0)
  const currency = select(root, ubl ? 'DocumentCurrencyCode' : `${S}/InvoiceCurrencyCode`)[0]?.value
  const totals = select(root, ubl ? 'TaxTotal/TaxAmount' : `${M}/TaxTotalAmount`)
  const own = totals.find((total) => total.node.attributes.get('currencyID') === currency) ?? totals[0]
  const other = totals.find((total) => total !== own)
  const fields = read(root, ubl ? ublTerms : ciiTerms)
  put(fields, 'taxTotal', 'amount', own?.value)
  put(fields, 'accountingTaxTotal', 'amount', other?.value)
  const taxNodes = ubl
    ? select(root, 'TaxTotal').find((total) => select(total.node, 'TaxAmount')[0]?.node === own?.node)
    : undefined
  return {
    fields,
    lines: select(root, ubl ? 'InvoiceLine|CreditNoteLine' : `${T}/IncludedSupplyChainTradeLineItem`).map(({ node }) => {
      const line = read(node, ubl ? ublLine : ciiLine)
      const all = select(node, ubl ? 'AllowanceCharge' : `${LS}/SpecifiedTradeAllowanceCharge`)
      const amounts = (charges: boolean): number[] => all.filter((one) => isCharge(one.node) === charges).flatMap((one) => select(one.node, ubl ? 'Amount' : 'ActualAmount').slice(0, 1).map((found) => Number(found.value)))
      for (const [name, values] of [['allowanceAmount', amounts(false)], ['chargeAmount', amounts(true)]] as const) {
        if (values.length > 0) {
          put(line, name, 'amount', values.reduce((sum, value) => sum + value, 0).toFixed(2))
        }
      }
      return line
    }),
    taxes: select(ubl ? taxNodes?.node : root, ubl ? 'TaxSubtotal' : `${S}/ApplicableTradeTax`).map(({ node }) => read(node, ubl ? ublTax : ciiTax)),
    adjustments: [
      ...select(root, ubl ? 'AllowanceCharge' : `${S}/SpecifiedTradeAllowanceCharge`).map(({ node }) => new Map([['kind', isCharge(node) ? 'charge' : 'allowance'], ...read(node, ubl ? ublAdjustment : ciiAdjustment)])),
      ...select(root, ubl ? 'NoSuchElement' : `${S}/SpecifiedLogisticsServiceCharge`).map(({ node }) => new Map([['kind', 'charge'],
      ...read(node, ciiAdjustment)])),
    ],
  }
}

function isCharge(node: Node): boolean {
  return charge.some((condition) => {
    const [, path, wanted] = /^\[(.*)=(.*)\]$/.exec(condition)!
    return select(node, path!)[0]?.value === wanted
  })
}

function read(node: Node, terms: Terms): Map<string, string> {
  const values = new Map<string, string>()
  for (const [name, [kind, ...paths]] of Object.entries(terms)) {
    put(values, name, kind, paths.flatMap((path) => select(node, path)).find((one) => one.value !== '')?.value)
  }
  return values
}

function put(values: Map<string, string>, name: string, kind: Kind, value: string | undefined): void {
  if (value === undefined || value === '') {
    return
  }
  values.set(name, kind === 'text' ? value : kind === 'id' ? value.replaceAll(' ', '').toUpperCase() : kind === 'code' ? value.toUpperCase() : kind === 'date' ? day(value) : canonical(value, kind === 'amount'))
}

function day(value: string): string {
  const digits = value.slice(0, value.includes('-') ? 10 : 8).replaceAll('-', '')
  return `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6, 8)}`
}

/** Without leading and closing zeros; an amount with two decimals at least. */
function canonical(value: string, amount: boolean): string {
  const sign = value.startsWith('-') ? '-' : ''
  const [whole = '', fraction = ''] = value.replace(/^[+-]/, '').split('.')
  const short = fraction.replace(/0+$/, '')
  const decimals = amount ? short.padEnd(2, '0') : short
  const digits = whole.replace(/^0+(?=\d)/, '') || '0'
  return `${/^0*$/.test(digits + short) ? '' : sign}${digits}${decimals === '' ? '' : `.${decimals}`}`
}
