/** The whole topology with language models, on the test driver: real steps, real parsers, Ollama's own client against a scripted server. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import { PDFDocument, StandardFonts } from 'pdf-lib'
import t from 'tap'
import type { DocumentProcessed, Tenant } from '../../../avro/index.ts'
import { tenant } from '../../../cli/start/reference-data.ts'
import { ollamaEmbedder, ollamaModel } from '../../../models/index.ts'
import { answersIn, complete, excerptOf, questionOf } from '../../../processors/model/index.ts'
import { answerRequest, citedParts } from '../../../processors/search/index.ts'
import { checkConfig } from '../../../topology/config.ts'
import { wire } from '../../../topology/documents.ts'
import { openServices } from '../../../topology/services.ts'
import { keepLargeText, toWireText } from '../../../topology/steps/document-text.ts'
import { ScriptedRegistry } from '../../avro/support.ts'
import { ScriptedOllama } from '../../models/scripted-ollama.ts'
import { injections } from '../../processors/fixtures/injections.ts'
import { page } from '../../processors/fixtures/text.ts'

const registry = await ScriptedRegistry.start()
const ollama = await new ScriptedOllama().start()
const folder = await mkdtemp(join(tmpdir(), 'millrace-models-'))
const config = checkConfig({
  kafka: { bootstrapServers: ['localhost:1'] }, registry: registry.url, contentDir: folder,
  ollama: { url: ollama.url, fieldsModel: 'small', embeddingModel: 'vectors', timeoutMs: 60_000 },
})
const services = openServices(config)
const { topics, serdes } = services

t.teardown(async () => {
  await services.reader.close()
  await registry.stop()
  await ollama.stop()
  await rm(folder, { recursive: true })
})

/** An invoice whose seller and number no rule finds, with some rows of text besides. */
async function unclearInvoice(rows: readonly string[] = []): Promise<Uint8Array> {
  const pdf = await PDFDocument.create()
  // other bytes each time, the same pages
  pdf.setTitle(randomUUID())
  const font = await pdf.embedFont(StandardFonts.Helvetica)
  const sheet = pdf.addPage([595, 842])
  const lines = ['INVOICE', 'from the desk of Bramble Works', 'our sign QX/4711', 'Invoice date: 3 May 2026', 'Description   Amount', 'Oak shelf   100.00', 'VAT 20%   20.00', 'Total due   EUR 120.00', ...rows]
  for (const [n, text] of lines.entries()) {
    sheet.drawText(text, { x: 60, y: 780 - 18 * n, size: 11, font })
  }
  return pdf.save()
}

async function open(over: Partial<Tenant> = {}) {
  const driver = await TopologyTestDriver.open((b) => wire(b, services), { applicationId: 'documents', config: { deadLetterTopic: topics.deadLetter.name } })
  const tenants = driver.createInputTopic(topics.tenants.name, Serdes.string(), serdes.tenant)
  for (const id of ['acme', 'globex']) {
    tenants.pipeInput(id, { ...tenant(id), duplicatePolicy: 'warn', pinnedType: 'invoice', reviewThreshold: 0.7, ...over })
  }
  const raw = driver.createInputTopic(topics.raw.name, Serdes.string(), serdes.received)
  const rows = driver.createOutputTopic(topics.archive.name, serdes.archiveKey, serdes.archive)
  const chunks = driver.createOutputTopic(topics.chunks.name, serdes.chunkKey, serdes.chunk)
  return {
    driver, chunks,
    texts: driver.createOutputTopic(topics.text.name, Serdes.string(), serdes.text),
    prompts: driver.createInputTopic(topics.prompts.name, Serdes.string(), serdes.prompts),
    async read(bytes: Uint8Array, tenantId = 'acme') {
      const documentId = randomUUID()
      raw.pipeInput(`${tenantId}|${documentId}`, {
        tenantId, documentId, source: 'producer', fileName: null, contentType: 'application/pdf', size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'),
        receivedAt: Date.parse('2026-06-01'), traceparent: null, content: Buffer.from(bytes), reference: null, attributes: {}, parent: null,
      })
      await driver.settle()
      const row = rows.readRecordsToList().at(-1)!.value!
      return { documentId, row, fields: JSON.parse(row.fields!) as { [name: string]: DocumentProcessed['fields'][string] } & { seller: DocumentProcessed['fields'] } }
    },
  }
}

const chats = () => ollama.calls.filter(({ path }) => path === '/api/chat')

t.test('a doubtful document asks the model once; what it adds is stated, marked and kept', async (t) => {
  const { driver, read } = await open()
  ollama.chat = () => '{"seller.name":"Bramble Works","invoiceNumber":"QX/4711","grandTotal":"999.00"}'
  const bytes = await unclearInvoice()
  const { fields, row } = await read(bytes)
  t.match(fields, { seller: { name: { normalised: 'Bramble Works', confidence: 0.6, provenance: { method: 'language-model', page: 1 } } }, invoiceNumber: { normalised: 'QX/4711' }, grandTotal: { normalised: '120.00' } })
  t.match(row.versions, /\+ollama\/small:prompt-1/)
  const asked = chats().length
  t.equal(asked, 1)
  driver.restore()
  const again = await read(bytes)
  t.match(again.fields.seller, { name: { normalised: 'Bramble Works' } })
  t.equal(chats().length, asked, 'the same text is not asked about again, after a restore neither')
  await read(bytes, 'globex')
  t.equal(chats().length, asked + 1, 'what another tenant was answered is not looked at')
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test("a tenant's prompt is put in front, its fields are asked for, and a new version asks anew", async (t) => {
  const { driver, read, prompts } = await open({ promptSet: 'ours' })
  const prompt = { tenantId: 'acme', promptSetId: 'ours', version: 1, instructions: 'The sign is the number.', fields: ['buyer.name'] }
  prompts.pipeInput('acme|ours', prompt)
  ollama.chat = () => '{}'
  const bytes = await unclearInvoice()
  await read(bytes)
  const { messages, format } = chats().at(-1)!.body as { messages: { content: string }[]; format: { required: string[] } }
  t.match(messages[0]!.content, /The sign is the number\./)
  t.ok(format.required.includes('buyer.name'))
  const asked = chats().length
  prompts.pipeInput('acme|ours', { ...prompt, version: 2 })
  await read(bytes)
  t.equal(chats().length, asked + 1)
  await driver.close()
})

t.test('without an answer the document goes on as the rules read it, and the next one is asked about', async (t) => {
  const { driver, read } = await open()
  const bytes = await unclearInvoice()
  for (const reply of [{ status: 500 }, 'no JSON', '[]'] as const) {
    ollama.chat = () => reply
    const { row, fields } = await read(bytes)
    t.notMatch(row.versions, /ollama/)
    t.equal(fields['grandTotal']!.normalised, '120.00')
  }
  ollama.chat = () => '{"seller.name":"Bramble Works"}'
  t.match((await read(bytes)).fields.seller, { name: { normalised: 'Bramble Works' } }, 'no failure was kept')
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test('documents that speak to the model change nothing but their own asked fields, to values they state', async (t) => {
  const { driver, read } = await open()
  for (const { name, says, obeys, states } of injections) {
    const bytes = await unclearInvoice(says)
    ollama.chat = () => 'I would rather not.'
    const before = await read(bytes)
    ollama.chat = () => obeys
    const { row, fields } = await read(bytes)
    const after: { readonly [field: string]: DocumentProcessed['fields'][string] | undefined } = { ...fields, 'seller.name': fields.seller['name'], seller: undefined }
    const changed = Object.entries(after).filter(([field, value]) => {
      const was = field === 'seller.name' ? before.fields.seller['name'] : field === 'seller' ? undefined : before.fields[field]
      return JSON.stringify(was) !== JSON.stringify(value)
    })
    t.same(changed.filter(([field]) => !Object.hasOwn(states, field)), [], name)
    t.ok(changed.every(([field, value]) => value?.normalised === states[field] && value?.provenance?.method === 'language-model'), name)
    t.same([row.tenant_id, row.type, row.line_items], ['acme', 'invoice', before.row.line_items])
  }
  t.ok(chats().every(({ body }) => !('tools' in body)))
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test('the text is written with its places, and every chunk gets its embedding beside its words', async (t) => {
  const { driver, read, texts, chunks } = await open()
  ollama.chat = () => '{}'
  ollama.embedding = () => [0, 3]
  const { documentId } = await read(await unclearInvoice())
  const text = texts.readRecordsToList().at(-1)!
  t.equal(text.key, `acme|${documentId}`)
  t.match(text.value, { route: 'text-layer', reference: null, pages: [{ number: 1, turned: 0 }] })
  t.ok(text.value!.pages[0]!.lines.some((line) => line.text.includes('Bramble Works') && line.box.width > 0))
  const written = chunks.readRecordsToList().map(({ value }) => value!)
  t.match(written, [
    { tenant_id: 'acme', document_id: documentId, chunk: 0, chunks: 1, page: 1, embedding: null, embedding_model: null, text: /Oak shelf/ },
    { tenant_id: 'acme', document_id: documentId, chunk: 0, embedding: '[0,1]', embedding_model: 'ollama/vectors' },
  ])
  t.equal(written.length, 2, 'what has an embedding is not embedded again')
  t.equal(written[0]!.revision, written[1]!.revision)
  // as `npm run embeddings -- renew` hands it over
  ollama.embedding = () => [4, 0]
  const { tenant_id, document_id, chunk } = written[0]!
  driver.createInputTopic(topics.chunks.name, serdes.chunkKey, serdes.chunk).pipeInput({ tenant_id, document_id, chunk }, written[0]!)
  await driver.settle()
  const { revision, text: words } = written[0]!
  t.match(chunks.readRecordsToList().map(({ value }) => value), [{ embedding: null }, { document_id, chunk, revision, text: words, embedding: '[1,0]', embedding_model: 'ollama/vectors' }])
  await driver.close()
})

t.test('a text that a record cannot carry lies in the content store, under its tenant', async (t) => {
  const small = page([['Invoice 77']])
  t.equal(await keepLargeText(services, 'acme', small), undefined)
  const large = { ...small, pages: Array.from({ length: 40 }, (_, n) => ({ ...small.pages[0]!, number: n + 1, lines: Array.from({ length: 300 }, () => small.pages[0]!.lines[0]!) })) }
  const textReference = await keepLargeText(services, 'acme', large)
  t.match(textReference, /^content:[0-9a-f]{64}$/)
  const header = { tenantId: 'acme', documentId: randomUUID(), source: 'api', fileName: '', contentType: '', size: 1, sha256: '', receivedAt: 0 }
  const record = toWireText({ stored: { header, allowDuplicate: false }, text: large, textReference: textReference! }, 7)
  t.match(record, { pages: [], reference: textReference, readAt: 7 })
  const content = await services.content()
  const pages = JSON.parse(Buffer.from(await content.get('acme', textReference!)).toString()) as unknown[]
  t.same(pages, toWireText({ stored: { header, allowDuplicate: false }, text: large }, 7).pages)
  await t.rejects(content.get('globex', textReference!), { code: 'NOT_FOUND' })
})

const real = process.env['MILLRACE_OLLAMA']
if (real === undefined) {
  t.comment('not run: a real model. MILLRACE_OLLAMA=URL,MODEL,EMBEDDING_MODEL runs it.')
} else {
  t.test('a real server keeps to the schema, and nothing it says is believed that the page does not state', { timeout: 600_000 }, async (t) => {
    const [url, model, embeddings] = real.split(',') as [string, string, string]
    const asked = ollamaModel({ url, model, timeoutMs: 300_000 })
    const text = page([['Bramble Works Ltd'], ['Invoice no. QX/4711', 400, '3 May 2026'], ['Oak shelf', 500, '100.00'], ['Total EUR', 500, '120.00']])
    const fields = ['seller.name', 'invoiceNumber', 'issueDate', 'grandTotal'] as const
    const answers = answersIn(await asked.answer(questionOf(excerptOf(text), fields)), fields)
    t.not(answers, undefined, 'a JSON object of the fields asked for')
    const { extraction } = complete({ fields: { seller: {}, buyer: {} }, lines: [], taxes: [], extractorVersion: 'none', truncated: false }, text, answers!, { by: asked.name, dateOrder: 'day-month' })
    const printed = text.pages.flatMap(({ lines }) => lines.map((line) => line.text)).join('\n').toLowerCase()
    for (const field of [extraction.fields.seller.name, extraction.fields.invoiceNumber, extraction.fields.issueDate, extraction.fields.grandTotal]) {
      t.ok(field === undefined || printed.includes(field.value.toLowerCase()), `${field?.value ?? 'nothing'} stands there`)
    }
    const [same, alike, other] = await ollamaEmbedder({ url, model: embeddings, timeoutMs: 300_000 }).embed(['The invoice is due in thirty days.', 'Payment is expected within a month.', 'Cats sleep on warm roofs.'])
    const cosine = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, n) => sum + value * b[n]!, 0)
    t.ok(cosine(same!, alike!) > cosine(same!, other!), 'what is alike is nearer')
    const question = 'What is the total of the invoice?'
    const passages = [{ text: 'Invoice QX/4711 of Bramble Works, total EUR 120.00' }]
    for await (const part of citedParts(asked.write(answerRequest(question, passages)), question, passages)) {
      t.same(part.citations, [1], part.text)
    }
  })
}
