import type { KeyValueStore, Processor, ProcessorContext, ReadOnlyTimestampedKeyValueStore, Record } from 'millrace'
import type { Tenant } from '../../avro/types.ts'
import { forgetInvoice, type InvoiceIdentity, type KnownInvoice, lookAgain, OTHER_VERSION } from '../../processors/dedupe/index.ts'
import type { DocumentHeader, LifecycleEvent } from '../../processors/lifecycle/index.ts'
import type { ReviewReason } from '../../processors/types.ts'
import type { Did } from '../flow.ts'
import { tenantOf } from '../tenants.ts'
import { documentKey } from '../topics.ts'
import { DAY_MS } from './dedupe.ts'

/** A document that was understood, and what tells it from others. What it says besides has been reported already. */
export interface IdentifiedDocument {
  readonly header: DocumentHeader
  /** The sender says: process it although it is a duplicate. */
  readonly allowDuplicate: boolean
  /** A person has said that it is no copy of this one. */
  readonly distinctFrom?: string
  readonly identity: InvoiceIdentity
  /** Why a person has to look at it, whatever else it is. */
  readonly reasons: readonly ReviewReason[]
}

/** A document that was taken for another one before it was corrected. */
export interface MistakenDocument {
  readonly header: DocumentHeader
  readonly formerIdentity: string
}

export type LookedAt = IdentifiedDocument | MistakenDocument

/** The key of the store that knows it. */
export const identityOf = (document: LookedAt): string => ('formerIdentity' in document ? document.formerIdentity : document.identity.key)

/** Where a document that is no duplicate comes to rest. */
export function rest(step: string, at: number, reasons: readonly ReviewReason[], duplicateOf?: string): LifecycleEvent {
  const of = duplicateOf === undefined ? {} : { duplicateOf }
  return reasons.length > 0 ? { step, at, to: 'IN_REVIEW', reasons, ...of } : { step, at, to: 'ARCHIVED', ...of }
}

/**
 * The same invoice in other bytes, and versions of it; behind a repartition by the identity's key, its store's key. Gives the document its own
 * key back. The last step of the documents that come here.
 */
export function secondLook(knownStore: string, tenantStore: string): Processor<string, LookedAt, string, Did> {
  let context: ProcessorContext<string, Did>
  let knownInvoices: KeyValueStore<string, readonly KnownInvoice[]>
  let tenants: ReadOnlyTimestampedKeyValueStore<string, Tenant>
  return {
    init(given) {
      context = given
      knownInvoices = given.getStateStore(knownStore)
      tenants = given.getStateStore(tenantStore)
    },
    process(record: Record<string, LookedAt>) {
      if ('formerIdentity' in record.value) {
        const known = knownInvoices.get(record.key)
        if (known !== undefined) {
          knownInvoices.put(record.key, forgetInvoice(record.value.header.documentId, known))
        }
        return
      }
      const { header, allowDuplicate, distinctFrom, identity, reasons } = record.value
      const tenant = tenantOf(tenants, header.tenantId)
      const decision = lookAgain(
        {
          documentId: header.documentId,
          sha256: header.sha256,
          timestamp: record.timestamp,
          identity,
          policy: tenant.duplicatePolicy,
          override: allowDuplicate,
          ...(distinctFrom === undefined ? {} : { distinctFrom }),
          timeToLiveMs: tenant.duplicateDays * DAY_MS,
        },
        knownInvoices.get(record.key),
      )
      if (decision.remember !== undefined) {
        knownInvoices.put(record.key, decision.remember)
      }
      const step = 'second-look'
      const at = context.currentSystemTimeMs()
      const forward = (did: LifecycleEvent): void => context.forward({ ...record, key: documentKey(header.tenantId, header.documentId), value: { did } })
      switch (decision.outcome) {
        case 'duplicate':
          forward({ step, at, to: 'DUPLICATE', duplicateOf: decision.duplicateOf, reason: decision.policy, evidence: { by: 'business-key', fields: decision.fields } })
          return
        case 'version': {
          const version = { code: OTHER_VERSION, step, subject: `of ${decision.of}: ${decision.differs.join(', ')}` }
          forward(rest(step, at, [...reasons, version]))
          return
        }
        default:
          forward(rest(step, at, reasons, decision.outcome === 'warned' ? decision.duplicateOf : undefined))
      }
    },
  }
}
