/**
 * The truth out of an e-invoice's XML, read by paths without regard to the product's mapper: what judges must not be what is judged.
 * CII (ZUGFeRD 1 and 2, Factur-X, XRechnung) and UBL, names of EN 16931.
 */
import { XMLParser } from 'fast-xml-parser'
import { fieldsOf } from './sets.ts'
import type { Truth } from './truth.ts'

type Node = { readonly [name: string]: unknown }

const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '@', removeNSPrefix: true, processEntities: true, parseTagValue: false, parseAttributeValue: false, trimValues: true })

/** @returns undefined when it is neither CII nor UBL */
export function eInvoiceTruth(xml: string): Truth | undefined {
  const root = parser.parse(xml) as Node
  const cii = first(root, 'CrossIndustryInvoice') ?? first(root, 'CrossIndustryDocument')
  const ubl = first(root, 'Invoice') ?? first(root, 'CreditNote')
  // The drafts of ZUGFeRD call CII's root Invoice, too.
  if (ubl !== undefined && path(ubl, 'ExchangedDocument|HeaderExchangedDocument') !== undefined) {
    return ofCii(ubl)
  }
  return cii !== undefined ? ofCii(cii) : ubl !== undefined ? ofUbl(ubl) : undefined
}

function ofCii(root: Node): Truth {
  const header = path(root, 'ExchangedDocument|HeaderExchangedDocument')
  const trade = path(root, 'SupplyChainTradeTransaction|SpecifiedSupplyChainTradeTransaction')
  const agreement = path(trade, 'ApplicableHeaderTradeAgreement|ApplicableSupplyChainTradeAgreement')
  const settlement = path(trade, 'ApplicableHeaderTradeSettlement|ApplicableSupplyChainTradeSettlement')
  const sums = path(settlement, 'SpecifiedTradeSettlementHeaderMonetarySummation|SpecifiedTradeSettlementMonetarySummation')
  const seller = path(agreement, 'SellerTradeParty')
  const buyer = path(agreement, 'BuyerTradeParty')
  const currency = text(path(settlement, 'InvoiceCurrencyCode'))
  const taxTotals = all(sums, 'TaxTotalAmount')
  const vatId = (party: unknown): string | undefined =>
    all(party, 'SpecifiedTaxRegistration').map((one) => path(one, 'ID')).filter((id) => attribute(id, 'schemeID') === 'VA').map(text)[0]
  return {
    fields: fieldsOf(false, [
      ['number', 'text', text(path(header, 'ID'))],
      ['date', 'date', day(text(path(header, 'IssueDateTime/DateTimeString') ?? path(header, 'IssueDateTime')))],
      ['dueDate', 'date', day(all(settlement, 'SpecifiedTradePaymentTerms').map((terms) => text(path(terms, 'DueDateDateTime/DateTimeString'))).find((one) => one !== undefined))],
      ['currency', 'text', currency],
      ['seller', 'text', text(path(seller, 'Name'))],
      ['buyer', 'text', text(path(buyer, 'Name'))],
      ['sellerVatId', 'text', identifier(vatId(seller))],
      ['buyerVatId', 'text', identifier(vatId(buyer))],
      ['iban', 'text', iban(all(settlement, 'SpecifiedTradeSettlementPaymentMeans').map((means) => text(path(means, 'PayeePartyCreditorFinancialAccount/IBANID'))).find((one) => one !== undefined))],
      ['netTotal', 'amount', amount(text(path(sums, 'TaxBasisTotalAmount')))],
      ['taxTotal', 'amount', amount(text(taxTotals.find((one) => attribute(one, 'currencyID') === currency) ?? taxTotals[0]))],
      ['total', 'amount', amount(text(path(sums, 'GrandTotalAmount')))],
      ['due', 'amount', amount(text(path(sums, 'DuePayableAmount')))],
    ]),
    lines: all(trade, 'IncludedSupplyChainTradeLineItem').map((line) => {
      const lineSettlement = path(line, 'SpecifiedLineTradeSettlement|SpecifiedSupplyChainTradeSettlement')
      const tax = all(lineSettlement, 'ApplicableTradeTax')[0]
      return fieldsOf(false, [
        ['description', 'text', text(path(line, 'SpecifiedTradeProduct/Name'))],
        ['quantity', 'amount', plain(text(path(line, 'SpecifiedLineTradeDelivery|SpecifiedSupplyChainTradeDelivery', 'BilledQuantity')))],
        ['unitPrice', 'amount', amount(text(path(line, 'SpecifiedLineTradeAgreement|SpecifiedSupplyChainTradeAgreement', 'NetPriceProductTradePrice', 'ChargeAmount')))],
        ['taxRate', 'amount', plain(text(path(tax, 'RateApplicablePercent|ApplicablePercent')))],
        ['lineTotal', 'amount', amount(text(path(lineSettlement, 'SpecifiedTradeSettlementLineMonetarySummation|SpecifiedTradeSettlementMonetarySummation', 'LineTotalAmount')))],
      ])
    }).filter((line) => line.size > 0),
  }
}

function ofUbl(root: Node): Truth {
  const sums = path(root, 'LegalMonetaryTotal')
  const party = (name: string): unknown => path(root, `${name}/Party`)
  const vatId = (one: unknown): string | undefined =>
    all(one, 'PartyTaxScheme').filter((scheme) => text(path(scheme, 'TaxScheme/ID')) === 'VAT').map((scheme) => text(path(scheme, 'CompanyID')))[0]
  const name = (one: unknown): string | undefined => text(path(one, 'PartyLegalEntity/RegistrationName') ?? path(one, 'PartyName/Name'))
  const seller = party('AccountingSupplierParty')
  const buyer = party('AccountingCustomerParty')
  const currency = text(path(root, 'DocumentCurrencyCode'))
  const taxTotals = all(root, 'TaxTotal').map((one) => path(one, 'TaxAmount'))
  return {
    fields: fieldsOf(false, [
      ['number', 'text', text(path(root, 'ID'))],
      ['date', 'date', day(text(path(root, 'IssueDate')))],
      ['dueDate', 'date', day(text(path(root, 'DueDate')))],
      ['currency', 'text', currency],
      ['seller', 'text', name(seller)],
      ['buyer', 'text', name(buyer)],
      ['sellerVatId', 'text', identifier(vatId(seller))],
      ['buyerVatId', 'text', identifier(vatId(buyer))],
      ['iban', 'text', iban(all(root, 'PaymentMeans').map((means) => text(path(means, 'PayeeFinancialAccount/ID'))).find((one) => one !== undefined))],
      ['netTotal', 'amount', amount(text(path(sums, 'TaxExclusiveAmount')))],
      ['taxTotal', 'amount', amount(text(taxTotals.find((one) => attribute(one, 'currencyID') === currency) ?? taxTotals[0]))],
      ['total', 'amount', amount(text(path(sums, 'TaxInclusiveAmount')))],
      ['due', 'amount', amount(text(path(sums, 'PayableAmount')))],
    ]),
    lines: [...all(root, 'InvoiceLine'), ...all(root, 'CreditNoteLine')].map((line) => fieldsOf(false, [
      ['description', 'text', text(path(line, 'Item/Name'))],
      ['quantity', 'amount', plain(text(path(line, 'InvoicedQuantity|CreditedQuantity')))],
      ['unitPrice', 'amount', amount(text(path(line, 'Price/PriceAmount')))],
      ['taxRate', 'amount', plain(text(path(line, 'Item/ClassifiedTaxCategory/Percent')))],
      ['lineTotal', 'amount', amount(text(path(line, 'LineExtensionAmount')))],
    ])),
  }
}

/** Steps are separated by `/` or arguments, alternatives of one step by `|`; the first of several elements is taken. */
function path(node: unknown, ...steps: string[]): unknown {
  let at: unknown = node
  for (const step of steps.flatMap((one) => one.split('/'))) {
    at = step.split('|').map((name) => all(at, name)[0]).find((found) => found !== undefined)
  }
  return at
}

function all(node: unknown, name: string): unknown[] {
  const found = typeof node === 'object' && node !== null ? (node as Node)[name] : undefined
  return found === undefined ? [] : Array.isArray(found) ? found : [found]
}

function first(node: Node, name: string): Node | undefined {
  return all(node, name)[0] as Node | undefined
}

function text(node: unknown): string | undefined {
  const value = typeof node === 'object' && node !== null ? (node as Node)['#text'] : node
  return typeof value === 'string' && value.trim() !== '' ? value.replace(/\s+/g, ' ').trim() : undefined
}

function attribute(node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null ? (node as Node)[`@${name}`] : undefined
}

function day(value: string | undefined): string | undefined {
  const match = /^(\d{4})-?(\d{2})-?(\d{2})/.exec(value ?? '')
  return match === null ? undefined : `${match[1]}-${match[2]}-${match[3]}`
}

/** Two decimals at least: the canonical writing of an amount. */
function amount(value: string | undefined): string | undefined {
  const shortest = plain(value)
  const decimals = shortest?.split('.')[1]?.length ?? 0
  return shortest === undefined || decimals >= 2 ? shortest : `${shortest}${decimals === 0 ? '.00' : '0'}`
}

function plain(value: string | undefined): string | undefined {
  const match = /^([+-]?)0*(\d+|(?=\.))(?:\.(\d*?)0*)?$/.exec(value ?? '')
  if (match === null) {
    return undefined
  }
  const whole = `${match[1] === '-' ? '-' : ''}${match[2] === '' ? '0' : match[2]}`
  return match[3] === undefined || match[3] === '' ? whole : `${whole}.${match[3]}`
}

/** Accounts outside of IBAN's countries stand in the same element; they are no IBAN to be found. */
function iban(value: string | undefined): string | undefined {
  const account = identifier(value)
  return account !== undefined && /^[A-Z]{2}\d{2}/.test(account) ? account : undefined
}

function identifier(value: string | undefined): string | undefined {
  return value?.replace(/\s+/g, '').toUpperCase()
}
