import { NEAR_IDENTICAL_TEXT, OTHER_VERSION } from '../dedupe/index.ts'
import type { Correction, DocumentState, LifecycleEvent } from '../lifecycle/index.ts'
import { applyChanges, type ChangeProblem, type WantedChange } from './apply.ts'

/** What a person does in review. */
export type ReviewDecision = 'correct' | 'accept' | 'reject' | 'duplicate' | 'not-duplicate'

/** As far as it says what can be decided about a document. */
export interface Decidable {
  readonly state: string
  /** Its fields were extracted. */
  readonly understood: boolean
  /** It is said to be a copy, or another version, of one that was here before. */
  readonly copy: boolean
}

/** Whether a document is in a state in which this can be decided. */
export function mayDecide(decision: ReviewDecision, { state, understood, copy }: Decidable): boolean {
  switch (decision) {
    case 'correct':
      return state === 'ARCHIVED' || state === 'IN_REVIEW'
    case 'not-duplicate':
      return state === 'DUPLICATE' || (copy && understood && (state === 'ARCHIVED' || state === 'IN_REVIEW'))
    default:
      return state === 'IN_REVIEW'
  }
}

/** Reasons for review that name another document: their subject is `of`, its id, a colon and why. */
export const LIKENESS_REASONS: ReadonlySet<string> = new Set([OTHER_VERSION, NEAR_IDENTICAL_TEXT])

/** What a decision of `duplicate` changes: of which document it is one. */
export const DUPLICATE_OF = 'duplicateOf'

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
  const copy = document.duplicateOf !== undefined || document.reviewReasons.some(({ code }) => LIKENESS_REASONS.has(code))
  if (!mayDecide(decision, { state: document.state, understood: document.extraction !== undefined, copy })) {
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
  if (decision === 'duplicate') {
    const original = originalIn(request, document)
    if (original === undefined) {
      return refused({ code: 'VALUE_INVALID', part: 'changes', limit: `one change of ${DUPLICATE_OF} to the documentId of another document` })
    }
    const evidence = { by: 'person', fields: [] } as const
    const corrections = [entry(DUPLICATE_OF, document.duplicateOf ?? null, original)]
    return { outcome: 'apply', event: { to: 'DUPLICATE', step, at, duplicateOf: original, reason: 'DUPLICATE_IN_REVIEW', evidence, corrections } }
  }
  if (decision === 'not-duplicate') {
    const { classification, extraction } = document
    const from = likenedTo(document)
    const said = { step, at, distinct: from === undefined ? {} : { from }, corrections: [entry(DUPLICATE_OF, from ?? null, null)] } as const
    return classification === undefined || extraction === undefined
      ? { outcome: 'apply', event: { ...said, to: 'DEDUPLICATED' } }
      : { outcome: 'apply', event: { ...said, to: 'CORRECTED', classification, extraction } }
  }
  const applied = applyChanges(document, request.changes)
  if (!applied.ok) {
    return refused(applied.problem)
  }
  const { classification, extraction, changes } = applied
  return { outcome: 'apply', event: { to: 'CORRECTED', step, at, classification, extraction, corrections: changes.map((one) => entry(one.field, one.from, one.to)) } }
}

/** The document that this one is said to be a copy of, or to be like. */
function likenedTo({ duplicateOf, reviewReasons }: DocumentState): string | undefined {
  return duplicateOf ?? reviewReasons.flatMap(({ code, subject }) => (LIKENESS_REASONS.has(code) ? (/^of ([0-9a-f-]{36}): /.exec(subject)?.[1] ?? []) : []))[0]
}

const DOCUMENT_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whether the tenant has that document is the door's to know: another document's state may be another instance's. */
function originalIn({ changes }: CorrectionRequest, { header }: DocumentState): string | undefined {
  const [change, ...more] = changes
  const to = change?.field === DUPLICATE_OF && more.length === 0 ? change.to : null
  return to !== null && DOCUMENT_ID.test(to) && to !== header.documentId ? to : undefined
}
