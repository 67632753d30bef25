/** Amounts on a receipt as recognition may have broken them, each with the words that name it. */
import { labelWords } from './receipt-labels.ts'
import type { ReceiptRow } from './receipt-rows.ts'
import type { AmountWord } from './receipt-words.ts'

export interface Mention {
  /** Cents; negative for what is taken off. */
  readonly cents: number
  /** As it stands, without a currency. */
  readonly text: string
  readonly form: 'exact' | 'comma' | 'spaced' | 'letters' | 'pointless' | 'whole' | 'repaired'
  readonly row: ReceiptRow
  /** Index of {@link row}. */
  readonly at: number
  /** Index of the run in the row, and of the amount in its text. */
  readonly run: number
  readonly index: number
  readonly currency: boolean
  /** Words left of it in its row. */
  readonly words: ReadonlySet<AmountWord>
  /** Words of the row above, when its own has none. */
  readonly above: ReadonlySet<AmountWord>
  /** Letters in its own row before it. */
  readonly named: boolean
  /** It is the last amount of its row. */
  readonly last: boolean
  readonly confidence: number
}

const maxMentions = 400
/** Characters before an amount that may name it. */
const maxLabel = 120
const currencySign = /(?:RM|R[MNH]|MYR|\$|€|£|EUR|USD|GBP|CHF|S\$|Rs\.?|Rp\.?|IDR|[¥₩₫])\s?[:.]?\s?$/i
/** Every part is bounded, so the time is linear in the text. */
const pattern = /(?<sign>[-–−]\s?|\()?(?<whole>\d{1,3}(?:\.\d{3}){1,3}(?=,\d\d(?!\d))|\d{1,3}(?:[,' ]\d{3}){1,3}|[\dOoQDIlSB]{0,5}\d[OoQ]?|\d{1,7}|[OoQ]|(?<=RM|[$€£])[SIlB](?=[.,]\d))(?<point>\s?[.,·:]\s?|\s)?(?<cents>[\dOoQCDIlSB]{2})?(?<more>[\dOo])?/g

/** Amounts of currencies without cents: `71.500`, `Rp 71,500`, `500`. */
const wholePattern = /(?<sign>[-–−]\s?|\()?(?<whole>\d{1,3}(?:[.,' ]\d{3}){1,3}|\d{1,8})(?:[.,](?:00|-))?/g
const grouped = /(?<![\d.,])\d{1,3}(?:[.,]\d{3}){1,3}(?![\d%]|[.,]\d)/g
const withCents = /(?<![\d.,])\d{1,3}(?:[.,]?\d{3}){0,3}[.,]\d{2}(?![\d%]|[.,]\d)/g

/** Does this paper print no cents? Some amounts in thousands, next to none with two decimals; 9.000 beside 9.00 is a price or a weight. */
function isOfWholeUnits(rows: readonly ReceiptRow[]): boolean {
  const count = (what: RegExp): number => rows.reduce((sum, { runs }) => sum + runs.reduce((inRow, { text }) => inRow + (text.match(what)?.length ?? 0), 0), 0)
  const thousands = count(grouped)
  return thousands >= 2 && count(withCents) * 4 <= thousands
}

export function amountMentions(rows: readonly ReceiptRow[]): Mention[] {
  const wholeUnits = isOfWholeUnits(rows)
  const mentions: Mention[] = []
  let above: ReadonlySet<AmountWord> = new Set()
  for (const [at, row] of rows.entries()) {
    const words = labelWords(row.text)
    const found: Omit<Mention, 'last'>[] = []
    let before = ''
    for (const [run, { text, confidence }] of row.runs.entries()) {
      for (const match of text.matchAll(wholeUnits ? wholePattern : pattern)) {
        const read = mentions.length + found.length >= maxMentions ? undefined : wholeUnits ? readWhole(text, match) : readAmount(text, match)
        if (read !== undefined) {
          const left = `${before} ${text.slice(0, match.index)}`.slice(-maxLabel)
          const own = labelWords(left)
          found.push({ ...read, row, at, run, index: match.index, words: own, above: own.size === 0 ? above : new Set(), named: /\p{L}{2}/u.test(left.replace(currencySign, '')), confidence })
        }
      }
      before = `${before} ${text}`.slice(-maxLabel)
    }
    mentions.push(...found.map((mention, n) => ({ ...mention, last: n === found.length - 1 })))
    above = words
  }
  return mentions
}

/** Units of {@link Mention.cents} are hundredths all the same, so that amounts of every currency compare. */
function readWhole(text: string, match: RegExpExecArray): Pick<Mention, 'cents' | 'text' | 'form' | 'currency'> | undefined {
  const { sign, whole } = match.groups as { whole: string } & Record<string, string | undefined>
  const before = text.slice(0, match.index)
  const after = text.slice(match.index + match[0].length)
  const currency = currencySign.test(before)
  if ((/[\p{L}\d/:#@.,-]$/u.test(before) && !currency) || /^(?:\d|[/:-]\d|\s?%|[.,]\d|\p{L})/u.test(after)) {
    return undefined
  }
  const separated = /\D/.test(whole)
  const digits = whole.replace(/\D/g, '')
  // Counts, numbers of tables and postcodes are whole, too: without thousands or a currency little speaks for an amount.
  if (!separated && !currency && digits.length < 3) {
    return undefined
  }
  const negative = sign !== undefined && (sign.trim() !== '(' || after.startsWith(')'))
  return { cents: (negative ? -100 : 100) * Number(digits), text: match[0].slice(sign?.length ?? 0).trim(), form: separated ? 'exact' : currency ? 'whole' : 'pointless', currency }
}

function readAmount(text: string, match: RegExpExecArray): Pick<Mention, 'cents' | 'text' | 'form' | 'currency'> | undefined {
  const { sign, whole, point, cents, more } = match.groups as { whole: string } & Record<string, string | undefined>
  const before = text.slice(0, match.index)
  const after = text.slice(match.index + match[0].length)
  const currency = currencySign.test(before)
  // Digits that continue a word, a date, a number of more digits or a percentage are no amount.
  if ((/[\p{L}\d/:#@.,-]$/u.test(before) && !currency) || more !== undefined || /^(?:\d|[/:-]\d|\s?%|[.,]\d)/.test(after) || !/\d/.test(match[0])) {
    return undefined
  }
  const separated = point !== undefined && cents !== undefined
  const wholeDigits = digitsOf(whole)
  const negative = sign !== undefined && (sign.trim() !== '(' || after.startsWith(')'))
  const of = (value: number, form: Mention['form'], length = match[0].length): Pick<Mention, 'cents' | 'text' | 'form' | 'currency'> => ({
    cents: negative ? -value : value,
    text: match[0].slice(sign?.length ?? 0, length).trim(),
    form,
    currency,
  })
  if (separated) {
    const letters = /[A-Za-z]/.test(whole + cents)
    if (/^\p{L}/u.test(after) && !/^(?:DH|EUR|RM|SR|ZR|S|Z|T|A|B|X)?(?![\p{L}])/iu.test(after)) {
      return undefined
    }
    // 17:45 18/05/18
    if (point.trim() === ':' && /\d[/-]\d/.test(text)) {
      return undefined
    }
    const value = Number(wholeDigits) * 100 + Number(digitsOf(cents))
    const blank = point.trim() === ''
    if (blank && (letters || cents === undefined || !currency)) {
      return undefined
    }
    return of(value, letters ? 'letters' : blank || point.length > 1 || point.trim() === ':' ? 'spaced' : point === ',' ? 'comma' : 'exact')
  }
  if (/[A-Za-z]/.test(whole + (cents ?? ''))) {
    return undefined
  }
  const digits = `${whole}${cents ?? ''}`.replace(/\D/g, '')
  if (/^\p{L}/u.test(after) || digits.length > 7) {
    return undefined
  }
  // A point that was not seen: 8091 for 80.91. Whole amounts need their currency.
  return currency && digits.length <= 2
    ? of(Number(digits) * 100, 'whole')
    : digits.length >= 3 && /^\d+$/.test(`${whole}${cents ?? ''}`) ? of(Number(digits), 'pointless') : undefined
}

function digitsOf(text: string): string {
  return text.replace(/[OoQDC]/g, '0').replace(/[Il]/g, '1').replace(/S/g, '5').replace(/B/g, '8').replace(/\D/g, '')
}

export function decimalOfCents(cents: number): string {
  const digits = String(Math.abs(cents)).padStart(3, '0')
  return `${cents < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}
