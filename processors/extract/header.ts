import { isValidIBAN } from 'ibantools'
import type { Field } from '../types.ts'
import type { Candidate, FoundToken } from './candidates.ts'
import { dateCandidates, labelOf, tokenCandidates } from './candidates.ts'
import type { DateOrder, FoundDate } from './dates.ts'
import { fieldOf, toField } from './field.ts'
import { dateLabels, numberLabels } from './labels.ts'
import type { Layout } from './layout.ts'

export interface HeaderDates {
  readonly issueDate?: Field
  readonly dueDate?: Field
  readonly deliveryDate?: Field
}

/** Dates by label; without one, the first on the page is taken for the date of issue, and not much believed. */
export function findHeaderDates(layout: Layout, order: DateOrder, receivedDay?: string): HeaderDates {
  const candidates = dateCandidates(layout, order).map((candidate) => ({
    candidate,
    label: labelOf(candidate, dateLabels),
    // Misread years lie in the future or in the last century; a right one never does.
    unlikely: candidate.found.day < '2000-01-01' || (receivedDay !== undefined && candidate.found.day > nextYear(receivedDay)) ? 1 : 0,
    future: receivedDay !== undefined && candidate.found.day > receivedDay ? 1 : 0,
  }))
  const dates: { issueDate?: Field; dueDate?: Field; deliveryDate?: Field } = {}
  for (const name of ['issueDate', 'dueDate', 'deliveryDate'] as const) {
    const best = candidates
      .filter(({ label }) => label?.class === name)
      .map((one) => ({ ...one, score: one.label!.strength - 0.2 * one.candidate.position - one.unlikely - (name === 'issueDate' ? 0.5 * one.future : 0) }))
      .sort((a, b) => b.score - a.score)[0]
    if (best !== undefined) {
      dates[name] = dateField(layout, best.candidate, 0.55 + 0.4 * best.label!.strength)
    }
  }
  const unnamed = candidates.find(({ label, future, unlikely }) => label === undefined && future + unlikely === 0)
  if ((dates.issueDate === undefined || (receivedDay !== undefined && dates.issueDate.normalised > receivedDay)) && unnamed !== undefined) {
    dates.issueDate = dateField(layout, unnamed.candidate, 0.5)
  }
  return dates
}

function nextYear(day: string): string {
  return `${Number(day.slice(0, 4)) + 1}${day.slice(4)}`
}

function dateField(layout: Layout, candidate: Candidate<FoundDate>, confidence: number): Field {
  return toField(layout, candidate, candidate.found.day, candidate.found.ambiguous ? confidence * 0.9 : confidence)
}

/** The document's own number: beside or below its label, and looking like a number of a document. */
export function findNumber(layout: Layout, wanted: 'invoiceNumber' | 'purchaseOrder'): Field | undefined {
  const best = tokenCandidates(layout)
    .map((candidate) => ({ candidate, score: numberScore(candidate, wanted) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)[0]
  return best === undefined ? undefined : toField(layout, best.candidate, best.candidate.found.text.toUpperCase(), Math.min(0.97, 0.35 + 0.6 * best.score))
}

function numberScore(candidate: Candidate<FoundToken>, wanted: 'invoiceNumber' | 'purchaseOrder'): number {
  const label = labelOf(candidate, numberLabels)
  if (label?.class !== wanted) {
    return 0
  }
  const { text } = candidate.found
  const digits = text.replace(/\D/g, '').length
  const shape = digits >= 3 ? 0.1 : -0.1
  // Only the first token after a label is what it names.
  const first = candidate.found.index === 0 || candidate.contexts[0]?.where === 'same-run' ? 0.05 : -0.15
  return label.strength + shape + first - 0.25 * candidate.position
}

const ibanPattern = /(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Z0-9])/g

/** Only account numbers whose checksum is right: nothing else on a page looks like one by chance. */
export function findIban(layout: Layout): Field | undefined {
  for (const row of layout.rows) {
    for (const run of row.runs) {
      for (const [text] of run.text.toUpperCase().matchAll(ibanPattern)) {
        // What follows an account number may look like its last group: drop groups from the end until the checksum fits.
        const groups = text.split(' ')
        for (let count = groups.length; count > 0; count -= 1) {
          const normalised = groups.slice(0, count).join('')
          if (isValidIBAN(normalised)) {
            return fieldOf(layout, run, groups.slice(0, count).join(' '), normalised, 0.98)
          }
        }
      }
    }
  }
  return undefined
}

const symbols: readonly (readonly [RegExp, string])[] = [
  [/€|\bEUR\b|\bEuro\b/g, 'EUR'], [/£|\bGBP\b/g, 'GBP'], [/(?<![A-Z])\$|\bUSD\b/g, 'USD'], [/\bCHF\b|\bSFr\b/g, 'CHF'], [/₹|\bINR\b|\bRs\.? ?(?=\d)/g, 'INR'],
  [/\bRM\b|\bMYR\b/g, 'MYR'], [/\bSEK\b/g, 'SEK'], [/\bDKK\b/g, 'DKK'], [/\bNOK\b/g, 'NOK'], [/\bPLN\b|zł/g, 'PLN'], [/\bCZK\b/g, 'CZK'],
  [/¥|\bJPY\b/g, 'JPY'], [/\bSGD\b|S\$/g, 'SGD'], [/\bAUD\b/g, 'AUD'], [/\bCAD\b/g, 'CAD'],
]

/** The currency named most often; two that are named equally often leave doubt. */
export function findCurrency(layout: Layout): Field | undefined {
  const counts = new Map<string, { count: number; field: Field }>()
  for (const row of layout.rows) {
    for (const run of row.runs) {
      for (const [pattern, code] of symbols) {
        const matches = run.text.match(pattern)
        if (matches !== null) {
          const known = counts.get(code)
          counts.set(code, { count: (known?.count ?? 0) + matches.length, field: known?.field ?? fieldOf(layout, run, matches[0], code, 0.95) })
        }
      }
    }
  }
  const [first, second] = [...counts.values()].sort((a, b) => b.count - a.count)
  if (first === undefined) {
    return undefined
  }
  const share = first.count / (first.count + (second?.count ?? 0))
  return { ...first.field, confidence: Math.round(first.field.confidence * share * 1000) / 1000 }
}
