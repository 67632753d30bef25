/** A chunk in one ranking, best first. */
export interface Ranked {
  readonly documentId: string
  readonly chunk: number
}

export interface FusedDocument {
  readonly documentId: string
  /** Of its best chunk. */
  readonly score: number
  /** Best first. */
  readonly chunks: readonly { readonly chunk: number; readonly score: number }[]
}

/** The constant of the paper: large enough that the first place of one ranking does not outweigh good places in both. */
const K = 60

/**
 * Reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009): a chunk's score is the sum of 1 / (60 + place) over the
 * rankings that have it; places need not be comparable, which scores of words and distances of embeddings are not. Documents are in the
 * order of their best chunk, equal ones by id, so that pages do not depend on the order rows came in.
 */
export function fuse(rankings: readonly (readonly Ranked[])[]): readonly FusedDocument[] {
  const scores = new Map<string, Map<number, number>>()
  for (const ranking of rankings) {
    for (const [place, { documentId, chunk }] of ranking.entries()) {
      const chunks = scores.get(documentId) ?? new Map<number, number>()
      scores.set(documentId, chunks.set(chunk, (chunks.get(chunk) ?? 0) + 1 / (K + place + 1)))
    }
  }
  return [...scores]
    .map(([documentId, chunks]) => {
      const sorted = [...chunks].map(([chunk, score]) => ({ chunk, score })).sort((a, b) => b.score - a.score || a.chunk - b.chunk)
      return { documentId, score: sorted[0]!.score, chunks: sorted }
    })
    .sort((a, b) => b.score - a.score || (a.documentId < b.documentId ? -1 : 1))
}
