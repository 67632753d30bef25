/** The whole topology on the test driver: real steps, real parsers, no broker. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import type { DocumentReceived } from '../../../avro/index.ts'
import { generateSamples, type Sample, sampleRates } from '../../../samples/index.ts'
import { checkConfig } from '../../../topology/config.ts'
import { wire } from '../../../topology/documents.ts'
import { openServices } from '../../../topology/services.ts'
import { ScriptedRegistry } from '../../avro/support.ts'
import { variant } from '../../pipeline/documents.ts'
import { tenant } from '../../../cli/start/reference-data.ts'

const registry = await ScriptedRegistry.start()
const folder = await mkdtemp(join(tmpdir(), 'millrace-topology-'))
const config = checkConfig({ kafka: { bootstrapServers: ['localhost:1'] }, registry: registry.url, contentDir: folder, tenantTopics: ['acme'] })
const services = openServices(config)
const { topics, serdes } = services
const samples = await generateSamples({ seed: 7 })

t.teardown(async () => {
  await services.reader.close()
  await registry.stop()
  await rm(folder, { recursive: true })
})

async function open() {
  const driver = await TopologyTestDriver.open((b) => wire(b, services), { applicationId: 'documents', config: { deadLetterTopic: topics.deadLetter.name } })
  const tenants = driver.createInputTopic(topics.tenants.name, Serdes.string(), serdes.tenant)
  for (const id of ['acme', 'globex']) {
    tenants.pipeInput(id, tenant(id))
  }
  const raw = driver.createInputTopic(topics.raw.name, Serdes.string(), serdes.received)
  const archive = driver.createOutputTopic(topics.archive.name, serdes.archiveKey, serdes.archive)
  return { driver, raw, archive, lifecycle: driver.createOutputTopic(topics.lifecycle.name, serdes.lifecycleKey, serdes.lifecycle) }
}

function received(sample: Sample, over: Partial<DocumentReceived> = {}): DocumentReceived {
  return {
    tenantId: sample.tenant, documentId: randomUUID(), source: 'producer', fileName: sample.fileName, contentType: sample.contentType, size: sample.bytes.length,
    sha256: createHash('sha256').update(sample.bytes).digest('hex'), receivedAt: Date.now(), traceparent: null, content: Buffer.from(sample.bytes), reference: null,
    attributes: {}, parent: null, ...over,
  }
}

const key = (record: DocumentReceived): string => `${record.tenantId}|${record.documentId}`
const sampleOf = (kind: Sample['kind']): Sample => samples.find((sample) => sample.kind === kind)!

t.test('an invoice goes all the way, and its row says what the document says', async (t) => {
  const { driver, raw, archive, lifecycle } = await open()
  const sample = sampleOf('factur-x')
  const record = received(sample)
  raw.pipeInput(key(record), record)
  await driver.settle()
  const rows = archive.readRecordsToList()
  t.equal(rows.length, 1)
  t.same(
    { ...rows[0]!.key },
    { tenant_id: sample.tenant, document_id: record.documentId },
  )
  t.match(rows[0]!.value, {
    status: 'ARCHIVED', type: 'invoice', route: 'e-invoice-xml', number: sample.truth!.invoiceNumber, date: sample.truth!.issueDate, total: sample.truth!.grandTotal, vendor: sample.truth!.sellerName,
  })
  t.same(
    lifecycle.readRecordsToList().map(({ value }) => value!.to_state),
    ['RECEIVED', 'DEDUPLICATED', 'TEXT_READ', 'CLASSIFIED', 'EXTRACTED', 'VALIDATED', 'ENRICHED', 'ARCHIVED'],
  )
  const processed = driver.createOutputTopic(topics.processed.name, Serdes.string(), serdes.processed).readRecordsToList()
  t.equal(processed[0]?.value?.fields['grandTotal']?.normalised, sample.truth!.grandTotal)
  await driver.close()
})

t.test("the tenant's books and the rates say who the vendor is and what the total is in its own currency", async (t) => {
  const { driver, raw, archive } = await open()
  const vendors = driver.createInputTopic(topics.vendors.name, Serdes.string(), serdes.vendor)
  const rates = driver.createInputTopic(topics.exchangeRates.name, Serdes.string(), serdes.exchangeRate)
  const sample = samples.find(({ kind, truth }) => kind === 'text-invoice' && truth?.currency === 'GBP')!
  const { sellerName: name, sellerVatId: vatId, grandTotal } = sample.truth!
  const other = sample.tenant === 'acme' ? 'globex' : 'acme'
  for (const [tenantId, vendorId] of [[other, 'theirs'], [sample.tenant, 'ours']] as const) {
    vendors.pipeInput(`${tenantId}|${vendorId}`, { tenantId, vendorId, name, aliases: [], vatId, ibans: [], country: null, currency: null })
  }
  for (const rate of sampleRates()) {
    rates.pipeInput(`${rate.from}|${rate.to}|${rate.date}`, { ...rate, rate: '0.8', source: 'test' })
  }
  const record = received(sample)
  raw.pipeInput(key(record), record)
  await driver.settle()
  t.equal(archive.readRecordsToList()[0]?.value?.vendor_id, 'ours')
  const { enrichment } = driver.createOutputTopic(topics.processed.name, Serdes.string(), serdes.processed).readRecordsToList()[0]!.value!
  t.match(enrichment, { vendor: { vendorId: 'ours', by: 'vat-id' }, conversion: { to: 'EUR', total: (Number(grandTotal) / 0.8).toFixed(2) } })

  const again = async (): Promise<unknown> => {
    const next = received(sample, { attributes: { duplicate: 'allow' } })
    raw.pipeInput(key(next), next)
    await driver.settle()
    return archive.readRecordsToList().at(-1)!.value!.vendor_id
  }
  driver.restore()
  vendors.pipeInput(`${sample.tenant}|ours`, { tenantId: sample.tenant, vendorId: 'ours', name: 'Somebody else', aliases: [], vatId: null, ibans: [], country: null, currency: null })
  t.equal(await again(), null, 'it has another name and VAT id now')
  vendors.pipeInput(`${sample.tenant}|two`, { tenantId: sample.tenant, vendorId: 'two', name: 'x', aliases: [name!], vatId: null, ibans: [], country: null, currency: null })
  t.equal(await again(), 'two', 'by its other name')
  driver.createInputTopic(topics.vendors.name, Serdes.string(), Serdes.bytes()).pipeInput(`${sample.tenant}|two`, null)
  t.equal(await again(), null)
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test('the same bytes again are a duplicate of the first, in their own tenant only', async (t) => {
  const { driver, raw, archive } = await open()
  const sample = sampleOf('zugferd')
  const [first, second] = [received(sample), received(sample)]
  const other = received(sample, { tenantId: sample.tenant === 'acme' ? 'globex' : 'acme' })
  for (const record of [first, second, other]) {
    raw.pipeInput(key(record), record)
    await driver.settle()
  }
  const rows = archive.readRecordsToList().map(({ value }) => [value!.document_id, value!.status, value!.duplicate_of])
  t.same(rows, [
    [first.documentId, 'ARCHIVED', null],
    [second.documentId, 'DUPLICATE', first.documentId],
    [other.documentId, 'ARCHIVED', null],
  ])
  await driver.close()
})

t.test('what cannot be read is rejected with its reason; a wrong total goes to review', async (t) => {
  const { driver, raw, archive } = await open()
  for (const kind of ['corrupt-pdf', 'password-pdf', 'wrong-total'] as const) {
    const record = received(sampleOf(kind))
    raw.pipeInput(key(record), record)
    await driver.settle()
  }
  const tampered = received(sampleOf('factur-x'), { sha256: 'f'.repeat(64) })
  raw.pipeInput(key(tampered), tampered)
  await driver.settle()
  t.same(
    archive.readRecordsToList().map(({ value }) => [value!.status, value!.reason_code]),
    [['REJECTED', 'CORRUPT'], ['REJECTED', 'ENCRYPTED'], ['IN_REVIEW', 'RULE_FAILED'], ['REJECTED', 'SHA256_MISMATCH']],
  )
  await driver.close()
})

t.test('records that belong to nobody become dead letters, whole, with a code', async (t) => {
  const { driver, raw, archive } = await open()
  const sample = sampleOf('factur-x')
  const unknown = received(sample, { tenantId: 'nobody' })
  const mismatch = received(sample)
  const both = received(sample, { reference: `content:${'0'.repeat(64)}` })
  raw.pipeInput(key(unknown), unknown)
  raw.pipeInput('acme|00000000-0000-4000-8000-000000000000', mismatch)
  raw.pipeInput(key(both), both)
  const bytes = driver.createInputTopic(topics.raw.name, Serdes.string(), Serdes.bytes())
  bytes.pipeInput('acme|x', Buffer.from('not Avro'))
  await driver.settle()
  t.equal(driver.deadLetters().length, 4)
  t.equal(archive.isEmpty, true)
  const codes = driver.deadLetters().map(({ headers }) => JSON.stringify(headers))
  t.match(codes[0], /TENANT_UNKNOWN/)
  t.match(codes[1], /KEY_MISMATCH/)
  t.match(codes[2], /CONTENT_AMBIGUOUS/)
  t.match(codes[3], /NOT_FRAMED/)
  await driver.close()
})

t.test('on a tenant topic the topic is the tenant, whatever the record says', async (t) => {
  const { driver, archive } = await open()
  const sample = sampleOf('factur-x')
  const record = received(sample, { tenantId: 'globex' })
  driver.createInputTopic(`${topics.raw.name}.acme`, Serdes.string(), serdes.received).pipeInput(key(record), record)
  await driver.settle()
  t.same(archive.readRecordsToList().map(({ value }) => value!.tenant_id), ['acme'])
  await driver.close()
})

t.test('state rebuilt from changelogs alone still knows the first document', async (t) => {
  const { driver, raw, archive } = await open()
  const sample = sampleOf('text-invoice')
  const [first, second] = [received(sample), received(sample)]
  raw.pipeInput(key(first), first)
  await driver.settle()
  driver.restore()
  raw.pipeInput(key(second), second)
  await driver.settle()
  t.same(archive.readRecordsToList().map(({ value }) => value!.duplicate_of), [null, first.documentId])
  await driver.close()
})

const resent = (sample: Sample, over: Partial<DocumentReceived> = {}): DocumentReceived => received({ ...sample, bytes: variant(sample, randomUUID()) }, over)

t.test('an invoice sent again in other bytes is a duplicate of the first, with the evidence; in its own tenant only, and unless the sender wants it', async (t) => {
  const { driver, raw, archive } = await open()
  const ofDuplicates = driver.createOutputTopic(topics.duplicates.name, Serdes.string(), serdes.duplicate)
  for (const kind of ['factur-x', 'xml-invoice', 'text-invoice'] as const) {
    const sample = sampleOf(kind)
    const [first, copy, wanted] = [received(sample), resent(sample), resent(sample, { attributes: { duplicate: 'allow' } })]
    const other = resent(sample, { tenantId: sample.tenant === 'acme' ? 'globex' : 'acme' })
    for (const record of [first, copy, wanted, other]) {
      raw.pipeInput(key(record), record)
      await driver.settle()
    }
    const rows = archive.readRecordsToList().map(({ value }) => value!)
    t.same(rows.map((row) => [row.document_id, row.status, row.duplicate_of]), [
      [first.documentId, 'ARCHIVED', null],
      [copy.documentId, 'DUPLICATE', first.documentId],
      [wanted.documentId, 'ARCHIVED', first.documentId],
      [other.documentId, 'ARCHIVED', null],
    ], kind)
    t.equal(rows[1]!.number, sample.truth!.invoiceNumber, 'the row of the copy says what it says')
    const duplicates = ofDuplicates.readRecordsToList()
    t.same(duplicates.map((record) => record.key), [key(copy)])
    t.match(duplicates[0]!.value, { originalId: first.documentId, by: 'business-key', policy: 'link', fields: ['vendor', 'invoiceNumber', 'issueDate', 'grandTotal'] })
  }
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test('the policy of the tenant decides what becomes of a copy', async (t) => {
  const { driver, raw, archive } = await open()
  const tenants = driver.createInputTopic(topics.tenants.name, Serdes.string(), serdes.tenant)
  const sample = sampleOf('zugferd')
  const first = received(sample)
  raw.pipeInput(key(first), first)
  await driver.settle()
  for (const [policy, status] of [['warn', 'ARCHIVED'], ['reject', 'DUPLICATE']] as const) {
    tenants.pipeInput(sample.tenant, { ...tenant(sample.tenant), duplicatePolicy: policy })
    const copy = resent(sample)
    raw.pipeInput(key(copy), copy)
    await driver.settle()
    t.match(archive.readRecordsToList().at(-1)!.value, { document_id: copy.documentId, status, duplicate_of: first.documentId }, policy)
  }
  const duplicates = driver.createOutputTopic(topics.duplicates.name, Serdes.string(), serdes.duplicate).readRecordsToList()
  t.same(duplicates.map(({ value }) => [value!.by, value!.policy]), [['business-key', 'reject']])
  await driver.close()
})

t.test('another version of an invoice goes to review; a copy of that is a duplicate of it', async (t) => {
  const { driver, raw, archive } = await open()
  const sample = sampleOf('xml-invoice')
  const issued = sample.truth!.issueDate.replaceAll('-', '')
  const earlier = new Date(Date.parse(sample.truth!.issueDate) - 86_400_000).toISOString().slice(0, 10).replaceAll('-', '')
  const other: Sample = { ...sample, bytes: Buffer.from(Buffer.from(sample.bytes).toString('utf8').replaceAll(issued, earlier), 'utf8') }
  const [first, version, copy] = [received(sample), received(other), resent(other)]
  for (const record of [first, version]) {
    raw.pipeInput(key(record), record)
    await driver.settle()
  }
  driver.restore()
  raw.pipeInput(key(copy), copy)
  await driver.settle()
  t.same(archive.readRecordsToList().map(({ value }) => [value!.status, value!.reason_code, value!.duplicate_of]), [
    ['ARCHIVED', null, null],
    ['IN_REVIEW', 'OTHER_VERSION', null],
    ['DUPLICATE', 'link', version.documentId],
  ])
  const reviews = driver.createOutputTopic(topics.review.name, Serdes.string(), serdes.review).readRecordsToList()
  t.match(reviews[0]!.value!.reasons, [{ code: 'OTHER_VERSION', field: `of ${first.documentId}: issueDate` }])
  await driver.close()
})

t.test('state rebuilt from changelogs alone still knows the first invoice', async (t) => {
  const { driver, raw, archive } = await open()
  const sample = sampleOf('text-invoice')
  const [first, second] = [received(sample), resent(sample)]
  raw.pipeInput(key(first), first)
  await driver.settle()
  driver.restore()
  raw.pipeInput(key(second), second)
  await driver.settle()
  t.same(archive.readRecordsToList().map(({ value }) => value!.duplicate_of), [null, first.documentId])
  await driver.close()
})
