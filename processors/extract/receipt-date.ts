/** The day of a receipt: dates as recognition may have broken them, scored together. */
import type { Field } from '../types.ts'
import { fieldOf } from './field.ts'
import type { Layout } from './layout.ts'
import type { DateOrder } from './dates.ts'
import { monthOf } from './dates.ts'
import type { Features, Weights } from './linear-model.ts'
import { choose } from './linear-model.ts'
import { fold, within } from './misread.ts'
import type { ReceiptRow } from './receipt-rows.ts'

export interface DateOption {
  readonly value: string
  readonly text: string
  readonly row: ReceiptRow
  readonly features: Features
}

interface Form {
  readonly name: string
  readonly pattern: RegExp
  /** What a row must have at least for the pattern to be in it: digits, digits or letters taken for them, separators. */
  readonly digits: number
  readonly alike: number
  readonly marks: number
}

const form = (name: string, needs: Partial<Omit<Form, 'name' | 'pattern'>>, pattern: RegExp): Form => ({ name, pattern, digits: 0, alike: 0, marks: 0, ...needs })

/** How a date was read: the further down, the more was repaired. */
const forms: readonly [Form, ...Form[]] = [
  form('dmy', { digits: 6, marks: 2 }, /(?<![\d/.-])(?<a>\d{1,2})(?<s>[-/.])(?<b>\d{1,2})\k<s>(?<y>(?:19|20)\d{2})(?!\d)/g),
  form('ymd', { digits: 6, marks: 2 }, /(?<![\d/.-])(?<y>20\d{2})\s?[-/.]\s?(?<m>\d{1,2})\s?[-/.]\s?(?<d>\d{1,2})(?!\d)/g),
  form('dmy2', { digits: 4, marks: 2 }, /(?<![\d/.-])(?<a>\d{1,2})(?<s>[-/.])(?<b>\d{1,2})\k<s>(?<y>\d{2})(?![\d/-]|\.\d)/g),
  form('named', { digits: 3 }, /(?<!\d)(?<d>\d{1,2})(?:st|nd|rd|th)?[\s.,/'-]{0,3}(?<name>(?=\d?\p{L})[\p{L}\d]{3,9}?)[\s.,/'-]{0,3}(?<y>20\d{2}|\d{2})(?!\d)/giu),
  form('named2', { digits: 5 }, /(?<!\p{L})(?<name>\p{L}{3,9})[\s.]{0,2}(?<d>\d{1,2})(?:st|nd|rd|th)?[\s,.']{1,3}(?<y>20\d{2})(?!\d)/giu),
  // Blanks beside, another separator, a letter for a digit, a mark before.
  form('loose', { digits: 1, alike: 6, marks: 2 }, /(?<a>[\dOoIl]{1,2})\s?[-/.,\\|]\s?(?<b>[\dOoIl]{1,2})\s?[-/.,\\|]\s?(?<y>2[0O][\dOoIl]{2})(?!\d)/g),
  form('loose2', { alike: 4, marks: 2 }, /(?<![\d.,])(?<a>[\dOo]{1,2})\s?[-/]\s?(?<b>[\dOo]{1,2})\s?[-/]\s?(?<y>[\dOo]{2})(?![\d/-])/g),
  // A separator lost, or read as a digit: 2512/2018, 25/122018, 25112/2018.
  form('lost', { digits: 8 }, /(?<!\d)(?<a>\d{2})[1I|]?(?<b>\d{2})[-/. ](?<y>20\d{2})(?!\d)/g),
  form('lost', { digits: 7 }, /(?<!\d)(?<a>\d{1,2})[-/. ](?<b>\d{2})[1I|/]?(?<y>20\d{2})(?!\d)/g),
  form('lost2', { digits: 6, marks: 1 }, /(?<![\d/-])(?<a>\d{2})[-/](?<b>\d{2})(?<y>1\d|2\d)(?!\d)/g),
  form('solid', { digits: 8 }, /(?<!\d)(?<y>20[12]\d)(?<m>0[1-9]|1[0-2])(?<d>[0-3]\d)(?!\d)/g),
]

/** Most rows hold no date: counting tells so without a pattern. */
function held(text: string): Pick<Form, 'digits' | 'alike' | 'marks'> {
  let digits = 0
  let letters = 0
  let marks = 0
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!
    if (character >= '0' && character <= '9') {
      digits += 1
    } else if (character === 'O' || character === 'o' || character === 'I' || character === 'l') {
      letters += 1
    } else if (character === '-' || character === '/' || character === '.' || character === ',' || character === '\\' || character === '|') {
      marks += 1
    }
  }
  return { digits, alike: digits + letters, marks }
}

const dateWord = /(?<!\p{L})(?:date|dated|datum|tarikh|fecha|data|dt|day|bizdate|invdate)(?!\p{L})/iu
const otherDate = /(?<!\p{L})(?:due|valid|expiry|expires?|exp|until|before|effective|since|delivery|best|redeem|fallig|birth|from|period|member)(?!\p{L})/iu
const clock = /(?<!\d)(?:[01]?\d|2[0-3])\s?[:.;°]\s?[0-5]\d(?:\s?[:.;°]\s?[0-5]\d)?\s?(?:[ap]\.?m)?/i
const maxOptions = 200

/** @param receivedDay YYYY-MM-DD: no receipt is from after it */
export function dateOptions(rows: readonly ReceiptRow[], order: DateOrder, receivedDay?: string): DateOption[] {
  const own = printedOrder(rows) ?? order
  const found: { value: string; text: string; form: string; row: ReceiptRow; index: number; at: number; ambiguous: boolean }[] = []
  for (const [at, row] of rows.entries()) {
    const taken: { from: number; to: number }[] = []
    const has = held(row.text)
    for (const { name: form, pattern, digits, alike, marks } of forms) {
      if (has.digits < digits || has.alike < alike || has.marks < marks) {
        continue
      }
      for (const match of row.text.matchAll(pattern)) {
        const from = match.index
        const to = from + match[0].length
        const read = found.length >= maxOptions || taken.some((other) => from < other.to && other.from < to) ? undefined : toDay(match.groups!, own)
        if (read !== undefined) {
          taken.push({ from, to })
          const { value, ambiguous, text } = read
          const asPrinted = text !== '' && (form.startsWith('l') || form.startsWith('named')) ? text : match[0].trim()
          found.push({ value, text: asPrinted, form, row, index: from, at, ambiguous })
        }
      }
    }
  }
  const counts = new Map<string, number>()
  for (const { value } of found) {
    counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  const latest = receivedDay ?? '2099-12-31'
  return found.map(({ value, text, form, row, index, at, ambiguous }, n) => {
    const before = row.text.slice(0, index)
    const above = rows[at - 1]?.text ?? ''
    const year = Number(value.slice(0, 4))
    const features: Record<string, number> = {
      [`form.${form}`]: 1,
      labelled: dateWord.test(before) ? 1 : 0,
      labelledAbove: !dateWord.test(before) && dateWord.test(above) ? 1 : 0,
      other: otherDate.test(before) ? 1 : 0,
      otherAbove: otherDate.test(above) && !dateWord.test(before) ? 1 : 0,
      clock: clock.test(row.text.slice(index + text.length)) ? 1 : 0,
      clockBefore: clock.test(before) ? 1 : 0,
      starts: index === 0 ? 1 : 0,
      first: n === 0 ? 1 : 0,
      only: counts.size === 1 ? 1 : 0,
      repeated: (counts.get(value) ?? 1) > 1 ? 1 : 0,
      ambiguous: ambiguous ? 1 : 0,
      future: value > latest ? 1 : 0,
      old: year < 2005 ? 1 : 0,
      distant: year < Number(latest.slice(0, 4)) - 12 ? 1 : 0,
      depth: at / Math.max(1, rows.length),
      confidence: confidenceAt(row, text) - 0.8,
      doubtful: confidenceAt(row, text) < 0.5 ? 1 : 0,
    }
    return { value, text, row, features }
  })
}

/** 8/04/2018: a till that prints the month's nought printed the day's, which recognition took for a stain. */
function padded(text: string): string {
  return text.replace(/^(?=\d([-/.])0\d\1)/, '0')
}

/** The order of the dates that can be read in one way only, when they agree: one till prints one order. */
function printedOrder(rows: readonly ReceiptRow[]): DateOrder | undefined {
  const orders = new Set<DateOrder>()
  for (const { text } of rows) {
    for (const { groups } of text.matchAll(forms[0].pattern)) {
      const [a, b] = [Number(groups!['a']), Number(groups!['b'])]
      if (a > 12 && a <= 31 && b <= 12) {
        orders.add('day-month')
      } else if (b > 12 && b <= 31 && a <= 12) {
        orders.add('month-day')
      }
    }
  }
  return orders.size === 1 ? [...orders][0] : undefined
}

/** Of the run that holds the text. */
function confidenceAt(row: ReceiptRow, text: string): number {
  return row.runs.find((run) => run.text.includes(text))?.confidence ?? row.confidence
}

function toDay(groups: Record<string, string | undefined>, order: DateOrder): { value: string; ambiguous: boolean; text: string } | undefined {
  const digits = (text: string): number => Number(text.replace(/[Oo]/g, '0').replace(/[Il|]/g, '1'))
  const yearDigits = String(digits(groups['y']!)).padStart(2, '0')
  const year = yearDigits.length <= 2 ? 2000 + Number(yearDigits) : Number(yearDigits)
  const checked = (month: number, day: number, ambiguous: boolean, text: string) => {
    const time = new Date(Date.UTC(year, month - 1, day))
    return time.getUTCMonth() === month - 1 && time.getUTCDate() === day ? { value: time.toISOString().slice(0, 10), ambiguous, text } : undefined
  }
  if (groups['name'] !== undefined) {
    const month = namedMonth(groups['name'])
    const spelled = shortMonths[(month ?? 1) - 1]!.toUpperCase()
    return month === undefined ? undefined : checked(month, digits(groups['d']!), false, /\d/.test(groups['name']) ? `${groups['d']} ${spelled} ${groups['y']}` : '')
  }
  if (groups['m'] !== undefined) {
    return checked(digits(groups['m']), digits(groups['d']!), false, '')
  }
  const [a, b] = [digits(groups['a']!), digits(groups['b']!)]
  const dayFirst = b > 12 ? false : a > 12 ? true : order === 'day-month'
  const pair = (value: number): string => String(value).padStart(2, '0')
  return checked(dayFirst ? b : a, dayFirst ? a : b, a <= 12 && b <= 12 && a !== b, `${pair(a)}/${pair(b)}/${yearDigits}`)
}

const shortMonths = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** A month's name, with one letter misread: 0CT, JAM, N0V. */
function namedMonth(name: string): number | undefined {
  const exact = monthOf(name)
  if (exact !== undefined || !/\p{L}/u.test(name) || name.length > 4) {
    return exact
  }
  const folded = fold(name.slice(0, 3))
  const same = shortMonths.filter((month) => fold(month) === folded)
  const near = shortMonths.filter((month) => within(fold(month), folded, 1))
  return same.length === 1 ? shortMonths.indexOf(same[0]!) + 1 : near.length === 1 ? shortMonths.indexOf(near[0]!) + 1 : undefined
}

export function findReceiptDate(layout: Layout, rows: readonly ReceiptRow[], weights: Weights, order: DateOrder, receivedDay?: string): Field | undefined {
  const options = dateOptions(rows, order, receivedDay)
  const choice = choose(options, weights)
  if (choice === undefined) {
    return undefined
  }
  const { value, text, row } = options[choice.index]!
  const run = row.runs.find((one) => one.text.includes(text))
  return fieldOf(layout, { page: row.page, box: run?.box ?? row.box, confidence: 1 }, padded(text), value, choice.probability)
}
