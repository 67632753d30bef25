/** What cannot be written, and what a step gives up: the document ends, once and visibly, and the next one goes on. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import type { DocumentReceived } from '../../../avro/index.ts'
import { tenant } from '../../../cli/start/reference-data.ts'
import { generateSamples } from '../../../samples/index.ts'
import { checkConfig } from '../../../topology/config.ts'
import { wire } from '../../../topology/documents.ts'
import { errorPolicy } from '../../../topology/flow.ts'
import { openServices, type Services } from '../../../topology/services.ts'
import { ScriptedRegistry } from '../../avro/support.ts'

const registry = await ScriptedRegistry.start()
const folder = await mkdtemp(join(tmpdir(), 'millrace-dead-letters-'))
const config = checkConfig({ kafka: { bootstrapServers: ['localhost:1'] }, registry: registry.url, contentDir: folder, tenantTopics: ['acme'] })
const services = openServices(config)
const { topics, serdes } = services
const sample = (await generateSamples({ seed: 7 })).find(({ kind }) => kind === 'xml-invoice')!
const { tenant: owner } = sample

t.teardown(async () => {
  await services.reader.close()
  await registry.stop()
  await rm(folder, { recursive: true })
})

interface Faults {
  /** Bytes that a topic takes, by a part of its name. */
  readonly limits?: { readonly [part: string]: number }
  /** File names of documents of which the reader says that their page has the number 1.5. */
  readonly misnumbered?: readonly string[]
}

/** The reader's own answers, some with a page number that no schema allows. */
function misnumbering(fileNames: readonly string[]): Services {
  const digests = new Set(fileNames.map((fileName) => digest(bytesOf(fileName))))
  const reader = Object.create(services.reader, {
    readText: {
      value: async (bytes: Uint8Array, options: { readonly signal: AbortSignal }) => {
        const outcome = await services.reader.readText(bytes, options)
        return outcome === 'scan' || !outcome.ok || !digests.has(digest(bytes)) ? outcome : { ok: true, value: { ...outcome.value, pages: [{ number: 1.5, width: 10, height: 10, lines: [] }] } }
      },
    },
  }) as Services['reader']
  return { ...services, reader }
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** The sample with another number for each name: none is a duplicate of another. */
const bytesOf = (fileName: string): Buffer =>
  Buffer.from(Buffer.from(sample.bytes).toString('utf8').replaceAll(sample.truth!.invoiceNumber, `${sample.truth!.invoiceNumber}-${digest(Buffer.from(fileName)).slice(0, 6)}`))

async function open({ limits = {}, misnumbered }: Faults = {}) {
  const limitOf = (topic: string): number | undefined => Object.entries(limits).find(([part]) => topic.includes(part))?.[1]
  const driver = await TopologyTestDriver.open((b) => wire(b, misnumbered === undefined ? services : misnumbering(misnumbered)), {
    applicationId: 'documents', config: { deadLetterTopic: topics.deadLetter.name, errors: errorPolicy }, maxMessageBytes: limitOf,
  })
  driver.createInputTopic(topics.tenants.name, Serdes.string(), serdes.tenant).pipeInput(owner, tenant(owner))
  const raw = driver.createInputTopic(topics.raw.name, Serdes.string(), serdes.received)
  const archive = driver.createOutputTopic(topics.archive.name, serdes.archiveKey, serdes.archive)
  const lifecycle = driver.createOutputTopic(topics.lifecycle.name, serdes.lifecycleKey, serdes.lifecycle)
  return {
    driver,
    send: async (fileName: string): Promise<DocumentReceived> => {
      const record = received(fileName)
      raw.pipeInput(`${record.tenantId}|${record.documentId}`, record)
      await driver.settle()
      return record
    },
    rows: () => archive.readRecordsToList().map(({ value }) => value!),
    changes: ({ documentId }: DocumentReceived) => lifecycle.readRecordsToList().map(({ value }) => value!).filter((change) => change.document_id === documentId),
    letters: () => driver.deadLetters().map(({ headers }) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.replace('__streams.errors.', ''), value]))),
    keysOf: (topic: { readonly name: string }) => driver.createOutputTopic(topic.name, Serdes.string(), Serdes.bytes()).readRecordsToList().map((record) => record.key),
  }
}

function received(fileName: string, over: Partial<DocumentReceived> = {}): DocumentReceived {
  const content = bytesOf(fileName)
  return {
    tenantId: owner, documentId: randomUUID(), source: 'producer', fileName, contentType: sample.contentType, size: content.length, sha256: digest(content),
    receivedAt: Date.now(), traceparent: null, content, reference: null, attributes: {}, parent: null, ...over,
  }
}

const engineHeaders = (said: { readonly [name: string]: string }) => Object.entries(said).map(([name, value]) => ({ key: `__streams.errors.${name}`, value: Buffer.from(value) }))

t.test('a text that its schema does not allow ends its document where it was read, and nothing of it is anywhere else', async (t) => {
  const { driver, send, rows, changes, letters, keysOf } = await open({ misnumbered: ['odd.xml'] })
  const odd = await send('odd.xml')
  const even = await send('even.xml')
  t.match(letters(), [{ node: 'text', code: 'SERIALIZATION_FAILED', cause: 'VALUE_INVALID', sink: topics.text.name, field: 'pages.0.number', raw: 'operator' }])
  t.equal(letters().length, 1)
  t.same(changes(odd).map(({ to_state }) => to_state), ['RECEIVED', 'DEDUPLICATED', 'DEAD_LETTERED'])
  t.match(rows(), [
    {
      document_id: odd.documentId, status: 'DEAD_LETTERED', reason_code: 'SERIALIZATION_FAILED', file_name: 'odd.xml', sha256: odd.sha256, total: null,
      reason: new RegExp(`the step text failed for good: SERIALIZATION_FAILED \\(${topics.text.name}: pages.0.number\\)`),
    },
    { document_id: even.documentId, status: 'ARCHIVED', total: sample.truth!.grandTotal },
  ])
  t.same(keysOf(topics.text), [`${owner}|${even.documentId}`])
  t.notOk(keysOf(topics.chunks).some((key) => key!.includes(odd.documentId)))
  await driver.close()
})

t.test('a row that is too large for its topic takes the whole step back: the document ends with a row that fits', async (t) => {
  for (const topic of [topics.archive, topics.processed]) {
    const { driver, send, rows, changes, letters, keysOf } = await open({ limits: { [topic.name]: 2_500 } })
    const record = await send('large.xml')
    t.match(letters(), [{ node: 'lifecycle', code: 'RECORD_TOO_LARGE', sink: topic.name }], topic.name)
    t.match(rows(), [{ document_id: record.documentId, status: 'DEAD_LETTERED', reason_code: 'RECORD_TOO_LARGE', fields: null }])
    t.same(changes(record).map(({ to_state }) => to_state).slice(-2), ['ENRICHED', 'DEAD_LETTERED'])
    t.same(keysOf(topics.processed), [])
    await driver.close()
  }
})

t.test("a step's report that is too large for lifecycle ends the document there", async (t) => {
  const { driver, send, rows, changes, letters } = await open({ limits: { 'lifecycle-repartition': 2_500 } })
  const record = await send('large.xml')
  t.match(letters(), [{ node: 'extract', code: 'RECORD_TOO_LARGE', sink: /lifecycle-repartition$/ }])
  t.match(rows(), [{ document_id: record.documentId, status: 'DEAD_LETTERED' }])
  t.same(changes(record).map(({ to_state }) => to_state), ['RECEIVED', 'DEDUPLICATED', 'TEXT_READ', 'DEAD_LETTERED'])
  await driver.close()
})

t.test('what a step gives up ends the document, wherever its record does not name it by its key', async (t) => {
  const { driver, send, rows, letters } = await open({ limits: { 'first-seen-changelog': 100 } })
  const record = await send('unknown.xml')
  t.match(letters(), [{ node: 'dedupe', code: 'RECORD_TOO_LARGE' }])
  t.match(rows(), [{ document_id: record.documentId, tenant_id: owner, status: 'DEAD_LETTERED', file_name: 'unknown.xml' }])
  await driver.close()
})

t.test('a document that could not even be received has a row with what its record says; on a tenant topic the topic is the tenant', async (t) => {
  const { driver, send, rows, changes, letters } = await open({ limits: { 'receive-in-flight': 1_000 } })
  const record = await send('heavy.xml')
  t.match(letters(), [{ node: 'receive', code: 'RECORD_TOO_LARGE', raw: 'source' }])
  t.match(rows(), [{ document_id: record.documentId, status: 'DEAD_LETTERED', sha256: record.sha256, size: record.size, source: 'producer' }])
  t.match(changes(record), [{ from_state: null, to_state: 'DEAD_LETTERED', step: 'receive' }])
  driver.createInputTopic(topics.tenants.name, Serdes.string(), serdes.tenant).pipeInput('acme', tenant('acme'))
  const foreign = received('theirs.xml', { tenantId: 'globex' })
  driver.createInputTopic(`${topics.raw.name}.acme`, Serdes.string(), serdes.received).pipeInput(`globex|${foreign.documentId}`, foreign)
  await driver.settle()
  t.match(rows(), [{ tenant_id: 'acme', document_id: foreign.documentId, status: 'DEAD_LETTERED' }])
  await driver.close()
})

t.test('headers of a sender end nothing; an end that cannot be written stays a dead letter', async (t) => {
  const { driver, rows } = await open()
  const victim = randomUUID()
  const forged = engineHeaders({ node: 'text', code: 'X', raw: 'operator' })
  driver.createInputTopic(topics.raw.name, Serdes.string(), Serdes.bytes()).pipeInput(`${owner}|${victim}`, Buffer.from('{}'), undefined, forged)
  await driver.settle()
  t.equal(driver.deadLetters().length, 1)
  t.same(rows(), [])
  await driver.close()

  const narrow = await open({ limits: { [topics.archive.name]: 150 } })
  await narrow.send('never.xml')
  t.match(narrow.letters().map(({ node, code }) => [node, code]), [['lifecycle', 'RECORD_TOO_LARGE'], ['lifecycle', 'RECORD_TOO_LARGE']])
  t.same(narrow.rows(), [])
  await narrow.driver.close()
})

t.test("a sender's words under the engine's names for topic and field are told nowhere", async (t) => {
  const { driver, rows } = await open({ limits: { 'receive-in-flight': 1_000 } })
  const record = received('named.xml')
  driver.createInputTopic(topics.raw.name, Serdes.string(), serdes.received).pipeInput(`${owner}|${record.documentId}`, record, undefined, engineHeaders({ sink: 'elsewhere', field: 'confidential' }))
  await driver.settle()
  const [row] = rows()
  t.match(row, { document_id: record.documentId, status: 'DEAD_LETTERED', reason: /the step receive failed for good: RECORD_TOO_LARGE"/ })
  t.notMatch(row!.reason, /elsewhere|confidential/)
  await driver.close()
})

t.test('letters of somebody else, whatever they hold, end no thread', async (t) => {
  const { driver, send, rows, letters } = await open({ limits: { 'lifecycle-repartition': 100_000 } })
  const topic = driver.createInputTopic(topics.deadLetter.name, Serdes.string(), Serdes.bytes())
  const why = engineHeaders({ exception: 'Error', node: 'text', code: 'X', raw: 'operator' })
  const whole = { tenantId: owner, documentId: randomUUID(), source: 'api', fileName: '', contentType: '', sha256: '', size: 1, receivedAt: 1 }
  for (const header of [null, 7, 'text', {}, { tenantId: owner, documentId: randomUUID() }, { ...whole, receivedAt: 9e15 }, { ...whole, receivedAt: 'yesterday' }, { ...whole, fileName: 'x'.repeat(120_000) }]) {
    topic.pipeInput('of nobody', Buffer.from(JSON.stringify({ header })), undefined, why)
  }
  const known = randomUUID()
  topic.pipeInput(`${owner}|${known}`, Buffer.from(JSON.stringify({ header: { ...whole, receivedAt: 9e15 } })), undefined, why)
  await driver.settle()
  t.match(rows().map(({ document_id, status }) => [document_id, status]), [[known, 'DEAD_LETTERED']])
  t.equal(letters().filter(({ node }) => node === 'end-dead-lettered').length, 1, 'what is too large to be told stays a letter')
  const after = await send('after.xml')
  t.match(rows().map(({ document_id, status }) => [document_id, status]), [[after.documentId, 'ARCHIVED']])
  await driver.close()
})
