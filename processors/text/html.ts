import { fail, succeed } from '../failure.ts'
import type { Outcome } from '../types.ts'
import { decodeText } from './decode-text.ts'
import type { Block, Cell } from './flow.ts'
import { maxColumns } from './flow.ts'
import { decodeReferences } from './html-entities.ts'
import { plainTextBlocks } from './plain.ts'

export interface HtmlBounds {
  readonly maxXmlElements: number
}

/** Their content is not text of the document. */
const silent = new Set(['script', 'style', 'title', 'template', 'noscript', 'noembed', 'noframes', 'iframe', 'object', 'svg', 'math', 'select', 'textarea', 'audio', 'video', 'canvas', 'map'])
/** Of these the content is no markup either: only the end tag ends them. */
const raw = new Set(['script', 'style', 'title', 'textarea', 'iframe', 'noembed', 'noframes', 'xmp'])
/** They begin and end a line. */
const blocks = new Set([
  'address', 'article', 'aside', 'blockquote', 'body', 'caption', 'center', 'dd', 'details', 'dialog', 'dir', 'div', 'dl', 'dt', 'fieldset', 'figcaption', 'figure', 'footer', 'form',
  'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'header', 'hgroup', 'hr', 'html', 'legend', 'li', 'main', 'menu', 'nav', 'ol', 'p', 'pre', 'section', 'summary', 'ul', 'option',
])
/** A reader never sees what they hold when they are hidden; these have an end tag of their own in all mail there is. */
const hideable = new Set(['div', 'span', 'table', 'section', 'article', 'aside', 'header', 'footer', 'font', 'b', 'i', 'a', 'em', 'strong', 'small', 'u', 'ul', 'ol', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6'])
/** Hyphens that are not there, joiners, and what mail programs fill previews with. */
const invisible = /[\u00ad\u200b-\u200d\u2060\ufeff]|\u034f/g
const maxOpenTables = 64
const maxTag = 64 * 1024

/** Encoding by byte order mark, by `given` (a mail's header), by the first meta element, else detected. */
export function decodeHtml(bytes: Uint8Array, given?: string): string {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(2048, bytes.byteLength)).toString('latin1')
  return decodeText(bytes, given ?? /<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})/i.exec(head)?.[1] ?? /^<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})/.exec(head)?.[1])
}

/**
 * What a reader of the page sees, as lines and tables. Nothing is run, fetched or looked up; what is hidden (`hidden`, `display:none`,
 * no size) is left out, so that a text for nobody's eyes cannot speak to the steps that follow.
 */
export function htmlBlocks(html: string, bounds: HtmlBounds): Outcome<Block[]> {
  const read = parse(html, bounds, true)
  // A hidden element that nobody closes would take the rest of the document with it.
  return read === 'unclosed' ? (parse(html, bounds, false) as Outcome<Block[]>) : read
}

function parse(html: string, bounds: HtmlBounds, hide: boolean): Outcome<Block[]> | 'unclosed' {
  const builder = new Builder(hide)
  let elements = 0
  let at = 0
  while (at < html.length) {
    const open = html.indexOf('<', at)
    if (open < 0) {
      builder.text(html.slice(at))
      break
    }
    builder.text(html.slice(at, open))
    if (html.startsWith('<!--', open)) {
      const end = html.indexOf('-->', open + 4)
      at = end < 0 ? html.length : end + 3
      continue
    }
    const kind = html[open + 1] ?? ''
    if (!/[A-Za-z/!?]/.test(kind)) {
      builder.text('<')
      at = open + 1
      continue
    }
    const end = endOfTag(html, open)
    if (end < 0) {
      break
    }
    at = end + 1
    const tag = /^<(\/?)([A-Za-z][A-Za-z0-9:-]{0,40})/.exec(html.slice(open, open + 50))
    if (tag === null) {
      continue
    }
    elements += 1
    if (elements > bounds.maxXmlElements) {
      return fail('TOO_MUCH_TEXT', 'content', 'HTML with too many elements', bounds.maxXmlElements)
    }
    const name = tag[2]!.toLowerCase()
    if (tag[1] === '/') {
      builder.close(name)
      continue
    }
    const attributes = html.slice(open + tag[0].length, Math.min(end, open + maxTag))
    if (raw.has(name)) {
      at = endOfRaw(html, name, at)
      continue
    }
    builder.open(name, attributes)
  }
  return builder.hides ? 'unclosed' : succeed(builder.finish())
}

/** `>` outside of quotes; a quote that is never closed ends with its tag. */
function endOfTag(html: string, open: number): number {
  const plain = html.indexOf('>', open)
  if (plain < 0) {
    return -1
  }
  let quote = ''
  const most = Math.min(html.length, open + maxTag)
  for (let at = open + 1; at < most; at += 1) {
    const character = html[at]!
    if (quote !== '') {
      quote = character === quote ? '' : quote
    } else if (character === '>') {
      return at
    } else if ((character === '"' || character === "'") && /[=\s]/.test(html[at - 1]!)) {
      quote = character
    }
  }
  return plain
}

function endOfRaw(html: string, name: string, from: number): number {
  const pattern = new RegExp(`</${name}[\\s/>]`, 'gi')
  pattern.lastIndex = from
  const match = pattern.exec(html)
  if (match === null) {
    return html.length
  }
  const end = html.indexOf('>', match.index)
  return end < 0 ? html.length : end + 1
}

/** The value of an attribute; enough for the few that matter here. */
function attribute(attributes: string, name: string): string | undefined {
  const found = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]{0,2000})|'([^']{0,2000})|([^\\s"'>]{1,200}))`, 'i').exec(attributes)
  return found === null ? undefined : decodeReferences(found[1] ?? found[2] ?? found[3] ?? '')
}

function isHidden(attributes: string): boolean {
  if (attributes.trim() === '') {
    return false
  }
  const style = attribute(attributes, 'style')
  const styled = style !== undefined && /(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:px|pt|em|%)?\s*(?:;|!|$)|opacity\s*:\s*0\s*(?:;|!|$))/i.test(style)
  return styled || /(?:^|\s)hidden(?:\s|=|\/|$)/i.test(attributes.replace(/"[^"]*"|'[^']*'/g, '""'))
}

interface OpenCell {
  readonly columns: number
  readonly rows: number
  readonly content: Block[]
}

interface OpenTable {
  readonly rows: Cell[][]
  row: Cell[] | undefined
  cell: OpenCell | undefined
}

/** Takes tags as they come, in whatever order; what is not closed is closed by what follows, as browsers do it. */
class Builder {
  readonly #document: Block[] = []
  readonly #tables: OpenTable[] = []
  /** Pieces of the line that is being read; none is empty. */
  #line: string[] = []
  /** Depth of `pre`: white space counts. */
  #preformatted = 0
  /** The element whose content is left out, and how many of its name are open. */
  #skipped: { readonly name: string; depth: number } | undefined
  readonly #hide: boolean

  constructor(hide: boolean) {
    this.#hide = hide
  }

  /** What is hidden has not ended. */
  get hides(): boolean {
    return this.#hide && this.#skipped !== undefined && hideable.has(this.#skipped.name)
  }

  text(source: string): void {
    if (source === '' || this.#skipped !== undefined) {
      return
    }
    const text = decodeReferences(source)
    const collapsed = this.#preformatted > 0 ? text : text.replace(invisible, '').replace(/[\s\u00a0]+/g, ' ')
    const piece = this.#preformatted === 0 && this.#line.at(-1)?.endsWith(' ') !== false ? collapsed.trimStart() : collapsed
    if (piece !== '') {
      this.#line.push(piece)
    }
  }

  open(name: string, attributes: string): void {
    if (this.#skipped !== undefined) {
      this.#skipped.depth += this.#skipped.name === name && !attributes.endsWith('/') ? 1 : 0
      return
    }
    if (silent.has(name) || (this.#hide && hideable.has(name) && isHidden(attributes))) {
      this.#skipped = attributes.endsWith('/') ? undefined : { name, depth: 1 }
      return
    }
    switch (name) {
      case 'br':
        this.#flush(true)
        return
      case 'table':
        this.#flush()
        if (this.#tables.length < maxOpenTables) {
          this.#tables.push({ rows: [], row: undefined, cell: undefined })
        }
        return
      case 'tr':
        this.#endRow()
        if (this.#tables.length > 0) {
          this.#tables.at(-1)!.row = []
        }
        return
      case 'td':
      case 'th':
        this.#beginCell(attributes)
        return
      default:
        if (blocks.has(name)) {
          this.#flush()
          this.#preformatted += name === 'pre' ? 1 : 0
        }
    }
  }

  close(name: string): void {
    if (this.#skipped !== undefined) {
      this.#skipped.depth -= this.#skipped.name === name ? 1 : 0
      this.#skipped = this.#skipped.depth === 0 ? undefined : this.#skipped
      return
    }
    if (name === 'table') {
      this.#endTable()
    } else if (name === 'tr') {
      this.#endRow()
    } else if (name === 'td' || name === 'th') {
      this.#endCell()
    } else if (blocks.has(name)) {
      this.#flush()
      this.#preformatted = Math.max(0, this.#preformatted - (name === 'pre' ? 1 : 0))
    }
  }

  finish(): Block[] {
    while (this.#tables.length > 0) {
      this.#endTable()
    }
    this.#flush()
    return this.#document
  }

  /** Where text goes now: the innermost open cell. What stands between cells comes before its table, as in browsers. */
  #place(): Block[] {
    for (let at = this.#tables.length - 1; at >= 0; at -= 1) {
      const { cell } = this.#tables[at]!
      if (cell !== undefined) {
        return cell.content
      }
    }
    return this.#document
  }

  #flush(keepEmpty = false): void {
    const line = this.#line.join('')
    this.#line = []
    if (this.#preformatted > 0) {
      this.#place().push(...(line.trim() === '' ? [] : plainTextBlocks(line)))
    } else if (line.trim() !== '' || keepEmpty) {
      this.#place().push({ kind: 'line', text: line })
    }
  }

  #beginCell(attributes: string): void {
    const table = this.#tables.at(-1)
    if (table === undefined) {
      this.#flush()
      return
    }
    this.#endCell()
    this.#flush()
    table.row ??= []
    table.cell = { columns: spanOf(attributes, 'colspan', maxColumns), rows: spanOf(attributes, 'rowspan', 1000), content: [] }
  }

  #endCell(): void {
    const table = this.#tables.at(-1)
    if (table?.cell === undefined) {
      return
    }
    this.#flush()
    const { columns, rows, content } = table.cell
    table.cell = undefined
    table.row!.push({ blocks: content, columns, rows })
  }

  #endRow(): void {
    const table = this.#tables.at(-1)
    if (table?.row !== undefined) {
      this.#endCell()
      table.rows.push(table.row)
      table.row = undefined
    }
  }

  #endTable(): void {
    const table = this.#tables.at(-1)
    if (table !== undefined) {
      this.#endRow()
      this.#flush()
      this.#tables.pop()
      this.#place().push({ kind: 'table', rows: table.rows })
    }
  }
}

function spanOf(attributes: string, name: string, most: number): number {
  const span = Number.parseInt(attribute(attributes, name) ?? '1', 10)
  return span >= 1 ? Math.min(span, most) : 1
}
