import { Decimal } from 'decimal.js'
import type { DocumentFields, Field, VisibleValue } from '../types.ts'
import { findAmounts } from './amounts.ts'
import { findDates } from './dates.ts'
import type { Layout } from './layout.ts'

/** How sure the reading of the pages must be to speak against a value that the pages show elsewhere. */
const sure = 0.9

/**
 * Does a reader of the pages see what the XML says? A person approves what is printed, a machine books what the XML says: where they
 * differ, somebody erred or cheats. A value agrees when it stands on the pages; a total must besides not be less than the one that
 * the pages' own sums show (the net amount stands there, too).
 * @param printed what the rules read out of the same pages
 * @returns nothing for an e-invoice without text on its pages
 */
export function compareWithPages(stated: DocumentFields, printed: DocumentFields, layout: Layout): VisibleValue[] {
  if (layout.rows.length === 0) {
    return []
  }
  const checks: readonly (readonly [VisibleValue['field'], (value: string) => boolean])[] = [
    ['invoiceNumber', (value) => showsText(layout, value)],
    ['issueDate', (value) => showsDay(layout, value)],
    ['grandTotal', (value) => showsAmount(layout, value) && !isPartOf(value, printed.grandTotal)],
  ]
  return checks.flatMap(([field, shows]): VisibleValue[] => {
    const value = stated[field]?.normalised ?? ''
    if (value === '') {
      return []
    }
    const visible = printed[field]
    if (shows(value)) {
      return [{ field, outcome: 'agrees' }]
    }
    return visible === undefined ? [{ field, outcome: 'not-found' }] : [{ field, outcome: 'differs', visible }]
  })
}

function showsText(layout: Layout, value: string): boolean {
  const wanted = letters(value)
  return wanted === '' || layout.rows.some((row) => letters(row.runs.map((run) => run.text).join('')).includes(wanted))
}

function letters(text: string): string {
  return text.normalize('NFKC').toUpperCase().replace(/[^\p{L}\p{N}]/gu, '')
}

function showsDay(layout: Layout, day: string): boolean {
  return layout.rows.some((row) => row.runs.some((run) =>
    findDates(run.text, 'day-month').some((found) => found.day === day) || findDates(run.text, 'month-day').some((found) => found.day === day)))
}

function showsAmount(layout: Layout, value: string): boolean {
  const wanted = new Decimal(value).abs()
  return layout.rows.some((row) => row.runs.some((run) => findAmounts(run.text).some((found) => new Decimal(found.value).abs().eq(wanted))))
}

function isPartOf(value: string, printed: Field | undefined): boolean {
  return printed !== undefined && printed.confidence >= sure && new Decimal(value).abs().lt(new Decimal(printed.normalised).abs())
}
