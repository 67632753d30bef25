import type { KeyValueStore, Processor, ProcessorContext, ReadOnlyTimestampedKeyValueStore, Record } from 'millrace'
import type { Tenant } from '../../avro/types.ts'
import { type DistinctiveValues, forgetInvoice, type InvoiceIdentity, type KnownInvoice, type Likeness, lookAgain, OTHER_VERSION } from '../../processors/dedupe/index.ts'
import type { DocumentHeader, LifecycleEvent } from '../../processors/lifecycle/index.ts'
import type { ReviewReason } from '../../processors/types.ts'
import type { Flow } from '../flow.ts'
import { tenantOf } from '../tenants.ts'
import { documentKey } from '../topics.ts'
import { DAY_MS } from './dedupe.ts'

/** A document that was understood. What it says besides has been reported already. */
export interface ComparableDocument {
  readonly header: DocumentHeader
  /** The step that has brought it here. */
  readonly step: string
  /** The sender says: process it although it is a duplicate. */
  readonly allowDuplicate: boolean
  /** A person has said that it is no copy of this one. */
  readonly distinctFrom?: string
  /** Why a person has to look at it, whatever else it is. */
  readonly reasons: readonly ReviewReason[]
  /** Taken anyway, with a warning. */
  readonly duplicateOf?: string
  /** Nobody has to hear of a likeness: the sender wants it, fields have decided, or a person has seen it. */
  readonly decided: boolean
  /** Undefined: there is too little text, or a person corrected what it says. */
  readonly likeness?: Likeness
  readonly values: DistinctiveValues
}

/** One with what tells it from others. */
export interface IdentifiedDocument extends ComparableDocument {
  readonly identity: InvoiceIdentity
}

/** A document that was taken for another one before it was corrected. */
export interface MistakenDocument {
  readonly header: DocumentHeader
  readonly formerIdentity: string
}

export type LookedAt = IdentifiedDocument | MistakenDocument

export const isLookedAt = (_key: string, document: LookedAt | ComparableDocument): document is LookedAt => 'formerIdentity' in document || 'identity' in document

/** The key of the store that knows it. */
export const identityOf = (document: LookedAt): string => ('formerIdentity' in document ? document.formerIdentity : document.identity.key)

/** Where a document that is no duplicate comes to rest. */
export function rest(step: string, at: number, reasons: readonly ReviewReason[], duplicateOf?: string): LifecycleEvent {
  const of = duplicateOf === undefined ? {} : { duplicateOf }
  return reasons.length > 0 ? { step, at, to: 'IN_REVIEW', reasons, ...of } : { step, at, to: 'ARCHIVED', ...of }
}

/**
 * The same invoice in other bytes, and versions of it; behind a repartition by the identity's key, its store's key. Gives the document its own
 * key back; what is no duplicate by its fields is compared with others by its text.
 */
export function secondLook(knownStore: string, tenantStore: string): Processor<string, LookedAt, string, Flow<ComparableDocument>> {
  let context: ProcessorContext<string, Flow<ComparableDocument>>
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
      const { identity, ...document } = record.value
      const { header, allowDuplicate, distinctFrom, reasons } = document
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
      const forward = (value: Flow<ComparableDocument>): void => context.forward({ ...record, key: documentKey(header.tenantId, header.documentId), value })
      const decided = { ...document, step, decided: true }
      switch (decision.outcome) {
        case 'duplicate':
          forward({
            did: { step, at: context.currentSystemTimeMs(), to: 'DUPLICATE', duplicateOf: decision.duplicateOf, reason: decision.policy, evidence: { by: 'business-key', fields: decision.fields } },
          })
          return
        case 'version': {
          const version = { code: OTHER_VERSION, step, subject: `of ${decision.of}: ${decision.differs.join(', ')}` }
          forward({ next: { ...decided, reasons: [...reasons, version] } })
          return
        }
        case 'warned':
          forward({ next: { ...decided, duplicateOf: decision.duplicateOf } })
          return
        default:
          forward({ next: { ...document, step } })
      }
    },
  }
}
