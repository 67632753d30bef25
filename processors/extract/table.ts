import type { Decimal } from 'decimal.js'
import type { Field, LineItem } from '../types.ts'
import { findAmounts } from './amounts.ts'
import type { Cells, NumericClass } from './cells.ts'
import { assignNumbers, cellsOf, continues, numbersOf } from './cells.ts'
import type { Column } from './columns.ts'
import { headerAt } from './columns.ts'
import { amountText } from './decimals.ts'
import { fieldOf } from './field.ts'
import { endLabels, totalLabels } from './labels.ts'
import type { Layout, Row, Run } from './layout.ts'
import type { PlacedItem } from './reconcile.ts'
import { reconcile } from './reconcile.ts'

/** Lines read from one document's tables. */
export const maxItems = 1000
/** How far titles may stand from where they stood on the page before, points or pixels. */
const maxShift = 6
/** Rows that one item may take. */
const maxItemRows = 12

interface Anchor {
  readonly row: number
  readonly cells: Cells
  readonly columns: readonly Column[]
  /** A text and an amount only: an item without quantity and price, or a sum carried over. */
  readonly weak: boolean
}

/**
 * Line items. A row of column titles begins a table; every row below with a price or a quantity beside a total is an item, and rows
 * around it that hold no other belong to it: the rest of a long description, a total set a little lower. The table goes on over page
 * breaks and repeated titles until a sum or another part of the document begins. Which column of numbers is which, the titles say
 * and the arithmetic confirms. Rows with a text and an amount only are items where the totals need them. Without titles (receipts): rows
 * with words on the left and an amount on the right before the first total.
 * @param totals what the items may add up to
 */
export function findLines(layout: Layout, totals: readonly (Field | undefined)[] = []): LineItem[] {
  const anchors: Anchor[] = []
  let columns: readonly Column[] | undefined
  let table: Anchor[] = []
  const tables: Anchor[][] = []
  for (let at = 0; at < layout.rows.length && anchors.length < maxItems; at += 1) {
    const row = layout.rows[at]!
    const header = headerAt(layout, at)
    if (header !== undefined) {
      // Titles repeated on the next page are the same columns; others begin a table.
      if (columns === undefined || !sameTitles(columns, header.columns)) {
        tables.push(table)
        table = []
        columns = header.columns
      }
      at = Math.max(at, header.last)
      continue
    }
    if (columns === undefined) {
      continue
    }
    if (endsTable(row)) {
      columns = undefined
      tables.push(table)
      table = []
      continue
    }
    const cells = cellsOf(row, columns)
    const clear = isItem(cells, columns)
    if (clear || isWeak(cells)) {
      const anchor = { row: at, cells, columns, weak: !clear }
      anchors.push(anchor)
      table.push(anchor)
    }
  }
  tables.push(table)
  const placed = tables.filter((one) => one.some((anchor) => !anchor.weak)).flatMap((one) => readTable(layout, one))
  const items = reconcile(placed, totals)
  return items.length > 0 ? items : findUntitledLines(layout)
}

function isWeak(cells: Cells): boolean {
  const [only, ...others] = cells.numbers
  return only !== undefined && others.length === 0 && only.column.class === 'lineTotal' && cells.description !== undefined
}

function sameTitles(a: readonly Column[], b: readonly Column[]): boolean {
  return a.length === b.length && a.every((column, n) => column.class === b[n]!.class && Math.abs(column.box.x - b[n]!.box.x) <= maxShift)
}

function endsTable(row: Row): boolean {
  const end = endLabels.match(row.plain)
  if (end !== undefined && end.coverage >= 0.85) {
    return true
  }
  const hasAmount = row.runs.some((run) => findAmounts(run.text).some((amount) => amount.monetary))
  return isTotal(row) || (hasAmount && row.runs.some((run) => {
    const label = totalLabels.match(run.plain)
    return label !== undefined && label.class !== 'notTotal' && label.coverage >= 0.9 && !/\d/.test(run.text) && run.text.length >= 5
  }))
}

function isTotal(row: Row): boolean {
  const label = totalLabels.match(row.runs[0]!.plain)
  return label !== undefined && label.class !== 'notTotal' && label.coverage >= 0.6
}

/** A price or a quantity with a total, or both; a total alone where the titles promise no more. */
function isItem(cells: Cells, columns: readonly Column[]): boolean {
  const filled = cells.numbers.filter((cell) => cell.column.class !== 'lineId' && cell.column.class !== 'itemNumber')
  if (cells.numbers.some((cell) => cell.column.class === 'lineTotal') && cells.description !== undefined && !columns.some((column) => column.class === 'quantity' || column.class === 'unitPrice')) {
    return true
  }
  const named = (name: NumericClass): boolean => filled.some((cell) => cell.column.class === name)
  const money = named('lineTotal') || named('unitPrice')
  return money && filled.filter((cell) => cell.column.class !== 'taxRate' && cell.column.class !== 'discount').length >= 2
}

function readTable(layout: Layout, anchors: readonly Anchor[]): PlacedItem[] {
  const roles = assignNumbers(anchors.filter((anchor) => !anchor.weak).map((anchor) => anchor.cells))
  const items = anchors.map((anchor, n): PlacedItem => {
    const next = anchors[n + 1]?.row ?? layout.rows.length
    return { item: readItem(layout, anchor, Math.min(next, anchor.row + maxItemRows), roles), row: anchor.row, weak: anchor.weak }
  })
  // Numbers inside a description look like an item now and then, but have no total.
  const totalled = items.some(({ item }) => item.lineTotal !== undefined)
  return items.filter(({ item }) => (totalled ? item.lineTotal !== undefined : item.quantity !== undefined && item.unitPrice !== undefined))
}

function readItem(layout: Layout, anchor: Anchor, end: number, roles: ReadonlyMap<Column, NumericClass>): LineItem {
  const { cells } = anchor
  const runs = new Map<NumericClass, Run>()
  for (const cell of cells.numbers) {
    const role = roles.get(cell.column)
    if (role !== undefined && !runs.has(role)) {
      runs.set(role, cell.run)
    }
  }
  // A total that is set apart: on a row of its own below, or above where all cells are centred.
  if (!runs.has('lineTotal')) {
    const total = strayTotal(layout, anchor, end, roles)
    if (total !== undefined) {
      runs.set('lineTotal', total)
    }
  }
  const numbers = numbersOf(runs)
  const description = describe(layout, anchor, end)
  const number = (name: NumericClass, write: (value: Decimal) => string, confidence: number): Field | undefined => {
    const run = runs.get(name)
    const value = numbers.get(name)
    return run === undefined || value === undefined ? undefined : fieldOf(layout, run, run.text, write(value), confidence)
  }
  const agrees = numbers.agree
  const rate = numbers.get('taxRate')
  return compact({
    lineId: shortField(layout, cells.texts.find((cell) => cell.column.class === 'lineId')?.run ?? cells.numbers.find((cell) => cell.column.class === 'lineId')?.run),
    sellerItemId: shortField(layout, cells.texts.find((cell) => cell.column.class === 'itemNumber')?.run ?? cells.numbers.find((cell) => cell.column.class === 'itemNumber')?.run),
    description,
    quantity: number('quantity', (value) => value.toFixed(), agrees ? 0.95 : 0.75),
    unitPrice: number('unitPrice', amountText, agrees ? 0.95 : 0.75),
    taxRate: rate?.gte(0) === true && rate.lt(100) ? number('taxRate', (value) => value.toFixed(), 0.85) : undefined,
    lineTotal: number('lineTotal', amountText, agrees ? 0.97 : 0.8),
  })
}

function strayTotal(layout: Layout, anchor: Anchor, end: number, roles: ReadonlyMap<Column, NumericClass>): Run | undefined {
  const main = layout.rows[anchor.row]!
  for (const at of [anchor.row + 1, anchor.row - 1]) {
    const row = at < end ? layout.rows[at] : undefined
    if (row === undefined || row.page !== main.page || endsTable(row) || Math.abs(row.runs[0]!.box.y - main.runs[0]!.box.y) > 1.6 * main.runs[0]!.box.height) {
      continue
    }
    const found = cellsOf(row, anchor.columns).numbers.find((cell) => (roles.get(cell.column) ?? cell.column.class) === 'lineTotal')
    if (found !== undefined) {
      return found.run
    }
  }
  return undefined
}

/** The description's first line, and those below that go on with it: in its column, aligned with it, without a wide gap. */
function describe(layout: Layout, { row: at, cells, columns }: Anchor, end: number): Field | undefined {
  const column = columns.find((one) => one.class === 'description')
  const lower = column !== undefined && column.line > 0 ? layout.rows[at + column.line] : undefined
  const first = lower === undefined ? cells.description ?? beside(layout, at, columns) : cellsOf(lower, columns.filter((one) => one.line === column!.line).map((one) => ({ ...one, line: 0 }))).description
  if (first === undefined) {
    return undefined
  }
  const parts = [first]
  for (let n = at + (lower === undefined ? 0 : column!.line) + 1; n < end; n += 1) {
    const row = layout.rows[n]!
    const more = continues(row, first, parts.at(-1)!, columns, cells.estimated)
    if (more === 'ends' || endsTable(row)) {
      break
    }
    if (more !== 'elsewhere') {
      parts.push(more)
    }
  }
  const text = parts.map((run) => run.text).join(' ').replace(/([\p{L}\d])- (?=\p{L})/gu, '$1-').replace(/\s+/g, ' ').slice(0, 500).toWellFormed()
  return fieldOf(layout, first, text, text, 0.8)
}

/** A description set a little above or below its numbers. */
function beside(layout: Layout, at: number, columns: readonly Column[]): Run | undefined {
  const main = layout.rows[at]!
  for (const row of [layout.rows[at + 1], layout.rows[at - 1]]) {
    if (row !== undefined && row.page === main.page && Math.abs(row.runs[0]!.box.y - main.runs[0]!.box.y) <= 1.2 * main.runs[0]!.box.height) {
      const cells = cellsOf(row, columns)
      const own = cells.texts.find((cell) => cell.column.class === 'description')
      if (own !== undefined && cells.numbers.length === 0) {
        return own.run
      }
    }
  }
  return undefined
}

function findUntitledLines(layout: Layout): LineItem[] {
  const end = layout.rows.findIndex((row) => isTotal(row) && row.runs.some((run) => findAmounts(run.text).some((amount) => amount.monetary)))
  const items: LineItem[] = []
  for (const row of layout.rows.slice(0, Math.max(0, end))) {
    const first = row.runs[0]!
    const last = row.runs.at(-1)!
    const amount = findAmounts(last.text).at(-1)
    if (row.runs.length < 2 || amount === undefined || !amount.monetary || !/\p{L}{2}/u.test(first.text) || items.length >= maxItems) {
      continue
    }
    const quantity = /^(\d{1,4})\s*(?:x\s*)?(?=\p{L})/iu.exec(first.text)?.[1]
    items.push(compact({
      description: fieldOf(layout, first, first.text, first.text.replace(/^\d{1,4}\s*(?:x\s+)?(?=\p{L})/iu, ''), 0.6),
      quantity: quantity === undefined ? undefined : fieldOf(layout, first, quantity, quantity, 0.6),
      lineTotal: fieldOf(layout, last, amount.text, amount.value, 0.6),
    }))
  }
  return items
}

function shortField(layout: Layout, run: Run | undefined): Field | undefined {
  return run === undefined || run.text.length > 20 ? undefined : fieldOf(layout, run, run.text, run.text, 0.7)
}

function compact(item: { [Key in keyof LineItem]: LineItem[Key] | undefined }): LineItem {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)) as LineItem
}
