import type { Processor, ProcessorContext, Record } from 'millrace'
import type { ChunkKey, DocumentChunk, DocumentText as WireText } from '../../avro/types.ts'
import { storableText } from '../../connectors/index.ts'
import { chunksOf } from '../../processors/search/index.ts'
import type { DocumentText } from '../../processors/types.ts'
import type { Services } from '../services.ts'
import { MAXIMUM_TEXT_BYTES } from '../topics.ts'
import type { ReadDocument } from './text.ts'

/** Of a line's numbers: box, confidence, lengths. */
const LINE_BYTES = 44

/** Puts the pages into the content store if a record cannot carry them. @returns the reference, if it did */
export async function keepLargeText(services: Services, tenantId: string, text: DocumentText): Promise<string | undefined> {
  let bytes = 0
  for (const { lines } of text.pages) {
    for (const line of lines) {
      bytes += LINE_BYTES + Buffer.byteLength(line.text)
    }
  }
  if (bytes <= MAXIMUM_TEXT_BYTES) {
    return undefined
  }
  const json = Buffer.from(JSON.stringify(wirePages(text)))
  const content = await services.content()
  const { reference } = await content.put(tenantId, json)
  return reference
}

const wirePages = (text: DocumentText): WireText['pages'] =>
  text.pages.map(({ number, width, height, turned, lines }) => ({
    number, width, height, turned: turned ?? 0, lines: lines.map(({ text: words, box, confidence }) => ({ text: words.toWellFormed(), box, confidence })),
  }))

/** The record of documents.text. */
export function toWireText({ stored: { header }, text, textReference }: ReadDocument, readAt: number): WireText {
  const { route, language, quality, engine, engineVersion, dataVersion } = text!
  return {
    tenantId: header.tenantId, documentId: header.documentId, readAt, route, language, quality,
    version: `${engine} ${engineVersion} ${dataVersion}`,
    pages: textReference === undefined ? wirePages(text!) : [],
    reference: textReference ?? null,
  }
}

/** What is written of a text: the text itself, and its pieces for search. */
export type Written =
  | { readonly kind: 'text'; readonly text: WireText }
  | { readonly kind: 'chunk'; readonly chunk: DocumentChunk }

export const isWritten = <K extends Written['kind']>(kind: K) => (_key: string, written: Written): written is Extract<Written, { kind: K }> => written.kind === kind

/** A document that says nothing has one empty chunk, so that what an earlier reading found is gone. */
const NOTHING = [{ text: '' }] as const

/**
 * The text as others may read it, and its chunks. Their revision is the time of this reading: documents are read again only
 * when they are sent again, so a later reading has a higher one.
 */
export function writeText(): Processor<string, ReadDocument, string, Written> {
  let context: ProcessorContext<string, Written>
  return {
    init(given) {
      context = given
    },
    process(record: Record<string, ReadDocument>) {
      const { stored: { header }, text } = record.value
      const now = context.currentSystemTimeMs()
      const forward = (value: Written): void => context.forward({ ...record, value })
      forward({ kind: 'text', text: toWireText(record.value, now) })
      const found = chunksOf(text!)
      const chunks = found.length === 0 ? NOTHING : found
      for (const [chunk, piece] of chunks.entries()) {
        forward({
          kind: 'chunk',
          chunk: {
            tenant_id: header.tenantId, document_id: header.documentId, chunk, revision: now * 1000, chunks: chunks.length,
            page: 'page' in piece ? (piece.page ?? null) : null, language: text!.language, text: storableText(piece.text), embedding: null, embedding_model: null,
          },
        })
      }
    },
  }
}

export const chunkKey = ({ tenant_id, document_id, chunk }: DocumentChunk): ChunkKey => ({ tenant_id, document_id, chunk })
