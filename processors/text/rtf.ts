import { fail, succeed } from '../failure.ts'
import type { Outcome } from '../types.ts'
import type { Block, Cell } from './flow.ts'
import { Paragraph } from './office/lines.ts'

/** Groups whose content is no text of the document. */
const silent = new Set([
  'fonttbl', 'colortbl', 'stylesheet', 'info', 'pict', 'object', 'listtable', 'listoverridetable', 'rsidtbl', 'generator', 'xmlnstbl', 'themedata', 'datastore', 'latentstyles', 'fldinst', 'footnote',
  'filetbl', 'revtbl', 'template', 'pgdsctbl', 'bkmkstart', 'bkmkend', 'nonshppict', 'mmathPr',
])
const maxDepth = 1000

interface Group {
  skipped: boolean
  hidden: boolean
  /** Characters that stand for one `\u` to those who know no Unicode. */
  substitutes: number
}

/** Rich Text Format 1.9.1: text, paragraphs, tabs and tables. Objects and pictures are skipped, never opened. */
export function rtfBlocks(bytes: Uint8Array): Outcome<Block[]> {
  return new Reader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')).read()
}

class Reader {
  readonly #source: string
  readonly #blocks: Block[] = []
  readonly #groups: Group[] = []
  #paragraph = new Paragraph()
  #cell: Block[] = []
  #row: Cell[] = []
  #rows: Cell[][] = []
  #encoding = 'windows-1252'
  /** Bytes of one run: a letter may have two of them. */
  #bytes: number[] = []
  #skip = 0
  #inTable = false
  /** A row is over, and no other has begun. */
  #atRest = false

  constructor(source: string) {
    this.#source = source
  }

  read(): Outcome<Block[]> {
    const source = this.#source
    const token = /\{|\}|\\(?:([a-zA-Z]{1,32})(-?\d{1,10})? ?|'([0-9a-fA-F]{2})|([\s\S]))|[\r\n]+|[^\\{}\r\n]+/g
    for (const match of source.matchAll(token)) {
      const [whole, word, parameter, hex, symbol] = match
      if (hex !== undefined) {
        this.#byte(Number.parseInt(hex, 16))
      } else if (whole === '{') {
        if (this.#groups.length === maxDepth) {
          return fail('CORRUPT', 'content', 'RTF nested too deep', maxDepth)
        }
        this.#flush()
        this.#groups.push({ ...(this.#groups.at(-1) ?? { skipped: false, hidden: false, substitutes: 1 }) })
      } else if (whole === '}') {
        this.#flush()
        this.#groups.pop()
        this.#skip = 0
      } else if (word !== undefined) {
        this.#word(word, parameter === undefined ? undefined : Number(parameter))
      } else if (symbol !== undefined) {
        this.#symbol(symbol)
      } else if (!/^[\r\n]/.test(whole)) {
        this.#text(whole)
      }
    }
    this.#endTable()
    this.#blocks.push(...this.#takeParagraph())
    return succeed(this.#blocks)
  }

  #word(word: string, parameter: number | undefined): void {
    this.#flush()
    const group = this.#groups.at(-1)
    if (group === undefined || silent.has(word)) {
      if (group !== undefined) {
        group.skipped = true
      }
      return
    }
    switch (word) {
      case 'ansicpg':
        this.#encoding = encodingOf(parameter ?? 1252)
        return
      case 'uc':
        group.substitutes = Math.min(parameter ?? 1, 10)
        return
      case 'u':
        this.#put(String.fromCharCode((parameter ?? 0x3f) & 0xffff))
        this.#skip = group.substitutes
        return
      case 'v':
        group.hidden = parameter !== 0
        return
      case 'plain':
        group.hidden = false
        return
    }
    if (!group.skipped) {
      this.#layout(word)
    }
  }

  #layout(word: string): void {
    switch (word) {
      case 'par':
      case 'sect':
        this.#endParagraph()
        return
      case 'line':
        this.#paragraph.line()
        return
      case 'page':
        this.#paragraph.page()
        return
      case 'tab':
        this.#paragraph.tab()
        return
      case 'cell':
      case 'nestcell':
        this.#row.push({ blocks: [...this.#cell, ...this.#takeParagraph()] })
        this.#cell = []
        return
      case 'row':
      case 'nestrow':
        this.#rows.push(this.#row)
        this.#row = []
        return
      case 'pard':
        // what follows a row and is in no table itself ends it
        this.#atRest ||= this.#row.length === 0
        return
      case 'intbl':
        this.#inTable = true
        this.#atRest = false
        return
      case 'emdash':
      case 'endash':
        this.#put('–')
        return
      case 'lquote':
      case 'rquote':
        this.#put("'")
        return
      case 'ldblquote':
      case 'rdblquote':
        this.#put('"')
        return
      case 'bullet':
        this.#put('•')
    }
  }

  #symbol(symbol: string): void {
    if (symbol === '*') {
      const group = this.#groups.at(-1)
      if (group !== undefined) {
        group.skipped = true
      }
    } else if (symbol === '~') {
      this.#text(' ')
    } else if (symbol === '_') {
      this.#text('-')
    } else if (symbol === '\n' || symbol === '\r') {
      this.#flush()
      if (this.#groups.at(-1)?.skipped === false) {
        this.#endParagraph()
      }
    } else if (symbol !== '-' && symbol !== ':' && symbol !== '|') {
      this.#text(symbol)
    }
  }

  #text(text: string): void {
    const skipped = Math.min(this.#skip, text.length)
    this.#skip -= skipped
    for (let at = skipped; at < text.length; at += 1) {
      this.#bytes.push(text.charCodeAt(at))
    }
  }

  #byte(byte: number): void {
    if (this.#skip > 0) {
      this.#skip -= 1
    } else {
      this.#bytes.push(byte)
    }
  }

  #flush(): void {
    if (this.#bytes.length > 0) {
      const text = new TextDecoder(this.#encoding).decode(Uint8Array.from(this.#bytes))
      this.#bytes = []
      this.#put(text)
    }
  }

  #put(text: string): void {
    const group = this.#groups.at(-1)
    if (group !== undefined && !group.skipped && !group.hidden) {
      this.#paragraph.text(text)
    }
  }

  #takeParagraph(): Block[] {
    const blocks = this.#paragraph.finish()
    this.#paragraph = new Paragraph()
    return blocks
  }

  #endParagraph(): void {
    if (this.#inTable && !this.#atRest) {
      this.#cell.push(...this.#takeParagraph())
      return
    }
    this.#endTable()
    this.#blocks.push(...this.#takeParagraph())
  }

  #endTable(): void {
    if (this.#row.length > 0) {
      this.#rows.push(this.#row)
      this.#row = []
    }
    if (this.#rows.length > 0) {
      this.#blocks.push({ kind: 'table', rows: this.#rows })
      this.#rows = []
    }
    this.#blocks.push(...this.#cell)
    this.#cell = []
    this.#inTable = false
    this.#atRest = false
  }
}

function encodingOf(codePage: number): string {
  for (const label of [`windows-${codePage}`, `ibm${codePage}`, codePage === 65001 ? 'utf-8' : codePage === 932 ? 'shift_jis' : codePage === 936 ? 'gbk' : '']) {
    try {
      return new TextDecoder(label).encoding
    } catch {
      // the next name
    }
  }
  return 'windows-1252'
}
