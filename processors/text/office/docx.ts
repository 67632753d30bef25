import { succeed } from '../../failure.ts'
import type { Outcome } from '../../types.ts'
import type { Block, Cell } from '../flow.ts'
import type { XmlNode } from '../xml.ts'
import { Paragraph } from './lines.ts'
import type { OfficePackage } from './package.ts'
import { childAt, childrenOf, countOf, textOf } from './package.ts'

const main = 'word/document.xml'
/** A letterhead on the first sheet, another one on the next. */
const maxHeads = 20

/** WordprocessingML (ECMA-376, part 1, 17): heads, body, feet. Deleted and hidden text is left out. */
export function docxBlocks(office: OfficePackage): Outcome<Block[]> {
  const body = office.xml(main)
  if (!body.ok) {
    return body
  }
  const heads = framing(office, 'header')
  const feet = heads.ok ? framing(office, 'footer') : heads
  if (!heads.ok || !feet.ok) {
    return heads.ok ? feet : heads
  }
  return succeed([...heads.value, ...flow(childAt(body.value, 'body')), ...feet.value])
}

/** Heads or feet of all sections, each text once. */
function framing(office: OfficePackage, kind: 'header' | 'footer'): Outcome<Block[]> {
  const names = office.names.filter((name) => new RegExp(`^word/${kind}\\d*\\.xml$`).test(name)).sort().slice(0, maxHeads)
  const seen = new Set<string>()
  const blocks: Block[] = []
  for (const name of names) {
    const part = office.xml(name)
    if (!part.ok) {
      return part
    }
    const own = flow(part.value)
    const text = JSON.stringify(own)
    if (!seen.has(text)) {
      seen.add(text)
      blocks.push(...own)
    }
  }
  return succeed(blocks)
}

function flow(node: XmlNode | undefined): Block[] {
  const blocks: Block[] = []
  for (const child of childrenOf(node)) {
    switch (child.name) {
      case 'p': {
        const paragraph = new Paragraph()
        inline(child, paragraph)
        blocks.push(...paragraph.finish())
        break
      }
      case 'tbl':
        blocks.push({ kind: 'table', rows: rowsOf(child).map((row) => cellsOf(row).map(toCell)) })
        break
      case 'sectPr':
      case 'del':
      case 'moveFrom':
        break
      default:
        // content controls, insertions, whatever wraps paragraphs
        blocks.push(...flow(alternative(child)))
    }
  }
  return blocks
}

/** What old programs cannot show stands there twice. */
function alternative(node: XmlNode): XmlNode {
  return node.name === 'AlternateContent' ? (childAt(node, 'Choice') ?? node) : node
}

function inline(node: XmlNode, paragraph: Paragraph): void {
  for (const child of childrenOf(node)) {
    switch (child.name) {
      case 't':
        paragraph.text(textOf(child))
        break
      case 'tab':
        paragraph.tab()
        break
      case 'br':
        child.attributes.get('type') === 'page' ? paragraph.page() : paragraph.line()
        break
      case 'cr':
        paragraph.line()
        break
      case 'noBreakHyphen':
        paragraph.text('-')
        break
      case 'r':
        if (childAt(child, 'rPr', 'vanish') === undefined) {
          inline(child, paragraph)
        }
        break
      case 'txbxContent':
        paragraph.push(flow(child))
        break
      case 'pPr':
      case 'rPr':
      case 'del':
      case 'moveFrom':
      case 'instrText':
        break
      default:
        inline(alternative(child), paragraph)
    }
  }
}

/** Rows and cells may lie in content controls. */
const rowsOf = (table: XmlNode): XmlNode[] => childrenOf(table).flatMap((child) => (child.name === 'tr' ? [child] : child.name === 'sdt' ? rowsOf(childAt(child, 'sdtContent') ?? child) : []))
const cellsOf = (row: XmlNode): XmlNode[] => childrenOf(row).flatMap((child) => (child.name === 'tc' ? [child] : child.name === 'sdt' ? cellsOf(childAt(child, 'sdtContent') ?? child) : []))

function toCell(node: XmlNode): Cell {
  const merged = childAt(node, 'tcPr', 'vMerge')
  const covered = merged !== undefined && merged.attributes.get('val') !== 'restart'
  return { blocks: covered ? [] : trimmed(flow(node)), columns: countOf(childAt(node, 'tcPr', 'gridSpan'), 'val') }
}

/** A cell ends with a paragraph, which is mostly an empty one. */
function trimmed(blocks: Block[]): Block[] {
  const last = blocks.at(-1)
  return last?.kind === 'line' && last.text.trim() === '' ? blocks.slice(0, -1) : blocks
}
