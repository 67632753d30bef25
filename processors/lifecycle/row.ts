import type { Field } from '../types.ts'
import type { DocumentState, LifecycleChange } from './fold.ts'
import type { LifecycleState } from './transitions.ts'

/**
 * One row per document and revision, flat: what PostgreSQL and Cassandra hold. Money as decimal strings, days as YYYY-MM-DD, nested parts
 * as JSON. Null is "not known"; after erasure all but keys, times and status.
 */
export interface DocumentRow {
  readonly tenantId: string
  readonly documentId: string
  readonly revision: number
  readonly status: LifecycleState
  /** Why it ended like this: a code. */
  readonly statusReason: string | null
  readonly source: string | null
  readonly fileName: string | null
  readonly contentType: string | null
  readonly contentReference: string | null
  readonly size: number | null
  readonly sha256: string | null
  /** ms since the epoch. */
  readonly receivedAt: number
  /** ms since the epoch, of the record that led to this row. */
  readonly updatedAt: number
  readonly duplicateOf: string | null
  /** JSON: what is equal. Null while it is no duplicate. */
  readonly duplicateEvidence: string | null
  readonly type: string | null
  readonly typeProbability: number | null
  readonly textRoute: string | null
  readonly language: string | null
  readonly pages: number | null
  /** JSON: of each page width, height and by how much it was turned. */
  readonly pageSizes: string | null
  readonly textQuality: number | null
  readonly sellerName: string | null
  readonly sellerVatId: string | null
  readonly buyerName: string | null
  readonly invoiceNumber: string | null
  readonly issueDate: string | null
  readonly dueDate: string | null
  readonly currency: string | null
  readonly taxBasisTotal: string | null
  readonly taxTotal: string | null
  readonly grandTotal: string | null
  readonly payableAmount: string | null
  readonly vendorId: string | null
  readonly baseCurrency: string | null
  readonly baseGrandTotal: string | null
  readonly valid: boolean | null
  /** JSON, each null when the step was not reached. */
  readonly fields: string | null
  readonly lines: string | null
  readonly taxes: string | null
  readonly validation: string | null
  readonly enrichment: string | null
  readonly reviewReasons: string | null
  readonly failure: string | null
  readonly corrections: string | null
  readonly versions: string | null
  /** The document it came out of, its name in there, and how many came out of it. */
  readonly parentId: string | null
  readonly part: string | null
  readonly parts: number | null
}

const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value))
/** A value that was there and could not be read has an empty normalised value: in a column that is null. */
const plain = (field: Field | undefined): string | null => (field === undefined || field.normalised === '' ? null : field.normalised)
/** The header of a document that came without a name, or without a type, has an empty one. */
const said = (text: string): string | null => (text === '' ? null : text)

export function toRow(state: DocumentState, change: LifecycleChange): DocumentRow {
  const { header, extraction, classification, text, validation, enrichment } = state
  const erased = state.state === 'ERASED'
  const fields = extraction?.fields
  return {
    tenantId: header.tenantId,
    documentId: header.documentId,
    revision: state.revision,
    status: state.state,
    statusReason: change.reason === '' ? null : change.reason,
    source: erased ? null : header.source,
    fileName: erased ? null : said(header.fileName),
    contentType: erased ? null : said(header.contentType),
    contentReference: erased ? null : (header.contentReference ?? null),
    size: erased ? null : header.size,
    sha256: erased ? null : header.sha256,
    receivedAt: header.receivedAt,
    updatedAt: change.at,
    parentId: header.parent?.documentId ?? null,
    part: erased ? null : (header.parent?.part ?? null),
    parts: state.parts ?? null,
    duplicateOf: state.duplicateOf ?? null,
    duplicateEvidence: state.state === 'DUPLICATE' ? json(state.duplicateEvidence) : null,
    type: classification?.type ?? null,
    typeProbability: classification?.probability ?? null,
    textRoute: text?.route ?? null,
    language: text?.language ?? null,
    pages: text?.pages ?? null,
    pageSizes: json(text?.sizes),
    textQuality: text?.quality ?? null,
    sellerName: plain(fields?.seller.name),
    sellerVatId: plain(fields?.seller.vatId),
    buyerName: plain(fields?.buyer.name),
    invoiceNumber: plain(fields?.invoiceNumber),
    issueDate: plain(fields?.issueDate),
    dueDate: plain(fields?.dueDate),
    currency: plain(fields?.currency),
    taxBasisTotal: plain(fields?.taxBasisTotal),
    taxTotal: plain(fields?.taxTotal),
    grandTotal: plain(fields?.grandTotal),
    payableAmount: plain(fields?.payableAmount),
    vendorId: enrichment?.vendor?.vendorId ?? null,
    baseCurrency: enrichment?.base?.currency ?? null,
    baseGrandTotal: enrichment?.base?.grandTotal ?? null,
    valid: validation?.valid ?? null,
    fields: json(fields),
    lines: json(extraction?.lines),
    taxes: json(extraction?.taxes),
    validation: json(validation),
    enrichment: json(enrichment),
    reviewReasons: state.reviewReasons.length === 0 ? null : json(state.reviewReasons),
    failure: json(state.failure),
    corrections: state.corrections.length === 0 ? null : json(state.corrections),
    versions: text === undefined && extraction === undefined && classification === undefined
      ? null
      : json({
          text: text?.version,
          classify: classification?.modelVersion,
          extract: extraction?.extractorVersion,
          ...(validation === undefined ? {} : { rules: `${validation.ruleSetId}@${validation.ruleSetVersion}` }),
        }),
  }
}
