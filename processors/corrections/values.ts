import { Decimal } from 'decimal.js'

/** What a field holds, and so what a person may write there. */
export type ValueKind = 'amount' | 'number' | 'day' | 'currency' | 'country' | 'iban' | 'bic' | 'identifier' | 'number-of-document' | 'text'

/** Longer texts are no fields; the longest that an e-invoice's XML may give is as long. */
const maxLength = 1000

interface Kind {
  readonly pattern: RegExp
  /** For people: what is allowed. */
  readonly allowed: string
  normalise(text: string): string | undefined
}

const withoutBlanks = (text: string): string => text.replace(/\s+/g, '').toUpperCase()
const plain = (text: string): string => text.replace(/\s+/g, ' ').trim()

const kinds: { readonly [kind in ValueKind]: Kind } = {
  amount: { pattern: /^-?\d{1,24}(?:\.\d{1,9})?$/, allowed: 'digits with a decimal point: 1234.50', normalise: (text) => withDecimals(text) },
  number: { pattern: /^-?\d{1,24}(?:\.\d{1,9})?$/, allowed: 'digits with a decimal point: 2.5', normalise: (text) => new Decimal(text).toFixed() },
  day: { pattern: /^\d{4}-\d{2}-\d{2}$/, allowed: 'a day as YYYY-MM-DD', normalise: (text) => (isDay(text) ? text : undefined) },
  currency: { pattern: /^[A-Za-z]{3}$/, allowed: 'three letters of ISO 4217', normalise: withoutBlanks },
  country: { pattern: /^[A-Za-z]{2}$/, allowed: 'two letters of ISO 3166-1', normalise: withoutBlanks },
  iban: { pattern: /^[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){10,30}$/, allowed: 'an IBAN of 14 to 34 letters and digits', normalise: withoutBlanks },
  bic: { pattern: /^[A-Za-z]{6}[A-Za-z0-9]{2}(?:[A-Za-z0-9]{3})?$/, allowed: 'a BIC of 8 or 11 letters and digits', normalise: withoutBlanks },
  identifier: { pattern: /^[\p{L}\p{N}][\p{L}\p{N} ./:_-]{0,99}$/u, allowed: '1 to 100 letters, digits and . / : _ -', normalise: withoutBlanks },
  'number-of-document': { pattern: /^[^\p{C}]{1,200}$/u, allowed: '1 to 200 characters in one line', normalise: (text) => plain(text).toUpperCase() },
  text: { pattern: /^[^\p{Cc}\p{Cs}]+$/u, allowed: `1 to ${maxLength} characters in one line`, normalise: plain },
}

export const allowedOf = (kind: ValueKind): string => kinds[kind].allowed

/** @returns undefined for what this kind of field cannot hold; an identifier whose checksum is wrong may stand on the paper like that: rules see it */
export function normalise(kind: ValueKind, sent: string): string | undefined {
  const text = sent.trim()
  const { pattern, normalise: write } = kinds[kind]
  return text.length > maxLength || !pattern.test(text) ? undefined : write(text) || undefined
}

/** Two at least, so that equal amounts are equal strings. */
function withDecimals(text: string): string {
  const value = new Decimal(text)
  return value.toFixed(Math.max(2, value.decimalPlaces()))
}

function isDay(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text)
}

const ofDocument: { readonly [name: string]: ValueKind } = {
  ...all('amount', ['lineTotal', 'allowanceTotal', 'chargeTotal', 'taxBasisTotal', 'taxTotal', 'accountingTaxTotal', 'grandTotal', 'paidAmount', 'roundingAmount', 'payableAmount']),
  ...all('day', ['issueDate', 'dueDate', 'deliveryDate', 'periodStart', 'periodEnd', 'taxPointDate', 'precedingInvoiceDate']),
  ...all('currency', ['currency', 'taxCurrency']),
  ...all('number-of-document', ['invoiceNumber', 'purchaseOrderNumber']),
  iban: 'iban',
  bic: 'bic',
}

const ofParty: { readonly [name: string]: ValueKind } = { vatId: 'identifier', taxNumber: 'identifier', country: 'country' }

const ofLine: { readonly [name: string]: ValueKind } = {
  ...all('amount', ['unitPrice', 'grossPrice', 'priceDiscount', 'allowanceAmount', 'chargeAmount', 'lineTotal']),
  ...all('number', ['quantity', 'priceQuantity', 'taxRate']),
  ...all('day', ['periodStart', 'periodEnd']),
}

const ofTax: { readonly [name: string]: ValueKind } = { rate: 'number', ...all('amount', ['basis', 'amount']) }

function all(kind: ValueKind, names: readonly string[]): { readonly [name: string]: ValueKind } {
  return Object.fromEntries(names.map((name) => [name, kind]))
}

/** Of a field that exists. */
export function kindOfField(place: 'document' | 'party' | 'line' | 'tax', name: string): ValueKind {
  const table = { document: ofDocument, party: ofParty, line: ofLine, tax: ofTax }[place]
  return Object.hasOwn(table, name) ? table[name]! : 'text'
}
