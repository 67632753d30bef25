/** Exact duplicates: what the product's own decision finds against the pairs that are known. */
import type { FirstSeen } from '../processors/index.ts'
import { contentKey, decide } from '../processors/index.ts'

export interface DuplicateScore {
  readonly known: number
  readonly found: number
  readonly right: number
  readonly precision: number
  readonly recall: number
}

/** Documents in their order, as one tenant's. */
export function findDuplicates(documents: readonly { readonly id: string; readonly sha256: string }[]): [string, string][] {
  const store = new Map<string, FirstSeen>()
  const pairs: [string, string][] = []
  for (const [n, { id, sha256 }] of documents.entries()) {
    const key = contentKey('evaluation', sha256)
    const decision = decide({ documentId: id, timestamp: n, policy: 'link', override: false }, store.get(key))
    if (decision.outcome === 'first') {
      if (decision.remember !== undefined) {
        store.set(key, decision.remember)
      }
    } else {
      pairs.push([decision.duplicateOf, id])
    }
  }
  return pairs
}

export function scoreDuplicates(found: readonly (readonly [string, string])[], known: readonly (readonly [string, string])[]): DuplicateScore {
  const keys = new Set(known.map(keyOf))
  const right = found.filter((pair) => keys.has(keyOf(pair))).length
  return {
    known: known.length,
    found: found.length,
    right,
    precision: found.length === 0 ? 1 : right / found.length,
    recall: known.length === 0 ? 1 : right / known.length,
  }
}

function keyOf(pair: readonly [string, string]): string {
  return JSON.stringify([...pair].sort())
}
