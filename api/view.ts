/** What the API gives out: names of its own, so that columns can change. Times are ISO 8601, money decimal strings. */
import type { DocumentSummary, StoredDocument, StoredLifecycleEvent, StoredPart, TakenDocument, WaitingDocument } from '../connectors/index.ts'
import { UNDER_WAY } from '../connectors/index.ts'
import type { VendorGroup } from '../topology/vendor-memories.ts'

const iso = (ms: number): string => new Date(ms).toISOString()

function links(documentId: string): { self: string; lifecycle: string; content: string } {
  const self = `/v1/documents/${documentId}`
  return { self, lifecycle: `${self}/lifecycle`, content: `${self}/content` }
}

/** A document of a 202. */
export function takenView({ documentId, fileName, sha256, size }: TakenDocument) {
  return { documentId, fileName, sha256, size, state: UNDER_WAY, links: links(documentId) }
}

export function summaryView({ receivedAt, processedAt, ...summary }: DocumentSummary) {
  return { ...summary, receivedAt: iso(receivedAt), processedAt: processedAt === null ? null : iso(processedAt), links: links(summary.documentId) }
}

/** A document that the pipeline has ended, whole. */
export function documentView(document: StoredDocument) {
  const { tenantId, status, receivedAt, processedAt, content, vendor, vendorId, reasonCode, reason, ...rest } = document
  return {
    ...rest,
    state: status,
    receivedAt: iso(receivedAt),
    processedAt: iso(processedAt),
    vendor: vendor === null && vendorId === null ? null : { id: vendorId, name: vendor },
    reasons: status === 'IN_REVIEW' ? reasonsIn(reasonCode, reason) : [],
    evidence: status === 'DUPLICATE' ? evidenceIn(reason) : null,
    reason: reasonCode === null ? null : { code: reasonCode, text: status === 'DUPLICATE' ? null : reason },
    links: links(document.documentId),
  }
}

interface ReasonForReview {
  readonly code: string
  readonly step: string
  /** Field, rule or page. */
  readonly subject: string
}

/** A document that came out of another, and how it ended. */
export function partView({ documentId, status, ...part }: StoredPart) {
  return { documentId, ...part, state: status, links: links(documentId) }
}

/** A document that waits for a person, and why. */
export function waitingView({ receivedAt, reasonCode, reason, ...document }: WaitingDocument) {
  return { ...document, receivedAt: iso(receivedAt), reasons: reasonsIn(reasonCode, reason), links: links(document.documentId) }
}

/** Why a document is taken for a copy: `by` the bytes, the fields or a person, and the names of the fields that are equal. */
interface Evidence {
  readonly by: string
  readonly fields: readonly string[]
}

/** The row has it as JSON; rows from before it was kept have none. */
function evidenceIn(json: string | null): Evidence | null {
  try {
    const { by, fields } = JSON.parse(json ?? '') as Partial<Evidence>
    return typeof by === 'string' && Array.isArray(fields) ? { by, fields } : null
  } catch {
    return null
  }
}

/** The row has them as JSON; what is not (another version wrote it) is told by its codes alone. */
function reasonsIn(codes: string | null, json: string | null): readonly ReasonForReview[] {
  try {
    const parsed: unknown = JSON.parse(json ?? '')
    if (Array.isArray(parsed)) {
      return parsed as readonly ReasonForReview[]
    }
  } catch {
    // told below
  }
  return (codes ?? '').split(',').filter((code) => code !== '').map((code) => ({ code, step: '', subject: '' }))
}

/** A document that is under way: what the API knows of it itself. */
export function underWayView({ documentId, fileName, contentType, sha256, size, receivedAt }: TakenDocument) {
  return { documentId, state: UNDER_WAY, source: 'api', fileName, contentType, sha256, size, receivedAt: iso(receivedAt), processedAt: null, links: links(documentId) }
}

export function eventView({ at, reasonCode, reason, ...event }: StoredLifecycleEvent) {
  return { ...event, at: iso(at), reason: reasonCode === null ? null : { code: reasonCode, text: reason } }
}

/** What is remembered of one vendor; `vendor` names it in requests. */
export function vendorMemoryView({ keys, name, vatId, at, places, constants }: VendorGroup) {
  return { vendor: keys[0]!, name: name ?? null, vatId: vatId ?? null, learnedAt: at === undefined ? null : iso(at), places, constants }
}
