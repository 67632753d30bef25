/** What is known about a document, and when an answer equals it. */
import { Decimal } from 'decimal.js'

export type ValueKind = 'text' | 'amount' | 'date'

export interface TruthValue {
  readonly kind: ValueKind
  readonly value: string
  /**
   * The truth is a transcript of the page, so the strict comparison is with the field's value as it stands; else it is canonical
   * (out of XML or JSON) and the strict comparison is with the field's normalised value.
   */
  readonly printed: boolean
}

export interface Truth {
  readonly fields: ReadonlyMap<string, TruthValue>
  readonly lines?: readonly ReadonlyMap<string, TruthValue>[]
  /** Everything that stands on the page, in reading order. */
  readonly text?: string
}

/** An answer to be compared: as it stands, and canonical. */
export interface Answer {
  readonly value: string
  readonly normalised: string
}

export interface Verdict {
  readonly strict: boolean
  readonly normalised: boolean
}

export function compare(truth: TruthValue, answer: Answer, order: 'day-month' | 'month-day'): Verdict {
  const strict = blanks(truth.value) === blanks(truth.printed ? answer.value : answer.normalised)
  const canonical = (value: string): string => {
    switch (truth.kind) {
      case 'amount':
        return decimalOf(value) ?? lettersAndDigits(value)
      case 'date':
        return dayOf(value, order) ?? lettersAndDigits(value)
      default:
        return lettersAndDigits(value)
    }
  }
  return { strict, normalised: strict || canonical(truth.value) === canonical(answer.normalised) }
}

export function blanks(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

export function lettersAndDigits(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '')
}

/** A decimal out of `RM 1,234.50`, `-1.234,50`, `$7`; undefined where there is none. Own code: it judges the extractor's. */
export function decimalOf(text: string): string | undefined {
  const match = /(-?)\s*[^\d-]{0,5}\s*(\d[\d.,' ]*)/.exec(text.trim())
  if (match === null) {
    return undefined
  }
  const digits = match[2]!.replace(/[' ]/g, '').replace(/[.,]$/, '')
  const last = Math.max(digits.lastIndexOf('.'), digits.lastIndexOf(','))
  const decimals = digits.length - last - 1
  // A single separator before three digits is of thousands, except where the other kind stands before it.
  const split = last >= 0 && (decimals !== 3 || /[.,].*[.,]/.test(digits)) && digits.indexOf(digits[last]!) === last
  const plain = split ? `${digits.slice(0, last).replace(/[.,]/g, '')}.${digits.slice(last + 1)}` : digits.replace(/[.,]/g, '')
  return new Decimal(`${match[1]}${plain}`).toFixed(2)
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** YYYY-MM-DD out of a date as people write it; undefined where there is none. Own code: it judges the extractor's. */
export function dayOf(text: string, order: 'day-month' | 'month-day'): string | undefined {
  const plain = text.toLowerCase()
  const iso = /(?<!\d)(\d{4})\s?[-/.]?\s?(\d{2})\s?[-/.]?\s?(\d{2})(?!\d)/.exec(plain)
  if (iso !== null && /^(?:19|20)/.test(iso[1]!)) {
    return day(iso[1]!, Number(iso[2]), Number(iso[3]))
  }
  const name = /([a-z]{3})[a-z]*/.exec(plain)?.[1]
  const month = name === undefined ? -1 : monthNames.indexOf(name)
  const numbers = plain.match(/\d+/g) ?? []
  if (month >= 0 && numbers.length >= 2) {
    return day(numbers[1]!, month + 1, Number(numbers[0]))
  }
  if (numbers.length < 3) {
    return /^\d{8}$/.test(numbers[0] ?? '') ? day(numbers[0]!.slice(4), Number(numbers[0]!.slice(2, 4)), Number(numbers[0]!.slice(0, 2))) : undefined
  }
  const [a, b] = [Number(numbers[0]), Number(numbers[1])]
  const dayFirst = b > 12 ? false : a > 12 ? true : order === 'day-month'
  return day(numbers[2]!, dayFirst ? b : a, dayFirst ? a : b)
}

function day(year: string, month: number, date: number): string | undefined {
  const full = year.length === 2 ? 2000 + Number(year) : Number(year.slice(0, 4))
  const time = new Date(Date.UTC(full, month - 1, date))
  return time.getUTCMonth() === month - 1 && time.getUTCDate() === date ? time.toISOString().slice(0, 10) : undefined
}
