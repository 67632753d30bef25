import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { fail, succeed } from '../failure.ts'
import type { PoolStats } from '../pool/index.ts'
import { PoolError, ProcessPool } from '../pool/index.ts'
import type { DocumentText, EInvoice, FailureCode, Outcome, PageIssue, TextLine, TextPage } from '../types.ts'
import type { TextBounds } from './bounds.ts'
import { defaultTextBounds } from './bounds.ts'
import { detectLanguage } from './language.ts'
import type { DocumentKind, Inspection, ParseResult, ParseTask, PdfContent, Picture, Recognition, RecogniseTask, View } from './messages.ts'
import { kindOf } from './sniff.ts'

export interface TextReaderOptions {
  readonly bounds?: Partial<TextBounds>
  /** Processes that parse PDF, XML and images. Default 1. */
  readonly parsers?: number
  /** Processes that recognise; each takes one core and about 300 MB while it works. Default 1. */
  readonly recognisers?: number
}

export interface ReadOptions {
  readonly signal?: AbortSignal
  /** Tighter bounds of a tenant. */
  readonly bounds?: Partial<TextBounds>
}

export interface TextReader {
  /** Can these bytes be opened, and how many pages are there? Encrypted, corrupt and oversized documents are told here. */
  inspect(kind: DocumentKind, bytes: Uint8Array, options?: ReadOptions): Promise<Outcome<Inspection>>
  /**
   * The text of a document: embedded e-invoice → text layer → recognition. Pages in = pages out: a page that cannot be read is there
   * without lines and named in `issues`. The same bytes give the same text whatever was read before.
   * @throws PoolError ABORTED and CLOSED only: everything else is an outcome
   */
  read(bytes: Uint8Array, options?: ReadOptions): Promise<Outcome<DocumentText>>
  /**
   * The text of a document that needs no recognition; `scan` says that it does. Quick, so that a document with a text
   * layer need not wait behind scans.
   */
  readText(bytes: Uint8Array, options?: ReadOptions): Promise<Outcome<DocumentText> | 'scan'>
  /** Names what reads: a cache's key and every record carry it. */
  readonly version: string
  stats(): { readonly parse: PoolStats; readonly recognise: PoolStats }
  close(): Promise<void>
}

const engine = 'millrace-text'
const packageVersion = (name: string): string => {
  const { version } = JSON.parse(readFileSync(findPackageJSON(name, import.meta.url)!, 'utf8')) as { version: string }
  return version
}
/** Raised whenever the same bytes may give another text. */
const routeVersion = 1
const engineVersion = `${routeVersion}+pdfjs-${packageVersion('pdfjs-dist')}+pdfium-${packageVersion('@hyzyla/pdfium')}+tesseract-${packageVersion('tesseract.js')}`
const dataVersion = `eng-best-int-${packageVersion('@tesseract.js-data/eng')}`

const mebibyte = 1024 * 1024
/** Below this mean confidence a page may lie on its side: the middle is tried in the other three directions. */
const doubtful = 0.5
/** A recognition of fewer characters says nothing about direction. */
const minTurnCharacters = 12

export function createTextReader(options: TextReaderOptions = {}): TextReader {
  return new PooledTextReader(options)
}

class PooledTextReader implements TextReader {
  readonly version = `${engine}-${engineVersion}-${dataVersion}`
  readonly #bounds: TextBounds
  readonly #parse: ProcessPool
  readonly #recognise: ProcessPool
  readonly #recognisers: number

  constructor(options: TextReaderOptions) {
    this.#bounds = { ...defaultTextBounds, ...options.bounds }
    this.#recognisers = options.recognisers ?? 1
    this.#parse = new ProcessPool({
      name: 'parse',
      entry: new URL('./parse-process.ts', import.meta.url),
      size: options.parsers ?? 1,
      recycleAfter: 500,
      // A 100-megapixel image in colour is 400 MB while it is scaled.
      maxRssBytes: 1200 * mebibyte,
      maxHeapMiB: 512,
    })
    this.#recognise = new ProcessPool({
      name: 'recognise',
      entry: new URL('./recognise-process.ts', import.meta.url),
      size: this.#recognisers,
      recycleAfter: 200,
      maxRssBytes: 1024 * mebibyte,
      maxHeapMiB: 256,
    })
  }

  async inspect(kind: DocumentKind, bytes: Uint8Array, options: ReadOptions = {}): Promise<Outcome<Inspection>> {
    const bounds = this.#tighter(options)
    return this.#ask<Inspection>({ do: 'inspect', kind, bytes, bounds }, bounds.inspectTimeoutMs, options.signal)
  }

  async read(bytes: Uint8Array, options: ReadOptions = {}): Promise<Outcome<DocumentText>> {
    return (await this.#read(bytes, options, true)) as Outcome<DocumentText>
  }

  readText(bytes: Uint8Array, options: ReadOptions = {}): Promise<Outcome<DocumentText> | 'scan'> {
    return this.#read(bytes, options, false)
  }

  async #read(bytes: Uint8Array, options: ReadOptions, recognise: boolean): Promise<Outcome<DocumentText> | 'scan'> {
    const bounds = this.#tighter(options)
    switch (kindOf(bytes)) {
      case 'pdf':
        return this.#readPdf(bytes, bounds, recognise, options.signal)
      case 'image':
        return recognise ? this.#readImage(bytes, bounds, options.signal) : 'scan'
      case 'xml': {
        const invoice = await this.#ask<EInvoice>({ do: 'read-xml', bytes, bounds }, bounds.parseTimeoutMs, options.signal)
        return invoice.ok ? succeed(assemble([], [], 'e-invoice-xml', invoice.value)) : invoice
      }
      default:
        return fail('TYPE_UNSUPPORTED', 'content', 'neither PDF, image nor XML')
    }
  }

  stats(): { parse: PoolStats; recognise: PoolStats } {
    return { parse: this.#parse.stats(), recognise: this.#recognise.stats() }
  }

  async close(): Promise<void> {
    await Promise.all([this.#parse.close(), this.#recognise.close()])
  }

  /** A tenant's bounds may only lower ours. */
  #tighter(options: ReadOptions): TextBounds {
    const bounds: Record<keyof TextBounds, number> = { ...this.#bounds }
    for (const [name, value] of Object.entries(options.bounds ?? {}) as [keyof TextBounds, number][]) {
      bounds[name] = Math.min(bounds[name], value)
    }
    return bounds
  }

  async #readPdf(bytes: Uint8Array, bounds: TextBounds, recognise: boolean, signal?: AbortSignal): Promise<Outcome<DocumentText> | 'scan'> {
    const read = await this.#ask<PdfContent>({ do: 'read-pdf', bytes, bounds }, bounds.parseTimeoutMs, signal)
    if (!read.ok) {
      return read
    }
    const { pages, eInvoice } = read.value
    const scanned = eInvoice === undefined ? pages.filter((page) => !page.usable && !page.broken).length : 0
    if (scanned > bounds.maxOcrPages) {
      return fail('TOO_MANY_PAGES', 'content', `${scanned} scanned pages`, bounds.maxOcrPages)
    }
    if (scanned > 0 && !recognise) {
      return 'scan'
    }
    const issues: PageIssue[] = []
    const finished = await mapBounded(pages, this.#recognisers, async (page): Promise<TextPage> => {
      const { number, width, height, lines } = page
      if (page.broken) {
        issues.push({ page: number, code: 'CORRUPT' })
        return { number, width, height, lines: [] }
      }
      if (page.usable || eInvoice !== undefined) {
        return { number, width, height, lines }
      }
      const recognised = await this.#readPicture('pdf', bytes, number, bounds, signal)
      if (recognised.ok) {
        return recognised.value
      }
      issues.push({ page: number, code: recognised.failure.code })
      return { number, width, height, lines: [] }
    })
    const route = eInvoice !== undefined ? 'e-invoice-xml' : scanned > 0 ? 'ocr' : 'text-layer'
    return succeed(assemble(finished, issues, route, eInvoice))
  }

  async #readImage(bytes: Uint8Array, bounds: TextBounds, signal?: AbortSignal): Promise<Outcome<DocumentText>> {
    const inspection = await this.inspect('image', bytes, { ...(signal === undefined ? {} : { signal }), bounds })
    if (!inspection.ok) {
      return inspection
    }
    const { pages: count } = inspection.value
    if (count > bounds.maxOcrPages) {
      return fail('TOO_MANY_PAGES', 'content', `${count} scanned pages`, bounds.maxOcrPages)
    }
    const issues: PageIssue[] = []
    const pages: TextPage[] = []
    for (let number = 1; number <= count; number += 1) {
      const page = await this.#readPicture('image', bytes, number, bounds, signal)
      if (page.ok) {
        pages.push(page.value)
      } else if (count === 1) {
        return page
      } else {
        issues.push({ page: number, code: page.failure.code })
        pages.push({ number, width: 0, height: 0, lines: [] })
      }
    }
    return succeed(assemble(pages, issues, 'ocr'))
  }

  async #readPicture(kind: 'pdf' | 'image', bytes: Uint8Array, page: number, bounds: TextBounds, signal?: AbortSignal): Promise<Outcome<TextPage>> {
    const upright = await this.#recogniseView(kind, bytes, page, { turn: 0, probe: false }, bounds, signal)
    if (!upright.ok || quality([upright.value]) >= doubtful || characters(upright.value.lines) < minTurnCharacters) {
      return upright
    }
    let best: View['turn'] = 0
    let bestQuality = quality([upright.value])
    for (const turn of [90, 180, 270] as const) {
      const probe = await this.#recogniseView(kind, bytes, page, { turn, probe: true }, bounds, signal)
      if (probe.ok && quality([probe.value]) > Math.max(doubtful, bestQuality) && characters(probe.value.lines) >= minTurnCharacters) {
        best = turn
        bestQuality = quality([probe.value])
      }
    }
    if (best === 0) {
      return upright
    }
    const turned = await this.#recogniseView(kind, bytes, page, { turn: best, probe: false }, bounds, signal)
    return turned.ok && quality([turned.value]) > quality([upright.value]) ? turned : upright
  }

  async #recogniseView(kind: 'pdf' | 'image', bytes: Uint8Array, page: number, view: View, bounds: TextBounds, signal?: AbortSignal): Promise<Outcome<TextPage>> {
    const picture = await this.#ask<Picture>({ do: 'picture', kind, bytes, page, view, bounds }, bounds.pageTimeoutMs, signal)
    if (!picture.ok) {
      return picture
    }
    const { width, height } = picture.value
    const task: RecogniseTask = { picture: picture.value.bytes }
    const recognised = await guard(() => this.#recognise.run<Recognition>(task, { timeoutMs: bounds.pageTimeoutMs, ...(signal === undefined ? {} : { signal }) }))
    if (!recognised.ok) {
      return recognised
    }
    return succeed({ number: page, width, height, lines: recognised.value.lines.slice(0, bounds.maxLinesPerPage) })
  }

  async #ask<T>(task: ParseTask, timeoutMs: number, signal?: AbortSignal): Promise<Outcome<T>> {
    const outcome = await guard(() => this.#parse.run<ParseResult>(task, { timeoutMs, ...(signal === undefined ? {} : { signal }) }))
    return outcome.ok ? (outcome.value as Outcome<T>) : outcome
  }
}

/** So many at once: pictures of a hundred pages are not held in memory, and another document's pages get their turn. */
async function mapBounded<In, Out>(items: readonly In[], limit: number, map: (item: In) => Promise<Out>): Promise<Out[]> {
  const results: Out[] = []
  let next = 0
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++
      results[at] = await map(items[at]!)
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work))
  return results
}

/** A parser that hung, grew or crashed is an outcome; abortion, closing and a broken installation are the caller's errors. */
async function guard<T>(run: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return succeed(await run())
  } catch (error) {
    if (error instanceof PoolError && (error.code === 'TIMEOUT' || error.code === 'MEMORY' || error.code === 'CRASHED')) {
      return fail(error.code satisfies FailureCode, 'content', 'its parser was stopped')
    }
    throw error
  }
}

function assemble(pages: readonly TextPage[], issues: readonly PageIssue[], route: DocumentText['route'], eInvoice?: EInvoice): DocumentText {
  const text: DocumentText = {
    route,
    language: detectLanguage(pages),
    pages,
    quality: route === 'e-invoice-xml' ? 1 : quality(pages),
    issues: [...issues].sort((a, b) => a.page - b.page),
    engine,
    engineVersion,
    dataVersion,
  }
  return eInvoice === undefined ? text : { ...text, eInvoice }
}

function characters(lines: readonly TextLine[]): number {
  return lines.reduce((sum, line) => sum + line.text.length, 0)
}

/** Mean confidence weighted by characters. */
function quality(pages: readonly TextPage[]): number {
  const lines = pages.flatMap((page) => page.lines)
  const total = characters(lines)
  const sum = lines.reduce((weighted, line) => weighted + line.confidence * line.text.length, 0)
  return total === 0 ? 0 : Math.round((sum / total) * 10_000) / 10_000
}
