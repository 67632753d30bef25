import type { KeyValueStore, Processor, ProcessorContext, ReadOnlyTimestampedKeyValueStore, Record } from 'millrace'
import type { Tenant } from '../../avro/types.ts'
import { FINGERPRINT_BITS, type KnownText, lookupKeys, NEAR_IDENTICAL_TEXT, proposeOriginal, type SimilarText } from '../../processors/dedupe/index.ts'
import type { Did } from '../flow.ts'
import { tenantOf } from '../tenants.ts'
import { documentKey } from '../topics.ts'
import { DAY_MS } from './dedupe.ts'
import { type ComparableDocument, rest } from './second-look.ts'

/** Of a form that everybody fills in alike there may be any number: so many are looked at, whichever their ids bring first, and compared or, too old, forgotten. */
const MOST_COMPARED = 256

/**
 * Nearly the same text as another document of the tenant: behind a repartition by tenant, so that one task knows all its texts. Fields have decided
 * before; this only proposes, to a person. The last step of the documents that come here.
 * @param textStore by `tenant|documentId`
 * @param lookupStore `tenant|lookup key|documentId`, without values
 */
export function similarText(textStore: string, lookupStore: string, tenantStore: string): Processor<string, ComparableDocument, string, Did> {
  let context: ProcessorContext<string, Did>
  let texts: KeyValueStore<string, KnownText>
  let lookups: KeyValueStore<string, true>
  let tenants: ReadOnlyTimestampedKeyValueStore<string, Tenant>

  const rowsOf = (tenantId: string, text: KnownText): string[] => lookupKeys(text).map((key) => `${tenantId}|${key}|${text.documentId}`)

  function forget(tenantId: string, text: KnownText): void {
    texts.delete(documentKey(tenantId, text.documentId))
    for (const key of rowsOf(tenantId, text)) {
      lookups.delete(key)
    }
  }

  /** Ids of documents that share a key with it. */
  function candidates(tenantId: string, text: KnownText): ReadonlySet<string> {
    const ids = new Set<string>()
    for (const lookup of lookupKeys(text)) {
      for (const [key] of lookups.prefixScan(Buffer.from(`${tenantId}|${lookup}|`))) {
        ids.add(key.slice(key.lastIndexOf('|') + 1))
        if (ids.size === MOST_COMPARED) {
          return ids
        }
      }
    }
    return ids
  }

  function neighbours(tenantId: string, text: KnownText, timeToLiveMs: number): KnownText[] {
    const found: KnownText[] = []
    const expired: KnownText[] = []
    for (const documentId of candidates(tenantId, text)) {
      const one = texts.get(documentKey(tenantId, documentId))
      if (one !== undefined) {
        (text.seenAt - one.seenAt > timeToLiveMs ? expired : found).push(one)
      }
    }
    for (const one of expired) {
      forget(tenantId, one)
    }
    return found
  }

  /** The same document again keeps its place among the others. */
  function remember(tenantId: string, text: KnownText, before: KnownText | undefined): void {
    if (before !== undefined) {
      forget(tenantId, before)
    }
    texts.put(documentKey(tenantId, text.documentId), text)
    for (const key of rowsOf(tenantId, text)) {
      lookups.put(key, true)
    }
  }

  return {
    init(given) {
      context = given
      texts = given.getStateStore(textStore)
      lookups = given.getStateStore(lookupStore)
      tenants = given.getStateStore(tenantStore)
    },
    process(record: Record<string, ComparableDocument>) {
      const { header: { tenantId, documentId }, step, reasons, duplicateOf, distinctFrom, decided, values } = record.value
      const { duplicateDays, duplicatePolicy } = tenantOf(tenants, tenantId)
      const key = documentKey(tenantId, documentId)
      const before = texts.get(key)
      const likeness = record.value.likeness ?? before
      const found = [...reasons]
      if (likeness !== undefined) {
        const { fingerprint, recognised } = likeness
        const text: KnownText = { documentId, fingerprint, recognised, values, seenAt: before?.seenAt ?? record.timestamp }
        const known = neighbours(tenantId, text, duplicateDays * DAY_MS)
        const proposal = decided || duplicatePolicy === 'warn' ? undefined : proposeOriginal(text, known, distinctFrom)
        if (proposal !== undefined) {
          found.push({ code: NEAR_IDENTICAL_TEXT, step: 'similar-text', subject: evidence(proposal) })
        }
        remember(tenantId, text, before)
      }
      context.forward({ ...record, key, value: { did: rest(step, context.currentSystemTimeMs(), found, duplicateOf) } })
    },
  }
}

/** Ids, names and counts. */
function evidence({ of, distance, agrees, differs, unknown }: SimilarText): string {
  const fields = [...agrees.map((name) => `${name} agrees`), ...differs.map((name) => `${name} differs`), ...unknown.map((name) => `${name} unknown`)]
  return `of ${of}: ${distance} of ${FINGERPRINT_BITS} bits differ, ${fields.join(', ')}`
}
