import type { Outcome, TextPage } from '../types.ts'
import type { TextBounds } from './bounds.ts'
import type { Block } from './flow.ts'
import { layOutBlocks } from './flow.ts'
import { decodeHtml, htmlBlocks } from './html.ts'
import { mailBlocks } from './mail-text.ts'
import type { FlowKind } from './messages.ts'
import { officeBlocks } from './office/office.ts'
import { plainBlocks } from './plain.ts'
import { rtfBlocks } from './rtf.ts'

/** The pages of a format that has none of its own, or has them without places: see `flow.ts`. */
export function readFlow(kind: FlowKind, bytes: Uint8Array, bounds: TextBounds): Outcome<TextPage[]> {
  const blocks = blocksOf(kind, bytes, bounds)
  return blocks.ok ? layOutBlocks(blocks.value, bounds) : blocks
}

function blocksOf(kind: FlowKind, bytes: Uint8Array, bounds: TextBounds): Outcome<Block[]> {
  switch (kind) {
    case 'text':
      return plainBlocks(bytes, bounds)
    case 'html':
      return htmlBlocks(decodeHtml(bytes), bounds)
    case 'mail':
      return mailBlocks(bytes, bounds)
    case 'rtf':
      return rtfBlocks(bytes)
    default:
      return officeBlocks(kind, bytes, bounds)
  }
}
