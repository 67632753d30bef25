/** What becomes of an exact duplicate: it is only linked, taken anyway with a warning, or rejected. A tenant's choice. */
export type DuplicatePolicy = 'link' | 'warn' | 'reject'

/** The first document with these bytes, kept under {@link contentKey}. */
export interface FirstSeen {
  readonly documentId: string
  /** ms since the epoch: the record's time, not the clock's. */
  readonly seenAt: number
}

export interface DedupeInput {
  readonly documentId: string
  readonly timestamp: number
  readonly policy: DuplicatePolicy
  /** The sender says: process it although it is a duplicate. */
  readonly override: boolean
  /** After so many ms the first one is forgotten. Undefined: never. */
  readonly timeToLiveMs?: number
}

export type DedupeDecision =
  /** Go on. `remember` is put under the key when it is there. */
  | { readonly outcome: 'first'; readonly remember?: FirstSeen; readonly duplicateOf?: undefined }
  /** Go on, and say of what it is a duplicate: policy warn, or an override. */
  | { readonly outcome: 'warned'; readonly duplicateOf: string; readonly remember?: undefined }
  /** Ends here. */
  | { readonly outcome: 'duplicate'; readonly duplicateOf: string; readonly policy: 'link' | 'reject'; readonly remember?: undefined }

/** The key of the dedupe store and its repartition topic. Neither part can hold a bar. */
export function contentKey(tenantId: string, sha256: string): string {
  return `${tenantId}|${sha256}`
}

/**
 * Exact duplicates by content. The same document again (a record that came twice) is no duplicate of itself. The time to live is
 * measured between records, so that a replay decides the same.
 */
export function decide(input: DedupeInput, first: FirstSeen | undefined): DedupeDecision {
  const { documentId, timestamp, policy } = input
  const expired = first !== undefined && input.timeToLiveMs !== undefined && timestamp - first.seenAt > input.timeToLiveMs
  if (first === undefined || expired) {
    return { outcome: 'first', remember: { documentId, seenAt: timestamp } }
  }
  if (first.documentId === documentId) {
    return { outcome: 'first' }
  }
  if (policy === 'warn' || input.override) {
    return { outcome: 'warned', duplicateOf: first.documentId }
  }
  return { outcome: 'duplicate', duplicateOf: first.documentId, policy }
}
