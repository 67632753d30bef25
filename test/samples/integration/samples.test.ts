import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { electronicFormatIBAN, isValidIBAN } from 'ibantools'
import { checkVAT, countries } from 'jsvat'
import { getDocument, PasswordException } from 'pdfjs-dist/legacy/build/pdf.mjs'
import t from 'tap'
import { encryptPdf } from '../../../samples/encrypt.ts'
import { generateSamples, sampleTenants, unknownTenant, writeSamples } from '../../../samples/index.ts'
import { createInvoice } from '../../../samples/invoice.ts'
import { britishVatId, createParty, germanVatId } from '../../../samples/parties.ts'
import { drawInvoice } from '../../../samples/pdf-invoice.ts'
import { createRandom } from '../../../samples/random.ts'

const now = new Date('2026-11-21T12:00:00Z')

t.test('the same seed gives the same bytes, another one others', async (t) => {
  const [a, b, c] = await Promise.all([generateSamples({ seed: 1, count: 12, now }), generateSamples({ seed: 1, count: 12, now }), generateSamples({ count: 12, now })])
  t.same(a.map((sample) => Buffer.from(sample.bytes).toString('base64')), b.map((sample) => Buffer.from(sample.bytes).toString('base64')))
  t.equal(a.filter((sample, n) => Buffer.from(sample.bytes).equals(c![n]!.bytes)).length, 0)
})

t.test('every end, route and tenant occurs; names are unique; duplicates are equal', async (t) => {
  const samples = await generateSamples({ seed: 5, count: 30, now })
  t.equal(samples.length, 30)
  t.same([...new Set(samples.map((sample) => sample.expected))].sort(), ['deadLetter', 'duplicate', 'processed', 'rejected', 'review'])
  t.same([...new Set(samples.map((sample) => sample.tenant))].sort(), [...sampleTenants, unknownTenant].sort())
  for (const tenant of sampleTenants) {
    t.same([...new Set(samples.filter((sample) => sample.tenant === tenant).map((sample) => sample.route))].sort(), ['api', 'producer', 'share'])
  }
  t.equal(new Set(samples.map((sample) => sample.fileName)).size, 30)
  for (const duplicate of samples.filter((sample) => sample.kind === 'duplicate')) {
    const original = samples.find((sample) => sample.fileName === duplicate.duplicateOf)!
    t.ok(Buffer.from(original.bytes).equals(duplicate.bytes))
    t.equal(original.tenant, duplicate.tenant)
  }
  const copy = samples.find((sample) => sample.kind === 'resent-copy')!
  const original = samples.find((sample) => sample.fileName === copy.duplicateOf)!
  t.notOk(Buffer.from(original.bytes).equals(copy.bytes))
  t.match(copy, { tenant: original.tenant, truth: original.truth, expected: 'duplicate' })
  await t.rejects(generateSamples({ count: 3 }), { name: 'RangeError' })
})

t.test('identifiers have right checksums, sums are right', async (t) => {
  const random = createRandom(3)
  for (let n = 0; n < 200; n += 1) {
    for (const language of ['en', 'de'] as const) {
      t.ok(isValidIBAN(electronicFormatIBAN(createParty(random, language).iban)!), 'IBAN')
    }
    t.ok(checkVAT(germanVatId(random), countries).isValid, 'German VAT id')
    t.ok(checkVAT(britishVatId(random), countries).isValid, 'British VAT id')
    const invoice = createInvoice(random, { language: 'de', now })
    t.equal(invoice.lines.reduce((sum, line) => sum + line.total, 0), invoice.net)
    t.equal(invoice.net + invoice.tax, invoice.gross)
    t.ok(invoice.issueDate < '2026-11-21' && invoice.issueDate > '2026-08-20')
  }
})

t.test('an encrypted PDF opens with its password and not without', async (t) => {
  const random = createRandom(9)
  const invoice = createInvoice(random, { language: 'en', now })
  const encrypted = await encryptPdf(await (await drawInvoice(random, invoice)).save(), 'open sesame')
  const open = async (password?: string): Promise<string> => {
    const task = getDocument({ data: new Uint8Array(encrypted), verbosity: 0, ...(password === undefined ? {} : { password }) })
    try {
      const content = await (await (await task.promise).getPage(1)).getTextContent()
      return content.items.map((item) => ('str' in item ? item.str : '')).join(' ')
    } finally {
      await task.destroy()
    }
  }
  await t.rejects(open(), PasswordException)
  await t.rejects(open('wrong'), PasswordException)
  t.match(await open('open sesame'), invoice.number, 'text is decrypted')
  t.notOk(Buffer.from(encrypted).includes(invoice.number))
})

t.test('writing puts each file under its tenant', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'samples-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const samples = await generateSamples({ seed: 2, count: 12, now })
  const paths = await writeSamples(samples, folder)
  t.equal(paths.length, 12)
  t.ok(Buffer.from(samples[4]!.bytes).equals(await readFile(join(folder, samples[4]!.tenant, samples[4]!.fileName))))
  t.equal((JSON.parse(await readFile(join(folder, 'samples.json'), 'utf8')) as unknown[]).length, 12)
})
