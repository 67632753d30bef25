import { findDates } from '../extract/dates.ts'
import type { Layout } from '../extract/layout.ts'
import { isNarrow } from '../extract/receipt-rows.ts'
import { digestOf, type VendorKey } from './memory.ts'

/** Where a till prints whose it is: name, address, telephone, registration. */
const head = 0.45
const maxMarks = 6
const digitGroup = /(?<![\p{L}\d.,])\d(?:[ -]?\d){5,13}(?![\d.,])/gu

/**
 * Numbers in the head of a receipt (telephone, registration, tax), by which its seller is known again although recognition spells the name anew
 * each time. Of narrow pages only: a sheet has the buyer's numbers, too, which are the same on every vendor's.
 */
export function marksOf(layout: Layout): readonly VendorKey[] {
  if (!isNarrow(layout)) {
    return []
  }
  const marks = new Set<string>()
  for (const { position, runs } of layout.rows) {
    for (const { text } of position <= head ? runs : []) {
      if (findDates(text, 'day-month').length === 0) {
        for (const [group] of text.matchAll(digitGroup)) {
          marks.add(group.replace(/\D/g, ''))
        }
      }
    }
  }
  return [...marks].slice(0, maxMarks).map((mark) => ({ digest: digestOf('mark', mark), sure: true }))
}
