export { answerRequest, citedParts, type CitedText } from './answer.ts'
export { type Chunk, type ChunkBounds, chunksOf, defaultChunkBounds } from './chunk.ts'
export type { Embedder } from './embedder.ts'
