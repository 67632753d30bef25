/** Duplicates: what the product's own decision finds against the pairs that are known, and what likeness of texts proposes beside it. */
import type { FirstSeen, InvoiceIdentity, KnownInvoice, KnownText } from '../processors/index.ts'
import { contentKey, decide, lookAgain, lookupKeys, proposeOriginal } from '../processors/index.ts'

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

/** All documents of a set are one tenant's. */
export const evaluationTenant = 'evaluation'

export interface SeenDocument {
  readonly id: string
  /** Empty: its bytes could not be read. */
  readonly sha256: string
  /** Where vendor, number, date and total were read. */
  readonly identity?: InvoiceIdentity
}

/** Documents in their order: the same bytes, and of other bytes those whose fields agree, as the product decides. */
export function findDuplicates(documents: readonly SeenDocument[]): [string, string][] {
  const contents = new Map<string, FirstSeen>()
  const invoices = new Map<string, readonly KnownInvoice[]>()
  const pairs: [string, string][] = []
  for (const [timestamp, { id, sha256, identity }] of documents.entries()) {
    if (sha256 === '') {
      continue
    }
    const input = { documentId: id, timestamp, policy: 'link', override: false } as const
    const key = contentKey(evaluationTenant, sha256)
    const first = decide(input, contents.get(key))
    if (first.outcome !== 'first') {
      pairs.push([first.duplicateOf, id])
      continue
    }
    if (first.remember !== undefined) {
      contents.set(key, first.remember)
    }
    if (identity !== undefined) {
      const second = lookAgain({ ...input, sha256, identity }, invoices.get(identity.key))
      if (second.outcome === 'duplicate') {
        pairs.push([second.duplicateOf, id])
      } else if (second.remember !== undefined) {
        invoices.set(identity.key, second.remember)
      }
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
