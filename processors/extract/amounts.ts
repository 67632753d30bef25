/** An amount found in a text. */
export interface FoundAmount {
  readonly index: number
  readonly text: string
  /** `1234.50`, negative with a leading minus. */
  readonly value: string
  /** It has two decimals or a currency beside it: not merely a number. */
  readonly monetary: boolean
}

/** Blanks that group thousands: French typesetting has narrow ones. Lakhs and crores are groups of two: 12,34,567.00. */
const number = /(?:\d{1,3}(?:[.,'’\u00a0\u202f\u2009 ]\d{3}){1,4}|\d{1,2}(?:,\d{2}){1,4},\d{3}|\d{1,12})(?:\s?[.,]\s?\d{2})?/
/** Every part is bounded, so the time is linear in the text. */
const pattern = new RegExp(String.raw`([-−]\s?|\()?(${number.source})(?![\d%]|[.,]\d)(-(?!\s?\d|[A-Za-z])|\s-(?!\s?[\dA-Za-z]))?\)?`, 'g')
const codes = 'EUR|GBP|USD|CHF|SEK|NOK|DKK|PLN|CZK|HUF|RON|CAD|AUD|NZD|SGD|HKD|MYR|INR|JPY|CNY|ZAR|AED|BRL|MXN|THB|BGN|ISK|IDR|VND|KRW|TWD|ILS|SAR|RSD|UAH'
const currencyBefore = new RegExp(String.raw`(?:[€£$¥₹₩₫₺₴₪฿]|\b(?:${codes}|RM|Rs\.?|Rp\.?|kr\.?|zł))\s?$`, 'i')
const currencyAfter = new RegExp(String.raw`^\s?(?:[€£$¥₹₩₫₺₴₪฿]|(?:${codes}|kr|zł|Kč|lei|лв)(?!\p{L}))`, 'iu')
/** Forints; less than a hundred are feet. */
const forints = /^\s?Ft(?!\p{L})/u
const isMoney = (value: string, after: string): boolean => currencyAfter.test(after) || (forints.test(after) && Number(value) >= 100)
/** The sign of an amount may stand before its currency: -$12.50. */
const negativeCurrency = new RegExp(String.raw`(?:^|[\s:(])[-−](?:[€£$¥₹₩₫₺₴₪฿]|${codes}|RM|Rs\.?|Rp\.?|kr\.?)\s?$`, 'i')

/** Amounts in a line of text, left to right. Decimal comma and decimal point are told apart by the last separator. */
export function findAmounts(text: string): FoundAmount[] {
  const found: FoundAmount[] = []
  for (const match of text.matchAll(pattern)) {
    const before = text.slice(Math.max(0, match.index - 6), match.index)
    // Digits that continue a word, a date, a number with more decimals or a percentage are no amount.
    if (/(?:[\p{L}\d/:#-]|\d[.,'’])$/u.test(before) && !currencyBefore.test(before)) {
      continue
    }
    const after = text.slice(match.index + match[0].length)
    const value = parseAmount(match[2]!)
    if (value === undefined || (/^(?:[/:]\d|\s?%|[\p{L}])/u.test(after) && !isMoney(value, after))) {
      continue
    }
    const negative = match[1] !== undefined ? match[1].trim() !== '(' || match[0].endsWith(')') : match[3] !== undefined || negativeCurrency.test(before)
    found.push({
      index: match.index,
      text: match[0].trim(),
      value: negative && !/^0(?:\.0+)?$/.test(value) ? `-${value}` : value,
      monetary: /[.,]\s?\d{2}$/.test(match[2]!) || currencyBefore.test(before) || isMoney(value, after),
    })
  }
  return found
}

/** `1.234,50`, `1,234.50`, `1 234,50`, `1'234.50`, `12,34,567.00`, `1234` → `1234.50`; undefined if it is none of them. */
export function parseAmount(text: string): string | undefined {
  const plain = text.replace(/\s?([.,])\s?(?=\d{2}$)/, '$1').replace(/[\s'’]/g, '')
  const match = /^(\d{1,3}(?:[.,]?\d{3}){0,4}|\d{1,2}(?:,\d{2}){1,4},\d{3}|\d{1,12})(?:[.,](\d{2}))?$/.exec(plain)
  if (match === null) {
    return undefined
  }
  const whole = match[1]!.replace(/[.,]/g, '').replace(/^0+(?=\d)/, '')
  return match[2] === undefined ? `${whole}.00` : `${whole}.${match[2]}`
}
