/** Wiring of what search finds: texts and their chunks, and where there is a model for it, the chunks' embeddings. */
import { type KStream, Serdes, type StreamPartitioner, type StreamsBuilder } from 'millrace'
import { partitionFor } from 'millrace/kafka'
import type { ChunkKey, DocumentChunk } from '../avro/types.ts'
import { toDeadLetters } from './flow.ts'
import type { Services } from './services.ts'
import { chunkKey, isWritten, writeText } from './steps/document-text.ts'
import { embed, lacksEmbedding } from './steps/embed.ts'
import type { ReadDocument } from './steps/text.ts'
import { documentKey } from './topics.ts'

/** A document's chunks go to one partition, so that one task of the sink replaces them. */
const byDocument: StreamPartitioner = (_topic, { key }, partitions) => {
  const { tenant_id, document_id } = key as ChunkKey
  return partitionFor(Buffer.from(documentKey(tenant_id, document_id)), partitions)
}

/** A text that cannot be written down ends its document as a dead letter of its reading, before anybody makes sense of it. */
const withItsReading = { processing: 'upstream' } as const

/** What stands on the pages, for whoever reads it, and in pieces for search. */
export function writeTexts(readings: KStream<string, ReadDocument>, { topics, serdes }: Services): void {
  const { texts, chunks } = readings
    .process(() => writeText(), { name: 'write-text', onError: withItsReading })
    .split()
    .branch('texts', isWritten('text'))
    .branch('chunks', isWritten('chunk'))
    .noDefaultBranch()
  texts.mapValues(({ text }) => text).to(topics.text.name, { key: Serdes.string(), value: serdes.text })
  chunks.map((_key, { chunk }) => [chunkKey(chunk), chunk]).to(topics.chunks.name, { key: serdes.chunkKey, value: serdes.chunk, partitioner: byDocument })
}

/**
 * Chunks are searched by their words at once. Their embeddings come when the model gets to it, from a subtopology of its own: while the model
 * is away its chunks wait in their topic, and no document waits for them.
 */
export function embedChunks(b: StreamsBuilder, { topics, serdes, models }: Services): void {
  if (models.embedder === undefined) {
    return
  }
  const key = serdes.chunkKey
  b.stream<ChunkKey, DocumentChunk>(topics.chunks.name, { key, value: serdes.chunk, onError: toDeadLetters })
    .filter(lacksEmbedding)
    .processAsync(embed(models.embedder), {
      name: 'embed', input: { key, value: serdes.chunk }, key, lane: (_chunk, { tenant_id }) => tenant_id, order: 'none',
      concurrency: models.concurrency, maxPending: 2_000, timeout: '15m', retry: { attempts: 10, backoffMs: 1_000, maxBackoffMs: 60_000 }, circuitBreaker: {}, onFailure: 'skip',
    })
    .to(topics.chunks.name, { key, value: serdes.chunk, partitioner: byDocument })
}
