/** Duplicates: what the product's own decision finds against the pairs that are known, and what likeness of texts proposes beside it. */
import type { FirstSeen, KnownText } from '../processors/index.ts'
import { contentKey, decide, lookupKeys, proposeOriginal } from '../processors/index.ts'

export interface DuplicateScore {
  readonly known: number
  readonly found: number
  readonly right: number
  readonly precision: number
  readonly recall: number
  /** Pairs that were not decided and that a person is shown. */
  readonly proposed: readonly Proposed[]
}

export interface Proposed {
  readonly pair: readonly [string, string]
  /** Bits in which the fingerprints of the texts differ. */
  readonly distance: number
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

/** Documents in their order, as one tenant's, those left out that were decided already. */
export function proposeDuplicates(documents: readonly KnownText[], decided: readonly (readonly [string, string])[]): Proposed[] {
  const left = documents.filter(({ documentId }) => !decided.some(([, copy]) => copy === documentId))
  return left.flatMap((document, n) => {
    const keys = new Set(lookupKeys(document))
    const proposal = proposeOriginal(document, left.slice(0, n).filter((one) => lookupKeys(one).some((key) => keys.has(key))))
    return proposal === undefined ? [] : [{ pair: [proposal.of, document.documentId] as const, distance: proposal.distance }]
  })
}

export function scoreDuplicates(found: readonly (readonly [string, string])[], known: readonly (readonly [string, string])[], proposed: readonly Proposed[]): DuplicateScore {
  const keys = new Set(known.map(keyOf))
  const right = found.filter((pair) => keys.has(keyOf(pair))).length
  return {
    known: known.length,
    found: found.length,
    right,
    precision: found.length === 0 ? 1 : right / found.length,
    recall: known.length === 0 ? 1 : right / known.length,
    proposed,
  }
}

function keyOf(pair: readonly [string, string]): string {
  return JSON.stringify([...pair].sort())
}
