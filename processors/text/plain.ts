import { fail, succeed } from '../failure.ts'
import type { Outcome } from '../types.ts'
import { decodeText } from './decode-text.ts'
import type { Block, FlowBounds } from './flow.ts'

/** Characters of one line that are looked at; what follows is no table and no label. */
const maxLine = 4000
const tab = 8
/** Characters for each one that is no blank: a printout of few words on wide lines has so many. */
const maxBlank = 8

/** Lines as they stand. Two blanks or more, a tab or a drawn line part columns, which keep their places. */
export function plainBlocks(bytes: Uint8Array, bounds: Pick<FlowBounds, 'maxCharacters'>): Outcome<Block[]> {
  const text = decodeText(bytes)
  return text.length > maxBlank * bounds.maxCharacters
    ? fail('TOO_MUCH_TEXT', 'content', 'more text than one document may hold', bounds.maxCharacters)
    : succeed(plainTextBlocks(text))
}

export function plainTextBlocks(text: string): Block[] {
  const blocks: Block[] = []
  for (const [n, page] of text.split('\f').entries()) {
    if (n > 0) {
      blocks.push({ kind: 'page' })
    }
    let blank = 0
    for (const line of page.split(/\r\n|[\n\r\u0085\u2028\u2029]/)) {
      blank = line === '' ? blank + 1 : 0
      if (blank <= maxBlankLines) {
        blocks.push(...cellsOf(line))
      }
    }
  }
  return blocks
}

/** More of them say no more, and each costs a line. */
const maxBlankLines = 200

/** What only draws a frame: ASCII, and Unicode's box drawing. */
const frame = /[|\u2500-\u257f]/g
const ruler = /^[-=_+*~.\s]*$/

function cellsOf(line: string): Block[] {
  const flat = expandTabs(line.slice(0, maxLine)).replace(frame, '  ').replaceAll('\u00a0', ' ')
  const rest = line.length > maxLine ? line.slice(maxLine) : ''
  // an underlined heading and a table's rulers are no text
  if (ruler.test(flat)) {
    return [{ kind: 'line', text: rest }]
  }
  const cells = [...flat.matchAll(/\S+(?: \S+)*/g)].reduce<{ text: string; column: number; end: number }[]>((all, match) => {
    const last = all.at(-1)
    // two blanks behind a full stop are a typist's, not a column
    const end = match.index + match[0].length
    if (last !== undefined && /[.!?]$/.test(last.text) && match.index - last.end === 2 && /^\p{Lu}/u.test(match[0])) {
      last.text += ` ${match[0]}`
      last.end = end
    } else {
      all.push({ text: match[0], column: match.index, end })
    }
    return all
  }, [])
  const blocks = cells.map(({ text, column }, n): Block => ({ kind: 'line', text, column, beside: n > 0 }))
  return rest === '' ? blocks : [...blocks, { kind: 'line', text: rest }]
}

/** A tab is always the end of a cell: two blanks at least. */
function expandTabs(line: string): string {
  if (!line.includes('\t')) {
    return line
  }
  let out = ''
  for (const [n, part] of line.split('\t').entries()) {
    out += n === 0 ? part : `${' '.repeat(Math.max(2, tab - (out.length % tab)))}${part}`
  }
  return out
}
