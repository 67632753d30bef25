import type { FoundAmount } from './amounts.ts'
import { findAmounts } from './amounts.ts'
import type { DateOrder, FoundDate } from './dates.ts'
import { findDates } from './dates.ts'
import type { LabelMatch, LabelSet } from './labels.ts'
import type { Layout, Run } from './layout.ts'
import { plainText, runAbove } from './layout.ts'

/** A value with its place and the labels around it. Scoring and assignment know nothing else of the page. */
export interface Candidate<Found> {
  readonly found: Found
  readonly run: Run
  /** 0 at the top of the first page, 1 at the bottom of the last. */
  readonly position: number
  /** Texts that may name it, nearest first: in its own run before it, left of it in its row, above it. */
  readonly contexts: readonly LabelContext[]
}

export interface LabelContext {
  readonly where: 'same-run' | 'left' | 'row' | 'above'
  readonly plain: string
}

export interface Label<Class> {
  readonly class: Class
  /** 0 to 1. */
  readonly strength: number
}

const weights: Record<LabelContext['where'], number> = { 'same-run': 1, left: 0.95, row: 0.75, above: 0.7 }

/** Cells of a row before a value that may name it: a bound on the work where a page is one row of thousands. */
const maxRowRuns = 20
/** A label stands close before its value. */
const maxLabelLength = 60
/** Bounds of a search: more candidates than any document has, and a bound on the work of assignment. */
const maxCandidates = 5000

/** The strongest label of a set around a candidate: nearness times how much of the text the phrase is. */
export function labelOf<Class extends string>(candidate: Candidate<unknown>, set: LabelSet<Class>): Label<Class> | undefined {
  let best: Label<Class> | undefined
  for (const context of candidate.contexts) {
    const match: LabelMatch<Class> | undefined = set.match(context.plain)
    if (match !== undefined) {
      const strength = weights[context.where] * (0.5 + 0.5 * match.coverage)
      if (best === undefined || strength > best.strength) {
        best = { class: match.class, strength }
      }
    }
  }
  return best
}

export function amountCandidates(layout: Layout): Candidate<FoundAmount>[] {
  return collect(layout, (run) => findAmounts(run.text))
}

export function dateCandidates(layout: Layout, order: DateOrder): Candidate<FoundDate>[] {
  return collect(layout, (run) => findDates(run.text, order))
}

export interface FoundToken {
  readonly index: number
  readonly text: string
}

const token = /(?<![\p{L}\p{N}])[\p{L}\p{N}][\p{L}\p{N}/_.#-]{1,39}/gu

/** What two digits alone need before them to be a number of something. */
const numberWord = /(?<!\p{L})(?:n|n[°ºor]|num|num(?:ber|mer|ero)|#)[.:]*\s?$/iu

/** Words with a digit that may be a document's number: no dates, no amounts, no percentages. */
export function tokenCandidates(layout: Layout): Candidate<FoundToken>[] {
  return collect(layout, (run) => {
    const dates = findDates(run.text, 'day-month')
    return [...run.text.matchAll(token)]
      .map((match) => ({ index: match.index, text: match[0].replace(/[.#/_-]+$/, '') }))
      .filter(({ index, text }) => /\d/.test(text) && text.length >= 2 && !/^\d{1,3}(?:[.,]\d{3})*[.,]\d{2}$/.test(text) && (!/^\d{1,2}%?$/.test(text) || numberWord.test(run.text.slice(Math.max(0, index - 10), index))) &&
        !dates.some((date) => index < date.index + date.text.length && date.index < index + text.length))
  })
}

function collect<Found extends { readonly index: number }>(layout: Layout, find: (run: Run) => readonly Found[]): Candidate<Found>[] {
  const candidates: Candidate<Found>[] = []
  for (const row of layout.rows) {
    for (const [n, run] of row.runs.entries()) {
      for (const found of find(run)) {
        if (candidates.length >= maxCandidates) {
          return candidates
        }
        const contexts: LabelContext[] = []
        const before = plainText(run.text.slice(Math.max(0, found.index - maxLabelLength), found.index))
        if (before.trim() !== '') {
          contexts.push({ where: 'same-run', plain: before })
        }
        const left = row.runs[n - 1]
        if (left !== undefined) {
          contexts.push({ where: 'left', plain: left.plain })
          if (n > 1) {
            contexts.push({ where: 'row', plain: plainText(row.runs.slice(Math.max(0, n - maxRowRuns), n).map((one) => one.text).join(' ')) })
          }
        }
        const above = runAbove(layout, run, 2)
        // A value above is a column of values; only words name what stands below them.
        if (above !== undefined && before.trim() === '' && /\p{L}{2}/u.test(above.text)) {
          contexts.push({ where: 'above', plain: above.plain })
        }
        candidates.push({ found, run, position: (run.page - 1 + row.position) / Math.max(1, layout.pages), contexts })
      }
    }
  }
  return candidates
}
