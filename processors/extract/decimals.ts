import { Decimal } from 'decimal.js'

/** Blanks group thousands only where three digits follow each of them. */
const numeral = /[-−]?\s?(?:\d{1,3}(?:[ \u00a0\u202f]\d{3}){1,4}(?![\d ])(?:[.,]\d{1,4})?|\d[\d.,'’]{0,24})/

/**
 * What a written number may mean, likeliest first: `1.000,0000` is one thousand, `6,5` six and a half, `1.250` is either. Bounded, linear.
 */
export function readDecimals(text: string): Decimal[] {
  const found = numeral.exec(text)?.[0].replace(/[.,'’\u00a0]+$/, '')
  if (found === undefined) {
    return []
  }
  const negative = /^[-−]/.test(found)
  const digits = found.replace(/^[-−]\s?/, '').replace(/['’\s]/g, '')
  const last = Math.max(digits.lastIndexOf('.'), digits.lastIndexOf(','))
  const make = (whole: string, fraction: string): Decimal => {
    const value = new Decimal(`${whole.replace(/[.,]/g, '') || '0'}.${fraction === '' ? '0' : fraction}`)
    return negative ? value.negated() : value
  }
  if (last < 0) {
    return [make(digits, '')]
  }
  const whole = digits.slice(0, last)
  const fraction = digits.slice(last + 1)
  const separator = digits[last]!
  const asDecimal = make(whole, fraction)
  const asGroups = make(digits, '')
  const repeated = whole.includes(separator)
  const mixed = /[.,]/.test(whole) && !repeated
  if (repeated) {
    return /^\d{1,3}(?:[.,]\d{3})+$/.test(digits) ? [asGroups] : []
  }
  return mixed || fraction.length !== 3 || whole.length > 3 || whole === '0' ? [asDecimal] : [asDecimal, asGroups]
}

/** Canonical: an amount has two decimals at least, so that equal amounts are equal strings. */
export function amountText(value: Decimal): string {
  return value.toFixed(Math.max(2, value.decimalPlaces()))
}
