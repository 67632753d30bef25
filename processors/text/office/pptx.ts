import { succeed } from '../../failure.ts'
import type { Outcome } from '../../types.ts'
import type { Block, Cell } from '../flow.ts'
import type { XmlNode } from '../xml.ts'
import { Paragraph } from './lines.ts'
import type { OfficePackage } from './package.ts'
import { childAt, childrenOf, countOf, textOf, within } from './package.ts'

const main = 'ppt/presentation.xml'

/** PresentationML (ECMA-376, part 1, 19): every slide a page, its shapes from top to bottom. */
export function pptxBlocks(office: OfficePackage): Outcome<Block[]> {
  const root = office.xml(main)
  const relations = root.ok ? office.relations(main) : root
  if (!root.ok || !relations.ok) {
    return root.ok ? (relations as Outcome<never>) : root
  }
  const blocks: Block[] = []
  const seen = new Set<string>()
  for (const slide of childrenOf(childAt(root.value, 'sldIdLst'), 'sldId')) {
    // id is the slide's number without its prefix; the relationship's comes second and wins
    const part = relations.value.get(slide.attributes.get('id') ?? '')
    const read = part === undefined || seen.has(part) ? succeed(undefined) : office.xml(part)
    if (!read.ok) {
      return read
    }
    seen.add(part ?? '')
    if (read.value !== undefined && read.value.attributes.get('show') !== '0') {
      blocks.push(...(blocks.length === 0 ? [] : [{ kind: 'page' } as const]), ...shapes(childAt(read.value, 'cSld', 'spTree')))
    }
  }
  return succeed(blocks)
}

function shapes(tree: XmlNode | undefined): Block[] {
  const placed = childrenOf(tree).map((shape) => ({ shape, top: topOf(shape) }))
  return placed.sort((a, b) => a.top - b.top).flatMap(({ shape }) => {
    if (shape.name === 'grpSp') {
      return shapes(shape)
    }
    const table = [...within(shape, 'tbl')][0]
    if (table !== undefined) {
      return [{ kind: 'table', rows: childrenOf(table, 'tr').map((row) => childrenOf(row, 'tc').map(toCell)) } as const]
    }
    return childrenOf(shape, 'txBody').flatMap(paragraphs)
  })
}

function topOf(shape: XmlNode): number {
  const place = childAt(shape, 'spPr', 'xfrm', 'off') ?? childAt(shape, 'xfrm', 'off') ?? childAt(shape, 'grpSpPr', 'xfrm', 'off')
  return Number(place?.attributes.get('y') ?? 0) || 0
}

function paragraphs(body: XmlNode): Block[] {
  return childrenOf(body, 'p').flatMap((node) => {
    const paragraph = new Paragraph()
    for (const child of childrenOf(node)) {
      if (child.name === 'br') {
        paragraph.line()
      } else {
        for (const [n, text] of childrenOf(child, 't').map(textOf).join('').split('\t').entries()) {
          if (n > 0) {
            paragraph.tab()
          }
          paragraph.text(text)
        }
      }
    }
    return paragraph.finish()
  })
}

function toCell(node: XmlNode): Cell {
  return { blocks: childrenOf(node, 'txBody').flatMap(paragraphs), columns: countOf(node, 'gridSpan') }
}
