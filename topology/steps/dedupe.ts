import type { KeyValueStore, Processor, ProcessorContext, ReadOnlyTimestampedKeyValueStore, Record } from 'millrace'
import type { DocumentStored, Tenant } from '../../avro/types.ts'
import { decide, type FirstSeen } from '../../processors/dedupe/index.ts'
import { tenantOf } from '../tenants.ts'
import { did, type Flow, keyOf, reason } from '../flow.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** Exact duplicates by content; behind a repartition by `tenant|sha256`, which is its store's key. Gives the document its own key back. */
export function dedupe(firstSeenStore: string, tenantStore: string): Processor<string, DocumentStored, string, Flow<DocumentStored>> {
  let context: ProcessorContext<string, Flow<DocumentStored>>
  let firsts: KeyValueStore<string, FirstSeen>
  let tenants: ReadOnlyTimestampedKeyValueStore<string, Tenant>
  return {
    init(given) {
      context = given
      firsts = given.getStateStore(firstSeenStore)
      tenants = given.getStateStore(tenantStore)
    },
    process(record: Record<string, DocumentStored>) {
      const { document } = record.value
      const tenant = tenantOf(tenants, document.tenantId)
      const decision = decide(
        {
          documentId: document.documentId,
          timestamp: record.timestamp,
          policy: tenant.duplicatePolicy,
          override: document.attributes['duplicate'] === 'allow',
          timeToLiveMs: tenant.duplicateDays * DAY_MS,
        },
        firsts.get(record.key),
      )
      const forward = (value: Flow<DocumentStored>): void => context.forward({ ...record, key: keyOf(document), value })
      const report = { step: 'dedupe', at: context.currentSystemTimeMs(), versions: { dedupe: '1' } }
      if (decision.outcome === 'duplicate') {
        forward(did(document, { ...report, state: 'DUPLICATE', duplicateOf: decision.duplicateOf, reason: reason('DUPLICATE', 'The same bytes came before.', 'sha256') }))
        return
      }
      if (decision.outcome === 'first' && decision.remember !== undefined) {
        firsts.put(record.key, decision.remember)
      }
      forward(did(document, { ...report, state: 'DEDUPLICATED', duplicateOf: decision.duplicateOf ?? null }))
      forward({ next: record.value })
    },
  }
}
