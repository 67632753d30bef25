import type { FixedKeyProcessor, FixedKeyProcessorContext, ReadOnlyTimestampedKeyValueStore, Record } from 'millrace'
import type { ExchangeRate as WireRate, Tenant } from '../../avro/types.ts'
import { distinctiveValues, invoiceIdentity } from '../../processors/dedupe/index.ts'
import { enrich, type ExchangeRate, type RateLookup, type Vendor, vendorLookupIn } from '../../processors/enrich/index.ts'
import { reasonsForReview } from '../../processors/review.ts'
import type { Flow } from '../flow.ts'
import { tenantOf } from '../tenants.ts'
import type { ComparableDocument, LookedAt } from './second-look.ts'
import type { ValidatedDocument } from './validate.ts'

type Table<T> = ReadOnlyTimestampedKeyValueStore<string, T>

/**
 * Adds what reference data knows, and decides whether a person must look. A document that can be told from others by its fields is looked at
 * again; the others are compared by their text at once.
 */
export function enrichStep(tenantStore: string, indexStore: string, rateStore: string): FixedKeyProcessor<string, ValidatedDocument, Flow<LookedAt | ComparableDocument>> {
  let context: FixedKeyProcessorContext<string, Flow<LookedAt | ComparableDocument>>
  let tenants: Table<Tenant>
  let index: Table<Vendor>
  let rates: RateLookup
  return {
    init(given) {
      context = given
      tenants = given.getStateStore(tenantStore)
      index = given.getStateStore(indexStore)
      rates = rateLookup(given.getStateStore(rateStore))
    },
    process(record: Record<string, ValidatedDocument>) {
      const { header, allowDuplicate, distinctFrom, text, classification, extraction, validation, formerIdentity, likeness } = record.value
      const tenant = tenantOf(tenants, header.tenantId)
      const forward = (value: Flow<LookedAt | ComparableDocument>): void => context.forward({ ...record, value })
      const at = context.currentSystemTimeMs()
      const enrichment = enrich(extraction, { baseCurrency: tenant.currency }, { vendors: vendorLookupIn(header.tenantId, (prefix) => firstOf(index, prefix)), rates })
      forward({ did: { step: 'enrich', at, to: 'ENRICHED', enrichment } })
      const reasons = reasonsForReview({ text, classification, validation }, { minProbability: tenant.reviewThreshold })
      const identity = invoiceIdentity(header.tenantId, classification, extraction)
      if (formerIdentity !== undefined && formerIdentity !== identity?.key) {
        forward({ next: { header, formerIdentity } })
      }
      const comparable: ComparableDocument = {
        header, step: 'enrich', allowDuplicate, reasons, decided: allowDuplicate || text === undefined, values: distinctiveValues(extraction),
        ...(distinctFrom === undefined ? {} : { distinctFrom }), ...(likeness === undefined ? {} : { likeness }),
      }
      forward({ next: identity === undefined ? comparable : { ...comparable, identity } })
    },
  }
}

function firstOf(index: Table<Vendor>, prefix: string): Vendor | undefined {
  for (const [, { value }] of index.prefixScan(Buffer.from(prefix))) {
    return value
  }
  return undefined
}

/** Keys are `from|to|YYYY-MM-DD`: the newest rate up to a day is the first one backwards. */
function rateLookup(table: Table<WireRate>): RateLookup {
  return {
    rateAt(base, currency, date): ExchangeRate | undefined {
      const pair = `${base}|${currency}|`
      for (const [, { value }] of table.reverseRange(pair, pair + date)) {
        return { base: value.from, currency: value.to, date: value.date, rate: value.rate }
      }
      return undefined
    },
  }
}
