/** An amount found in a text. */
export interface FoundAmount {
  readonly index: number
  readonly text: string
  /** `1234.50`, negative with a leading minus. */
  readonly value: string
  /** It has two decimals or a currency beside it: not merely a number. */
  readonly monetary: boolean
}

/** Every part is bounded, so the time is linear in the text. */
const pattern = /([-−]\s?|\()?((?:\d{1,3}(?:[.,'’\u00a0 ]\d{3}){1,4}|\d{1,12})(?:\s?[.,]\s?\d{2})?)(?![\d%]|[.,]\d)(\s?-(?!\d))?\)?/g
const currencyBefore = /(?:€|£|\$|¥|₹|\b(?:EUR|GBP|USD|CHF|RM|MYR|INR|Rs\.?))\s?$/i
const currencyAfter = /^\s?(?:€|£|\$|\b(?:EUR|GBP|USD|CHF|MYR|INR)\b)/i

/** Amounts in a line of text, left to right. Decimal comma and decimal point are told apart by the last separator. */
export function findAmounts(text: string): FoundAmount[] {
  const found: FoundAmount[] = []
  for (const match of text.matchAll(pattern)) {
    const before = text.slice(Math.max(0, match.index - 5), match.index)
    // Digits that continue a word, a date, a number with more decimals or a percentage are no amount.
    if (/[\p{L}\d/:#-]$/u.test(before) && !currencyBefore.test(before)) {
      continue
    }
    const after = text.slice(match.index + match[0].length)
    if (/^(?:[/:]\d|\s?%|[\p{L}])/u.test(after) && !currencyAfter.test(after)) {
      continue
    }
    const value = parseAmount(match[2]!)
    if (value === undefined) {
      continue
    }
    const negative = match[1] !== undefined ? match[1].trim() !== '(' || match[0].endsWith(')') : match[3] !== undefined
    found.push({
      index: match.index,
      text: match[0].trim(),
      value: negative && !/^0(?:\.0+)?$/.test(value) ? `-${value}` : value,
      monetary: /[.,]\s?\d{2}$/.test(match[2]!) || currencyBefore.test(before) || currencyAfter.test(after),
    })
  }
  return found
}

/** `1.234,50`, `1,234.50`, `1 234,50`, `1'234.50`, `1234` → `1234.50`; undefined if it is none of them. */
export function parseAmount(text: string): string | undefined {
  const plain = text.replace(/\s?([.,])\s?(?=\d{2}$)/, '$1').replace(/[\s\u00a0'’]/g, '')
  const match = /^(\d{1,3}(?:[.,]?\d{3}){0,4}|\d{1,12})(?:[.,](\d{2}))?$/.exec(plain)
  if (match === null) {
    return undefined
  }
  const whole = match[1]!.replace(/[.,]/g, '').replace(/^0+(?=\d)/, '')
  return match[2] === undefined ? `${whole}.00` : `${whole}.${match[2]}`
}
