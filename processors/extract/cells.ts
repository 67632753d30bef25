import type { Decimal } from 'decimal.js'
import type { Column } from './columns.ts'
import { columnsUnder } from './columns.ts'
import { readDecimals } from './decimals.ts'
import type { Row, Run } from './layout.ts'

/** The columns of a table of items that hold numbers, and what a column of numbers may be. */
export type NumericClass = 'quantity' | 'unitPrice' | 'lineTotal' | 'taxRate' | 'discount'

export interface Cell {
  readonly column: Column
  readonly run: Run
}

export interface Cells {
  readonly numbers: readonly Cell[]
  readonly texts: readonly Cell[]
  readonly description?: Run
  /** A number was cut off in front of the description: where it begins is an estimate. */
  readonly estimated?: boolean
}

/** A number with a currency, a unit or a percent sign, and nothing else of weight. */
const numeric = /^(?:[€$£¥₹]|[A-Z]{3}\s|Rs\.?\s)?\s?[-−(]?\s?\d[\d.,'’ ]{0,20}\s?(?:-\s?)?(?:%|[€$£¥₹]|\p{L}[\p{L}²³.()]{0,11}){0,3}(?:\s?\(?\p{L}{1,9}[).]{0,2}){0,2}$/u
const notNumeric = /\d[/:]\d|\d-\d{2,}|\d\.\d{1,2}\.\d/

/** A run that stands under several titles is cut; more pieces than this in one row are prose. */
const maxPieces = 40

/**
 * Puts a row's runs under the columns' titles. Titles and values are aligned in every way, so nearness alone is not enough: the runs,
 * from left to right, get the columns, from left to right, for which distance and kind (a number under a title for numbers) cost least.
 */
export function cellsOf(row: Row, columns: readonly Column[]): Cells {
  const upper = columns.filter((column) => column.line === 0)
  // Text set upright beside a table is no part of it.
  const lowest = Math.min(...row.runs.map((run) => run.box.height))
  const pieces = row.runs.filter((run) => run.box.height <= 3 * lowest).flatMap((run) => cut(run, upper)).slice(0, maxPieces)
  const placed = align(pieces, upper)
  const numbers: Cell[] = []
  const texts: Cell[] = []
  const unplaced: Run[] = []
  for (const [n, run] of pieces.entries()) {
    const titled = placed[n]
    if (titled === undefined) {
      unplaced.push(run)
      continue
    }
    // A quantity with its unit may stand under the unit's title alone.
    const column = titled.class === 'unit' && /^[-−]?\d/.test(run.text) ? upper.find((one) => one.class === 'quantity') ?? titled : titled
    if (column.class !== 'description' && isNumeric(run.text)) {
      numbers.push({ column, run })
    } else {
      texts.push({ column, run })
    }
  }
  const description = descriptionOf(columns, texts, unplaced, numbers)
  return description === undefined ? { numbers, texts } : withLeadingNumber({ numbers, texts, description, estimated: !row.runs.includes(description) }, upper)
}

function cut(run: Run, columns: readonly Column[]): readonly Run[] {
  const under = columnsUnder(run, columns)
  if (under.every((column) => column.class !== 'description')) {
    // Numbers that stand too close to be told apart by their places.
    const parts = atNumbers(run.text)
    if (parts.length > 1 && parts.every(isNumeric)) {
      return inPlace(run, parts)
    }
  }
  return under.length <= 1 ? [run] : spread(run, under)
}

const skipCost = 3
/** In heights of the text: nothing stands further from its title. */
const maxDistance = 5
const numericClasses: ReadonlySet<string | undefined> = new Set(['quantity', 'unitPrice', 'lineTotal', 'taxRate', 'discount', 'taxAmount'])

/** The cheapest assignment in order. A column takes one run, a description's any number; a run may stay without one. */
function align(runs: readonly Run[], columns: readonly Column[]): (Column | undefined)[] {
  const ordered = [...columns].sort((a, b) => a.box.x - b.box.x)
  const width = ordered.length
  // best[n][k]: the cost of the first n runs with the first k columns; how[n][k]: the last step to it.
  const best: number[][] = Array.from({ length: runs.length + 1 }, () => new Array<number>(width + 1).fill(Number.POSITIVE_INFINITY))
  const how: ('column' | 'skip' | 'take' | 'join')[][] = Array.from({ length: runs.length + 1 }, () => new Array<'column'>(width + 1).fill('column'))
  best[0]!.fill(0)
  for (let n = 1; n <= runs.length; n += 1) {
    for (let k = 0; k <= width; k += 1) {
      const step = (value: number, name: 'column' | 'skip' | 'take' | 'join'): void => {
        if (value < best[n]![k]!) {
          best[n]![k] = value
          how[n]![k] = name
        }
      }
      step(best[n - 1]![k]! + skipCost, 'skip')
      if (k > 0) {
        const cost = distanceCost(runs[n - 1]!, ordered[k - 1]!)
        step(best[n]![k - 1]!, 'column')
        step(best[n - 1]![k - 1]! + cost, 'take')
        if (ordered[k - 1]!.class === 'description' || ordered[k - 1]!.class === 'itemNumber') {
          step(best[n - 1]![k]! + cost, 'join')
        }
      }
    }
  }
  const result: (Column | undefined)[] = new Array<Column | undefined>(runs.length).fill(undefined)
  for (let n = runs.length, k = width; n > 0;) {
    const step = how[n]![k]!
    if (step === 'column') {
      k -= 1
      continue
    }
    if (step !== 'skip') {
      result[n - 1] = ordered[k - 1]
    }
    k -= step === 'take' ? 1 : 0
    n -= 1
  }
  return result
}

function distanceCost(run: Run, column: Column): number {
  const gap = Math.max(0, Math.max(run.box.x, column.box.x) - Math.min(run.box.x + run.box.width, column.box.x + column.box.width)) / Math.max(1, run.box.height)
  if (gap > maxDistance) {
    return Number.POSITIVE_INFINITY
  }
  const shared = Math.min(run.box.x + run.box.width, column.box.x + column.box.width) - Math.max(run.box.x, column.box.x)
  const apart = 0.4 * (1 - Math.max(0, Math.min(1, shared / Math.max(1, Math.min(run.box.width, column.box.width)))))
  const edges = Math.min(Math.abs(run.box.x - column.box.x), Math.abs(run.box.x + run.box.width - column.box.x - column.box.width)) / Math.max(1, run.box.height)
  const number = isNumeric(run.text)
  const odd = numericClasses.has(column.class) ? (number ? 0 : 1.2) : column.class === 'description' && number ? 0.8 : 0
  const rate = column.class === 'taxRate' || column.class === 'discount' ? (run.text.includes('%') ? -0.2 : /[.,]\d{2}$/.test(run.text) ? 0.8 : 0.2) : run.text.includes('%') && number ? 0.6 : 0
  return Math.max(0, gap * 0.6 + Math.min(edges, 3) * 0.1 + apart + odd + rate)
}

/** A number, its unit where it is a usual one, and words after it. */
const leadingNumber = /^(\d{1,6}(?:[.,]\d{1,4})?(?:\s(?:stk|stück|pcs?|st|ea|x|h|std|kg|unités?|szt)\.?)?)\s+(\p{L}.*)$/iu

/** `2 Chairs` where the quantity, or the position, has a column of its own left of the description and nothing in it. */
function withLeadingNumber(cells: Cells & { readonly description: Run }, columns: readonly Column[]): Cells {
  const { description, numbers, texts } = cells
  const text = columns.find((column) => column.class === 'description')
  const match = leadingNumber.exec(description.text)
  const missing = match === null ? undefined : columns.find((column) =>
    (column.class === 'quantity' || column.class === 'lineId') && column.box.x < (text?.box.x ?? 0) && ![...numbers, ...texts].some((cell) => cell.column === column))
  if (match === null || missing === undefined) {
    return cells
  }
  const share = (description.box.width * match[1]!.length) / description.text.length
  const start = (description.box.width * (description.text.length - match[2]!.length)) / description.text.length
  const number: Run = { ...description, text: match[1]!, plain: ` ${match[1]!} `, box: { ...description.box, width: share } }
  const rest: Run = { ...description, text: match[2]!, box: { ...description.box, x: description.box.x + start, width: description.box.width - start } }
  return { numbers: [{ column: missing, run: number }, ...numbers], texts, description: rest, estimated: true }
}

function isNumeric(text: string): boolean {
  return text.length <= 40 && numeric.test(text.trim()) && !notNumeric.test(text)
}

/** The text under the title for it; else the first text that stands under no other, left of the numbers: titles are often centred. */
function descriptionOf(columns: readonly Column[], texts: readonly Cell[], unplaced: readonly Run[], numbers: readonly Cell[]): Run | undefined {
  const own = texts.filter((cell) => cell.column.class === 'description')
  if (own.length > 0) {
    return own.map((cell) => cell.run).reduce(joinRuns)
  }
  const firstNumber = Math.min(...numbers.filter((cell) => cell.column.class !== 'lineId' && cell.column.class !== 'itemNumber').map((cell) => cell.run.box.x))
  const words = (run: Run): boolean => /\p{L}{2}/u.test(run.text) && run.box.x < firstNumber
  const free = unplaced.find(words) ?? texts.find((cell) => cell.column.class === undefined && words(cell.run))?.run
  if (free !== undefined) {
    return free
  }
  // Titles without one for it: a text under the leftmost column is one.
  return columns.some((column) => column.class === 'description') ? texts.find((cell) => words(cell.run) && / /.test(cell.run.text))?.run : texts.find((cell) => words(cell.run))?.run
}

function joinRuns(a: Run, b: Run): Run {
  const x = Math.min(a.box.x, b.box.x)
  return { ...a, text: `${a.text} ${b.text}`, plain: `${a.plain.trimEnd()}${b.plain}`, box: { ...a.box, x, width: Math.max(a.box.x + a.box.width, b.box.x + b.box.width) - x } }
}

/** Cut before each number, of which `18 104,04` and `18'104.04` are one each. */
function atNumbers(text: string): string[] {
  const starts = [...text.matchAll(/(?<![\p{L}\d.,'’])[-−]?(?:\d{1,3}(?: \d{3})+(?=[.,]\d)|\d)[\d.,'’]*/gu)].map((match) => match.index).filter((start) => start > 0)
  return [0, ...starts].map((start, n, all) => text.slice(start, all[n + 1]).trim()).filter((part) => part !== '')
}

/** Parts of a run under several titles: one word for each title, or cut before each number; itself if that does not come out even. */
function spread(run: Run, columns: readonly Column[]): readonly Run[] {
  const words = run.text.split(' ').filter((word) => word !== '')
  const leading = columns.length === 2 && columns.some((column) => column.class === 'description') ? leadingNumber.exec(run.text) : null
  const parts = leading !== null ? [leading[1]!, leading[2]!] : words.length === columns.length ? words : atNumbers(run.text)
  return inPlace(run, parts.length === columns.length ? parts : numberAndText(run, columns) ?? [run.text])
}

/** An item's number and the text beside it run together: each word goes to the title it stands under. */
function numberAndText(run: Run, columns: readonly Column[]): readonly string[] | undefined {
  const text = columns.find((column) => column.class === 'description')
  const words = [...run.text.matchAll(/\S+/g)]
  if (text === undefined || !columns.some((column) => column.class === 'itemNumber') || !/\d/.test(words[0]?.[0] ?? '')) {
    return undefined
  }
  const perCharacter = run.box.width / Math.max(1, run.text.length)
  const from = words.find((word) => run.box.x + (word.index + word[0].length / 2) * perCharacter >= text.box.x)
  return from === undefined || from.index === 0 || !/\p{L}/u.test(run.text.slice(from.index))
    ? undefined
    : [run.text.slice(0, from.index).trim(), run.text.slice(from.index)]
}

/** Pieces of a run with places in proportion to their letters. */
function inPlace(run: Run, parts: readonly string[]): readonly Run[] {
  const perCharacter = run.box.width / Math.max(1, run.text.length)
  let from = 0
  return parts.map((text) => {
    const start = run.text.indexOf(text, from)
    from = start + text.length
    return { ...run, text, box: { ...run.box, x: run.box.x + start * perCharacter, width: text.length * perCharacter } }
  })
}

/**
 * Does this row go on with a description that began above? Its run, or that it is about something else, or that the item's text ends.
 * @param estimated where the description begins is an estimate
 */
export function continues(row: Row, first: Run, last: Run, columns: readonly Column[], estimated = false): Run | 'elsewhere' | 'ends' {
  const pieces = row.runs.flatMap((run) => cut(run, columns))
  const inColumn = pieces.filter((run) => run.box.x < first.box.x + Math.max(first.box.width, 60) && run.box.x + run.box.width > first.box.x + 1)
  const [candidate] = inColumn
  if (candidate === undefined) {
    return 'elsewhere'
  }
  const numbered = pieces.some((run) => run !== candidate && run.box.x < first.box.x && /^\d{1,4}[.)]?$/.test(run.text))
  const priced = cellsOf(row, columns).numbers.some((cell) => cell.run !== candidate && ['quantity', 'unitPrice', 'lineTotal'].includes(cell.column.class ?? ''))
  const slack = estimated || !row.runs.includes(candidate) ? 0.7 * first.box.height : 1.6
  const aligned = Math.abs(candidate.box.x - first.box.x) <= slack || Math.abs(middle(candidate) - middle(first)) <= 1.6
  const near = candidate.page === last.page ? candidate.box.y - last.box.y <= 1.9 * last.box.height : row.runs.length === 1
  // A key with its value is something said about the item, not its name.
  const keyed = /:\s*=?\s*[-−]?\d[\d.,]*\s*(?:[€%]|EUR)?$/.test(candidate.text) || /^\p{L}[\p{L}./ -]{2,30}:\s?\S/u.test(candidate.text)
  const folio = /^(?:page|seite|pagina|página|blatt|sivu|side)\b.{0,3}\d/iu.test(candidate.text)
  return inColumn.length > 1 || folio || numbered || priced || !aligned || !near || keyed ? 'ends' : candidate
}

function middle(run: Run): number {
  return run.box.x + run.box.width / 2
}

/** Values of a row's numbers, where several readings are possible those for which quantity × price is the total. */
export interface RowNumbers {
  get(name: NumericClass): Decimal | undefined
  readonly agree: boolean
}

export function numbersOf(runs: ReadonlyMap<NumericClass, Pick<Run, 'text'>>): RowNumbers {
  const readings = new Map([...runs].map(([name, run]) => [name, readDecimals(run.text)] as const))
  const options = (name: NumericClass): readonly (Decimal | undefined)[] => (readings.get(name)?.length ? readings.get(name)! : [undefined])
  const chosen = new Map<NumericClass, Decimal | undefined>([...readings].map(([name, values]) => [name, values[0]]))
  for (const quantity of options('quantity')) {
    for (const price of options('unitPrice')) {
      for (const total of options('lineTotal')) {
        if (quantity !== undefined && price !== undefined && total !== undefined && multiplies(quantity, price, total)) {
          chosen.set('quantity', quantity).set('unitPrice', price).set('lineTotal', total)
          return { get: (name) => chosen.get(name), agree: true }
        }
      }
    }
  }
  return { get: (name) => chosen.get(name), agree: false }
}

/** Within what rounding of price and total explains. */
export function multiplies(quantity: Decimal, price: Decimal, total: Decimal): boolean {
  const slack = Math.max(0.011, 0.0051 * Math.abs(quantity.toNumber()) * (price.decimalPlaces() > 2 ? 0.1 : 0.01))
  return !total.isZero() && quantity.times(price).minus(total).abs().lte(slack)
}

/** What a title is worth against a row whose arithmetic works out. */
const titleWeight = 0.6
/** Columns of numbers that are tried: 7 × 6 × 5 assignments. */
const maxColumns = 7

/**
 * Which column of numbers is the quantity, which the price, which the total: what the titles say, unless another assignment makes
 * quantity × price = total in more rows. "Amount" is a quantity on some invoices and a total on others.
 */
export function assignNumbers(rows: readonly Cells[]): Map<Column, NumericClass> {
  const columns = [...new Set(rows.flatMap((row) => row.numbers.map((cell) => cell.column)))].slice(0, maxColumns)
  const free = columns.filter((column) => column.class !== 'taxRate' && column.class !== 'discount')
  const sample = rows.slice(0, 40).map((row) => new Map(row.numbers.map((cell) => [cell.column, readDecimals(cell.run.text)] as const)))
  const prior = (column: Column | undefined, name: NumericClass): number =>
    column === undefined ? 0 : column.class === name ? titleWeight : column.class === 'lineId' || column.class === 'itemNumber' || column.class === 'unit' ? -0.3 : column.class === undefined ? -0.1 : -0.2
  let best: { readonly score: number; readonly roles: readonly (readonly [Column | undefined, NumericClass])[] } = { score: Number.NEGATIVE_INFINITY, roles: [] }
  const options = [undefined, ...free]
  for (const quantity of options) {
    for (const price of options) {
      for (const total of options) {
        if ((quantity !== undefined && (quantity === price || quantity === total)) || (price !== undefined && price === total)) {
          continue
        }
        const fits = quantity === undefined || price === undefined || total === undefined ? 0 : sample.filter((row) => fitsRow(row, quantity, price, total)).length / Math.max(1, sample.length)
        // Of two columns with the same title the total stands further right.
        const place = total === undefined ? 0 : 0.05 * (columns.filter((other) => other.box.x < total.box.x).length / columns.length)
        const score = 1.5 * fits + prior(quantity, 'quantity') + prior(price, 'unitPrice') + prior(total, 'lineTotal') + place
        if (score > best.score + 1e-9) {
          best = { score, roles: [[quantity, 'quantity'], [price, 'unitPrice'], [total, 'lineTotal']] }
        }
      }
    }
  }
  const roles = new Map<Column, NumericClass>()
  for (const [column, name] of best.roles) {
    if (column !== undefined) {
      roles.set(column, name)
    }
  }
  for (const column of columns) {
    if (!roles.has(column) && (column.class === 'taxRate' || column.class === 'discount')) {
      roles.set(column, column.class)
    }
  }
  return roles
}

function fitsRow(row: ReadonlyMap<Column, readonly Decimal[]>, quantity: Column, price: Column, total: Column): boolean {
  const values = (column: Column): readonly Decimal[] => row.get(column) ?? []
  return values(quantity).some((q) => values(price).some((p) => values(total).some((t) => multiplies(q, p, t) && !(q.eq(1) && quantity.class !== 'quantity'))))
}
