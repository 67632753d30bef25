import { readMail } from '../containers/index.ts'
import type { Outcome } from '../types.ts'
import { succeed } from '../failure.ts'
import type { TextBounds } from './bounds.ts'
import { decodeText } from './decode-text.ts'
import type { Block } from './flow.ts'
import { decodeHtml, htmlBlocks } from './html.ts'
import { plainTextBlocks } from './plain.ts'

/**
 * The text of a mail, then who wrote it to whom: first comes what a letter begins with, and a sender is not the letterhead. What is attached
 * are documents of their own.
 */
export function mailBlocks(bytes: Uint8Array, bounds: TextBounds): Outcome<Block[]> {
  const mail = readMail(bytes, bounds)
  if (!mail.ok) {
    return mail
  }
  const { from, to, subject, date, bodies } = mail.value
  const blocks: Block[] = []
  for (const { type, bytes: body, charset } of bodies) {
    if (type === 'plain') {
      blocks.push(...plainTextBlocks(decodeText(body, charset)))
    } else {
      const html = htmlBlocks(decodeHtml(body, charset), bounds)
      if (!html.ok) {
        return html
      }
      blocks.push(...html.value)
    }
    blocks.push({ kind: 'line', text: '' })
  }
  // "Sent", not "Date": that word is the label of the date a document was written
  const heads = [['Subject', subject], ['From', from], ['To', to], ['Sent', date]] as const
  return succeed([...blocks, ...heads.flatMap(([name, value]): Block[] => (value === '' ? [] : [{ kind: 'line', text: `${name}: ${value}` }]))])
}
