import { rowsOf } from '../text/runs.ts'
import type { Box, DocumentText, ProvenanceMethod } from '../types.ts'

/** A run of text with its place. */
export interface Run {
  readonly text: string
  /** Lower case, no accents, words and digits only, one blank between and around. */
  readonly plain: string
  readonly box: Box
  readonly confidence: number
  readonly page: number
  /** Index in {@link Layout.rows}. */
  readonly row: number
}

export interface Row {
  readonly page: number
  readonly runs: readonly Run[]
  /** Of the middle, 0 at the top of its page, 1 at its bottom. */
  readonly position: number
  readonly plain: string
}

export interface Layout {
  readonly rows: readonly Row[]
  readonly pages: number
  /** The median height of a run. */
  readonly textHeight: number
  readonly method: ProvenanceMethod
}

/** Longer runs are prose: fields stand at their beginning or not in them. Keeps every search linear in the page. */
const maxRunLength = 300
/** Rules look at so many rows: more than any invoice's first and last pages hold, and a bound on quadratic work. */
const maxRows = 4000

/** Groups the runs of each page into rows that read from left to right. */
export function layOut(text: DocumentText): Layout {
  const rows: Row[] = []
  const heights: number[] = []
  for (const page of text.pages) {
    for (const group of rowsOf(page.lines)) {
      if (rows.length >= maxRows) {
        break
      }
      const row = rows.length
      const runs = group.map((line) => {
        const text = line.text.slice(0, maxRunLength).toWellFormed()
        return { ...line, text, plain: plainText(text), page: page.number, row }
      })
      heights.push(...runs.map((run) => run.box.height))
      const box = group[0]!.box
      rows.push({
        page: page.number,
        runs,
        position: page.height > 0 ? (box.y + box.height / 2) / page.height : 0,
        plain: plainText(runs.map((run) => run.text).join(' ').slice(0, 4 * maxRunLength)),
      })
    }
  }
  heights.sort((a, b) => a - b)
  return { rows, pages: text.pages.length, textHeight: heights[Math.floor(heights.length / 2)] ?? 1, method: text.route === 'ocr' ? 'ocr' : 'text-layer' }
}

const ascii = /^[ -~]*$/

export function plainText(text: string): string {
  // Most texts are ASCII, where there is nothing to take apart and a letter is a letter of the alphabet.
  const words = ascii.test(text)
    ? text.toLowerCase().replace(/[^a-z0-9#%]+/g, ' ')
    : text.normalize('NFD').replace(/\p{M}+/gu, '').replace(/ß/g, 'ss').replace(/º/g, 'o').toLowerCase().replace(/[^\p{L}\p{N}#%]+/gu, ' ')
  return ` ${words.trim()} `
}

export function overlapX(a: Box, b: Box): number {
  return Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
}

/** The nearest run above that shares some of the width, at most `rows` rows up on the same page. */
export function runAbove(layout: Layout, run: Run, rows: number): Run | undefined {
  for (let at = run.row - 1; at >= Math.max(0, run.row - rows); at -= 1) {
    const row = layout.rows[at]!
    if (row.page !== run.page) {
      return undefined
    }
    const above = row.runs.find((other) => overlapX(other.box, run.box) > 0.3 * Math.min(other.box.width, run.box.width))
    if (above !== undefined) {
      return run.box.y - (above.box.y + above.box.height) <= 3 * Math.max(run.box.height, above.box.height) ? above : undefined
    }
  }
  return undefined
}
