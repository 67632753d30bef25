import type { Extraction, VendorMatch } from '../types.ts'

/** A row of the tenant's vendor master data. */
export interface Vendor {
  readonly vendorId: string
  readonly name: string
  readonly vatIds: readonly string[]
  readonly ibans: readonly string[]
  /** Other names it invoices under. */
  readonly aliases?: readonly string[]
}

/** One tenant's vendors. Answers synchronously: it reads a table. */
export interface VendorLookup {
  byVatId(vatId: string): Vendor | undefined
  byIban(iban: string): Vendor | undefined
  /** @param plainName as {@link plainVendorName} gives it */
  byName(plainName: string): Vendor | undefined
}

const legalForms = /\b(?:gmbh|co|kg|ag|ohg|ug|ltd|limited|plc|llp|llc|inc|corp|sa|sas|sarl|bv|nv|srl|spa|pty|pvt|sdn|bhd|pte|se|ab|oy|as|aps)\b/g

/** Names compare without case, accents, punctuation and legal form. */
export function plainVendorName(name: string): string {
  const words = name.normalize('NFD').replace(/\p{M}+/gu, '').replace(/ß/g, 'ss').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim()
  const short = words.replace(legalForms, ' ').replace(/\s+/g, ' ').trim()
  return short === '' ? words : short
}

/** The keys under which a vendor is found, for an index kept in a store: `vat:…`, `iban:…`, `name:…`. */
export function vendorIndexKeys(vendor: Vendor): string[] {
  return [
    ...vendor.vatIds.map((id) => `vat:${compact(id)}`),
    ...vendor.ibans.map((iban) => `iban:${compact(iban)}`),
    ...[vendor.name, ...(vendor.aliases ?? [])].map((name) => `name:${plainVendorName(name)}`),
  ]
}

/** A lookup over an index of {@link vendorIndexKeys}. */
export function vendorLookup(get: (indexKey: string) => Vendor | undefined): VendorLookup {
  return {
    byVatId: (vatId) => get(`vat:${compact(vatId)}`),
    byIban: (iban) => get(`iban:${compact(iban)}`),
    byName: (plainName) => get(`name:${plainName}`),
  }
}

/** A lookup over a list; on equal keys the first vendor wins. */
export function vendorLookupFrom(vendors: Iterable<Vendor>): VendorLookup {
  const index = new Map<string, Vendor>()
  for (const vendor of vendors) {
    for (const key of vendorIndexKeys(vendor)) {
      if (!index.has(key)) {
        index.set(key, vendor)
      }
    }
  }
  return vendorLookup((key) => index.get(key))
}

/**
 * The vendor of a document: by VAT id, by account, by name, in this order. A match by name whose VAT id or account is another's is
 * believed less: that is what a forged invoice looks like.
 */
export function matchVendor(extraction: Extraction, vendors: VendorLookup): VendorMatch | undefined {
  const { seller, iban } = extraction.fields
  const byVatId = seller.vatId === undefined || seller.vatId.normalised === '' ? undefined : vendors.byVatId(seller.vatId.normalised)
  if (byVatId !== undefined) {
    return matched(byVatId, 'vat-id', 0.99 * seller.vatId!.confidence)
  }
  const byIban = iban === undefined || iban.normalised === '' ? undefined : vendors.byIban(iban.normalised)
  if (byIban !== undefined) {
    return matched(byIban, 'iban', 0.95 * iban!.confidence)
  }
  const plain = seller.name === undefined ? '' : plainVendorName(seller.name.normalised)
  const byName = plain === '' ? undefined : vendors.byName(plain)
  if (byName === undefined) {
    return undefined
  }
  const contradicted =
    (seller.vatId !== undefined && byName.vatIds.length > 0 && !byName.vatIds.map(compact).includes(compact(seller.vatId.normalised))) ||
    (iban !== undefined && byName.ibans.length > 0 && !byName.ibans.map(compact).includes(compact(iban.normalised)))
  return matched(byName, 'name', (contradicted ? 0.4 : 0.8) * seller.name!.confidence)
}

function matched(vendor: Vendor, matchedBy: VendorMatch['matchedBy'], confidence: number): VendorMatch {
  return { vendorId: vendor.vendorId, name: vendor.name, matchedBy, confidence: Math.round(confidence * 1000) / 1000 }
}

function compact(id: string): string {
  return id.replace(/[\s.-]/g, '').toUpperCase()
}
