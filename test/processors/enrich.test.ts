import t from 'tap'
import type { Extraction, Field, Vendor } from '../../processors/index.ts'
import { enrich, plainVendorName, rateLookupFrom, vendorLookupFrom } from '../../processors/index.ts'
import fc from '../../state-stores/test/seeded.ts'
import { indexVendor, matchVendor, toBaseCurrency, vendorLookupIn } from '../../processors/enrich/index.ts'

const field = (normalised: string): Field => ({ value: normalised, normalised, confidence: 1, provenance: { page: 1, method: 'text-layer' } })
const extraction = (fields: Partial<Extraction['fields']>): Extraction => ({ fields: { seller: {}, buyer: {}, ...fields }, lines: [], taxes: [], extractorVersion: '1', truncated: false })
const vendors: readonly Vendor[] = [
  { vendorId: 'v1', name: 'Alder Großhandel GmbH & Co. KG', vatIds: ['DE136695976'], ibans: ['DE89 3704 0044 0532 0130 00'] },
  { vendorId: 'v2', name: 'Bramble Ltd', vatIds: [], ibans: [], aliases: ['Bramble Tools'] },
]
const lookup = vendorLookupFrom(vendors)

t.test('a vendor by VAT id, then account, then name', async (t) => {
  t.match(matchVendor(extraction({ seller: { vatId: field('DE136695976') } }), lookup), { vendorId: 'v1', matchedBy: 'vat-id', confidence: 0.99 })
  t.match(matchVendor(extraction({ iban: field('DE89370400440532013000') }), lookup), { vendorId: 'v1', matchedBy: 'iban' })
  t.match(matchVendor(extraction({ seller: { name: field('ALDER GROSSHANDEL gmbh') } }), lookup), { vendorId: 'v1', matchedBy: 'name', confidence: 0.8 })
  t.match(matchVendor(extraction({ seller: { name: field('Bramble Tools Limited') } }), lookup), { vendorId: 'v2' })
  t.equal(matchVendor(extraction({ seller: { name: field('Somebody else') } }), lookup), undefined)
  t.equal(matchVendor(extraction({}), lookup), undefined)
})

t.test('a known name on a foreign account is believed less', async (t) => {
  t.match(matchVendor(extraction({ seller: { name: field('Alder Grosshandel') }, iban: field('GB82WEST12345698765432') }), lookup), { vendorId: 'v1', matchedBy: 'name', confidence: 0.4 })
})

t.test('names compare without their legal form, but not without a name', async (t) => {
  t.equal(plainVendorName('Éclair S.A.R.L.'), plainVendorName('eclair s a r l'))
  t.equal(plainVendorName('AG'), 'ag')
})

t.test('the index answers as the rows do, whatever came, changed and went', async (t) => {
  const few = (...texts: string[]) => fc.constantFrom(...texts)
  const name = few('Alder GmbH', 'ALDER', 'Birch Ltd', 'Birch', 'AG', '', 'vat:DE1')
  const vat = few('DE1', 'de 1', 'GB.2', '', 'a|b')
  const vendor = fc.record({ name, vatIds: fc.array(vat, { maxLength: 2 }), ibans: fc.array(vat, { maxLength: 2 }), aliases: fc.array(name, { maxLength: 2 }) })
  const change = fc.record({ key: few('acme|1', 'acme|2', 'acme|10', 'acme|', 'acme-x|1', 'globex|1', 'globex|1|2'), vendor: fc.option(vendor) })
  fc.assert(fc.property(fc.array(change, { maxLength: 15 }), (changes) => {
    const rows = new Map<string, Vendor>()
    const index = new Map<string, Vendor>()
    const digests = new Map<string, readonly string[]>()
    for (const { key, vendor } of changes) {
      const now = vendor === null ? undefined : { ...vendor, vendorId: key }
      const indexed = indexVendor(key, digests.get(key) ?? [], now)
      digests.set(key, indexed.digests)
      for (const row of indexed.rows) {
        row.vendor === undefined ? index.delete(row.key) : index.set(row.key, row.vendor)
      }
      now === undefined ? rows.delete(key) : rows.set(key, now)
    }
    const scan = (table: ReadonlyMap<string, Vendor>, prefix: string): Vendor[] => [...table.keys()].filter((key) => key.startsWith(prefix)).sort().map((key) => table.get(key)!)
    return index.size === [...digests.values()].flat().length && ['acme', 'acme-x', 'globex', 'nobody'].every((tenant) => {
      const byRows = vendorLookupFrom(scan(rows, `${tenant}|`))
      const byIndex = vendorLookupIn(tenant, (prefix) => scan(index, prefix)[0])
      return ['DE1', 'GB2', 'A|B', 'gb 2', ''].every((id) => byRows.byVatId(id) === byIndex.byVatId(id) && byRows.byIban(id) === byIndex.byIban(id)) &&
        ['alder', 'birch', 'ag', '', 'vat de1', 'nobody'].every((plain) => byRows.byName(plain) === byIndex.byName(plain))
    })
  }), { numRuns: 150 })
  t.throws(() => indexVendor('no tenant', [], undefined), { name: 'RangeError' })
})

const rates = rateLookupFrom([
  { base: 'EUR', currency: 'USD', date: '2026-05-04', rate: '1.25' },
  { base: 'EUR', currency: 'USD', date: '2026-05-08', rate: '1.5' },
  { base: 'EUR', currency: 'GBP', date: '2026-05-04', rate: '0.8' },
  { base: 'EUR', currency: 'JPY', date: '2026-05-04', rate: '160' },
  { base: 'EUR', currency: 'SEK', date: '2026-05-04', rate: 'NaN' },
])
const invoice = (currency: string, issueDate: string, total: string): Extraction => extraction({ currency: field(currency), issueDate: field(issueDate), grandTotal: field(total) })

t.test('the total in the base currency at the date of the document', async (t) => {
  t.same(toBaseCurrency(invoice('USD', '2026-05-05', '100.00'), 'EUR', rates), { currency: 'EUR', grandTotal: '80.00', rate: '0.8', rateDate: '2026-05-04' })
  t.match(toBaseCurrency(invoice('USD', '2026-05-08', '3.00'), 'EUR', rates), { grandTotal: '2.00', rateDate: '2026-05-08' })
  t.match(toBaseCurrency(invoice('EUR', '2026-05-08', '3.00'), 'USD', rates), { grandTotal: '4.50' })
  t.match(toBaseCurrency(invoice('GBP', '2026-05-05', '8.00'), 'USD', rates), { grandTotal: '12.50', rateDate: '2026-05-04' }, 'through EUR')
  t.match(toBaseCurrency(invoice('EUR', '2026-05-05', '1.11'), 'JPY', rates), { grandTotal: '178' }, 'no decimals')
  t.match(toBaseCurrency(invoice('CHF', '2026-05-05', '1.11'), 'CHF', rates), { grandTotal: '1.11', rate: '1' })
})

t.test('no rate is better than a wrong one', async (t) => {
  t.equal(toBaseCurrency(invoice('USD', '2026-05-03', '1.00'), 'EUR', rates), undefined, 'none yet')
  t.equal(toBaseCurrency(invoice('USD', '2026-06-03', '1.00'), 'EUR', rates), undefined, 'too old')
  t.equal(toBaseCurrency(invoice('SEK', '2026-05-05', '1.00'), 'EUR', rates), undefined, 'not a number')
  t.equal(toBaseCurrency(invoice('USD', '2026-05-05', ''), 'EUR', rates), undefined)
  t.same(enrich(extraction({}), { baseCurrency: 'EUR' }, { vendors: lookup, rates }), { missing: ['vendor', 'exchange-rate'] })
})
