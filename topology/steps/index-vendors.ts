import type { KeyValueStore, Processor, ProcessorContext, Record } from 'millrace'
import type { Vendor as WireVendor } from '../../avro/types.ts'
import { indexVendor, type Vendor } from '../../processors/enrich/index.ts'
import { RecordError } from '../errors.ts'

/**
 * Writes a vendor under every key it is found by, and takes away those it is not found by any more.
 * @param keysStore of each vendor the keys it is under
 */
export function indexVendors(keysStore: string): Processor<string, WireVendor | null, string, Vendor | null> {
  let context: ProcessorContext<string, Vendor | null>
  let keys: KeyValueStore<string, readonly string[]>
  return {
    init(given) {
      context = given
      keys = given.getStateStore(keysStore)
    },
    process(record: Record<string | null, WireVendor | null>) {
      const { key, value } = record
      if (key === null || !key.includes('|')) {
        throw new RecordError('KEY_MISMATCH', 'key', 'tenantId|vendorId expected')
      }
      const { digests, rows } = indexVendor(key, keys.get(key) ?? [], value === null ? undefined : vendorOf(value))
      if (digests.length === 0) {
        keys.delete(key)
      } else {
        keys.put(key, digests)
      }
      for (const row of rows) {
        context.forward({ ...record, key: row.key, value: row.vendor ?? null })
      }
    },
  }
}

const vendorOf = ({ vendorId, name, vatId, ibans, aliases }: WireVendor): Vendor => ({ vendorId, name, vatIds: vatId === null ? [] : [vatId], ibans, aliases })
