import { Decimal } from 'decimal.js'
import type { XmlElement } from '../text/index.ts'
import { find } from '../text/index.ts'
import type { Field } from '../types.ts'

/** Fields out of elements of an e-invoice. A value that is not what its element promises is kept as it stands, and not believed. */

const provenance = { page: 0, method: 'e-invoice-xml' } as const
const maxValue = 1000

export function field(value: string | undefined, normalise: (value: string) => string | undefined): Field | undefined {
  if (value === undefined || value === '') {
    return undefined
  }
  const normalised = normalise(value)
  return normalised === undefined || normalised === ''
    ? { value: cut(value), normalised: '', confidence: 0, provenance }
    : { value: cut(value), normalised: cut(normalised), confidence: 1, provenance }
}

function cut(value: string): string {
  return value.slice(0, maxValue).toWellFormed()
}

/** Blanks and line breaks are one blank each. */
export function text(element: XmlElement | undefined): Field | undefined {
  return field(element?.text, plain)
}

export function attribute(element: XmlElement | undefined, name: string): Field | undefined {
  return field(element?.attributes.get(name), plain)
}

function plain(value: string): string {
  return value.replace(/\s+/g, ' ').trim()
}

/** Identifiers that people write with blanks: IBAN, BIC, VAT id. */
export function id(element: XmlElement | undefined): Field | undefined {
  return field(element?.text, (value) => value.replace(/\s+/g, '').toUpperCase())
}

export function code(element: XmlElement | undefined): Field | undefined {
  return field(element?.text, (value) => value.trim().toUpperCase())
}

/** xs:decimal, bounded: an exponent or a thousand digits is no number. */
export function number(element: XmlElement | undefined): Field | undefined {
  return field(element?.text, (value) => toDecimal(value)?.toFixed())
}

/** An amount has two decimals at least, so that equal amounts are equal strings. */
export function amount(element: XmlElement | undefined): Field | undefined {
  return field(element?.text, (value) => amountText(toDecimal(value)))
}

/** The sum of several amounts, none if there are none, not believed if one of them is none. */
export function sumOf(elements: readonly (XmlElement | undefined)[]): Field | undefined {
  const [first, ...more] = elements.filter((element) => element !== undefined)
  if (first === undefined || more.length === 0) {
    return amount(first)
  }
  const values = [first, ...more].map((element) => toDecimal(element.text))
  const known = values.filter((value) => value !== undefined)
  return field([first, ...more].map((element) => element.text).join(' + '), () =>
    known.length === values.length ? amountText(known.reduce((sum, value) => sum.plus(value))) : undefined)
}

function amountText(decimal: Decimal | undefined): string | undefined {
  return decimal?.toFixed(Math.max(2, decimal.decimalPlaces()))
}

function toDecimal(value: string): Decimal | undefined {
  const plain = value.trim()
  // Prices out of divisions are written with all their decimals: 10.000000000000000000, 16.806722689075630252.
  return /^[+-]?(?:\d{1,24}(?:\.\d{0,40})?|\.\d{1,40})$/.test(plain) ? new Decimal(plain) : undefined
}

/** Format 102: YYYYMMDD; what else occurs is ISO 8601 with or without a time. */
export function ciiDate(element: XmlElement | undefined): Field | undefined {
  // The first drafts of ZUGFeRD have the digits in the element itself; references in the invoice call it otherwise.
  const holder = ['DateTimeString', 'DateString', 'DateTime', 'Date'].map((name) => find(element, name)).find((found) => found !== undefined) ?? element
  return field(holder?.text, (value) => {
    // Formats 102 and 203, xs:date and xs:dateTime: an hour or a time zone may follow.
    const match = /^(\d{4})-?(\d{2})-?(\d{2})(?:\d{4}(?:\d{2})?|T.*|Z|[+-]\d{2}:\d{2})?$/.exec(value.trim())
    return match === null ? undefined : checkedDay(`${match[1]}-${match[2]}-${match[3]}`)
  })
}

/** xs:date: a time zone may follow. */
export function isoDate(element: XmlElement | undefined): Field | undefined {
  return field(element?.text, (value) => checkedDay(value.trim().slice(0, 10)))
}

function checkedDay(day: string): string | undefined {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== day ? undefined : day
}

/** Parts in one line, as an address is printed. */
export function joined(elements: readonly (XmlElement | undefined)[]): Field | undefined {
  return field(elements.map((element) => element?.text ?? '').filter((part) => part !== '').join(', '), plain)
}

/** xs:boolean */
export function isTrue(element: XmlElement | undefined): boolean {
  return element?.text === 'true' || element?.text === '1'
}

export function stated(value: string): Field {
  return { value, normalised: value, confidence: 1, provenance }
}

/** BT-84 is an IBAN or something a bank outside of it understands. */
export function account(element: XmlElement | undefined): { readonly iban?: Field; readonly accountNumber?: Field } {
  const found = id(element)
  if (found === undefined) {
    return {}
  }
  return /^[A-Z]{2}\d{2}/.test(found.normalised) ? { iban: found } : { accountNumber: found }
}

/** Leaves out what is not there: absent and undefined are the same in a record, not in a comparison. */
export function compact<T extends object>(fields: { [Key in keyof T]: T[Key] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
}

/** A party without anything in it is none. */
export function orNothing<T extends object>(fields: T): T | undefined {
  return Object.keys(fields).length === 0 ? undefined : fields
}
