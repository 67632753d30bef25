import { rowsOf } from '../text/runs.ts'
import type { DocumentText, TextLine, TextPage } from '../types.ts'
import { plainXmlText } from './xml-text.ts'

/** A piece of a document's text: what search finds and an answer cites. */
export interface Chunk {
  /** From 1; absent where there are no pages. */
  readonly page?: number
  /** Rows of the page, one per line. */
  readonly text: string
}

export interface ChunkBounds {
  /** Characters of a chunk: what an embedding model takes in whole. */
  readonly maxCharacters: number
  /** Characters of whole rows that a chunk repeats of the one before, so that what spans the cut is found. */
  readonly overlap: number
  /** Chunks of a document; what is beyond is not searched. */
  readonly maxChunks: number
}

export const defaultChunkBounds: ChunkBounds = { maxCharacters: 1_200, overlap: 160, maxChunks: 2_000 }

/** A paragraph ends where the next row is further away than this many heights of its text. */
const paragraphGap = 0.9
/** Rows of prose side by side, of so many characters each and more, are columns and not the cells of a table. */
const columnCharacters = 25
/** So many rows make columns. */
const columnRows = 3

/**
 * Cuts a text into chunks: rows as they are read, columns one after the other, paragraphs whole where they fit; a chunk never spans
 * two pages, so that it can be cited. Pure: the same text gives the same chunks.
 */
export function chunksOf(text: DocumentText, bounds: Partial<ChunkBounds> = {}): readonly Chunk[] {
  const limits = { ...defaultChunkBounds, ...bounds }
  const chunks: Chunk[] = []
  for (const page of text.pages) {
    for (const piece of pack(paragraphsOf(page), limits)) {
      chunks.push({ page: page.number, text: piece })
    }
  }
  if (chunks.length === 0 && text.eInvoice !== undefined) {
    chunks.push(...pack([plainXmlText(text.eInvoice.xml)], limits).map((piece) => ({ text: piece })))
  }
  return chunks.slice(0, limits.maxChunks)
}

type Row = readonly TextLine[]

/** Paragraphs of rows of text, in reading order. */
function paragraphsOf(page: TextPage): string[][] {
  const paragraphs: Row[][] = []
  let bottom = 0
  for (const row of rowsOf(page.lines.filter((line) => line.text.trim() !== ''))) {
    const top = Math.min(...row.map((line) => line.box.y))
    const height = Math.max(...row.map((line) => line.box.height))
    if (paragraphs.length === 0 || top - bottom > paragraphGap * height) {
      paragraphs.push([])
    }
    paragraphs.at(-1)!.push(row)
    bottom = Math.max(...row.map((line) => line.box.y + line.box.height))
  }
  return paragraphs.flatMap(columnsOf)
}

/** One paragraph of rows, or one per column of prose. */
function columnsOf(rows: readonly Row[]): string[][] {
  const widest = Math.max(...rows.map((row) => row.length))
  const full = rows.filter((row) => row.length === widest && row.every((line) => line.text.length >= columnCharacters))
  if (widest < 2 || full.length < columnRows || full.length < 0.6 * rows.length) {
    return [rows.map((row) => row.map((line) => line.text).join(' '))]
  }
  const edges = full[0]!.map((line) => line.box.x)
  const columns: string[][] = edges.map(() => [])
  for (const line of rows.flat()) {
    const at = edges.findLastIndex((edge) => line.box.x >= edge - line.box.height)
    columns[Math.max(0, at)]!.push(line.text)
  }
  return columns
}

/** Fills chunks with whole paragraphs; one that does not fit is cut between its rows, a row that does not fit between its words. */
function pack(paragraphs: readonly (readonly string[])[], { maxCharacters, overlap, maxChunks }: ChunkBounds): string[] {
  const chunks: string[] = []
  let rows: string[] = []
  let size = 0
  let fresh = false
  const add = (row: string): void => {
    rows.push(row)
    size += row.length + 1
    fresh = true
  }
  const cut = (): void => {
    if (!fresh) {
      return
    }
    chunks.push(rows.join('\n'))
    rows = lastRows(rows, overlap)
    size = rows.reduce((sum, row) => sum + row.length + 1, 0)
    fresh = false
  }
  for (const paragraph of paragraphs) {
    const pieces = paragraph.flatMap((row) => splitRow(row.toWellFormed(), maxCharacters - overlap - 1))
    const whole = pieces.reduce((sum, row) => sum + row.length + 1, 0)
    if (size + whole > maxCharacters && whole + overlap <= maxCharacters) {
      cut()
    }
    for (const row of pieces) {
      if (size + row.length > maxCharacters) {
        cut()
      }
      add(row)
    }
    if (chunks.length >= maxChunks) {
      return chunks
    }
  }
  cut()
  return chunks
}

function lastRows(rows: readonly string[], characters: number): string[] {
  let from = rows.length
  let size = 0
  while (from > 0 && size + rows[from - 1]!.length + 1 <= characters) {
    from -= 1
    size += rows[from]!.length + 1
  }
  return rows.slice(from)
}

function splitRow(row: string, most: number): string[] {
  const pieces: string[] = []
  let rest = row.trim()
  while (rest.length > most) {
    const blank = rest.lastIndexOf(' ', most)
    const at = blank > most / 2 ? blank : most
    pieces.push(rest.slice(0, at).toWellFormed())
    rest = rest.slice(at).trimStart()
  }
  return rest === '' ? pieces : [...pieces, rest]
}
