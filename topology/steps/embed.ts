import type { AsyncProcessor } from 'millrace'
import type { ChunkKey, DocumentChunk } from '../../avro/types.ts'
import type { Embedder } from '../../processors/search/index.ts'

/** Adds the embedding to a chunk that is searched by its words already. */
export function embed(embedder: Embedder): AsyncProcessor<ChunkKey, DocumentChunk, DocumentChunk, readonly number[], DocumentChunk> {
  return {
    call: async ({ text }, { signal }) => {
      const [vector] = await embedder.embed([text], { signal })
      return vector!
    },
    complete: (vector, record, context) => {
      context.forward({ ...record, value: { ...record.value, embedding: JSON.stringify(vector), embedding_model: embedder.name } })
    },
  }
}

/** A chunk that has none, and some words to make one of. */
export const lacksEmbedding = (_key: ChunkKey, chunk: DocumentChunk): boolean => chunk.embedding === null && chunk.text !== ''
