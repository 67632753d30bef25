import t from 'tap'
import type { Extraction, Field, Vendor } from '../../processors/index.ts'
import { enrich, plainVendorName, rateLookupFrom, vendorLookupFrom } from '../../processors/index.ts'
import { matchVendor, toBaseCurrency } from '../../processors/enrich/index.ts'

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
