import type { Sample } from './types.ts'

/** A vendor as a tenant's own books would list it. */
export interface SampleVendor {
  readonly tenantId: string
  readonly vendorId: string
  readonly name: string
  readonly vatId: string
  readonly ibans: readonly string[]
}

/** One unit of `from` in `to` on a day, YYYY-MM-DD. */
export interface SampleRate {
  readonly from: string
  readonly to: string
  readonly date: string
  readonly rate: string
}

/** Every tenant's books list every second seller of its documents: some vendors are known, some are not. */
export function sampleVendors(samples: readonly Sample[]): SampleVendor[] {
  const sellers = new Map<string, SampleVendor>()
  for (const { tenant, truth } of samples) {
    if (truth !== undefined) {
      const { sellerName: name, sellerVatId: vatId, iban } = truth
      sellers.set(`${tenant}|${vatId}`, { tenantId: tenant, vendorId: `V-${vatId}`, name, vatId, ibans: iban === undefined ? [] : [iban] })
    }
  }
  return [...sellers.values()].filter((_, n) => n % 2 === 0)
}

const DAY_MS = 86_400_000

/** Made-up weekly rates, pounds for one euro, for every day a sample may bear. */
export function sampleRates(now: Date = new Date()): SampleRate[] {
  return Array.from({ length: 16 }, (_, week) => ({
    from: 'EUR',
    to: 'GBP',
    date: new Date(now.getTime() - week * 7 * DAY_MS).toISOString().slice(0, 10),
    rate: (0.85 + (week % 5) / 500).toFixed(4),
  }))
}
