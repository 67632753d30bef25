import type { Enrichment, Extraction } from '../types.ts'
import type { RateLookup } from './rates.ts'
import { toBaseCurrency } from './rates.ts'
import type { VendorLookup } from './vendors.ts'
import { matchVendor } from './vendors.ts'

export interface EnrichLookups {
  readonly vendors: VendorLookup
  readonly rates: RateLookup
}

/** Adds what the tenant's own data says: who the vendor is, what the total is in the tenant's currency. Pure and synchronous. */
export function enrich(extraction: Extraction, tenant: { readonly baseCurrency: string }, lookups: EnrichLookups): Enrichment {
  const vendor = matchVendor(extraction, lookups.vendors)
  const base = toBaseCurrency(extraction, tenant.baseCurrency, lookups.rates)
  return {
    ...(vendor === undefined ? {} : { vendor }),
    ...(base === undefined ? {} : { base }),
    missing: [...(vendor === undefined ? ['vendor'] : []), ...(base === undefined ? ['exchange-rate'] : [])],
  }
}
