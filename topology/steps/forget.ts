import type { Processor, ProcessorContext, Record } from 'millrace'
import type { VendorMemoryErasure } from '../../avro/types.ts'
import { RecordError } from '../errors.ts'
import { isTenantId } from '../topics.ts'
import { type Forgotten, vendorKey } from './learn.ts'

/** A vendor is known by fewer; each is a record. */
export const MAXIMUM_KEYS = 1_000
const DIGEST = /^[0-9a-f]{64}$/

/** What a person wants forgotten, to each place where it is kept. */
export function forgetVendor(): Processor<string, VendorMemoryErasure, string, Forgotten> {
  let context: ProcessorContext<string, Forgotten>
  return {
    init(given) {
      context = given
    },
    process(record: Record<string, VendorMemoryErasure>) {
      const { tenantId, keys } = check(record)
      for (const digest of keys) {
        context.forward({ ...record, key: vendorKey(tenantId, digest), value: { forget: true } })
      }
    },
  }
}

function check({ key, value }: Record<string | null, VendorMemoryErasure | null>): VendorMemoryErasure {
  if (value === null) {
    throw new RecordError('VALUE_MISSING', 'value', 'an erasure is expected, not a tombstone')
  }
  const { tenantId, keys } = value
  if (keys.length === 0 || keys.length > MAXIMUM_KEYS || !keys.every((digest) => DIGEST.test(digest))) {
    throw new RecordError('KEYS_INVALID', 'keys', `1 to ${MAXIMUM_KEYS} digests expected, each 64 hexadecimal digits`)
  }
  if (!isTenantId(tenantId) || key !== vendorKey(tenantId, keys[0]!)) {
    throw new RecordError('KEY_MISMATCH', 'key', 'tenantId|digest of the value expected')
  }
  return value
}
