import type { KeyValueStore, Processor, ProcessorContext, ReadOnlyTimestampedKeyValueStore, Record } from 'millrace'
import type { Tenant } from '../../avro/types.ts'
import { decide, type FirstSeen } from '../../processors/dedupe/index.ts'
import type { Flow } from '../flow.ts'
import { tenantOf } from '../tenants.ts'
import { documentKey } from '../topics.ts'
import type { StoredDocument } from './receive.ts'
import { isContainer } from './unfold.ts'

export const DAY_MS = 24 * 60 * 60 * 1000

/** Exact duplicates by content; behind a repartition by `tenant|sha256`, its store's key. Gives the document its own key back. */
export function dedupe(firstSeenStore: string, tenantStore: string): Processor<string, StoredDocument, string, Flow<StoredDocument>> {
  let context: ProcessorContext<string, Flow<StoredDocument>>
  let firsts: KeyValueStore<string, FirstSeen>
  let tenants: ReadOnlyTimestampedKeyValueStore<string, Tenant>
  return {
    init(given) {
      context = given
      firsts = given.getStateStore(firstSeenStore)
      tenants = given.getStateStore(tenantStore)
    },
    process(record: Record<string, StoredDocument>) {
      const { header, allowDuplicate, parts, allowance } = record.value
      const tenant = tenantOf(tenants, header.tenantId)
      const decision = decide(
        {
          documentId: header.documentId,
          timestamp: record.timestamp,
          policy: tenant.duplicatePolicy,
          override: allowDuplicate,
          timeToLiveMs: tenant.duplicateDays * DAY_MS,
        },
        firsts.get(record.key),
      )
      const key = documentKey(header.tenantId, header.documentId)
      const forward = (value: Flow<StoredDocument>): void => context.forward({ ...record, key, value })
      const event = { step: 'dedupe', at: context.currentSystemTimeMs() }
      if (decision.outcome === 'duplicate') {
        // a person may say that it is none: then it goes on from here
        const folded = isContainer(record.value) ? { folded: { parts: parts!, allowance: allowance! } } : {}
        forward({ did: { ...event, to: 'DUPLICATE', duplicateOf: decision.duplicateOf, reason: decision.policy, evidence: { by: 'sha256', fields: ['sha256'] }, ...folded } })
        return
      }
      if (decision.outcome === 'first' && decision.remember !== undefined) {
        firsts.put(record.key, decision.remember)
      }
      forward({ did: { ...event, to: 'DEDUPLICATED', ...(decision.duplicateOf === undefined ? {} : { duplicateOf: decision.duplicateOf }) } })
      forward({ next: record.value })
    },
  }
}
