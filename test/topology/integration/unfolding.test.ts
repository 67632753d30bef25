/** Mails and archives on the whole topology: every part a document of its own, once, linked to what it came out of. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import type { DocumentReceived } from '../../../avro/index.ts'
import { tenant } from '../../../cli/start/reference-data.ts'
import { partDocumentId } from '../../../processors/containers/index.ts'
import { generateSamples, type Sample } from '../../../samples/index.ts'
import { checkConfig } from '../../../topology/config.ts'
import { wire } from '../../../topology/documents.ts'
import { openServices } from '../../../topology/services.ts'
import { ScriptedRegistry } from '../../avro/support.ts'
import { createInvoice } from '../../../samples/invoice.ts'
import { writeDocxInvoice, writeMail } from '../../../samples/other-formats.ts'
import { createRandom } from '../../../samples/random.ts'
import { zipOf } from '../../../samples/zip.ts'

const registry = await ScriptedRegistry.start()
const folder = await mkdtemp(join(tmpdir(), 'millrace-unfolding-'))
const services = openServices(checkConfig({ kafka: { bootstrapServers: ['localhost:1'] }, registry: registry.url, contentDir: folder }))
const { topics, serdes } = services
/** When everything comes; the dates in it lie before. */
const RECEIVED_AT = Date.UTC(2026, 10, 20)
const samples = await generateSamples({ seed: 7, now: new Date(RECEIVED_AT) })
const sampleOf = (kind: Sample['kind']): Uint8Array => samples.find((sample) => sample.kind === kind)!.bytes

t.teardown(async () => {
  await services.reader.close()
  await registry.stop()
  await rm(folder, { recursive: true })
})

async function open() {
  const driver = await TopologyTestDriver.open((b) => wire(b, services), { applicationId: 'documents', config: { deadLetterTopic: topics.deadLetter.name } })
  driver.createInputTopic(topics.tenants.name, Serdes.string(), serdes.tenant).pipeInput('acme', tenant('acme'))
  const raw = driver.createInputTopic(topics.raw.name, Serdes.string(), serdes.received)
  return {
    driver,
    archive: driver.createOutputTopic(topics.archive.name, serdes.archiveKey, serdes.archive),
    lifecycle: driver.createOutputTopic(topics.lifecycle.name, serdes.lifecycleKey, serdes.lifecycle),
    async send(bytes: Uint8Array, fileName: string, over: Partial<DocumentReceived> = {}): Promise<DocumentReceived> {
      const record: DocumentReceived = {
        tenantId: 'acme', documentId: randomUUID(), source: 'share', fileName, contentType: null, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), receivedAt: RECEIVED_AT,
        traceparent: null, content: Buffer.from(bytes), reference: null, attributes: {}, parent: null, ...over,
      }
      raw.pipeInput(`acme|${record.documentId}`, record)
      await driver.settle()
      return record
    },
  }
}

t.test('a mail with two invoices is three documents: a letter and what came with it', async (t) => {
  const { driver, archive, lifecycle, send } = await open()
  const mail = writeMail(createRandom(1), 'Dear customer, please find attached our invoices, the total of both is 1234.56 EUR.', [
    { fileName: 'factur-x.pdf', contentType: 'application/pdf', bytes: sampleOf('factur-x') }, { fileName: 'invoice.xml', contentType: 'application/octet-stream', bytes: sampleOf('xml-invoice') },
  ])
  const sent = await send(mail, 'invoice.eml')
  const rows = archive.readRecordsToList().map(({ value }) => value!)
  const ids = ['2', '3'].map((section) => partDocumentId(sent, section))
  t.same(
    rows.map((row) => [row.document_id, row.status, row.type, row.parent_id, row.part, row.part_count, row.file_name]).sort((a, b) => String(a[6]).localeCompare(String(b[6]))),
    [
      [ids[0], 'ARCHIVED', 'invoice', sent.documentId, 'factur-x.pdf', null, 'factur-x.pdf'],
      [sent.documentId, 'ARCHIVED', 'letter', null, null, 2, 'invoice.eml'],
      [ids[1], 'ARCHIVED', 'invoice', sent.documentId, 'invoice.xml', null, 'invoice.xml'],
    ],
  )
  t.ok(rows.every((row) => row.source === 'share' && row.received_at === sent.receivedAt), 'they came the way it came, when it came')
  const changes = lifecycle.readRecordsToList().map(({ value }) => value!).filter(({ document_id }) => document_id === sent.documentId)
  t.same(changes.map(({ to_state, reason_code }) => [to_state, reason_code]).slice(0, 4), [['RECEIVED', null], ['DEDUPLICATED', null], ['UNFOLDED', '2 parts'], ['TEXT_READ', null]])
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test('an office document is a ZIP and no container: what it came in does not bound it', async (t) => {
  const { driver, archive, send } = await open()
  const random = createRandom(2)
  const docx = (): Buffer => writeDocxInvoice(random, createInvoice(random, { language: 'en', now: new Date('2026-11-20') }))
  await send(writeMail(random, 'Our invoice.', [{ fileName: 'one.docx', contentType: 'application/octet-stream', bytes: docx() }]), 'a.eml')
  await send(zipOf([{ name: 'two.docx', data: docx() }]), 'b.zip')
  const rows = archive.readRecordsToList().map(({ value }) => value!)
  t.same(rows.filter(({ part }) => part !== null).map(({ part, status, type }) => [part, status, type]).sort(), [['one.docx', 'ARCHIVED', 'invoice'], ['two.docx', 'ARCHIVED', 'invoice']])
  await driver.close()
})

t.test('the same container again changes nothing: sent anew it is a duplicate, the same record again gives the same parts', async (t) => {
  const { driver, archive, send } = await open()
  const zip = zipOf([{ name: '2026/a.pdf', data: sampleOf('zugferd') }, { name: '2026/b.pdf', data: sampleOf('zugferd') }])
  const first = await send(zip, 'all.zip')
  const rows = archive.readRecordsToList().map(({ value }) => value!)
  t.same(rows.map((row) => [row.file_name, row.status, row.part_count]).sort(), [['a.pdf', 'ARCHIVED', null], ['all.zip', 'ARCHIVED', 2], ['b.pdf', 'DUPLICATE', null]])
  t.same(rows.find((row) => row.file_name === 'b.pdf')!.duplicate_of, rows.find((row) => row.file_name === 'a.pdf')!.document_id, 'parts are looked up like all others')
  await send(zip, 'all.zip')
  t.same(archive.readRecordsToList().map(({ value }) => [value!.status, value!.duplicate_of]), [['DUPLICATE', first.documentId]], 'and is not unfolded')
  await send(zip, 'all.zip', { documentId: first.documentId })
  const again = archive.readRecordsToList().map(({ value }) => value!)
  t.same(again.map((row) => row.document_id).sort(), rows.map((row) => row.document_id).sort(), 'no document is new')
  t.ok(again.every((row) => row.revision > rows.find(({ document_id }) => document_id === row.document_id)!.revision))
  await driver.close()
})

t.test('containers in containers, until it is too deep; what cannot be taken out goes to review, the rest goes on', async (t) => {
  const { driver, archive, send } = await open()
  const invoice = Buffer.from('Invoice number: 4711\nInvoice date: 2026-10-12\nTotal EUR 10.00\n')
  let nested = zipOf([{ name: 'deepest.txt', data: invoice }])
  for (const name of ['four.zip', 'three.zip', 'two.zip']) {
    nested = zipOf([{ name, data: nested }])
  }
  const root = await send(nested, 'one.zip')
  const rows = archive.readRecordsToList().map(({ value }) => value!)
  t.same(rows.map((row) => [row.file_name, row.status, row.reason_code]), [
    ['one.zip', 'ARCHIVED', null], ['two.zip', 'ARCHIVED', null], ['three.zip', 'ARCHIVED', null], ['four.zip', 'REJECTED', 'NESTED_TOO_DEEP'],
  ])
  t.same(rows.map((row) => row.parent_id), [null, root.documentId, rows[1]!.document_id, rows[2]!.document_id])

  const mixed = await send(zipOf([{ name: 'damaged.pdf', data: Buffer.from('x'), claims: { crc: 1 } }, { name: 'good.xml', data: sampleOf('xml-invoice') }]), 'mixed.zip')
  const ends = archive.readRecordsToList().map(({ value }) => value!)
  t.match(ends.find((row) => row.document_id === mixed.documentId), { status: 'IN_REVIEW', reason_code: 'UNREADABLE_PART', part_count: 1 })
  t.match(ends.find((row) => row.parent_id === mixed.documentId), { status: 'ARCHIVED', part: 'good.xml' })

  await send(zipOf([{ name: 'a', data: invoice, claims: { encrypted: true } }]), 'locked.zip')
  await send(zipOf([]), 'empty.zip')
  await send(zipOf([{ name: 'x', data: Buffer.from('d0cf11e0a1b11ae1', 'hex') }]), 'old.zip')
  t.same(archive.readRecordsToList().map(({ value }) => [value!.file_name, value!.status, value!.reason_code]), [
    ['locked.zip', 'REJECTED', 'ENCRYPTED'], ['empty.zip', 'REJECTED', 'EMPTY'], ['old.zip', 'ARCHIVED', null], ['x', 'REJECTED', 'FORMAT_OUTDATED'],
  ])
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test('what a sender claims about its own document only ever makes less of it', async (t) => {
  const { driver, archive, send } = await open()
  const zip = zipOf([{ name: 'a.xml', data: sampleOf('xml-invoice') }])
  await send(zip, 'forged.zip', { parent: { documentId: randomUUID(), part: 'x', depth: -100, parts: 1_000_000_000, bytes: 1e15 } })
  t.equal(archive.readRecordsToList().length, 2)
  await send(zipOf([{ name: 'b.xml', data: sampleOf('xml-invoice') }]), 'poor.zip', { parent: { documentId: randomUUID(), part: 'x', depth: 1, parts: 0, bytes: 0 } })
  t.same(archive.readRecordsToList().map(({ value }) => [value!.status, value!.reason_code]), [['REJECTED', 'TOO_MANY_PARTS']])
  await driver.close()
})
