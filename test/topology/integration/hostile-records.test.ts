/** What senders may say that no store, no index and no record takes: the whole topology on the test driver, with the brokers' limits. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import type { DocumentReceived } from '../../../avro/index.ts'
import { tenant } from '../../../cli/start/reference-data.ts'
import { writeCii } from '../../../samples/cii.ts'
import { createInvoice } from '../../../samples/invoice.ts'
import { createRandom } from '../../../samples/random.ts'
import { checkConfig } from '../../../topology/config.ts'
import { wire } from '../../../topology/documents.ts'
import { openServices } from '../../../topology/services.ts'
import { ScriptedRegistry } from '../../avro/support.ts'

const registry = await ScriptedRegistry.start()
const folder = await mkdtemp(join(tmpdir(), 'millrace-hostile-records-'))
const services = openServices(checkConfig({ kafka: { bootstrapServers: ['localhost:1'] }, registry: registry.url, contentDir: folder }))
const { topics, serdes } = services
const invoice = createInvoice(createRandom(1), { language: 'en', now: new Date() })
const parent = { documentId: randomUUID(), part: 'p', depth: 1, parts: 0, bytes: 0 }

t.teardown(async () => {
  await services.reader.close()
  await registry.stop()
  await rm(folder, { recursive: true })
})

/** As the brokers have it: a topic's own limit or their default; those of the engine hold whatever fits into documents.raw. */
function maxMessageBytes(topic: string): number {
  const declared = Object.values(topics).find(({ name }) => name === topic) ?? topics.raw
  return Number((declared.config as { readonly 'max.message.bytes'?: string })['max.message.bytes'] ?? 1024 * 1024)
}

async function open() {
  const driver = await TopologyTestDriver.open((b) => wire(b, services), { applicationId: 'documents', config: { deadLetterTopic: topics.deadLetter.name }, maxMessageBytes })
  driver.createInputTopic(topics.tenants.name, Serdes.string(), serdes.tenant).pipeInput('acme', tenant('acme'))
  const raw = driver.createInputTopic(topics.raw.name, Serdes.string(), serdes.received)
  const archive = driver.createOutputTopic(topics.archive.name, serdes.archiveKey, serdes.archive)
  const send = async (bytes: Buffer, over: Partial<DocumentReceived> = {}): Promise<void> => {
    const record: DocumentReceived = {
      tenantId: 'acme', documentId: randomUUID(), source: 'producer', fileName: 'f', contentType: null, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'),
      receivedAt: Date.now(), traceparent: null, content: bytes, reference: null, attributes: {}, parent: null, ...over,
    }
    raw.pipeInput(`${record.tenantId}|${record.documentId}`, record)
    await driver.settle()
  }
  return { driver, archive, send }
}

t.test('a moment no store has and a parent that is no id are dead letters', async (t) => {
  const { driver, archive, send } = await open()
  const xml = Buffer.from(writeCii(invoice, 'factur-x'))
  for (const receivedAt of [9e15, 1e15, -1]) {
    await send(xml, { receivedAt })
  }
  for (const documentId of ['x'.repeat(5_000), '\u0000', '']) {
    await send(xml, { parent: { ...parent, documentId } })
  }
  const codes = driver.deadLetters().map(({ headers }) => headers['__streams.errors.cause'])
  t.same(codes, ['RECEIVED_AT_INVALID', 'RECEIVED_AT_INVALID', 'RECEIVED_AT_INVALID', 'PARENT_INVALID', 'PARENT_INVALID', 'PARENT_INVALID'])
  t.equal(archive.isEmpty, true)
  await driver.close()
})

t.test('what a sender says about its document is cut to what records and rows hold', async (t) => {
  const { driver, archive, send } = await open()
  const xml = Buffer.from(writeCii(invoice, 'factur-x'))
  const long = '\u00e9'.repeat(2_000_000)
  await send(xml, { fileName: long, parent: { ...parent, part: long } })
  await send(xml, { contentType: long })
  await send(xml, { sha256: `\u0000${long}` })
  await send(Buffer.from([1, 2, 3]), { fileName: null })
  const rows = archive.readRecordsToList().map(({ value }) => value!)
  t.same(rows.map(({ status, reason_code }) => [status, reason_code]), [['ARCHIVED', null], ['REJECTED', 'TYPE_MISMATCH'], ['REJECTED', 'SHA256_MISMATCH'], ['REJECTED', 'TYPE_UNSUPPORTED']])
  t.equal(rows[0]!.file_name, long.slice(0, 255))
  t.equal(rows[0]!.part, long.slice(0, 500))
  t.match(rows[3], { file_name: null, content_type: null }, 'what nobody said is not known')
  t.notMatch(JSON.stringify(rows), /\\u0000/, 'PostgreSQL would refuse the row, and the sink would stop')
  t.same(driver.deadLetters(), [])
  await driver.close()
})

t.test('the longest lines in any script fit their records', async (t) => {
  const { driver, archive, send } = await open()
  // three bytes a letter: it is bytes that a record holds
  const long = '\u7d19'.repeat(1_000)
  const xml = writeCii({ ...invoice, lines: Array.from({ length: 80 }, () => invoice.lines[0]!) }, 'factur-x')
    .replace(/<ram:Name>[^<]*<\/ram:Name>(?=<\/ram:SpecifiedTradeProduct>)/g, ['SellerAssignedID', 'BuyerAssignedID', 'Name', 'Description'].map((name) => `<ram:${name}>${long}</ram:${name}>`).join(''))
  await send(Buffer.from(xml))
  await send(Buffer.from(`Invoice No. ${'\u7d19'.repeat(400_000)}\n${'\u00e9'.repeat(400_000)} Ltd\nTotal 12.00 EUR\n`))
  t.same(driver.deadLetters().map(({ headers }) => headers), [])
  t.same(archive.readRecordsToList().map(({ value }) => [value!.route, value!.status]), [['e-invoice-xml', 'IN_REVIEW'], ['text-layer', 'IN_REVIEW']])
  await driver.close()
})
