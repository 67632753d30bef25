/** What was to pay: amounts scored by label, place, size and arithmetic together. */
import type { Field } from '../types.ts'
import { fieldOf } from './field.ts'
import type { Layout } from './layout.ts'
import type { Features, Option, Weights } from './linear-model.ts'
import { choose } from './linear-model.ts'
import type { Mention } from './receipt-amounts.ts'
import { amountMentions, decimalOfCents } from './receipt-amounts.ts'
import type { ReceiptRow } from './receipt-rows.ts'
import type { AmountWord } from './receipt-words.ts'

export interface TotalOption extends Option {
  readonly mention: Mention
}

/** Sums of items are looked at so far up. */
const maxItems = 60
/** Cents that a till rounds by. */
const maxRounding = 5
/** Totals that are doubted, and differences that speak against them: a receipt has some of each. */
const maxDoubted = 12
const maxDifferences = 100

export function totalOptions(rows: readonly ReceiptRow[]): TotalOption[] {
  const mentions = amountMentions(rows)
  const positive = mentions.filter(({ cents }) => cents > 0)
  const believed = positive.filter(({ form }) => form !== 'pointless' && form !== 'whole')
  const counts = new Map<number, Set<number>>()
  for (const { cents, at } of positive) {
    counts.set(cents, (counts.get(cents) ?? new Set()).add(at))
  }
  const has = (mention: Mention, ...words: AmountWord[]): boolean => words.some((word) => mention.words.has(word) || mention.above.has(word))
  const centsOf = (...words: AmountWord[]): Set<number> => new Set(positive.filter((one) => has(one, ...words)).map(({ cents }) => cents))
  // Some tills take what was paid off the total.
  const tendered = new Set(mentions.filter((one) => has(one, 'cash', 'tendered')).map(({ cents }) => Math.abs(cents)).filter((cents) => cents > 0))
  const changes = new Set(mentions.filter((one) => has(one, 'change')).map(({ cents }) => Math.abs(cents)))
  const cards = centsOf('card')
  const roundings = new Set(mentions.filter((one) => has(one, 'rounding')).map(({ cents }) => cents).filter((cents) => Math.abs(cents) <= maxRounding))
  const subtotals = new Set(positive.filter((one) => has(one, 'sub', 'excluding', 'net')).map(({ cents }) => cents))
  const taxes = new Set(mentions.filter((one) => has(one, 'tax') && !has(one, 'total') && !has(one, 'including')).map(({ cents }) => cents))
  const charges = new Set([0, ...mentions.filter((one) => has(one, 'service')).map(({ cents }) => cents)])
  const totals = positive.filter((one) => has(one, 'total') && !has(one, 'sub', 'excluding', 'count', 'discount'))
  const firstTotal = Math.min(...totals.map(({ at }) => at), rows.length)
  const items = believed.filter((one) => one.at < firstTotal && one.last).slice(-maxItems)
  const itemSum = items.reduce((sum, { cents }) => sum + cents, 0)
  const largest = Math.max(0, ...believed.map(({ cents }) => cents))
  const paid = new Set([...tendered, ...cards])
  const largestUnpaid = Math.max(0, ...believed.filter((one) => !has(one, 'cash', 'tendered', 'change', 'points', 'number')).map(({ cents }) => cents))
  const lastTotal = totals.at(-1)
  const near = (value: number, set: ReadonlySet<number>, slack = 0): boolean => {
    for (const one of set) {
      if (Math.abs(one - value) <= slack) {
        return true
      }
    }
    return false
  }
  // Net and tax of a tax summary, or printed above: two amounts of one row or of two whose share is a rate of tax.
  const taxed = new Set<number>()
  for (const a of believed) {
    for (const b of believed) {
      if (Math.abs(b.at - a.at) <= 2 && b.cents < a.cents * 0.26 && b.cents > a.cents * 0.045 && a !== b) {
        taxed.add(a.cents + b.cents)
      }
    }
  }
  const differences = new Set<number>()
  for (const cash of tendered) {
    for (const change of changes) {
      if (cash > change) {
        differences.add(cash - change)
      }
    }
  }
  const unlabelledDifferences = new Set<number>()
  for (const [n, cash] of believed.entries()) {
    for (const change of believed.slice(n + 1, n + 4)) {
      if (cash.at > firstTotal - 1 && change.at > cash.at && cash.cents > change.cents) {
        unlabelledDifferences.add(cash.cents - change.cents)
      }
    }
  }
  const printed = new Set(totals.map(({ cents }) => cents))
  const supported = (one: Mention): boolean => near(one.cents, taxed, 1) || sums(subtotals, taxes, charges, one.cents) || believed.some((other) => other.at !== one.at && Math.abs(other.cents - one.cents) <= maxRounding)
  // What stands nowhere else may be misread: what was paid less the change says in which figure. A text layer is not misread.
  const doubted = positive.filter((one) => one.confidence < 1 && has(one, 'total', 'due', 'grand') && !has(one, 'sub', 'excluding', 'count', 'discount', 'cash', 'tendered', 'change') && !supported(one)).slice(-maxDoubted)
  const repaired = doubted.flatMap((read) =>
    [...differences].slice(0, maxDifferences).filter((cents) => !printed.has(cents) && isMisread(read.cents, cents)).map((cents) => ({ mention: { ...read, cents, form: 'repaired' } satisfies Mention, read })))
  return [...positive.map((mention) => ({ mention, read: mention })), ...repaired].map(({ mention, read }): TotalOption => {
    const { cents, words, above, form, at } = mention
    const said = words.size > 0 ? words : above
    const features: Record<string, number> = {}
    const set = (name: string, value: boolean | number): void => {
      if (value !== false && value !== 0) {
        features[name] = Number(value)
      }
    }
    for (const word of words) {
      set(`word.${word}`, true)
    }
    for (const word of above) {
      set(`above.${word}`, true)
    }
    set('bare', words.size === 0 && above.size === 0)
    set('named', mention.named && words.size === 0)
    const total = said.has('total')
    const minor = said.has('sub') || said.has('excluding') || said.has('count') || said.has('discount') || said.has('tax')
    set('total.clean', total && !minor)
    set('total.including', total && said.has('including'))
    set('total.tax', total && said.has('tax') && !said.has('including'))
    set('total.excluding', total && said.has('excluding'))
    set('total.count', total && said.has('count'))
    set('total.discount', total && said.has('discount'))
    set('total.rounded', total && (said.has('rounded') || said.has('rounding')))
    set('total.payable', total && said.has('due'))
    set('total.sales', total && said.has('sales'))
    set('total.grand', total && said.has('grand'))
    set('total.only', total && words.size === 1)
    set('total.last', lastTotal !== undefined && lastTotal.at === at && total)
    set('sales.rounding', total && said.has('rounding') && !said.has('including'))
    set(`form.${form}`, true)
    set('currency', mention.currency)
    set('last', mention.last)
    const times = counts.get(cents)?.size ?? 0
    set('repeated', Math.min(3, Math.max(0, times - 1)))
    set('once', times === 1)
    // Where it stands among others is what was read, whatever it means.
    set('largest', read.cents === largest)
    set('largestUnpaid', read.cents === largestUnpaid)
    set('over', read.cents > largestUnpaid)
    set('size', largestUnpaid === 0 ? 0 : Math.min(1.5, read.cents / largestUnpaid))
    set('tiny', cents < 0.1 * largestUnpaid)
    set('round5', cents % 5 === 0)
    set('isPaid', paid.has(cents))
    set('isCard', cards.has(cents))
    set('difference', near(cents, differences))
    set('differenceGuess', near(cents, unlabelledDifferences) && !near(cents, differences))
    set('noDifference', differences.size > 0 && !near(cents, differences, maxRounding))
    set('repairsRounding', form === 'repaired' && Math.abs(read.cents - cents) <= maxRounding)
    set('sum.items', itemSum > 0 && Math.abs(itemSum - cents) <= maxRounding)
    set('sum.taxed', near(cents, taxed, 1))
    set('sum.taxedRounded', near(cents, taxed, maxRounding) && !near(cents, taxed, 1))
    set('sum.subtotal', sums(subtotals, taxes, charges, cents))
    set('sum.rounding', cents % 5 === 0 && totals.some((one) => one.at <= at && roundings.size > 0 && one.cents !== cents && near(cents - one.cents, roundings)))
    set('unrounded', cents % 5 !== 0 && positive.some((one) => one.at > at && one.cents % 5 === 0 && one.cents !== cents && Math.abs(one.cents - cents) <= 2))
    set('depth', at / Math.max(1, rows.length))
    set('aboveTotals', at < firstTotal)
    set('far', firstTotal < rows.length && at > firstTotal + 14)
    set('confidence', mention.confidence - 0.8)
    set('doubtful', mention.confidence < 0.5)
    set('tall', Math.max(0, Math.min(1, mention.row.box.height / medianHeight(rows) - 1)))
    set('noTotals', totals.length === 0)
    return { value: decimalOfCents(cents), features, mention }
  })
}

/** Read right but for one figure, of five and more two, or before it was rounded. */
function isMisread(read: number, meant: number): boolean {
  const [a, b] = [String(read), String(meant)]
  return Math.abs(read - meant) <= maxRounding || (a.length === b.length && [...a].filter((figure, n) => figure !== b[n]).length <= (a.length >= 5 ? 2 : 1))
}

function sums(subtotals: ReadonlySet<number>, taxes: ReadonlySet<number>, charges: ReadonlySet<number>, cents: number): boolean {
  for (const subtotal of subtotals) {
    for (const tax of taxes) {
      for (const charge of charges) {
        if (tax > 0 && Math.abs(subtotal + tax + charge - cents) <= maxRounding) {
          return true
        }
      }
    }
  }
  return false
}

const heights = new WeakMap<readonly ReceiptRow[], number>()

function medianHeight(rows: readonly ReceiptRow[]): number {
  let height = heights.get(rows)
  if (height === undefined) {
    height = rows.map(({ box }) => box.height).sort((a, b) => a - b)[Math.floor(rows.length / 2)] ?? 1
    heights.set(rows, height)
  }
  return Math.max(1, height)
}

export function findReceiptTotal(layout: Layout, rows: readonly ReceiptRow[], weights: Weights): Field | undefined {
  const options = totalOptions(rows)
  const choice = choose(options, weights)
  if (choice === undefined) {
    return undefined
  }
  const { value, mention } = options[choice.index]!
  const run = mention.row.runs[mention.run]!
  // A currency without a blank before the digits is part of what stands there.
  const sign = mention.currency ? (/(?:RM|[$€£])(?=$)/.exec(run.text.slice(0, mention.index))?.[0] ?? '') : ''
  const asPrinted = sign + (mention.form === 'exact' || mention.form === 'whole' ? mention.text : value)
  return fieldOf(layout, { page: mention.row.page, box: run.box, confidence: 1 }, asPrinted, value, choice.probability)
}

export type { Features }
