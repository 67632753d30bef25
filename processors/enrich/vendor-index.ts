import { createHash } from 'node:crypto'
import { type Vendor, vendorIndexKeys, vendorLookup, type VendorLookup } from './vendors.ts'

/** A row of the index: a vendor under one of the keys it is found by; undefined: no more. */
export interface IndexRow {
  /** `tenant|digest|vendor`, the vendor as the key of its own row says. */
  readonly key: string
  readonly vendor: Vendor | undefined
}

/** Digests: they are short, and keys end up in places where no content may be. */
const digestOf = (indexKey: string): string => createHash('sha256').update(indexKey).digest('base64url')

/** Where the vendors of a tenant with this index key are: their rows begin so, in the order of the vendors' own keys. */
const prefixOf = (tenantId: string, digest: string): string => `${tenantId}|${digest}|`

/**
 * What a change of a vendor changes in the index.
 * @param vendorKey `tenant|vendor`, the key of its row
 * @param before digests it was found by, as this function gave them out
 * @param vendor as it is now; undefined: it is gone
 * @throws RangeError for a key that names no tenant
 */
export function indexVendor(vendorKey: string, before: readonly string[], vendor: Vendor | undefined): { readonly digests: readonly string[]; readonly rows: readonly IndexRow[] } {
  const bar = vendorKey.indexOf('|')
  if (bar < 0) {
    throw new RangeError('key: tenantId|vendorId expected')
  }
  const [tenantId, id] = [vendorKey.slice(0, bar), vendorKey.slice(bar + 1)]
  const digests = vendor === undefined ? [] : [...new Set(vendorIndexKeys(vendor).map(digestOf))]
  const row = (digest: string, of: Vendor | undefined): IndexRow => ({ key: prefixOf(tenantId, digest) + id, vendor: of })
  return { digests, rows: [...before.filter((digest) => !digests.includes(digest)).map((digest) => row(digest, undefined)), ...digests.map((digest) => row(digest, vendor))] }
}

/**
 * One tenant's vendors by the index; on equal keys the first vendor wins, as over a list in the order of their keys.
 * @param first the first row whose key begins so
 */
export function vendorLookupIn(tenantId: string, first: (prefix: string) => Vendor | undefined): VendorLookup {
  return vendorLookup((indexKey) => first(prefixOf(tenantId, digestOf(indexKey))))
}
