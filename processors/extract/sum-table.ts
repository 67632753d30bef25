import { Decimal } from 'decimal.js'
import type { Box, TaxLine } from '../types.ts'
import type { FoundAmount } from './amounts.ts'
import { findAmounts } from './amounts.ts'
import { readDecimals } from './decimals.ts'
import { fieldOf } from './field.ts'
import type { SumClass } from './labels.ts'
import { sumColumnLabels } from './labels.ts'
import type { Layout, Row, Run } from './layout.ts'
import { plainText } from './layout.ts'

/** A sum of a table of sums, with its place. */
export interface Sum {
  readonly run: Run
  readonly found: FoundAmount
  readonly value: Decimal
}

/** Net, tax and gross that stand in one row under titles that say so, and agree. */
export interface SumTable {
  readonly totals?: { readonly net: Sum; readonly tax: Sum; readonly gross: Sum }
  readonly taxes: readonly TaxLine[]
}

interface SumColumn {
  readonly class: SumClass
  readonly box: Pick<Box, 'x' | 'width'>
}

interface SumRow {
  readonly net: Sum
  readonly tax: Sum
  readonly gross?: Sum
  readonly rate?: { readonly run: Run; readonly value: Decimal }
}

const maxRows = 12
const tolerance = new Decimal('0.02')

/**
 * Taxes and totals as a table: titles like net, VAT, gross above, a row for each rate, perhaps a last one that adds them up. Only rows
 * whose arithmetic holds count, so that a wrong column is no table at all.
 */
export function findSumTable(layout: Layout): SumTable {
  let totals: SumTable['totals']
  let taxes: TaxLine[] = []
  for (let at = 0; at < layout.rows.length; at += 1) {
    const columns = columnsOf(layout.rows[at]!)
    if (columns === undefined) {
      continue
    }
    const rows = rowsBelow(layout, at, columns)
    const byRate = rows.filter((row) => row.rate?.value.times(row.net.value).div(100).minus(row.tax.value).abs().lte(tolerance) === true)
    if (byRate.length > 0 && taxes.length === 0) {
      taxes = byRate.map((row) => taxLine(layout, row))
    }
    const last = rows.filter((row) => row.gross !== undefined && row.net.value.plus(row.tax.value).minus(row.gross.value).abs().lte(tolerance)).at(-1)
    if (last?.gross !== undefined && addsUpOthers(last, rows)) {
      totals = { net: last.net, tax: last.tax, gross: last.gross }
    }
  }
  return { ...(totals === undefined ? {} : { totals }), taxes }
}

/** One row is the whole; the last of several has to be the sum of those before it. */
function addsUpOthers(last: SumRow, rows: readonly SumRow[]): boolean {
  const others = rows.slice(0, rows.indexOf(last))
  return others.length === 0 || others.reduce((sum, row) => sum.plus(row.net.value), new Decimal(0)).minus(last.net.value).abs().lte(tolerance)
}

function taxLine(layout: Layout, { rate, net, tax }: SumRow): TaxLine {
  return {
    ...(rate === undefined ? {} : { rate: fieldOf(layout, rate.run, rate.run.text, rate.value.toFixed(), 0.92) }),
    basis: fieldOf(layout, net.run, net.found.text, net.found.value, 0.92),
    amount: fieldOf(layout, tax.run, tax.found.text, tax.found.value, 0.95),
  }
}

function columnsOf(row: Row): readonly SumColumn[] | undefined {
  const columns = row.runs.flatMap((run) => (/\d{2}/.test(run.text) || run.text.length > 80 ? [] : titlesIn(run)))
  const has = (name: SumClass): boolean => columns.some((column) => column.class === name)
  return columns.length >= 3 && has('net') && has('tax') && (has('gross') || has('rate')) ? columns : undefined
}

/** The titles in a run: itself, or several side by side, places in proportion to the letters. */
function titlesIn(run: Run): SumColumn[] {
  const words = [...run.text.matchAll(/\S+/g)]
  const perCharacter = run.box.width / Math.max(1, run.text.length)
  const found: SumColumn[] = []
  for (let n = 0; n < words.length;) {
    let next = n + 1
    for (let end = Math.min(words.length, n + 4); end > n; end -= 1) {
      const start = words[n]!.index
      const text = run.text.slice(start, words[end - 1]!.index + words[end - 1]![0].length)
      const match = sumColumnLabels.match(plainText(text))
      if (match !== undefined && match.length >= 0.75 * plainText(text).trim().length) {
        found.push({ class: match.class, box: { x: run.box.x + start * perCharacter, width: text.length * perCharacter } })
        next = end
        break
      }
    }
    n = next
  }
  return found
}

function rowsBelow(layout: Layout, header: number, columns: readonly SumColumn[]): SumRow[] {
  const rows: SumRow[] = []
  let last = layout.rows[header]!
  for (let at = header + 1; at < Math.min(layout.rows.length, header + 1 + maxRows); at += 1) {
    const row = layout.rows[at]!
    if (row.page !== last.page || row.runs[0]!.box.y - last.runs[0]!.box.y > 5 * last.runs[0]!.box.height) {
      break
    }
    last = row
    const read = readRow(row, columns)
    if (read !== undefined) {
      rows.push(read)
    }
  }
  return rows
}

/** Of two columns with the same title the one counts for which the sums agree. */
function readRow(row: Row, columns: readonly SumColumn[]): SumRow | undefined {
  const sums = (name: SumClass): Sum[] => columns.filter((column) => column.class === name).flatMap((column) => under(row, column) ?? [])
  const rate = columns.filter((column) => column.class === 'rate').map((column) => rateUnder(row, column)).find((found) => found !== undefined)
  const nets = sums('net')
  const taxes = sums('tax')
  const grosses = sums('gross')
  const pairs = nets.flatMap((net) => taxes.map((tax) => ({ net, tax }))).filter(({ net, tax }) => net.run !== tax.run)
  const byRate = ({ net, tax }: { readonly net: Sum; readonly tax: Sum }): boolean =>
    rate?.value.times(net.value).div(100).minus(tax.value).abs().lte(tolerance) === true
  for (const { net, tax } of pairs) {
    const gross = grosses.find((one) => net.value.plus(tax.value).minus(one.value).abs().lte(tolerance))
    if (gross !== undefined) {
      return { net, tax, gross, ...(rate !== undefined && byRate({ net, tax }) ? { rate } : {}) }
    }
  }
  const pair = pairs.find(byRate)
  return pair === undefined || rate === undefined ? undefined : { ...pair, rate }
}

function standsUnder(run: Run, column: SumColumn): boolean {
  const overlap = Math.min(run.box.x + run.box.width, column.box.x + column.box.width) - Math.max(run.box.x, column.box.x)
  const right = Math.abs(run.box.x + run.box.width - (column.box.x + column.box.width))
  return overlap > 0 || right <= 2 * run.box.height
}

function under(row: Row, column: SumColumn): Sum | undefined {
  for (const run of row.runs) {
    const found = standsUnder(run, column) ? findAmounts(run.text).find((amount) => amount.monetary) : undefined
    if (found !== undefined) {
      return { run, found, value: new Decimal(found.value) }
    }
  }
  return undefined
}

function rateUnder(row: Row, column: SumColumn): { readonly run: Run; readonly value: Decimal } | undefined {
  const run = row.runs.find((one) => standsUnder(one, column) && /^\d{1,2}(?:[.,]\d{1,3})?\s?%?$/.test(one.text))
  const value = run === undefined ? undefined : readDecimals(run.text)[0]
  return run === undefined || value === undefined || value.gte(100) ? undefined : { run, value }
}
