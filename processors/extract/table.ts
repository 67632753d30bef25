import type { Field, LineItem } from '../types.ts'
import { findAmounts, parseAmount } from './amounts.ts'
import { fieldOf } from './field.ts'
import type { ColumnClass } from './labels.ts'
import { columnLabels, totalLabels } from './labels.ts'
import type { Layout, Row, Run } from './layout.ts'
import { overlapX } from './layout.ts'

/** Lines read from one document's tables. */
export const maxItems = 1000
/** Rows without an amount that may continue a description, one after another. */
const maxContinuation = 3

interface Column {
  readonly class: ColumnClass
  readonly run: Run
}

/**
 * Line items by columns: a row of column titles, then rows whose runs are put under the title they overlap or whose right edge they
 * share, until a row that is a total. Without titles (receipts): rows with words on the left and an amount on the right before the
 * first total.
 */
export function findLines(layout: Layout): LineItem[] {
  const items: LineItem[] = []
  let columns: readonly Column[] | undefined
  let silent = 0
  for (const row of layout.rows) {
    const titles = columnsOf(row)
    if (titles !== undefined) {
      columns = titles
      silent = 0
      continue
    }
    if (columns === undefined) {
      continue
    }
    if (isTotal(row)) {
      columns = undefined
      continue
    }
    const item = readRow(layout, row, columns)
    if (item === undefined) {
      silent += 1
      const description = columns.find((column) => column.class === 'description')
      const previous = items.at(-1)
      const more = description === undefined ? undefined : row.runs.find((run) => overlapX(run.box, description.run.box) > 0)
      if (silent <= maxContinuation && more !== undefined && previous?.description !== undefined && row.runs.length === 1) {
        items[items.length - 1] = { ...previous, description: longer(previous.description, more.text) }
      }
      continue
    }
    silent = 0
    items.push(item)
    if (items.length >= maxItems) {
      break
    }
  }
  return items.length > 0 ? items : findUntitledLines(layout)
}

function columnsOf(row: Row): readonly Column[] | undefined {
  const columns: Column[] = []
  for (const run of row.runs) {
    const match = run.text.length <= 40 ? columnLabels.match(run.plain) : undefined
    if (match !== undefined && match.coverage >= 0.5 && !/\d/.test(run.text)) {
      columns.push({ class: match.class, run })
    }
  }
  const has = (name: ColumnClass): boolean => columns.some((column) => column.class === name)
  return columns.length >= 2 && (has('lineTotal') || has('unitPrice')) && (has('description') || has('quantity')) ? columns : undefined
}

function isTotal(row: Row): boolean {
  const label = totalLabels.match(row.runs[0]!.plain)
  return label !== undefined && label.class !== 'notTotal' && label.coverage >= 0.6
}

function readRow(layout: Layout, row: Row, columns: readonly Column[]): LineItem | undefined {
  const cells = new Map<ColumnClass, Run>()
  for (const run of row.runs) {
    const column = columnOf(run, columns)
    if (column !== undefined && !cells.has(column.class)) {
      cells.set(column.class, run)
    }
  }
  const lineTotal = amountField(layout, cells.get('lineTotal'))
  const description = cells.get('description')
  if (lineTotal === undefined || (description === undefined && !cells.has('quantity'))) {
    return undefined
  }
  return compact({
    lineId: plainField(layout, cells.get('lineId')),
    description: description === undefined ? undefined : fieldOf(layout, description, description.text, description.text, 0.8),
    quantity: quantityField(layout, cells.get('quantity')),
    unitPrice: amountField(layout, cells.get('unitPrice')),
    taxRate: rateField(layout, cells.get('taxRate')),
    lineTotal,
  })
}

/** The title a cell stands under: most shared width, else the nearest edge, within a tenth of the page. */
function columnOf(run: Run, columns: readonly Column[]): Column | undefined {
  let found: Column | undefined
  let bestOverlap = 0
  for (const column of columns) {
    const overlap = overlapX(run.box, column.run.box)
    if (overlap > bestOverlap) {
      bestOverlap = overlap
      found = column
    }
  }
  if (found !== undefined) {
    return found
  }
  let nearest = Number.POSITIVE_INFINITY
  for (const column of columns) {
    const right = Math.abs(run.box.x + run.box.width - (column.run.box.x + column.run.box.width))
    const left = Math.abs(run.box.x - column.run.box.x)
    const distance = Math.min(left, right)
    if (distance < nearest) {
      nearest = distance
      found = column
    }
  }
  return nearest <= 3 * run.box.height ? found : undefined
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

function amountField(layout: Layout, run: Run | undefined): Field | undefined {
  const found = run === undefined ? undefined : findAmounts(run.text).at(-1)
  return run === undefined || found === undefined ? undefined : fieldOf(layout, run, found.text, found.value, found.monetary ? 0.85 : 0.5)
}

function quantityField(layout: Layout, run: Run | undefined): Field | undefined {
  const text = run === undefined ? undefined : /^[\d.,]{1,12}/.exec(run.text.trim())?.[0]
  if (run === undefined || text === undefined) {
    return undefined
  }
  const whole = /^\d{1,9}$/.test(text) ? text : /^(\d{1,9})[.,](\d{1,4})$/.exec(text)?.slice(1, 3).join('.') ?? parseAmount(text)
  return whole === undefined ? undefined : fieldOf(layout, run, text, whole.replace(/\.0+$/, ''), 0.8)
}

function rateField(layout: Layout, run: Run | undefined): Field | undefined {
  const match = run === undefined ? null : /(\d{1,2})(?:[.,](\d{1,2}))?\s?%?/.exec(run.text)
  return run === undefined || match === null ? undefined : fieldOf(layout, run, match[0], match[2] === undefined ? match[1]! : `${match[1]}.${match[2]}`, 0.7)
}

function plainField(layout: Layout, run: Run | undefined): Field | undefined {
  return run === undefined || run.text.length > 20 ? undefined : fieldOf(layout, run, run.text, run.text, 0.7)
}

function longer(field: Field, more: string): Field {
  const value = `${field.value} ${more}`.slice(0, 500).toWellFormed()
  return { ...field, value, normalised: value }
}

function compact(item: { [Key in keyof LineItem]: LineItem[Key] | undefined }): LineItem {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)) as LineItem
}
