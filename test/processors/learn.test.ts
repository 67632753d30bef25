import t from 'tap'
import { extract } from '../../processors/index.ts'
import { groupVendors, observe, remember, vendorKeysOf, type VendorMemory } from '../../processors/learn/index.ts'
import type { DocumentFields, DocumentText } from '../../processors/types.ts'
import { createRandom } from '../../samples/random.ts'
import { page } from './fixtures/text.ts'

const invoice = (number: string, total: string, label = 'Our sign'): DocumentText =>
  page([['Alder Works Ltd', 300, 'VAT Reg. No. GB123456782'], ['Invoice'], [label, 300, number], ['Paper', 300, '1', 400, '10.00'], ['We ask for', 400, total]])
const fieldsOf = (text: DocumentText, memory?: VendorMemory, sure = true): DocumentFields => {
  const extraction = extract(text, memory === undefined ? {} : { learned: (key) => (key.sure === sure ? memory : undefined) })
  if (!extraction.ok) {
    throw new Error(extraction.failure.code)
  }
  return extraction.value.fields
}
const hint = (label: string, field = 'invoiceNumber' as const) => ({ field, label, where: 'left' as const, shape: 'A-9', page: 1, x: 0.5, y: 0.5, seen: 1 })

t.test('a value that a person wrote is found on the page, with the words beside it', async (t) => {
  t.match(observe(invoice('QX-4711', '10.00'), [{ field: 'invoiceNumber', value: 'QX-4711' }], 'day-month'), {
    places: [{ field: 'invoiceNumber', label: 'our sign', where: 'left', shape: 'A-9', page: 1, seen: 1 }], constants: [],
  })
  const nothing = { places: [], constants: [], marks: [] }
  t.same(observe(invoice('QX-4711', '10.00'), [{ field: 'invoiceNumber', value: 'QX-9999' }, { field: 'note', value: 'x' }, { field: 'lines.0.quantity', value: '1' }], 'day-month'), nothing, 'not there, or nothing to learn')
  t.same(observe(invoice('QX-4711', '10.00', 'Invoice no'), [{ field: 'invoiceNumber', value: 'QX-4711' }], 'day-month'), nothing, 'a word that everybody prints there')
  t.match(observe(page([['QX-4711']]), [{ field: 'invoiceNumber', value: 'QX-4711' }], 'day-month').places, [{ label: '', where: 'left' }], 'by its place alone')
})

t.test('the next document of the vendor is read with it; where the words are others, it is not', async (t) => {
  const memory = observe(invoice('QX-4711', '10.00'), [{ field: 'invoiceNumber', value: 'QX-4711' }], 'day-month')
  t.match(fieldsOf(invoice('QX-4712', '12.00'), memory).invoiceNumber, { normalised: 'QX-4712', confidence: 0.9, provenance: { method: 'learned', page: 1 } })
  t.same(fieldsOf(invoice('QX-4712', '12.00', 'Their sign'), memory), fieldsOf(invoice('QX-4712', '12.00', 'Their sign')))
})

t.test('name and address of a vendor are believed where a number says who it is, and they stand on the page', async (t) => {
  const memory: VendorMemory = { places: [], constants: [{ field: 'seller.name', value: 'Alder Works Ltd (Leeds)' }, { field: 'seller.name', value: 'ALDER W0RKS LTD' }, { field: 'seller.address', value: '1 Mill Lane' }] }
  const { name, address } = fieldsOf(invoice('QX-4712', '12.00'), memory).seller
  t.match(name, { normalised: 'ALDER W0RKS LTD', confidence: 0.9, provenance: { page: 0, method: 'learned' } }, 'of several the one whose words are there, as they may be misread')
  t.equal(address, undefined, 'another branch')
  t.not(fieldsOf(invoice('QX-4712', '12.00'), memory, false).seller.name?.provenance.method, 'learned', 'known by its name alone')
})

t.test('a receipt is known again by the numbers of its head, however its name is read', async (t) => {
  const receipt = (name: string, telephone: string): DocumentText => page([[name], [`TEL ${telephone}`], ['12/03/2026 INVOICE 998877'], ['BREAD', 200, '4.00'], ['MILK', 200, '2.00'], ['TOTAL', 200, '6.00'], ['CASH', 200, '10.00'], ['CHANGE 123456789', 200, '4.00']], { route: 'ocr', confidence: 0.9 })
  const lesson = observe(receipt('ALDER B4KERY', '03-7788 9900'), [{ field: 'seller.name', value: 'ALDER BAKERY' }], 'day-month')
  t.ok(lesson.marks.length > 0)
  const digests = new Set(lesson.marks.map(({ digest }) => digest))
  const nameOn = (text: DocumentText): string | undefined => {
    const extraction = extract(text, { learned: ({ digest }) => (digests.has(digest) ? lesson : undefined) })
    return extraction.ok ? extraction.value.fields.seller.name?.normalised : undefined
  }
  t.equal(nameOn(receipt('ALDER BAXERY', '03-7788 9900')), 'ALDER BAKERY')
  t.not(nameOn(receipt('ALDER BAXERY', '03-1111 2222')), 'ALDER BAKERY', 'another number, another shop')
  t.same(observe(invoice('QX-4711', '10.00'), [], 'day-month').marks, [], "a sheet has the buyer's numbers, too")
})

t.test('memory is bounded, the newest first; what is seen again counts', async (t) => {
  let memory: VendorMemory | undefined
  for (const label of ['a', 'b', 'c', 'd', 'e', 'c']) {
    memory = remember(memory, { places: [hint(label)], constants: [{ field: 'seller.name', value: label === 'b' ? 'a' : label }] })
  }
  t.same(memory!.places.map(({ label, seen }) => [label, seen]), [['c', 2], ['e', 1], ['d', 1], ['b', 1]])
  t.same(memory!.constants.map(({ value }) => value), ['c', 'e', 'd', 'a'])
})

t.test('a vendor is known by what is read for sure, and keys say nothing', async (t) => {
  const field = (normalised: string, confidence = 1) => ({ value: normalised, normalised, confidence, provenance: { page: 1, method: 'rule' as const } })
  const keys = vendorKeysOf({ seller: { vatId: field('GB123456782'), name: field('Alder Works Ltd') }, iban: field('GB00', 0.2) })
  t.same(keys.map(({ sure }) => sure), [true, false])
  t.ok(keys.every(({ digest }) => /^[0-9a-f]{64}$/.test(digest)))
  t.same(vendorKeysOf({ seller: {} }), [])
  t.equal(vendorKeysOf({ seller: { name: field('ALDER WORKS limited') } })[0]!.digest, keys[1]!.digest, 'however the name is set')
})

t.test('memories that name a common key are one vendor, through whichever others', async (t) => {
  const random = createRandom(7)
  for (let round = 0; round < 40; round += 1) {
    const named = Array.from({ length: 12 }, (_, n) => [`k${n}`, Array.from({ length: random.integer(0, 2) }, () => `k${random.integer(0, 15)}`)] as const)
    const memories = new Map(named.map(([digest, keys], at) => [digest, { places: [], constants: [], ...(keys.length === 0 ? {} : { vendor: { at, keys } }) } satisfies VendorMemory] as const))
    // each takes the least of the names it is tied to, until nothing changes
    const least = new Map<string, string>()
    for (let turn = 0; turn < named.length; turn += 1) {
      for (const [digest, keys] of named) {
        const tied = [digest, ...keys]
        const one = tied.map((key) => least.get(key) ?? key).sort()[0]!
        for (const key of tied) {
          least.set(key, one)
        }
      }
    }
    const expected = Map.groupBy(named.map(([digest]) => digest).sort(), (digest) => least.get(digest)!)
    t.same(groupVendors(memories).map(({ keys }) => keys.join()).sort(), [...expected.values()].map((keys) => keys.join()).sort())
  }
})
