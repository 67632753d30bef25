/**
 * What a step forwards: what it did (for lifecycle), and, if the document goes on, what the next step gets. A document
 * that ends in a step has a `Did` with its end and no `Next`.
 */
import type { KStream } from 'millrace'
import type { Document, LifecycleStep, Reason } from '../avro/types.ts'
import { documentKey } from './topics.ts'

export interface Did {
  readonly did: LifecycleStep
}

export interface Next<T> {
  readonly next: T
}

export type Flow<T> = Did | Next<T>

const isDid = <T>(_key: string, flow: Flow<T>): flow is Did => 'did' in flow

/** Takes the two apart: reports for lifecycle, documents for the next step. */
export function divide<T>(stream: KStream<string, Flow<T>>): { readonly reports: KStream<string, LifecycleStep>; readonly documents: KStream<string, T> } {
  const { reports, documents } = stream
    .split()
    .branch('reports', isDid)
    .defaultBranch('documents')
  return { reports: reports.mapValues(({ did }) => did), documents: documents.mapValues((flow) => (flow as Next<T>).next) }
}

type Report = Pick<LifecycleStep, 'state' | 'step' | 'at'> & Partial<LifecycleStep>

/** A report of a step about a document; what the step did not change stays null. */
export function did(document: Pick<Document, 'tenantId' | 'documentId'>, report: Report): Did {
  return {
    did: {
      tenantId: document.tenantId,
      documentId: document.documentId,
      reason: null,
      document: null,
      language: null,
      route: null,
      pageCount: null,
      classification: null,
      extraction: null,
      validation: null,
      enrichment: null,
      duplicateOf: null,
      versions: {},
      ...report,
    },
  }
}

export const keyOf = (document: Pick<Document, 'tenantId' | 'documentId'>): string => documentKey(document.tenantId, document.documentId)

export function reason(code: string, message: string, field: string | null = null, limit: string | null = null): Reason {
  return { code, message, field, limit }
}
