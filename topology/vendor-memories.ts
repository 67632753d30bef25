import { type KafkaStreams, RangeQuery } from 'millrace'
import type { VendorMemoryErasure } from '../avro/types.ts'
import { groupVendors, type VendorGroup, type VendorMemory } from '../processors/learn/index.ts'
import { MAXIMUM_KEYS } from './steps/forget.ts'
import { vendorKey } from './steps/learn.ts'

export type { VendorGroup } from '../processors/learn/index.ts'

/** The table of what corrections taught, whole on every instance. */
export const LEARNED = 'learned'

/** Rows of a tenant that are looked at: more do not fit into one answer that somebody reads. */
const MAXIMUM_ROWS = 20_000

/** After every digit of a digest. */
const END = 'g'

/** What each tenant has learned, for the door: read from the table that extraction reads, as it is at this moment. */
export class VendorMemories {
  readonly #streams: Pick<KafkaStreams, 'query'>

  constructor(streams: Pick<KafkaStreams, 'query'>) {
    this.#streams = streams
  }

  /** Vendors of one tenant by their first key; of a tenant with more than 20,000 keys the first. @throws StreamsError QUERY_… while the table is not loaded */
  async of(tenantId: string): Promise<VendorGroup[]> {
    const begin = vendorKey(tenantId, '')
    const memories = new Map<string, VendorMemory>()
    for await (const { key, value } of this.#streams.query(LEARNED, RangeQuery.withRange<string, VendorMemory>(begin, begin + END))) {
      memories.set(key.slice(begin.length), value)
      if (memories.size === MAXIMUM_ROWS) {
        break
      }
    }
    return groupVendors(memories).sort((a, b) => (a.keys[0]! < b.keys[0]! ? -1 : 1))
  }
}

/** The records that have a vendor forgotten under all its keys. */
export function erasuresOf(erasure: VendorMemoryErasure): { readonly key: string; readonly value: VendorMemoryErasure }[] {
  const { tenantId, keys } = erasure
  return Array.from({ length: Math.ceil(keys.length / MAXIMUM_KEYS) }, (_, n) => {
    const some = keys.slice(n * MAXIMUM_KEYS, (n + 1) * MAXIMUM_KEYS)
    return { key: vendorKey(tenantId, some[0]!), value: { ...erasure, keys: some } }
  })
}
