import { fail, succeed } from '../../failure.ts'
import type { Outcome } from '../../types.ts'
import type { Block, Cell } from '../flow.ts'
import { maxColumns } from '../flow.ts'
import type { XmlNode } from '../xml.ts'
import { Paragraph } from './lines.ts'
import type { OfficePackage } from './package.ts'
import { childAt, childrenOf, countOf, isNode, within } from './package.ts'

/** A sheet's last row is repeated a million times; rows and cells that are repeated with their text are seldom more than a few. */
const maxRepeated = 100
const maxRepeatedCells = 5000

/** OpenDocument 1.3, part 3: text, sheets (each a page), slides (each a page). */
export function odfBlocks(office: OfficePackage): Outcome<Block[]> {
  const manifest = office.optional('META-INF/manifest.xml')
  if (manifest.ok && manifest.value !== undefined && [...within(manifest.value, 'encryption-data')].length > 0) {
    return fail('ENCRYPTED', 'content', 'an office document that needs a password')
  }
  const content = office.xml('content.xml')
  const styles = content.ok ? office.optional('styles.xml') : content
  if (!content.ok || !styles.ok) {
    return content.ok ? (styles as Outcome<never>) : content
  }
  const body = childAt(content.value, 'body')
  const pages = childAt(styles.value, 'master-styles')
  const text = childAt(body, 'text')
  if (text !== undefined) {
    const framing = (name: string): Block[] => [...within(pages, name)].slice(0, 1).flatMap(flow)
    return succeed([...framing('header'), ...flow(text), ...framing('footer')])
  }
  const sheets = childrenOf(childAt(body, 'spreadsheet'), 'table').map((table): Block[] => [tableOf(table)])
  const slides = childrenOf(childAt(body, 'presentation'), 'page').map(flow)
  return succeed([...sheets, ...slides].flatMap((page, n): Block[] => (n === 0 ? page : [{ kind: 'page' }, ...page])))
}

/** Not part of the text as it stands: what was deleted, what was said about it. */
const apart = new Set(['tracked-changes', 'annotation', 'annotation-end', 'note', 'notes', 'sequence-decls', 'forms', 'title', 'desc', 'image', 'settings', 'bibliography-mark'])

function flow(node: XmlNode): Block[] {
  return childrenOf(node).flatMap((child): Block[] => {
    if (apart.has(child.name)) {
      return []
    }
    switch (child.name) {
      case 'p':
      case 'h': {
        const paragraph = new Paragraph()
        inline(child, paragraph)
        return paragraph.finish()
      }
      case 'table':
        return [tableOf(child)]
      default:
        // lists, sections, frames, text boxes
        return flow(child)
    }
  })
}

function inline(node: XmlNode, paragraph: Paragraph): void {
  for (const part of node.content) {
    if (!isNode(part)) {
      paragraph.text(part.replace(/\s+/g, ' '))
      continue
    }
    switch (part.name) {
      case 's':
        paragraph.text(' '.repeat(Math.min(countOf(part, 'c'), 200)))
        break
      case 'tab':
        paragraph.tab()
        break
      case 'line-break':
        paragraph.line()
        break
      case 'frame':
      case 'custom-shape':
        paragraph.push(flow(part))
        break
      default:
        if (!apart.has(part.name)) {
          inline(part, paragraph)
        }
    }
  }
}

function tableOf(table: XmlNode): Block {
  return { kind: 'table', rows: rowsOf(table) }
}

/** Rows may lie in groups and heads. */
function rowsOf(node: XmlNode): Cell[][] {
  return childrenOf(node).flatMap((child) => {
    if (child.name !== 'table-row') {
      return /^table-(?:header-rows|rows|row-group)$/.test(child.name) ? rowsOf(child) : []
    }
    if (/^(?:collapse|filter)$/.test(child.attributes.get('visibility') ?? '')) {
      return []
    }
    const cells = cellsOf(child)
    const times = cells.length === 0 ? 1 : Math.min(countOf(child, 'number-rows-repeated'), maxRepeated, Math.ceil(maxRepeatedCells / cells.length))
    return Array.from({ length: times }, () => cells)
  })
}

function cellsOf(row: XmlNode): Cell[] {
  const cells: Cell[] = []
  for (const node of childrenOf(row)) {
    if (node.name !== 'table-cell') {
      // what a cell before or above covers has its place already, or is empty
      continue
    }
    const cell: Cell = { blocks: blocksOf(node), columns: countOf(node, 'number-columns-spanned'), rows: countOf(node, 'number-rows-spanned') }
    const times = Math.min(countOf(node, 'number-columns-repeated'), maxColumns - cells.length, cell.blocks.length === 0 ? maxColumns : maxRepeated)
    cells.push(...Array.from({ length: times }, () => cell))
  }
  while (cells.at(-1)?.blocks.length === 0) {
    cells.pop()
  }
  return cells
}

function blocksOf(cell: XmlNode): Block[] {
  // a date as it is, not as the cell's style shows it
  const date = cell.attributes.get('value-type') === 'date' ? /^\d{4}-\d\d-\d\d/.exec(cell.attributes.get('date-value') ?? '')?.[0] : undefined
  if (date !== undefined) {
    return [{ kind: 'line', text: date }]
  }
  const blocks = flow(cell)
  return blocks.some((block) => block.kind !== 'line' || block.text.trim() !== '') ? blocks : []
}
