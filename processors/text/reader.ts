import type { ContainerKind, Unfolded } from '../containers/index.ts'
import { fail, succeed } from '../failure.ts'
import type { PoolStats } from '../pool/index.ts'
import { ProcessPool } from '../pool/index.ts'
import type { DocumentText, EInvoice, Outcome, PageIssue, TextPage } from '../types.ts'
import type { TextBounds } from './bounds.ts'
import { defaultTextBounds } from './bounds.ts'
import { guard } from './guard.ts'
import { detectLanguage } from './language.ts'
import type { DocumentKind, Inspection, ParseResult, ParseTask, PdfContent } from './messages.ts'
import { secondEngineFolder } from './pp-ocr/install.ts'
import { charactersOf, qualityOf } from './quality.ts'
import type { EngineName, Profile } from './recogniser.ts'
import { Recogniser } from './recogniser.ts'
import { kindOf, refusalOf } from './sniff.ts'
import { dataVersion, engine, readerVersion, versionOf } from './versions.ts'

export interface TextReaderOptions {
  readonly bounds?: Partial<TextBounds>
  /** Processes that parse PDF, XML and images. Default 1. */
  readonly parsers?: number
  /** Processes that recognise; each takes one core and about 300 MB while it works. Default 1. */
  readonly recognisers?: number
  /** `standard` (the default) recognises with tesseract alone; `thorough` reads doubtful pages with a second engine, too, and takes the better of both. */
  readonly profile?: Profile
  /** The folder that the second engine was installed into (`npm run ocr -- install`); default `secondEngineFolder()`. */
  readonly secondEngine?: string
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
  /**
   * The documents inside of a mail or a ZIP, some at a time: go on with `from: next` while the answer has one. The same bytes give the same
   * parts in the same order.
   */
  unfold(kind: ContainerKind, bytes: Uint8Array, from: number, options?: ReadOptions): Promise<Outcome<Unfolded>>
  /** Names what reads: a cache's key and every record carry it. */
  readonly version: string
  stats(): { readonly parse: PoolStats; readonly recognise: PoolStats }
  close(): Promise<void>
}

/** So many times a sparse layer's characters make a recognised page the fuller reading: a logo's letters do not. */
const fuller = 1.5

const mebibyte = 1024 * 1024
export function createTextReader(options: TextReaderOptions = {}): TextReader {
  return new PooledTextReader(options)
}

class PooledTextReader implements TextReader {
  readonly version: string
  readonly #bounds: TextBounds
  readonly #parse: ProcessPool
  readonly #recogniser: Recogniser
  readonly #recognisers: number

  constructor(options: TextReaderOptions) {
    this.#bounds = { ...defaultTextBounds, ...options.bounds }
    this.#recognisers = options.recognisers ?? 1
    this.#parse = new ProcessPool({
      name: 'parse',
      entry: new URL('./parse-process.ts', import.meta.url),
      size: options.parsers ?? 1,
      recycleAfter: 500,
      // pdf.js and PDFium keep what their largest page needed.
      maxRssBytes: 1200 * mebibyte,
      maxHeapMiB: 512,
    })
    const profile = options.profile ?? 'standard'
    this.version = readerVersion(profile)
    this.#recogniser = new Recogniser({
      size: this.#recognisers,
      secondEngine: profile === 'thorough' ? (options.secondEngine ?? secondEngineFolder()) : undefined,
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

  async unfold(kind: ContainerKind, bytes: Uint8Array, from: number, options: ReadOptions = {}): Promise<Outcome<Unfolded>> {
    const bounds = this.#tighter(options)
    return this.#ask<Unfolded>({ do: 'unfold', kind, bytes, from, bounds }, bounds.parseTimeoutMs, options.signal)
  }

  async #read(bytes: Uint8Array, options: ReadOptions, recognise: boolean): Promise<Outcome<DocumentText> | 'scan'> {
    const bounds = this.#tighter(options)
    const kind = kindOf(bytes)
    switch (kind) {
      case 'pdf':
        return this.#readPdf(bytes, bounds, recognise, options.signal)
      case 'image':
        return recognise ? this.#readImage(bytes, bounds, options.signal) : 'scan'
      case 'xml': {
        const invoice = await this.#ask<EInvoice>({ do: 'read-xml', bytes, bounds }, bounds.parseTimeoutMs, options.signal)
        return invoice.ok ? succeed(assemble([], [], 'e-invoice-xml', new Set(), invoice.value)) : invoice
      }
      case undefined:
        return { ok: false, failure: refusalOf(bytes) }
      case 'zip':
        return fail('TYPE_UNSUPPORTED', 'content', 'a ZIP has no text: its entries do')
      default: {
        const pages = await this.#ask<readonly TextPage[]>({ do: 'read-flow', kind, bytes, bounds }, bounds.parseTimeoutMs, options.signal)
        return pages.ok ? succeed(assemble(pages.value, [], 'text-layer', new Set())) : pages
      }
    }
  }

  stats(): { parse: PoolStats; recognise: PoolStats } {
    return { parse: this.#parse.stats(), recognise: this.#recogniser.stats() }
  }

  async close(): Promise<void> {
    await Promise.all([this.#parse.close(), this.#recogniser.close()])
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
    const withoutText = pages.filter((page) => !page.usable && !page.broken).length
    // Of an e-invoice only the comparison with its pages needs them.
    if (withoutText > bounds.maxOcrPages && eInvoice === undefined) {
      return fail('TOO_MANY_PAGES', 'content', `${withoutText} scanned pages`, bounds.maxOcrPages)
    }
    const scanned = withoutText > bounds.maxOcrPages ? 0 : withoutText
    const sparse = pages.filter((page) => page.sparse).length
    // A stamped scan of more pages than are recognised keeps what its layer says.
    const lookAtSparse = sparse > 0 && scanned + sparse <= bounds.maxOcrPages
    if ((scanned > 0 || lookAtSparse) && !recognise) {
      return 'scan'
    }
    const issues: PageIssue[] = []
    const engines = new Set<EngineName>()
    const finished = await mapBounded(pages, this.#recognisers, async (page): Promise<TextPage> => {
      const { number, width, height, lines } = page
      if (page.broken) {
        issues.push({ page: number, code: 'CORRUPT' })
        return { number, width, height, lines: [] }
      }
      const layer = { number, width, height, lines }
      if (page.usable ? !(page.sparse && lookAtSparse) : scanned === 0) {
        return layer
      }
      const recognised = await this.#recogniser.read({ kind: 'pdf', bytes, page: number }, bounds, signal)
      if (page.usable && (!recognised.ok || charactersOf(recognised.value.page.lines) < fuller * charactersOf(lines))) {
        return layer
      }
      if (recognised.ok) {
        for (const name of recognised.value.engines) {
          engines.add(name)
        }
        return recognised.value.page
      }
      issues.push({ page: number, code: recognised.failure.code })
      return { number, width, height, lines: [] }
    })
    const route = eInvoice !== undefined ? 'e-invoice-xml' : scanned > 0 || engines.size > 0 ? 'ocr' : 'text-layer'
    return succeed(assemble(finished, issues, route, engines, eInvoice))
  }

  async #readImage(bytes: Uint8Array, bounds: TextBounds, signal?: AbortSignal): Promise<Outcome<DocumentText>> {
    const recognise = (page: number) => this.#recogniser.read({ kind: 'image', bytes, page }, bounds, signal)
    const first = await recognise(1)
    const count = first.ok ? first.value.pages : await this.#pagesOfImage(bytes, bounds, signal)
    // Of one page nothing is left; a refusal of the whole document counts no pages.
    if (!first.ok && count <= 1) {
      return first
    }
    const issues: PageIssue[] = []
    const pages: TextPage[] = []
    const engines = new Set<EngineName>()
    for (let number = 1; number <= count; number += 1) {
      const page = number === 1 ? first : await recognise(number)
      if (page.ok) {
        pages.push(page.value.page)
        for (const name of page.value.engines) {
          engines.add(name)
        }
      } else {
        issues.push({ page: number, code: page.failure.code })
        pages.push({ number, width: 0, height: 0, lines: [] })
      }
    }
    return succeed(assemble(pages, issues, 'ocr', engines))
  }

  /** Of an image whose first page was not read; 0 where none may be. */
  async #pagesOfImage(bytes: Uint8Array, bounds: TextBounds, signal?: AbortSignal): Promise<number> {
    const inspection = await this.inspect('image', bytes, { bounds, ...(signal === undefined ? {} : { signal }) })
    return inspection.ok && inspection.value.pages <= bounds.maxOcrPages ? inspection.value.pages : 0
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

function assemble(
  pages: readonly TextPage[], issues: readonly PageIssue[], route: DocumentText['route'], engines: ReadonlySet<EngineName>, eInvoice?: EInvoice,
): DocumentText {
  const text: DocumentText = {
    route,
    language: detectLanguage(pages),
    pages,
    quality: route === 'e-invoice-xml' ? 1 : qualityOf(pages),
    issues: [...issues].sort((a, b) => a.page - b.page),
    engine,
    engineVersion: versionOf(engines),
    dataVersion,
  }
  return eInvoice === undefined ? text : { ...text, eInvoice }
}
