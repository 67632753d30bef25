import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { getDocument, PasswordException, Util } from 'pdfjs-dist/legacy/build/pdf.mjs'
import { fail, succeed } from '../failure.ts'
import type { EInvoice, Outcome, TextLine } from '../types.ts'
import type { TextBounds } from './bounds.ts'
import { inkBeside } from './drawn.ts'
import { recogniseEInvoice } from './e-invoice.ts'
import { isUsableText } from './garbage.ts'
import type { Inspection, PdfContent, PdfPage } from './messages.ts'
import type { Word } from './runs.ts'
import { charactersOf } from './quality.ts'
import { openDrawable } from './render.ts'
import { joinWords } from './runs.ts'
import { kindOf } from './sniff.ts'

type PdfDocument = Awaited<ReturnType<typeof getDocument>['promise']>
type PdfJsPage = Awaited<ReturnType<PdfDocument['getPage']>>

const packageFolder = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'))
const columnGap = 1.1

/** Opens with pdf.js, nothing executed, nothing fetched; its errors become codes. */
async function withDocument<T>(bytes: Uint8Array, bounds: TextBounds, use: (document: PdfDocument) => Promise<Outcome<T>>): Promise<Outcome<T>> {
  const task = getDocument({
    // pdf.js takes the buffer over.
    data: new Uint8Array(bytes),
    disableFontFace: true,
    useSystemFonts: false,
    enableXfa: false,
    verbosity: 0,
    maxImageSize: bounds.maxPixels,
    standardFontDataUrl: join(packageFolder, 'standard_fonts/'),
    cMapUrl: join(packageFolder, 'cmaps/'),
    cMapPacked: true,
  })
  try {
    const document = await task.promise
    if (document.numPages > bounds.maxPages) {
      return fail('TOO_MANY_PAGES', 'content', `${document.numPages} pages`, bounds.maxPages)
    }
    return document.numPages === 0 ? fail('CORRUPT', 'content', 'a PDF without pages') : await use(document)
  } catch (error) {
    return error instanceof PasswordException
      ? fail('ENCRYPTED', 'content', 'a PDF that needs a password')
      : fail('CORRUPT', 'content', 'a PDF that cannot be opened')
  } finally {
    await task.destroy().catch(() => undefined)
  }
}

/** Can it be opened, how many pages, and is the first one there? */
export function inspectPdf(bytes: Uint8Array, bounds: TextBounds): Promise<Outcome<Inspection>> {
  return withDocument(bytes, bounds, async (document) => {
    await document.getPage(1)
    return succeed({ pages: document.numPages, parts: 0 })
  })
}

/** The text layer of every page, and the e-invoice inside, if there is one. */
export function readPdf(bytes: Uint8Array, bounds: TextBounds): Promise<Outcome<PdfContent>> {
  return withDocument(bytes, bounds, async (document) => {
    const eInvoice = await findEInvoice(document, bounds)
    const pages: PdfPage[] = []
    let characters = 0
    for (let number = 1; number <= document.numPages; number += 1) {
      const page = await readPage(document, number, bounds)
      characters += page.lines.reduce((sum, line) => sum + line.text.length, 0)
      if (characters > bounds.maxCharacters) {
        return fail('TOO_MUCH_TEXT', 'content', 'more text than one document may hold', bounds.maxCharacters)
      }
      pages.push(page)
    }
    return succeed(eInvoice === undefined ? { pages: await withSparse(pages, bytes) } : { pages, eInvoice })
  })
}

async function readPage(document: PdfDocument, number: number, bounds: TextBounds): Promise<PdfPage> {
  let page: PdfJsPage
  try {
    page = await document.getPage(number)
  } catch {
    return { number, width: 0, height: 0, lines: [], usable: false, sparse: false, broken: true }
  }
  const viewport = page.getViewport({ scale: 1 })
  const size = { number, width: viewport.width, height: viewport.height }
  try {
    const content = await page.getTextContent({ includeMarkedContent: false })
    const words: Word[] = []
    const upright: Word[][] = [words]
    for (const item of content.items) {
      if (!('str' in item) || item.str.trim() === '') {
        continue
      }
      const [a, b, c, d, x, y] = Util.transform(viewport.transform, item.transform) as [number, number, number, number, number, number]
      const height = Math.hypot(c, d) || item.height || 1
      const alongX = Math.abs(b) <= 0.1 * Math.abs(a)
      if (alongX && a >= 0) {
        words.push(...splitAtBlanks({ text: item.str, box: { x, y: y - 0.8 * height, width: item.width, height }, confidence: 1 }))
      } else {
        // Turned text is a run of its own; it never joins what it crosses.
        const width = alongX ? item.width : height
        const tall = alongX ? height : item.width
        upright.push([{ text: item.str.trim(), box: { x: alongX ? x - width : x - 0.8 * height, y: b > 0 ? y : y - tall, width, height: tall }, confidence: 1 }])
      }
      if (words.length + upright.length > bounds.maxLinesPerPage) {
        break
      }
    }
    const lines: TextLine[] = upright.flatMap((group) => joinWords(group, columnGap))
    return { ...size, lines, usable: isUsableText(lines), sparse: false, broken: false }
  } catch {
    return { ...size, lines: [], usable: false, sparse: false, broken: false }
  } finally {
    page.cleanup()
  }
}

/** One item may hold a whole row with blanks for columns: cut where three or more stand together, widths in proportion. */
function splitAtBlanks(word: Word): Word[] {
  if (!/\s{3}/.test(word.text)) {
    return [{ ...word, text: word.text.trim() }]
  }
  const perCharacter = word.box.width / word.text.length
  return [...word.text.matchAll(/\S+(?:\s{1,2}\S+)*/g)].map((match) => ({
    text: match[0],
    box: { ...word.box, x: word.box.x + match.index * perCharacter, width: match[0].length * perCharacter },
    confidence: word.confidence,
  }))
}

/** By root element, among all attachments: names vary, and an invoice may carry other files. */
async function findEInvoice(document: PdfDocument, bounds: TextBounds): Promise<EInvoice | undefined> {
  const files = [...(await attachedFiles(document)), ...(await annotatedFiles(document))]
    .slice(0, bounds.maxAttachments)
    .map(({ key, file }) => ({ key, rank: rankOf(nameOf(file, key)) }))
  // The standards' own names first, so that an additional XML cannot push the invoice aside; then what calls itself XML, then the rest.
  files.sort((a, b) => a.rank - b.rank)
  for (const { key } of files) {
    const content: unknown = await document.getAttachmentContent(key).catch(() => undefined)
    if (content instanceof Uint8Array && kindOf(content) === 'xml') {
      const invoice = recogniseEInvoice(content, bounds)
      if (invoice.ok) {
        return invoice.value
      }
    }
  }
  return undefined
}

interface EmbeddedFile {
  readonly key: string
  readonly file: unknown
}

async function attachedFiles(document: PdfDocument): Promise<EmbeddedFile[]> {
  const attachments: unknown = await document.getAttachments().catch(() => null)
  return attachments instanceof Map ? [...attachments.entries()].map(([key, file]) => ({ key: String(key), file: file as unknown })) : []
}

/** Pages on which a paper clip may hang: whoever attaches an invoice's data to a page takes one of the first. */
const maxAnnotatedPages = 5

/** Files that hang on a page as an annotation instead of in the document's list. */
async function annotatedFiles(document: PdfDocument): Promise<EmbeddedFile[]> {
  const files: EmbeddedFile[] = []
  for (let number = 1; number <= Math.min(maxAnnotatedPages, document.numPages); number += 1) {
    const annotations: readonly unknown[] = await document.getPage(number).then((page) => page.getAnnotations()).catch(() => [])
    for (const annotation of annotations) {
      if (typeof annotation === 'object' && annotation !== null && 'fileId' in annotation && typeof annotation.fileId === 'string') {
        files.push({ key: annotation.fileId, file: 'file' in annotation ? annotation.file : undefined })
      }
    }
  }
  return files
}

function nameOf(attachment: unknown, key: string): string {
  const filename = typeof attachment === 'object' && attachment !== null && 'filename' in attachment ? attachment.filename : undefined
  return (typeof filename === 'string' ? filename : key).toLowerCase()
}

function rankOf(name: string): number {
  return ['factur-x.xml', 'zugferd-invoice.xml', 'xrechnung.xml'].includes(name) ? 0 : name.endsWith('.xml') ? 1 : 2
}

/** A page with more text than this is a text layer whatever is drawn beside it. */
const maxSparseCharacters = 250
/** A sheet with little on it has .01, rules under a few words less than this. */
const minInk = 0.005
const glanceWidth = 400
/** Time for one document: 30 to 40 ms a page. */
const maxGlances = 100

/** Marks pages whose little text may be a stamp on a scan: what is drawn beside it is looked at in small. */
async function withSparse(pages: readonly PdfPage[], bytes: Uint8Array): Promise<PdfPage[]> {
  const few = pages.filter((page) => page.usable && page.width > 0 && page.height > 0 && charactersOf(page.lines) < maxSparseCharacters).slice(0, maxGlances)
  const document = few.length === 0 ? undefined : await openDrawable(bytes)
  if (document === undefined) {
    return [...pages]
  }
  const sparse = new Set<PdfPage>()
  try {
    for (const page of few) {
      const sheet = document.getPage(page.number - 1)
      const { originalWidth, originalHeight } = sheet.getOriginalSize()
      const scale = Math.min(glanceWidth / originalWidth, (4 * glanceWidth) / originalHeight)
      if (Number.isFinite(scale) && scale > 0 && inkBeside(await sheet.render({ scale, render: 'bitmap', colorSpace: 'BGRA' }), page) >= minInk) {
        sparse.add(page)
      }
    }
  } catch {
    // What cannot be drawn cannot be recognised either.
  } finally {
    document.destroy()
  }
  return pages.map((page) => (sparse.has(page) ? { ...page, sparse: true } : page))
}
