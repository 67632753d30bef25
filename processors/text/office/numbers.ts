import type { XmlNode } from '../xml.ts'
import { childAt, childrenOf } from './package.ts'

/** How a spreadsheet shows its numbers (ECMA-376, part 1, 18.8.30): as much of it as tells dates, decimals, percent and currency. */
export interface NumberFormat {
  readonly kind: 'number' | 'date'
  readonly decimals?: number
  readonly percent: boolean
  readonly currency: string
}

const general: NumberFormat = { kind: 'number', percent: false, currency: '' }
/** Formats that files need not spell out. */
const builtIn: ReadonlyMap<number, string> = new Map([
  [1, '0'], [2, '0.00'], [3, '#,##0'], [4, '#,##0.00'], [9, '0%'], [10, '0.00%'], [37, '#,##0'], [38, '#,##0'], [39, '#,##0.00'], [40, '#,##0.00'],
  [14, 'd/m/y'], [15, 'd/m/y'], [16, 'd/m'], [17, 'm/y'], [18, ''], [19, ''], [20, ''], [21, ''], [22, 'd/m/y'], [44, '#,##0.00'],
])

/** By the index that cells name. */
export function numberFormats(styles: XmlNode | undefined): readonly NumberFormat[] {
  const codes = new Map(builtIn)
  for (const format of childrenOf(childAt(styles, 'numFmts'), 'numFmt')) {
    codes.set(Number(format.attributes.get('numFmtId')), (format.attributes.get('formatCode') ?? '').slice(0, 300))
  }
  return childrenOf(childAt(styles, 'cellXfs'), 'xf').map((style) => formatOf(codes.get(Number(style.attributes.get('numFmtId') ?? 0)) ?? ''))
}

function formatOf(code: string): NumberFormat {
  const positive = code.split(';', 1)[0]!
  const currency = /\[\$([^\]-]{1,6})/.exec(positive)?.[1] ?? /(?:"|\\)?([€$£¥])/.exec(positive)?.[1] ?? /"\s*([A-Z]{3})\s*"/.exec(positive)?.[1] ?? ''
  const bare = positive.replace(/"[^"]*"|\\.|\[[^\]]*\]/g, '')
  if (/[dy]/i.test(bare)) {
    return { kind: 'date', percent: false, currency: '' }
  }
  if (!/[0#]/.test(bare)) {
    return general
  }
  return { kind: 'number', decimals: /\.(0+)/.exec(bare)?.[1]?.length ?? 0, percent: bare.includes('%'), currency }
}

const dayMs = 24 * 60 * 60 * 1000

/** @param since1904 the workbook counts days as old Macintoshes did */
export function showNumber(raw: string, format: NumberFormat | undefined, since1904: boolean): string {
  const value = Number(raw)
  if (raw.trim() === '' || !Number.isFinite(value)) {
    return raw
  }
  const { kind, decimals, percent, currency } = format ?? general
  if (kind === 'date') {
    // day 1 is 1 January 1900, and 1900 had a 29 February
    const time = Date.UTC(since1904 ? 1904 : 1899, since1904 ? 0 : 11, since1904 ? 1 : 30) + Math.floor(value) * dayMs
    return Number.isNaN(new Date(time).getTime()) || value < 1 ? raw : new Date(time).toISOString().slice(0, 10)
  }
  const shown = percent ? value * 100 : value
  // what binary fractions add to the fifteen digits that people typed
  const exact = Number(shown.toPrecision(15))
  const text = decimals === undefined || Math.abs(exact) >= 1e21 ? plain(exact) : exact.toFixed(Math.min(decimals, 20))
  return `${text}${percent ? '%' : ''}${currency === '' ? '' : ` ${currency}`}`
}

function plain(value: number): string {
  const text = String(value)
  return text.includes('e') && Math.abs(value) < 1e21 ? value.toFixed(10).replace(/\.?0+$/, '') : text
}
