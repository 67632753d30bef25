/** Rows of a receipt: one column of text, so a row is one line. */
import type { Box } from '../types.ts'
import type { Layout, Run } from './layout.ts'
import { plainText } from './layout.ts'

export interface ReceiptRow {
  /** Without what recognition made of borders and stains. */
  readonly runs: readonly Run[]
  readonly text: string
  /** Lower-case words without accents. */
  readonly words: readonly string[]
  readonly box: Box
  readonly confidence: number
  readonly page: number
  /** Index in {@link Layout.rows}. */
  readonly row: number
}

/** A receipt's columns: till printers have 24 to 48, small invoices of shops up to this. */
const maxColumns = 70
const maxRows = 400
/** Bounds on the work of a row, far above a till's. */
const maxRuns = 40
const maxText = 300

/** One page, whose text is as narrow as a till's: fields stand in rows, not in columns. */
export function isNarrow(layout: Layout): boolean {
  if (layout.pages !== 1 || layout.rows.length > maxRows) {
    return false
  }
  // Stains and creases are no text: only runs that recognition is sure of say how wide it is.
  const runs = layout.rows.flatMap((row) => row.runs).filter((run) => run.confidence >= 0.6 && letters(run.text) >= 4)
  if (runs.length < 6) {
    return layout.method === 'ocr'
  }
  const sorted = (values: number[]): number[] => values.sort((a, b) => a - b)
  const at = (values: number[], share: number): number => values[Math.min(values.length - 1, Math.floor(values.length * share))]!
  const long = runs.filter((run) => run.text.length >= 8)
  const character = at(sorted((long.length === 0 ? runs : long).map((run) => run.box.width / run.text.length)), 0.5)
  const extent = at(sorted(runs.map(({ box }) => box.x + box.width)), 0.95) - at(sorted(runs.map(({ box }) => box.x)), 0.05)
  return extent / character <= maxColumns
}

export function receiptRows(layout: Layout): ReceiptRow[] {
  return layout.rows.slice(0, maxRows).flatMap(({ runs: all, page }, row) => {
    const runs = all.slice(0, maxRuns)
    const longest = Math.max(...runs.map((run) => letters(run.text)))
    const kept = runs.filter((run) => letters(run.text) > (longest >= 5 && run.confidence < 0.9 ? 1 : 0) || /^\d$/.test(run.text))
    const text = tidy(kept.map((run) => run.text).join(' ').slice(0, maxText))
    if (kept.length === 0 || text === '') {
      return []
    }
    const x = Math.min(...kept.map(({ box }) => box.x))
    const y = Math.min(...kept.map(({ box }) => box.y))
    const box = {
      x,
      y,
      width: Math.max(...kept.map(({ box }) => box.x + box.width)) - x,
      height: Math.max(...kept.map(({ box }) => box.y + box.height)) - y,
    }
    const size = kept.reduce((sum, run) => sum + run.text.length, 0)
    const confidence = kept.reduce((sum, run) => sum + run.confidence * run.text.length, 0) / Math.max(1, size)
    return [{ runs: kept, text, words: wordsOf(text), box, confidence, page, row }]
  })
}

export function wordsOf(text: string): string[] {
  return plainText(text).trim().split(' ').filter((word) => word !== '').slice(0, 24)
}

function letters(text: string): number {
  return text.replace(/[^\p{L}\p{N}]/gu, '').length
}

/** Borders and stains at the ends: bars, quotation marks, single marks before the text. */
export function tidy(text: string): string {
  return text
    .replace(/[|~_«»“”"¢©®°•·¥§]+/g, ' ')
    .replace(/\s+/g, ' ')
    .replace(/^[^\p{L}\p{N}(#]+/u, '')
    .replace(/[^\p{L}\p{N}).,]+$/u, '')
    .trim()
}
