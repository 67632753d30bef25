/** Line items: which answer is about which true line, and what of it is right. */
import type { LineItem } from '../processors/index.ts'
import type { Outcome } from './scores.ts'
import type { Truth, TruthValue } from './truth.ts'
import { compare } from './truth.ts'

const columns = ['description', 'quantity', 'unitPrice', 'taxRate', 'lineTotal'] as const

/**
 * Outcomes of all values of all lines: fields `lines` (all columns) and `lines.<column>`. Lines are paired so that as many values as
 * possible are right: pairs are taken best first, ties in the order of the page.
 */
export function lineOutcomes(document: string, truth: NonNullable<Truth['lines']>, items: readonly LineItem[], order: 'day-month' | 'month-day'): Outcome[] {
  const pairs: { readonly line: number; readonly item: number; readonly right: number; readonly shift: number }[] = []
  for (const [line, values] of truth.entries()) {
    for (const [item, answer] of items.entries()) {
      const right = columns.filter((column) => verdict(values.get(column), answer, column, order)?.normalised === true).length
      if (right > 0) {
        pairs.push({ line, item, right, shift: Math.abs(line - item) })
      }
    }
  }
  pairs.sort((a, b) => b.right - a.right || a.shift - b.shift || a.line - b.line)
  const takenItems = new Map<number, number>()
  const takenLines = new Set<number>()
  for (const { line, item } of pairs) {
    if (!takenLines.has(line) && !takenItems.has(item)) {
      takenLines.add(line)
      takenItems.set(item, line)
    }
  }
  const known = columns.filter((column) => truth.some((values) => values.has(column)))
  const perColumn = known.map((column): Outcome => {
    let strict = 0
    let normalised = 0
    for (const [item, line] of takenItems) {
      const found = verdict(truth[line]!.get(column), items[item]!, column, order)
      strict += found?.strict === true ? 1 : 0
      normalised += found?.normalised === true ? 1 : 0
    }
    return {
      field: `lines.${column}`,
      document,
      truths: truth.filter((values) => values.has(column)).length,
      // A value whose line lacks this truth is neither right nor wrong.
      answers: items.filter((item, n) => item[column] !== undefined && (!takenItems.has(n) || truth[takenItems.get(n)!]!.has(column))).length,
      strict,
      normalised,
    }
  })
  const sum = (pick: (one: Outcome) => number): number => perColumn.reduce((total, one) => total + pick(one), 0)
  const all: Outcome = {
    field: 'lines',
    document,
    truths: sum((one) => one.truths),
    answers: sum((one) => one.answers),
    strict: sum((one) => one.strict),
    normalised: sum((one) => one.normalised),
  }
  return [all, ...perColumn]
}

function verdict(truth: TruthValue | undefined, item: LineItem, column: (typeof columns)[number], order: 'day-month' | 'month-day'): ReturnType<typeof compare> | undefined {
  const answer = item[column]
  return truth === undefined || answer === undefined ? undefined : compare(truth, answer, order)
}
