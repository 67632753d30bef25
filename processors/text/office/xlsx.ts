import { succeed } from '../../failure.ts'
import type { Outcome } from '../../types.ts'
import type { Block, Cell } from '../flow.ts'
import { maxColumns } from '../flow.ts'
import type { XmlNode } from '../xml.ts'
import type { NumberFormat } from './numbers.ts'
import { numberFormats, showNumber } from './numbers.ts'
import type { OfficePackage } from './package.ts'
import { childAt, childrenOf, textOf, within } from './package.ts'

const main = 'xl/workbook.xml'

interface Workbook {
  readonly strings: readonly string[]
  readonly formats: readonly NumberFormat[]
  readonly since1904: boolean
}

/** SpreadsheetML (ECMA-376, part 1, 18): every sheet a page, numbers as they are shown. Formulas are not computed: their last results stand there. */
export function xlsxBlocks(office: OfficePackage): Outcome<Block[]> {
  const root = office.xml(main)
  const relations = root.ok ? office.relations(main) : root
  const strings = relations.ok ? office.optional('xl/sharedStrings.xml') : relations
  const styles = strings.ok ? office.optional('xl/styles.xml') : strings
  if (!root.ok || !relations.ok || !strings.ok || !styles.ok) {
    return [root, relations, strings, styles].find((outcome) => !outcome.ok) as Outcome<never>
  }
  const workbook: Workbook = {
    strings: childrenOf(strings.value, 'si').map(stringOf),
    formats: numberFormats(styles.value),
    since1904: /^(?:1|true)$/.test(childAt(root.value, 'workbookPr')?.attributes.get('date1904') ?? ''),
  }
  const blocks: Block[] = []
  const seen = new Set<string>()
  for (const sheet of childrenOf(childAt(root.value, 'sheets'), 'sheet')) {
    const part = relations.value.get(sheet.attributes.get('id') ?? '')
    if (part === undefined || seen.has(part) || (sheet.attributes.get('state') ?? 'visible') !== 'visible') {
      continue
    }
    seen.add(part)
    const read = office.xml(part)
    if (!read.ok) {
      return read
    }
    blocks.push(...(blocks.length === 0 ? [] : [{ kind: 'page' } as const]), { kind: 'table', rows: rowsOf(read.value, workbook) })
  }
  return succeed(blocks)
}

/** Text without the phonetic readings that stand beside it. */
function stringOf(node: XmlNode): string {
  return childrenOf(node).map((child) => (child.name === 't' ? textOf(child) : child.name === 'r' ? childrenOf(child, 't').map(textOf).join('') : '')).join('')
}

function rowsOf(sheet: XmlNode, workbook: Workbook): Cell[][] {
  const merged = mergedColumns(sheet)
  return [...within(childAt(sheet, 'sheetData'), 'row')].filter((row) => row.attributes.get('hidden') !== '1').map((row) => {
    const cells: Cell[] = []
    let column = 0
    for (const cell of childrenOf(row, 'c')) {
      const reference = cell.attributes.get('r') ?? ''
      const at = columnOf(reference) ?? column
      if (at >= maxColumns) {
        break
      }
      for (; column < at; column += 1) {
        cells.push({ blocks: [] })
      }
      const columns = merged.get(reference) ?? 1
      const text = shownIn(cell, workbook)
      if (at >= column) {
        cells.push({ blocks: text.split('\n').flatMap((line): Block[] => (line.trim() === '' ? [] : [{ kind: 'line', text: line }])), columns })
        column = at + columns
      }
    }
    return cells
  })
}

function shownIn(cell: XmlNode, { strings, formats, since1904 }: Workbook): string {
  const raw = childrenOf(cell, 'v').map(textOf).join('')
  switch (cell.attributes.get('t')) {
    case 's':
      return strings[Number(raw)] ?? ''
    case 'inlineStr':
      return childrenOf(cell, 'is').map(stringOf).join('')
    case 'b':
      return raw === '1' ? 'TRUE' : 'FALSE'
    case 'str':
    case 'e':
    case 'd':
      return raw
    default:
      return showNumber(raw, formats[Number(cell.attributes.get('s') ?? 0)], since1904)
  }
}

/** `AB12` → 27. */
function columnOf(reference: string): number | undefined {
  const letters = /^([A-Z]{1,3})\d/.exec(reference)?.[1]
  return letters === undefined ? undefined : [...letters].reduce((sum, letter) => 26 * sum + letter.charCodeAt(0) - 64, 0) - 1
}

/** Columns that a merged cell covers, by its first cell. */
function mergedColumns(sheet: XmlNode): ReadonlyMap<string, number> {
  const merged = new Map<string, number>()
  for (const cell of childrenOf(childAt(sheet, 'mergeCells'), 'mergeCell')) {
    const [first = '', last = ''] = (cell.attributes.get('ref') ?? '').split(':')
    const [from, to] = [columnOf(first), columnOf(last)]
    if (from !== undefined && to !== undefined && to > from) {
      merged.set(first, Math.min(to - from + 1, maxColumns))
    }
  }
  return merged
}
