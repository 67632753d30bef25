import type { Box } from '../types.ts'
import type { ColumnClass } from './labels.ts'
import { columnLabels } from './labels.ts'
import type { Layout, Row, Run } from './layout.ts'
import { overlapX, plainText } from './layout.ts'

/** A column of a table of items, by its title. */
export interface Column {
  readonly class: ColumnClass | undefined
  readonly box: Pick<Box, 'x' | 'width'>
  /** Where an item takes several lines and the titles too: in which of them this column's value stands. */
  readonly line: number
}

export interface Header {
  readonly columns: readonly Column[]
  /** Index of the last row of titles. */
  readonly last: number
}

/** A title is short. */
const maxTitle = 40
/** Rows that titles may take above and below the row most of them stand in. */
const maxBand = 4

interface Piece {
  readonly text: string
  readonly box: Box
  readonly class: ColumnClass | undefined
  readonly coverage: number
  readonly row: number
}

/**
 * The titles of a table of items around this row, if it is their main row: at least two of them, one for a price or a total, one for
 * what is sold or how much of it. A title may be broken over rows ("Unit / price"), two may stand in one run, and an item of two
 * lines may have two rows of titles.
 */
export function headerAt(layout: Layout, at: number): Header | undefined {
  const main = layout.rows[at]!
  const pieces = piecesOf(main, at)
  const known = pieces.filter((piece) => piece.class !== undefined && piece.coverage >= 0.5)
  if (known.length < 2 || main.runs.some((run) => run.text.length > 90) || pieces.some((piece) => /\d{2}/.test(piece.text))) {
    return undefined
  }
  const band = [...bandOf(layout, at, -1).reverse(), at, ...bandOf(layout, at, 1)]
  // What stands over several titles is the name of the table.
  const over = (piece: Piece): boolean => pieces.filter((other) => overlapX(other.box, piece.box) > 0).length > 1
  const fragments = band.flatMap((row) => (row === at ? pieces : piecesOf(layout.rows[row]!, row).filter((piece) => !over(piece))))
  const columns = oneDescription(joinFragments(fragments, at).sort((a, b) => a.box.x - b.box.x))
  const has = (name: ColumnClass): boolean => columns.some((column) => column.class === name)
  if (!(has('lineTotal') || has('unitPrice')) || !(has('description') || has('quantity'))) {
    return undefined
  }
  return { columns, last: band.at(-1)! }
}

/** "Article | Description": the last one describes, those before it name the item. */
function oneDescription(columns: readonly Column[]): Column[] {
  const last = columns.findLastIndex((column) => column.class === 'description' && column.line === 0)
  return columns.map((column, n) => (column.class === 'description' && column.line === 0 && n < last ? { ...column, class: 'itemNumber' } : column))
}

/** Rows next to the main one that can only be more titles: short, without digits, close. */
function bandOf(layout: Layout, at: number, step: 1 | -1): number[] {
  const rows: number[] = []
  let last = layout.rows[at]!
  const left = Math.min(...last.runs.map((run) => run.box.x)) - 5
  for (let n = at + step; rows.length < maxBand && n >= 0 && n < layout.rows.length; n += step) {
    const row = layout.rows[n]!
    const gap = Math.abs(top(row) - top(last))
    if (row.page !== last.page || gap > 1.9 * row.runs[0]!.box.height || row.runs.some((run) => run.text.length > 24 || /\d|:$/.test(run.text) || run.box.x < left)) {
      break
    }
    rows.push(n)
    last = row
  }
  return rows
}

function top(row: Row): number {
  return row.runs[0]!.box.y
}

/** The titles in a row's runs: a run that is none as a whole may be several side by side. */
function piecesOf(row: Row, at: number): Piece[] {
  return row.runs.flatMap((run): Piece[] => {
    const whole = columnLabels.match(run.plain)
    const split = splitTitles(run, at)
    const covered = split.reduce((sum, piece) => sum + piece.text.length + 1, -1)
    const several = split.length > 1 && covered >= 0.8 * run.text.length && new Set(split.map((piece) => piece.class)).size > 1
    if (several || (split.length > 1 && (whole === undefined || whole.coverage < 0.75 || run.text.length > maxTitle))) {
      return split
    }
    return [{ text: run.text, box: run.box, class: whole?.class, coverage: whole?.coverage ?? 0, row: at }]
  })
}

/** Titles in one run: from each word on, the longest that is one. Places in proportion to the letters. */
function splitTitles(run: Run, at: number): Piece[] {
  const words = [...run.text.matchAll(/\S+/g)]
  const perCharacter = run.box.width / Math.max(1, run.text.length)
  const pieces: Piece[] = []
  for (let n = 0; n < words.length;) {
    let found: Piece | undefined
    let next = n + 1
    for (let end = Math.min(words.length, n + 4); end > n && found === undefined; end -= 1) {
      const start = words[n]!.index
      const text = run.text.slice(start, words[end - 1]!.index + words[end - 1]![0].length)
      const plain = plainText(text)
      const match = columnLabels.match(plain)
      if (match !== undefined && match.length >= 0.8 * plain.trim().length) {
        found = { text, class: match.class, coverage: match.coverage, row: at, box: { ...run.box, x: run.box.x + start * perCharacter, width: text.length * perCharacter } }
        next = end
      }
    }
    if (found !== undefined) {
      pieces.push(found)
    } else if (pieces.length > 0 && n === words.length - 1 && words[n]![0].endsWith('-')) {
      // The last word is the first half of a title that goes on below.
      const start = words[n]!.index
      const text = words[n]![0]
      pieces.push({ text, class: undefined, coverage: 0, row: at, box: { ...run.box, x: run.box.x + start * perCharacter, width: text.length * perCharacter } })
    }
    n = next
  }
  return pieces
}

/** Fragments above each other are one title, unless each is one by itself and they differ: then an item has as many lines. */
function joinFragments(fragments: readonly Piece[], main: number): Column[] {
  const stacks: Piece[][] = []
  for (const piece of [...fragments].sort((a, b) => Number(b.row === main) - Number(a.row === main) || a.row - b.row)) {
    const stack = stacks.find((one) => one.some((other) => other.row !== piece.row && overlapX(other.box, piece.box) > 0.3 * Math.min(other.box.width, piece.box.width)))
    if (stack === undefined) {
      stacks.push([piece])
    } else {
      stack.push(piece)
    }
  }
  return stacks.flatMap((stack): Column[] => {
    const lines = [...stack].sort((a, b) => a.row - b.row)
    const box = span(lines)
    const own = lines.filter((piece) => piece.class !== undefined && piece.coverage >= 0.8)
    const classes = new Set(own.map((piece) => piece.class))
    if (classes.has('description') && classes.has('itemNumber')) {
      const first = own.find((piece) => piece.class === 'itemNumber')!
      const second = own.find((piece) => piece.class === 'description')!
      return [first, second].map((piece) => ({ class: piece.class, box, line: Math.max(0, piece.row - main) }))
    }
    // "Unit-" above "price": hyphens at a line's end belong to the break.
    const text = lines.map((piece) => piece.text).join(' ').replace(/(\p{L})- (?=\p{Ll})/gu, '$1')
    const whole = columnLabels.match(plainText(text))
    const found = whole !== undefined && whole.coverage >= 0.5 ? whole.class : own[0]?.class ?? lines.find((piece) => piece.row === main && piece.coverage >= 0.5)?.class
    return [{ class: found, box, line: 0 }]
  })
}

function span(pieces: readonly Piece[]): Pick<Box, 'x' | 'width'> {
  const x = Math.min(...pieces.map((piece) => piece.box.x))
  return { x, width: Math.max(...pieces.map((piece) => piece.box.x + piece.box.width)) - x }
}

/** Which columns a run stands in: those it shares much width with, else the nearest by an edge. */
export function columnsUnder(run: Pick<Run, 'box'>, columns: readonly Column[]): readonly Column[] {
  const shared = columns.filter((column) => {
    const overlap = Math.min(run.box.x + run.box.width, column.box.x + column.box.width) - Math.max(run.box.x, column.box.x)
    return overlap > 0.35 * Math.min(column.box.width, run.box.width)
  })
  if (shared.length > 0) {
    return shared
  }
  let nearest: Column | undefined
  let distance = 3 * run.box.height
  for (const column of columns) {
    const left = Math.abs(run.box.x - column.box.x)
    const right = Math.abs(run.box.x + run.box.width - (column.box.x + column.box.width))
    if (Math.min(left, right) < distance) {
      distance = Math.min(left, right)
      nearest = column
    }
  }
  return nearest === undefined ? [] : [nearest]
}
