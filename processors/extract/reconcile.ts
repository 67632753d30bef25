import { Decimal } from 'decimal.js'
import type { Field, LineItem } from '../types.ts'

/** An item with its place among the others. A weak one has no more than a text and an amount, as a carried sum has, too. */
export interface PlacedItem {
  readonly item: LineItem
  readonly row: number
  readonly weak: boolean
}

const tolerance = new Decimal('0.02')
/** Subsets of so many weak items are tried, three at a time at most: 298 sums. */
const maxWeak = 12

/**
 * The items that together make a total of the document: all clear ones if they do, else with the weak ones or some of them, else
 * without one clear one that is none. Where nothing agrees, the clear ones: the sum may be wrong on paper, and validation says so.
 * @param totals what the items may add up to: the net total, the gross total where prices have tax in them
 */
export function reconcile(items: readonly PlacedItem[], totals: readonly (Field | undefined)[]): LineItem[] {
  const targets = totals.flatMap((field) => (field === undefined || field.normalised === '' ? [] : [new Decimal(field.normalised)]))
  const clear = items.filter((one) => !one.weak)
  const weak = items.filter((one) => one.weak)
  const ordered = (chosen: readonly PlacedItem[]): LineItem[] => [...chosen].sort((a, b) => a.row - b.row).map((one) => one.item)
  const fits = (chosen: readonly PlacedItem[]): boolean => {
    const amounts = chosen.map((one) => one.item.lineTotal?.normalised)
    if (chosen.length === 0 || amounts.some((amount) => amount === undefined)) {
      return false
    }
    const sum = amounts.reduce((total: Decimal, amount) => total.plus(amount!), new Decimal(0))
    return targets.some((target) => !target.isZero() && target.minus(sum).abs().lte(tolerance))
  }
  if (weak.length === 0 && clear.length <= 1) {
    return ordered(clear)
  }
  for (const chosen of choices(clear, weak)) {
    if (fits(chosen)) {
      return ordered(chosen)
    }
  }
  return ordered(clear)
}

function* choices(clear: readonly PlacedItem[], weak: readonly PlacedItem[]): Generator<readonly PlacedItem[]> {
  yield clear
  if (weak.length > 0) {
    yield [...clear, ...weak]
  }
  if (weak.length <= maxWeak) {
    for (const [a, first] of weak.entries()) {
      yield [...clear, first]
      for (const [b, second] of weak.slice(a + 1).entries()) {
        yield [...clear, first, second]
        for (const third of weak.slice(a + b + 2)) {
          yield [...clear, first, second, third]
        }
      }
    }
  }
  if (clear.length > 1 && clear.length <= 100) {
    for (const one of clear) {
      yield clear.filter((other) => other !== one)
    }
  }
}
