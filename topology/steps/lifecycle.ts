import type { KeyValueStore, Processor, ProcessorContext, Record } from 'millrace'
import type * as wire from '../../avro/types.ts'
import { type DocumentRow, type DocumentState, type DuplicateEvidence, fold, type LifecycleChange, type LifecycleEvent } from '../../processors/lifecycle/index.ts'
import { toWireClassification, toWireEnrichment, toWireExtraction, toWireReason, toWireRow, toWireValidation } from '../mapping.ts'
import { PIPELINE_VERSION } from '../services.ts'

/** What a change of state leads to; each kind has its topic. */
export type Output =
  | { readonly kind: 'change'; readonly state: DocumentState; readonly change: LifecycleChange }
  | { readonly kind: 'row'; readonly row: DocumentRow }
  /** No person has to look any more. */
  | { readonly kind: 'reviewed' }
  | { readonly kind: 'processed' | 'review' | 'duplicate'; readonly state: DocumentState; readonly change: LifecycleChange }

type OutputOf<K extends Output['kind']> = Extract<Output, { kind: K }>

export const isOutput = <K extends Output['kind']>(kind: K) => (_key: string, output: Output): output is OutputOf<K> => output.kind === kind

const KIND_OF_STATE = { ARCHIVED: 'processed', IN_REVIEW: 'review', DUPLICATE: 'duplicate' } as const

/** States from before evidence was kept: there were exact duplicates only. */
const BY_CONTENT: DuplicateEvidence = { by: 'sha256', fields: ['sha256'] }

/**
 * Folds what the steps report into the one state of a document; the only place that gives out revisions and decides what
 * is written. An event that may not follow the present state changes nothing.
 */
export function keepLifecycle(store: string): Processor<string, LifecycleEvent, string, Output> {
  let context: ProcessorContext<string, Output>
  let states: KeyValueStore<string, DocumentState>
  return {
    init(given) {
      context = given
      states = given.getStateStore(store)
    },
    process(record: Record<string, LifecycleEvent>) {
      keep(states, record, record.value, context)
    },
  }
}

/** Folds one event into the kept state and forwards what that leads to. @returns undefined when the event may not follow */
export function keep(states: KeyValueStore<string, DocumentState>, record: Record<string, unknown>, event: LifecycleEvent, context: Forwarding): DocumentState | undefined {
  const result = fold(states.get(record.key), event, context.currentSystemTimeMs() * 1000)
  if (!result.ok) {
    return undefined
  }
  const { state, change, row } = result
  states.put(record.key, state)
  const forward = (value: Output): void => context.forward({ ...record, value })
  forward({ kind: 'change', state, change })
  if (row !== undefined) {
    forward({ kind: 'row', row })
  }
  const kind = KIND_OF_STATE[state.state as keyof typeof KIND_OF_STATE]
  if (kind !== undefined) {
    forward({ kind, state, change })
  }
  if (change.from === 'IN_REVIEW') {
    forward({ kind: 'reviewed' })
  }
  return state
}

type Forwarding = Pick<ProcessorContext<string, Output>, 'forward' | 'currentSystemTimeMs'>

/** The records of the topics. */
export const outputs = {
  change({ state, change }: OutputOf<'change'>): wire.LifecycleEvent {
    const { tenantId: tenant_id, documentId: document_id } = state.header
    return {
      tenant_id,
      document_id,
      revision: change.revision,
      from_state: change.from ?? null,
      to_state: change.to,
      at: change.at,
      step: change.step,
      reason_code: change.reason === '' ? null : change.reason,
      reason: state.failure?.reason ?? null,
    }
  },

  row: ({ row }: OutputOf<'row'>): wire.DocumentRow => toWireRow(row, PIPELINE_VERSION),

  processed({ state, change }: OutputOf<'review' | 'processed' | 'duplicate'>): wire.DocumentProcessed {
    const { header, text, classification, extraction, validation, enrichment, failure } = state
    const values = extraction === undefined ? undefined : toWireExtraction(extraction)
    const plain = (name: string): string | null => values?.fields[name]?.normalised || null
    return {
      tenantId: header.tenantId,
      documentId: header.documentId,
      revision: state.revision,
      status: state.state as wire.DocumentProcessed['status'],
      source: header.source as wire.DocumentProcessed['source'],
      fileName: header.fileName === '' ? null : header.fileName,
      contentType: header.contentType === '' ? null : header.contentType,
      size: header.size,
      sha256: header.sha256,
      content: header.contentReference ?? null,
      receivedAt: header.receivedAt,
      processedAt: change.at,
      language: text?.language ?? null,
      route: (text?.route ?? null) as wire.DocumentProcessed['route'],
      pageCount: text?.pages ?? null,
      type: classification?.type ?? null,
      probability: classification?.probability ?? null,
      currency: plain('currency'),
      subtotal: plain('taxBasisTotal'),
      tax: plain('taxTotal'),
      total: plain('grandTotal'),
      fields: values?.fields ?? {},
      lineItems: values?.lineItems ?? [],
      taxLines: values?.taxLines ?? [],
      adjustments: values?.adjustments ?? [],
      validation: validation === undefined ? null : toWireValidation(validation),
      enrichment: enrichment === undefined || extraction === undefined ? null : toWireEnrichment(enrichment, extraction),
      duplicateOf: state.duplicateOf ?? null,
      parentId: header.parent?.documentId ?? null,
      part: header.parent?.part ?? null,
      partCount: state.parts ?? null,
      reason: failure === undefined ? null : toWireReason(failure),
      pipelineVersion: PIPELINE_VERSION,
      versions: {
        ...(text === undefined ? {} : { text: text.version }),
        ...(classification === undefined ? {} : { classify: toWireClassification(classification).model }),
        ...(extraction === undefined ? {} : { extract: extraction.extractorVersion }),
      },
    }
  },

  review({ state, change }: OutputOf<'review' | 'processed' | 'duplicate'>): wire.DocumentReview {
    return {
      tenantId: state.header.tenantId,
      documentId: state.header.documentId,
      step: change.step,
      reasons: state.reviewReasons.map(({ code, step, subject }) => ({ code, message: `${step}: ${subject}`, field: subject, limit: null })),
      at: change.at,
    }
  },

  duplicate({ state, change }: OutputOf<'review' | 'processed' | 'duplicate'>): wire.DocumentDuplicate {
    const { by, fields } = state.duplicateEvidence ?? BY_CONTENT
    return {
      tenantId: state.header.tenantId,
      documentId: state.header.documentId,
      originalId: state.duplicateOf ?? '',
      by,
      policy: change.reason === 'reject' ? 'reject' : 'link',
      fields: [...fields],
      at: change.at,
    }
  },
}
