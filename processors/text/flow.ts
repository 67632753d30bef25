import { cleanText } from '../clean-text.ts'
import { fail, succeed } from '../failure.ts'
import type { Outcome, TextLine, TextPage } from '../types.ts'
import type { TextBounds } from './bounds.ts'

/**
 * What a format without pages is made of, in the order of reading. Cells hold blocks again: mail is laid out with tables in tables.
 */
export type Block =
  /** Text of one line; it is broken where it is too long. `column` is where it begins, in characters. */
  | { readonly kind: 'line'; readonly text: string; readonly column?: number; /** On the line of the block before. */ readonly beside?: boolean }
  | { readonly kind: 'table'; readonly rows: readonly (readonly Cell[])[] }
  | { readonly kind: 'page' }

export interface Cell {
  readonly blocks: readonly Block[]
  /** Columns it covers, 1 if absent. */
  readonly columns?: number
  /** Rows it covers, 1 if absent. */
  readonly rows?: number
}

export type FlowBounds = Pick<TextBounds, 'maxPages' | 'maxCharacters' | 'maxLinesPerPage'>

/** Points. Every character is as wide as any other, as in a terminal; a line is twice as high as a character is wide. */
const characterWidth = 6
const lineHeight = 12
const textHeight = 10
const margin = 36
/** A sheet's width at least, so that what stands on the left is on the left. */
const minWidth = 595
/** Characters that a sheet is wide. */
const sheetWidth = 87
/** Characters of a line of prose, and of one in a cell. */
const maxLine = 100
const maxCellLine = 48
/** Characters between columns: more than any gap inside of a run. */
const gap = 3
/** A sheet of a spreadsheet or a log has no end of its own. */
const linesPerPage = 1000
/** Tables deeper than this are read as lines. */
const maxTables = 24
export const maxColumns = 512

/**
 * Gives text of formats that have no pages the places it would have if it were printed with a typewriter: one line below the other, cells of
 * a column below each other, numbers flush right. So labels, columns and sums are found as on a page; boxes are exact in this picture only.
 */
export function layOutBlocks(blocks: readonly Block[], bounds: FlowBounds): Outcome<TextPage[]> {
  const pages: TextPage[] = []
  let characters = 0
  for (const sheet of sheets(blocks)) {
    const { lines, width } = compose(sheet, maxLine, 0, sheetWidth)
    for (const part of parted(lines, bounds.maxLinesPerPage)) {
      characters += part.reduce((sum, { text }) => sum + text.length, 0)
      if (characters > bounds.maxCharacters) {
        return fail('TOO_MUCH_TEXT', 'content', 'more text than one document may hold', bounds.maxCharacters)
      }
      if (pages.length === bounds.maxPages) {
        return fail('TOO_MANY_PAGES', 'content', `more than ${bounds.maxPages} pages`, bounds.maxPages)
      }
      pages.push(pageOf(pages.length + 1, part, width))
    }
  }
  return succeed(pages)
}

/** Text at a place, in characters and lines. */
interface Placed {
  readonly text: string
  readonly x: number
  readonly y: number
}

interface Fragment {
  readonly lines: readonly Placed[]
  readonly width: number
  readonly height: number
}

const nothing: Fragment = { lines: [], width: 0, height: 0 }

function sheets(blocks: readonly Block[]): Block[][] {
  const all: Block[][] = [[]]
  for (const block of blocks) {
    if (block.kind === 'page') {
      all.push([])
    } else {
      all.at(-1)!.push(block)
    }
  }
  return all
}

/** In pages of so many rows, fewer where rows are wide; no row is parted. */
function parted(lines: readonly Placed[], maxLines: number): Placed[][] {
  const parts: Placed[][] = [[]]
  let top = 0
  let row = 0
  for (const line of [...lines].sort((a, b) => a.y - b.y || a.x - b.x)) {
    const begins = line.y !== row
    row = line.y
    if (begins && (line.y - top >= linesPerPage || parts.at(-1)!.length >= maxLines - maxColumns)) {
      parts.push([])
      top = line.y
    }
    parts.at(-1)!.push({ ...line, y: line.y - top })
  }
  return parts
}

function pageOf(number: number, lines: readonly Placed[], width: number): TextPage {
  const bottom = lines.reduce((most, { y }) => Math.max(most, y), 0)
  return {
    number,
    width: Math.max(minWidth, 2 * margin + width * characterWidth),
    height: 2 * margin + (bottom + 1) * lineHeight,
    lines: lines.map(({ text, x, y }): TextLine => ({
      text,
      box: { x: margin + x * characterWidth, y: margin + y * lineHeight, width: text.length * characterWidth, height: textHeight },
      confidence: 1,
    })),
  }
}

/** @param fill characters that tables spread over; 0: as wide as they are */
function compose(blocks: readonly Block[], widest: number, depth: number, fill: number): Fragment {
  const lines: Placed[] = []
  let width = 0
  let height = 0
  const put = (fragment: Fragment, x: number, y: number): void => {
    for (const line of fragment.lines) {
      lines.push({ text: line.text, x: line.x + x, y: line.y + y })
    }
    width = Math.max(width, x + fragment.width)
    height = Math.max(height, y + fragment.height)
  }
  for (const block of blocks) {
    if (block.kind === 'line') {
      put(prose(block.text, widest), block.column ?? 0, block.beside === true ? Math.max(0, height - 1) : height)
    } else if (block.kind === 'table') {
      put(depth < maxTables ? table(block.rows, depth + 1, fill) : nothing, 0, height)
    }
  }
  return { lines, width, height }
}

/** Breaks at blanks; a word that is longer than a line stays whole. */
function prose(text: string, widest: number): Fragment {
  const clean = cleanText(text).trim()
  if (clean === '') {
    return { ...nothing, height: 1 }
  }
  const lines: Placed[] = []
  let width = 0
  for (let at = 0; at < clean.length;) {
    let end = clean.length
    if (end - at > widest) {
      const back = clean.lastIndexOf(' ', at + widest)
      const ahead = back > at ? back : clean.indexOf(' ', at + widest)
      end = ahead > at ? ahead : clean.length
    }
    const line = clean.slice(at, end).trim()
    if (line !== '') {
      lines.push({ text: line, x: 0, y: lines.length })
      width = Math.max(width, line.length)
    }
    at = end
  }
  return { lines, width, height: lines.length }
}

interface PlacedCell {
  readonly fragment: Fragment
  readonly row: number
  readonly column: number
  readonly columns: number
}

function table(rows: readonly (readonly Cell[])[], depth: number, fill: number): Fragment {
  // what has one column is a frame: the tables in it fill the sheet
  const cells = cellsOf(rows, depth, rows.every((row) => row.length <= 1) ? fill : 0)
  const widths: number[] = []
  for (const { fragment, column, columns } of cells) {
    if (columns === 1) {
      widths[column] = Math.max(widths[column] ?? 0, fragment.width)
    }
  }
  // A cell over several columns widens the last of them.
  for (const { fragment, column, columns } of cells) {
    const have = extent(widths, column, columns)
    if (columns > 1 && fragment.width > have) {
      widths[column + columns - 1] = (widths[column + columns - 1] ?? 0) + fragment.width - have
    }
  }
  const left: number[] = []
  const between = gapOf(widths, fill)
  let at = 0
  for (let column = 0; column < widths.length; column += 1) {
    left[column] = at
    at += (widths[column] ?? 0) === 0 ? 0 : widths[column]! + between
  }
  const heights = new Array<number>(rows.length).fill(0)
  for (const { fragment, row } of cells) {
    heights[row] = Math.max(heights[row]!, fragment.height)
  }
  const tops: number[] = []
  let height = 0
  for (const [row, of] of heights.entries()) {
    tops[row] = height
    height += of
  }
  const right = numericColumns(cells, widths.length)
  const lines = cells.flatMap(({ fragment, row, column, columns }) => {
    const x = (left[column] ?? 0) + (columns === 1 && right.has(column) ? (widths[column] ?? 0) - fragment.width : 0)
    return fragment.lines.map((line) => ({ text: line.text, x: line.x + x, y: line.y + tops[row]! }))
  })
  return { lines, width: Math.max(0, at - between), height }
}

/** Columns stand as far apart as on a sheet: close together they would be the two or three words of a till's row. */
function gapOf(widths: readonly number[], fill: number): number {
  const filled = widths.filter((width) => width > 0)
  const free = fill - filled.reduce((sum, width) => sum + width, 0)
  return filled.length < 2 ? gap : Math.max(gap, Math.floor(free / (filled.length - 1)))
}

/** Each cell laid out, in the column that cells above and before leave to it. */
function cellsOf(rows: readonly (readonly Cell[])[], depth: number, fill: number): PlacedCell[] {
  const cells: PlacedCell[] = []
  /** By column: the first row that is free again. */
  const taken: number[] = []
  for (const [row, of] of rows.entries()) {
    let column = 0
    for (const cell of of) {
      while ((taken[column] ?? 0) > row) {
        column += 1
      }
      const columns = Math.max(1, Math.min(cell.columns ?? 1, maxColumns - column))
      if (column >= maxColumns) {
        break
      }
      cells.push({ fragment: compose(cell.blocks, maxCellLine, depth, fill), row, column, columns })
      for (let covered = column; covered < column + columns; covered += 1) {
        taken[covered] = row + Math.max(1, cell.rows ?? 1)
      }
      column += columns
    }
  }
  return cells
}

function extent(widths: readonly number[], column: number, columns: number): number {
  let sum = 0
  for (let at = column; at < column + columns; at += 1) {
    sum += (widths[at] ?? 0) === 0 ? 0 : widths[at]! + (sum === 0 ? 0 : gap)
  }
  return sum
}

const numeric = /^[-+(]?[\p{Sc}A-Z]{0,3}\s?[-+]?\d[\d.,'’\s]*\s?[%)]?\s?[\p{Sc}A-Z]{0,3}$/u

/** Columns most of whose cells are numbers: these stand flush right, their heads too. */
function numericColumns(cells: readonly PlacedCell[], columns: number): Set<number> {
  const numbers = new Array<number>(columns).fill(0)
  const filled = new Array<number>(columns).fill(0)
  for (const { fragment, column, columns: covered } of cells) {
    if (covered === 1 && fragment.lines.length > 0) {
      filled[column]! += 1
      numbers[column]! += fragment.lines.length === 1 && fragment.width <= 24 && numeric.test(fragment.lines[0]!.text) ? 1 : 0
    }
  }
  return new Set(numbers.flatMap((count, column) => (2 * count >= filled[column]! && count > 0 ? [column] : [])))
}
