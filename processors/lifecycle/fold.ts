import type { Allowance } from '../containers/index.ts'
import type { Classification, Enrichment, Extraction, Failure, ReviewReason, Validation } from '../types.ts'
import type { DocumentRow } from './row.ts'
import { toRow } from './row.ts'
import type { LifecycleState } from './transitions.ts'
import { endStates, mayFollow } from './transitions.ts'

/** What is known of a document when its record comes in. */
export interface DocumentHeader {
  readonly tenantId: string
  readonly documentId: string
  readonly source: string
  readonly fileName: string
  readonly contentType: string
  readonly size: number
  readonly sha256: string
  /** ms since the epoch, of the record. */
  readonly receivedAt: number
  readonly contentReference?: string
  /** The mail or archive it came out of. */
  readonly parent?: { readonly documentId: string; readonly part: string }
}

export interface TextSummary {
  readonly route: string
  readonly language: string
  readonly pages: number
  /** Of each page, in the unit of the boxes on it; states from before they were kept have none. */
  readonly sizes?: readonly PageSize[]
  readonly quality: number
  readonly version: string
}

export interface PageSize {
  readonly width: number
  readonly height: number
  /** Degrees clockwise that the page was turned by before it was read. */
  readonly turned?: number
}

/** One thing a person changed. */
export interface Correction {
  /** Of the request, which may have changed several. */
  readonly id: string
  /** `grandTotal`, `seller.name`, `lines.0.quantity`, `type`; `state` for a decision of review. */
  readonly field: string
  readonly from: string | null
  readonly to: string | null
  /** Who, as the door authenticated them. */
  readonly by: string
  /** ms since the epoch */
  readonly at: number
  /** The document's when the person saw it. */
  readonly revision: number
}

/** Why a document is taken for a duplicate: the names of what is equal, never the values. */
export interface DuplicateEvidence {
  /** `person`: somebody said so in review. */
  readonly by: 'sha256' | 'business-key' | 'person'
  readonly fields: readonly string[]
}

/** A person has said that a document is no copy. `from`: of this one, of which it was taken for a copy. */
export interface Distinction {
  readonly from?: string
}

/** What a mail or an archive needs to be taken apart, kept while it counts as a duplicate. */
export interface Folded {
  readonly parts: number
  readonly allowance: Allowance
}

/** What a step reports. `step` names it, `at` is the record's time in ms. */
export type LifecycleEvent = { readonly step: string; readonly at: number } & (
  | { readonly to: 'RECEIVED'; readonly header: DocumentHeader }
  | { readonly to: 'REJECTED'; readonly header?: DocumentHeader; readonly failure: Failure; readonly corrections?: readonly Correction[] }
  /** `distinct`, `corrections`: it was a duplicate until a person said that it is none. */
  | { readonly to: 'DEDUPLICATED'; readonly duplicateOf?: string; readonly distinct?: Distinction; readonly corrections?: readonly Correction[] }
  | {
      readonly to: 'DUPLICATE'; readonly duplicateOf: string; readonly reason: string; readonly evidence: DuplicateEvidence; readonly folded?: Folded
      readonly corrections?: readonly Correction[]
    }
  /** `parts`: documents of their own that came out of it. */
  | { readonly to: 'UNFOLDED'; readonly parts: number }
  | { readonly to: 'TEXT_READ'; readonly text: TextSummary }
  | { readonly to: 'CLASSIFIED'; readonly classification: Classification }
  | { readonly to: 'EXTRACTED'; readonly extraction: Extraction }
  | { readonly to: 'VALIDATED'; readonly validation: Validation }
  | { readonly to: 'ENRICHED'; readonly enrichment: Enrichment }
  /** `duplicateOf`: taken anyway, because the tenant or the sender wants it. `corrections`: a person accepted it as it is. */
  | { readonly to: 'ARCHIVED'; readonly duplicateOf?: string; readonly corrections?: readonly Correction[] }
  | { readonly to: 'IN_REVIEW'; readonly reasons: readonly ReviewReason[]; readonly duplicateOf?: string }
  | { readonly to: 'CORRECTED'; readonly classification: Classification; readonly extraction: Extraction; readonly corrections: readonly Correction[]; readonly distinct?: Distinction }
  /** `where`: what could not be written, as topic and field. */
  | { readonly to: 'DEAD_LETTERED'; readonly code: string; readonly where?: string; readonly header?: DocumentHeader }
  | { readonly to: 'ERASED'; readonly by: string }
)

/** All that is known of a document: the value of the lifecycle store. */
export interface DocumentState {
  readonly state: LifecycleState
  readonly revision: number
  readonly header: DocumentHeader
  readonly duplicateOf?: string
  readonly duplicateEvidence?: DuplicateEvidence
  readonly distinct?: Distinction
  readonly folded?: Folded
  /** Why it was rejected or dead-lettered. */
  readonly failure?: Failure
  /** Documents that came out of it. */
  readonly parts?: number
  readonly text?: TextSummary
  readonly classification?: Classification
  readonly extraction?: Extraction
  readonly validation?: Validation
  readonly enrichment?: Enrichment
  readonly reviewReasons: readonly ReviewReason[]
  readonly corrections: readonly Correction[]
}

export interface LifecycleChange {
  readonly from: LifecycleState | undefined
  readonly to: LifecycleState
  readonly at: number
  readonly step: string
  /** A code, never content. */
  readonly reason: string
  readonly revision: number
}

export type FoldResult =
  | {
      readonly ok: true
      readonly state: DocumentState
      readonly change: LifecycleChange
      /** There when the document came to rest: what both stores are to hold. */
      readonly row?: DocumentRow
    }
  | { readonly ok: false; readonly code: 'ILLEGAL_TRANSITION' | 'UNKNOWN_DOCUMENT'; readonly from: LifecycleState | undefined; readonly to: LifecycleState }

const maxCorrections = 1000
/** As JSON: every record that holds them has to stay below the brokers' usual 1 MiB. */
const maxCorrectionCharacters = 100 * 1024

/**
 * The one place that decides what a document is. Refuses what the table does not allow (the topology counts it); gives out the revision:
 * max(now in µs, last + 1), so it rises per document whatever the clock does.
 * @param nowMicros µs since the epoch
 */
export function fold(last: DocumentState | undefined, event: LifecycleEvent, nowMicros: number): FoldResult {
  if (!mayFollow(last?.state, event.to)) {
    return { ok: false, code: 'ILLEGAL_TRANSITION', from: last?.state, to: event.to }
  }
  const told = 'header' in event ? event.header : undefined
  // A dead letter may be of a record that says little of its document: what is known of it, above all when it came, does not change.
  const given = event.to === 'DEAD_LETTERED' ? (last?.header ?? told) : (told ?? last?.header)
  if (given === undefined) {
    return { ok: false, code: 'UNKNOWN_DOCUMENT', from: last?.state, to: event.to }
  }
  // Stores list documents by the moment they came: one that is sent again would stand there twice.
  const header = last === undefined ? given : { ...given, receivedAt: last.header.receivedAt }
  const revision = Math.max(Math.floor(nowMicros), (last?.revision ?? 0) + 1)
  const state = apply(last, event, header, revision)
  const change: LifecycleChange = { from: last?.state, to: event.to, at: event.at, step: event.step, reason: reasonOf(event), revision }
  return endStates.has(state.state) ? { ok: true, state, change, row: toRow(state, change) } : { ok: true, state, change }
}

function apply(last: DocumentState | undefined, event: LifecycleEvent, header: DocumentHeader, revision: number): DocumentState {
  const empty: DocumentState = { state: event.to, revision, header, reviewReasons: [], corrections: [] }
  // A document that is received again begins anew: nothing of the last run may show in the next one's row.
  const state: DocumentState = last === undefined || event.to === 'RECEIVED' ? empty : { ...last, state: event.to, revision, header }
  switch (event.to) {
    case 'RECEIVED':
      return state
    case 'REJECTED':
      return { ...state, failure: event.failure, reviewReasons: [], corrections: withCorrections(state, event) }
    case 'ARCHIVED':
      return { ...state, ...(event.duplicateOf === undefined ? {} : { duplicateOf: event.duplicateOf }), reviewReasons: [], corrections: withCorrections(state, event) }
    case 'DEDUPLICATED':
      return event.duplicateOf === undefined ? parted(state, event) : { ...state, duplicateOf: event.duplicateOf }
    case 'DUPLICATE':
      return {
        ...state, duplicateOf: event.duplicateOf, duplicateEvidence: event.evidence, reviewReasons: [], corrections: withCorrections(state, event),
        ...(event.folded === undefined ? {} : { folded: event.folded }),
      }
    case 'UNFOLDED':
      return { ...state, parts: event.parts }
    case 'TEXT_READ':
      return { ...state, text: event.text }
    case 'CLASSIFIED':
      return { ...state, classification: event.classification }
    case 'EXTRACTED':
      return { ...state, extraction: event.extraction }
    case 'VALIDATED':
      return { ...state, validation: event.validation }
    case 'ENRICHED':
      return { ...state, enrichment: event.enrichment }
    case 'IN_REVIEW':
      return { ...state, reviewReasons: event.reasons, ...(event.duplicateOf === undefined ? {} : { duplicateOf: event.duplicateOf }) }
    case 'CORRECTED':
      return { ...parted(state, event), classification: event.classification, extraction: event.extraction, reviewReasons: [] }
    case 'DEAD_LETTERED':
      // What the steps have said may be what could not be written.
      return {
        ...empty, corrections: state.corrections, ...(state.parts === undefined ? {} : { parts: state.parts }), ...(state.duplicateOf === undefined ? {} : { duplicateOf: state.duplicateOf }),
        failure: { code: 'STEP_FAILED', field: 'content', reason: `the step ${event.step} failed for good: ${event.code}${event.where === undefined ? '' : ` (${event.where})`}` },
      }
    case 'ERASED':
      // Keys, times and digest-free facts only: what proves the erasure, nothing that was erased.
      return {
        ...empty,
        header: {
          ...header, fileName: '', sha256: '', size: 0, contentType: '', contentReference: undefined,
          ...(header.parent === undefined ? {} : { parent: { documentId: header.parent.documentId, part: '' } }),
        },
      }
  }
}

/** With what a person said; a document that is no copy any more says of nothing that it is one. */
function parted(state: DocumentState, event: { readonly distinct?: Distinction; readonly corrections?: readonly Correction[] }): DocumentState {
  const corrections = withCorrections(state, event)
  if (event.distinct === undefined) {
    return { ...state, corrections }
  }
  const { duplicateOf: _of, duplicateEvidence: _evidence, ...rest } = state
  return { ...rest, distinct: event.distinct, corrections }
}

/** The newest that fit: history travels with every revision of the document. */
function withCorrections(state: DocumentState, event: { readonly corrections?: readonly Correction[] }): readonly Correction[] {
  if (event.corrections === undefined) {
    return state.corrections
  }
  const all = [...state.corrections, ...event.corrections].slice(-maxCorrections)
  let left = maxCorrectionCharacters
  const last = all.findLastIndex((one) => {
    left -= JSON.stringify(one).length
    return left < 0
  })
  return all.slice(last + 1)
}

const NOT_DUPLICATE = 'NOT_DUPLICATE'

function reasonOf(event: LifecycleEvent): string {
  switch (event.to) {
    case 'REJECTED':
      return event.failure.code
    case 'DUPLICATE':
      return event.reason
    case 'IN_REVIEW':
      return [...new Set(event.reasons.map((reason) => reason.code))].join(',')
    case 'DEAD_LETTERED':
      return event.code
    case 'CORRECTED':
      return event.distinct === undefined ? `${event.corrections.length} fields` : NOT_DUPLICATE
    case 'DEDUPLICATED':
      return event.distinct === undefined ? '' : NOT_DUPLICATE
    case 'UNFOLDED':
      return `${event.parts} parts`
    case 'ARCHIVED':
      return event.corrections === undefined ? '' : 'ACCEPTED'
    default:
      return ''
  }
}
