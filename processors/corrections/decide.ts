import type { Correction, DocumentState, LifecycleEvent } from '../lifecycle/index.ts'
import { mayFollow } from '../lifecycle/index.ts'
import { applyChanges, type ChangeProblem, type WantedChange } from './apply.ts'

/** What a person does in review. */
export type ReviewDecision = 'correct' | 'accept' | 'reject'

export interface CorrectionRequest {
  readonly id: string
  readonly decision: ReviewDecision
  /** Who, as the door authenticated them. */
  readonly by: string
  /** ms since the epoch */
  readonly at: number
  /** The document's when the person saw it. */
  readonly baseRevision: number
  readonly changes: readonly WantedChange[]
}

export type CorrectionRefusal =
  | { readonly code: 'DOCUMENT_UNKNOWN' | 'NOT_CORRECTABLE' | 'REVISION_STALE' }
  | ChangeProblem

export type CorrectionDecision =
  | { readonly outcome: 'apply'; readonly event: LifecycleEvent }
  /** The same request again: it has been applied. */
  | { readonly outcome: 'repeated' }
  | { readonly outcome: 'refused'; readonly refusal: CorrectionRefusal }

const step = 'review'

/** What a request does to a document as it is now. Pure: a replay decides the same. */
export function decideCorrection(document: DocumentState | undefined, request: CorrectionRequest): CorrectionDecision {
  const refused = (refusal: CorrectionRefusal): CorrectionDecision => ({ outcome: 'refused', refusal })
  if (document === undefined) {
    return refused({ code: 'DOCUMENT_UNKNOWN' })
  }
  const { id, by, at, baseRevision: revision, decision } = request
  if (document.corrections.some((one) => one.id === id)) {
    return { outcome: 'repeated' }
  }
  const to = { correct: 'CORRECTED', accept: 'ARCHIVED', reject: 'REJECTED' } as const
  if (!mayFollow(document.state, to[decision]) || (decision !== 'correct' && document.state !== 'IN_REVIEW')) {
    return refused({ code: 'NOT_CORRECTABLE' })
  }
  if (document.revision !== revision) {
    return refused({ code: 'REVISION_STALE' })
  }
  const entry = (field: string, from: string | null, value: string | null): Correction => ({ id, field, from, to: value, by, at, revision })
  if (decision === 'accept') {
    return { outcome: 'apply', event: { to: 'ARCHIVED', step, at, corrections: [entry('state', document.state, 'ARCHIVED')] } }
  }
  if (decision === 'reject') {
    const failure = { code: 'REJECTED_IN_REVIEW', field: 'document', reason: 'a person rejected it in review' } as const
    return { outcome: 'apply', event: { to: 'REJECTED', step, at, failure, corrections: [entry('state', document.state, 'REJECTED')] } }
  }
  const applied = applyChanges(document, request.changes)
  if (!applied.ok) {
    return refused(applied.problem)
  }
  const { classification, extraction, changes } = applied
  return { outcome: 'apply', event: { to: 'CORRECTED', step, at, classification, extraction, corrections: changes.map((one) => entry(one.field, one.from, one.to)) } }
}
