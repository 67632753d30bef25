import { isCurrency } from '../../currencies.ts'
import type { Field, Party } from '../../types.ts'
import type { Check, Invoice } from './invoice.ts'
import { code, decimal, every, present, when } from './invoice.ts'

type Pick = (invoice: Invoice) => Field | undefined

function needs(id: string, field: string, message: string, pick: Pick, from: Check['from'] = 'full'): Check {
  return { id, message, fields: [field], from, check: (invoice) => present(pick(invoice)) }
}

function hasAddress(party: Party | undefined): boolean {
  return [party?.street, party?.streetAdditional, party?.addressLine, party?.city, party?.postcode, party?.region, party?.country].some(present)
}

const days = (start: Field | undefined, end: Field | undefined): boolean | undefined =>
  when(code(start) !== '' && code(end) !== '', () => code(end) >= code(start))

const transfers = new Set(['30', '58'])
const regions = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' })

/** ISO 3166-1 as the runtime knows it, and what EN 16931 adds: Greece and Northern Ireland in VAT ids, Kosovo. */
function isCountry(text: string): boolean {
  return ['EL', 'XI', '1A'].includes(text) || (/^[A-Z]{2}$/.test(text) && regions.of(text) !== undefined && !['EU', 'UN', 'ZZ', 'QO', 'EZ', 'XA', 'XB'].includes(text))
}

const vatPrefix = (field: Field | undefined): boolean | undefined => when(present(field), () => isCountry(code(field).slice(0, 2)))

/** BT-3: the part of UNTDID 1001 that EN 16931 takes. */
const typeCodes = new Set((
  '71 80 81 82 83 84 102 130 202 203 204 211 218 219 261 262 295 296 308 325 326 331 380 381 382 383 384 385 386 387 388 389 390 393 394 395 396 420 456 457 458 471 472 473 500 501 502 503 527 532 553 575 623 633 751 780 817 870 875 876 877 935'
).split(' '))
const categories = new Set(['S', 'Z', 'E', 'AE', 'K', 'G', 'O', 'L', 'M', 'B'])

/** BT-8: UNTDID 2005 in UBL, 2475 in CII, the restriction that EN 16931 makes of both. */
const taxPointCodes = new Set(['3', '35', '432', '5', '29', '72'])
/** BT-81: UNTDID 4461, 1 to 68 and those after the gaps. */
const isPaymentMeans = (text: string): boolean => text === 'ZZZ' || (/^[1-9]\d?$/.test(text) && ![69, 71, 72, 73].includes(Number(text)) && !(Number(text) >= 79 && Number(text) <= 90) && text !== '99')

/** What an invoice and its parts must hold (EN 16931-1, 6.4.1), and code lists. */
export const contentRules: readonly Check[] = [
  needs('BR-01', 'specification', 'An invoice names its specification (BT-24).', ({ fields }) => fields.specification, 'minimum'),
  needs('BR-02', 'invoiceNumber', 'An invoice has a number (BT-1).', ({ fields }) => fields.invoiceNumber, 'minimum'),
  needs('BR-03', 'issueDate', 'An invoice has a date of issue (BT-2).', ({ fields }) => fields.issueDate, 'minimum'),
  needs('BR-04', 'typeCode', 'An invoice has a type code (BT-3).', ({ fields }) => fields.typeCode, 'minimum'),
  needs('BR-05', 'currency', 'An invoice has a currency (BT-5).', ({ fields }) => fields.currency, 'minimum'),
  needs('BR-06', 'seller.name', 'The seller has a name (BT-27).', ({ fields }) => fields.seller.name, 'minimum'),
  needs('BR-07', 'buyer.name', 'The buyer has a name (BT-44).', ({ fields }) => fields.buyer.name, 'minimum'),
  {
    id: 'BR-08', message: 'The seller has a postal address (BG-5).', fields: ['seller.address'], from: 'minimum',
    check: ({ fields }) => hasAddress(fields.seller),
  },
  needs('BR-09', 'seller.country', "The seller's address has a country (BT-40).", ({ fields }) => fields.seller.country, 'minimum'),
  {
    id: 'BR-10', message: 'The buyer has a postal address (BG-8).', fields: ['buyer.address'], from: 'without-lines',
    check: ({ fields }) => hasAddress(fields.buyer),
  },
  needs('BR-11', 'buyer.country', "The buyer's address has a country (BT-55).", ({ fields }) => fields.buyer.country, 'without-lines'),
  needs('BR-12', 'lineTotal', 'An invoice has the sum of its lines (BT-106).', ({ fields }) => fields.lineTotal, 'without-lines'),
  needs('BR-13', 'taxBasisTotal', 'An invoice has a total without VAT (BT-109).', ({ fields }) => fields.taxBasisTotal, 'minimum'),
  needs('BR-14', 'grandTotal', 'An invoice has a total with VAT (BT-112).', ({ fields }) => fields.grandTotal, 'minimum'),
  needs('BR-15', 'payableAmount', 'An invoice has an amount due (BT-115).', ({ fields }) => fields.payableAmount, 'minimum'),
  { id: 'BR-16', message: 'An invoice has at least one line (BG-25).', fields: ['lineTotal'], check: ({ lines }) => lines.length > 0 },
  {
    id: 'BR-17', message: 'A payee has a name (BT-59).', fields: ['payee.name'], from: 'without-lines',
    check: ({ fields }) => when(fields.payee !== undefined, () => present(fields.payee?.name)),
  },
  {
    id: 'BR-18', message: 'A tax representative has a name (BT-62).', fields: ['taxRepresentative.name'], from: 'without-lines',
    check: ({ fields }) => when(fields.taxRepresentative !== undefined, () => present(fields.taxRepresentative?.name)),
  },
  {
    id: 'BR-19', message: 'A tax representative has a postal address (BG-12).', fields: ['taxRepresentative.address'],
    from: 'without-lines',
    check: ({ fields }) => when(fields.taxRepresentative !== undefined, () => hasAddress(fields.taxRepresentative)),
  },
  {
    id: 'BR-20', message: "A tax representative's address has a country (BT-69).", fields: ['taxRepresentative.country'],
    from: 'without-lines',
    check: ({ fields }) => when(fields.taxRepresentative !== undefined, () => present(fields.taxRepresentative?.country)),
  },
  {
    id: 'BR-21', message: 'A line has an identifier (BT-126).', fields: ['lineId'],
    check: ({ lines }) => every(lines, (line) => present(line.lineId)),
  },
  {
    id: 'BR-22', message: 'A line has a quantity (BT-129).', fields: ['quantity'],
    check: ({ lines }) => every(lines, (line) => present(line.quantity)),
  },
  {
    id: 'BR-23', message: 'A quantity has a unit (BT-130).', fields: ['unitCode'],
    check: ({ lines }) => every(lines, (line) => present(line.unitCode)),
  },
  {
    id: 'BR-24', message: 'A line has a net amount (BT-131).', fields: ['lineTotal'],
    check: ({ lines }) => every(lines, (line) => present(line.lineTotal)),
  },
  {
    id: 'BR-25', message: 'An item has a name (BT-153).', fields: ['description'],
    check: ({ lines }) => every(lines, (line) => present(line.description)),
  },
  {
    id: 'BR-26', message: 'An item has a net price (BT-146).', fields: ['unitPrice'],
    check: ({ lines }) => every(lines, (line) => present(line.unitPrice)),
  },
  {
    id: 'BR-27', message: 'A net price is not negative (BT-146).', fields: ['unitPrice'],
    check: ({ lines }) => every(lines, (line) => decimal(line.unitPrice)?.gte(0)),
  },
  {
    id: 'BR-28', message: 'A gross price is not negative (BT-148).', fields: ['grossPrice'],
    check: ({ lines }) => every(lines, (line) => decimal(line.grossPrice)?.gte(0)),
  },
  {
    id: 'BR-29', message: 'An invoicing period does not end before it begins (BT-73, BT-74).', fields: ['periodStart', 'periodEnd'],
    from: 'without-lines',
    check: ({ fields }) => days(fields.periodStart, fields.periodEnd),
  },
  {
    id: 'BR-30', message: "A line's period does not end before it begins (BT-134, BT-135).", fields: ['periodStart', 'periodEnd'],
    check: ({ lines }) => every(lines, (line) => days(line.periodStart, line.periodEnd)),
  },
  {
    id: 'BR-31', message: 'An allowance has an amount (BT-92).', fields: ['allowanceTotal'], from: 'without-lines',
    check: ({ allowances }) => every(allowances, (one) => present(one.amount)),
  },
  {
    id: 'BR-32', message: 'An allowance has a VAT category (BT-95).', fields: ['allowanceTotal'], from: 'without-lines',
    check: ({ allowances }) => every(allowances, (one) => present(one.taxCategory)),
  },
  {
    id: 'BR-33', message: 'An allowance has a reason or its code (BT-97, BT-98).', fields: ['allowanceTotal'], from: 'without-lines',
    check: ({ allowances }) => every(allowances, (one) => present(one.reason) || present(one.reasonCode)),
  },
  {
    id: 'BR-36', message: 'A charge has an amount (BT-99).', fields: ['chargeTotal'], from: 'without-lines',
    check: ({ charges }) => every(charges, (one) => present(one.amount)),
  },
  {
    id: 'BR-37', message: 'A charge has a VAT category (BT-102).', fields: ['chargeTotal'], from: 'without-lines',
    check: ({ charges }) => every(charges, (one) => present(one.taxCategory)),
  },
  {
    id: 'BR-38', message: 'A charge has a reason or its code (BT-104, BT-105).', fields: ['chargeTotal'], from: 'without-lines',
    check: ({ charges }) => every(charges, (one) => present(one.reason) || present(one.reasonCode)),
  },
  {
    id: 'BR-45', message: 'A VAT breakdown has a taxable amount (BT-116).', fields: ['taxTotal'], from: 'without-lines',
    check: ({ taxes }) => every(taxes, (tax) => present(tax.basis)),
  },
  {
    id: 'BR-46', message: 'A VAT breakdown has a tax amount (BT-117).', fields: ['taxTotal'], from: 'without-lines',
    check: ({ taxes }) => every(taxes, (tax) => present(tax.amount)),
  },
  {
    id: 'BR-47', message: 'A VAT breakdown has a category (BT-118).', fields: ['taxTotal'], from: 'without-lines',
    check: ({ taxes }) => every(taxes, (tax) => present(tax.category)),
  },
  {
    id: 'BR-48', message: 'A VAT breakdown has a rate, except outside the scope of VAT (BT-119).', fields: ['taxTotal'],
    from: 'without-lines',
    check: ({ taxes }) => every(taxes, (tax) => when(code(tax.category) !== 'O', () => present(tax.rate))),
  },
  {
    id: 'BR-49', message: 'A payment instruction has a means code (BT-81).', fields: ['paymentMeansCode'], from: 'without-lines',
    check: ({ fields }) =>
      when([fields.iban, fields.accountNumber, fields.bic, fields.cardNumber, fields.debitedAccount, fields.paymentMeansCode].some(present), () =>
        present(fields.paymentMeansCode)),
  },
  {
    id: 'BR-50', message: 'A credit transfer with a bank or an account name has an account (BT-84).', fields: ['iban'],
    from: 'without-lines',
    check: ({ fields }) =>
      when(present(fields.accountName) || present(fields.bic), () => present(fields.iban) || present(fields.accountNumber)),
  },
  {
    id: 'BR-51', message: 'Of a payment card only the last digits are stated, ten at most (BT-87).', fields: ['cardNumber'],
    from: 'without-lines',
    check: ({ fields }) => when(present(fields.cardNumber), () => code(fields.cardNumber).replace(/\s/g, '').length <= 10),
  },
  {
    id: 'BR-53', message: 'With a currency of accounting the tax total stands in it, too (BT-6, BT-111).',
    fields: ['taxCurrency', 'accountingTaxTotal'], from: 'without-lines',
    check: ({ fields }) => when(present(fields.taxCurrency), () => present(fields.accountingTaxTotal)),
  },
  {
    id: 'BR-55', message: 'A reference to a preceding invoice has its number (BT-25).', fields: ['precedingInvoiceNumber'],
    from: 'without-lines',
    check: ({ fields }) =>
      when(present(fields.precedingInvoiceDate) || present(fields.precedingInvoiceNumber), () => present(fields.precedingInvoiceNumber)),
  },
  {
    id: 'BR-56', message: 'A tax representative has a VAT id (BT-63).', fields: ['taxRepresentative.vatId'], from: 'without-lines',
    check: ({ fields }) => when(fields.taxRepresentative !== undefined, () => present(fields.taxRepresentative?.vatId)),
  },
  {
    id: 'BR-57', message: 'An address of delivery has a country (BT-80).', fields: ['deliverTo.country'], from: 'without-lines',
    check: ({ fields }) => when(hasAddress(fields.deliverTo), () => present(fields.deliverTo?.country)),
  },
  {
    id: 'BR-61', message: 'A credit transfer has an account to pay to (BT-84).', fields: ['iban'], from: 'without-lines',
    check: ({ fields }) => when(transfers.has(code(fields.paymentMeansCode)), () => present(fields.iban) || present(fields.accountNumber)),
  },
  {
    id: 'BR-CL-01', message: 'The type code is one of UNTDID 1001 (BT-3).', fields: ['typeCode'], from: 'minimum',
    check: ({ fields }) => when(present(fields.typeCode), () => typeCodes.has(code(fields.typeCode))),
  },
  {
    id: 'BR-CL-04', message: 'The currency is one of ISO 4217 (BT-5).', fields: ['currency'], from: 'minimum',
    check: ({ fields }) => when(present(fields.currency), () => isCurrency(code(fields.currency))),
  },
  {
    id: 'BR-CL-05', message: 'The currency of accounting is one of ISO 4217 (BT-6).', fields: ['taxCurrency'], from: 'without-lines',
    check: ({ fields }) => when(present(fields.taxCurrency), () => isCurrency(code(fields.taxCurrency))),
  },
  {
    id: 'BR-CL-06', message: 'The code of the tax point is one of UNTDID 2005 or 2475 (BT-8).', fields: ['taxPointDateCode'], from: 'without-lines',
    check: ({ fields }) => when(present(fields.taxPointDateCode), () => taxPointCodes.has(code(fields.taxPointDateCode))),
  },
  {
    id: 'BR-CL-14', message: 'Countries are of ISO 3166-1 (BT-40, BT-55, BT-69, BT-80).', fields: ['seller.country', 'buyer.country'],
    from: 'minimum',
    check: ({ fields }) =>
      every([fields.seller, fields.buyer, fields.taxRepresentative, fields.deliverTo], (party) => when(present(party?.country), () => isCountry(code(party?.country)))),
  },
  {
    id: 'BR-CL-16', message: 'The means of payment is one of UNTDID 4461 (BT-81).', fields: ['paymentMeansCode'], from: 'without-lines',
    check: ({ fields }) => when(present(fields.paymentMeansCode), () => isPaymentMeans(code(fields.paymentMeansCode))),
  },
  {
    id: 'BR-CL-17', message: 'VAT categories of the breakdown are of UNTDID 5305 (BT-118).', fields: ['taxTotal'], from: 'without-lines',
    check: ({ taxes }) => every(taxes, (tax) => when(present(tax.category), () => categories.has(code(tax.category)))),
  },
  {
    id: 'BR-CL-18', message: 'VAT categories of lines are of UNTDID 5305 (BT-151).', fields: ['taxRate'],
    check: ({ lines }) => every(lines, (line) => when(present(line.taxCategory), () => categories.has(code(line.taxCategory)))),
  },
  {
    id: 'BR-CO-03', message: 'The tax point is a date or a code, not both (BT-7, BT-8).', fields: ['taxPointDate', 'taxPointDateCode'],
    from: 'without-lines',
    check: ({ fields }) =>
      when(present(fields.taxPointDate) || present(fields.taxPointDateCode), () =>
        !(present(fields.taxPointDate) && present(fields.taxPointDateCode))),
  },
  {
    id: 'BR-CO-04', message: 'A line has a VAT category (BT-151).', fields: ['taxCategory'],
    check: ({ lines }) => every(lines, (line) => present(line.taxCategory)),
  },
  {
    id: 'BR-CO-09', message: 'A VAT id begins with its country (BT-31, BT-48, BT-63).',
    fields: ['seller.vatId', 'buyer.vatId', 'taxRepresentative.vatId'], from: 'minimum',
    check: ({ fields }) => every([fields.seller, fields.buyer, fields.taxRepresentative], (party) => vatPrefix(party?.vatId)),
  },
  {
    id: 'BR-CO-25', message: 'An amount due has a due date or terms of payment (BT-9, BT-20).', fields: ['dueDate', 'paymentTerms'],
    from: 'without-lines',
    check: ({ fields }) =>
      when(decimal(fields.payableAmount)?.gt(0) === true, () => present(fields.dueDate) || present(fields.paymentTerms)),
  },
  {
    id: 'BR-CO-26', message: 'The seller has an identifier, a registration or a VAT id (BT-29, BT-30, BT-31).', fields: ['seller.vatId'],
    from: 'minimum',
    check: ({ fields }) =>
      [fields.seller.identifier, fields.seller.globalIdentifier, fields.seller.registrationId, fields.seller.vatId].some(present),
  },
]
