/** What people correct, on the test driver: applied, checked again, looked at again, learned from; or refused with a reason. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import type { DocumentCorrection } from '../../../avro/index.ts'
import { tenant } from '../../../cli/start/reference-data.ts'
import { groupVendors, type VendorMemory } from '../../../processors/learn/index.ts'
import { generateSamples, type Sample, vendorSeries } from '../../../samples/index.ts'
import { zipOf } from '../../../samples/zip.ts'
import { checkConfig } from '../../../topology/config.ts'
import { wire } from '../../../topology/documents.ts'
import { openServices } from '../../../topology/services.ts'
import { ScriptedRegistry } from '../../avro/support.ts'
import { variant } from '../../pipeline/documents.ts'

const registry = await ScriptedRegistry.start()
const folder = await mkdtemp(join(tmpdir(), 'millrace-corrections-'))
const services = openServices(checkConfig({ kafka: { bootstrapServers: ['localhost:1'] }, registry: registry.url, contentDir: folder }))
const { topics, serdes } = services
const samples = await generateSamples({ seed: 7 })
const sampleOf = (kind: Sample['kind']): Sample => samples.find((sample) => sample.kind === kind)!

t.teardown(async () => {
  await services.reader.close()
  await registry.stop()
  await rm(folder, { recursive: true })
})

type Row = { readonly [name: string]: unknown; readonly revision: number; readonly status: string; readonly fields: string; readonly corrections: string | null }

async function open() {
  const driver = await TopologyTestDriver.open((b) => wire(b, services), { applicationId: 'documents', config: { deadLetterTopic: topics.deadLetter.name } })
  for (const id of ['acme', 'globex']) {
    driver.createInputTopic(topics.tenants.name, Serdes.string(), serdes.tenant).pipeInput(id, tenant(id))
  }
  const raw = driver.createInputTopic(topics.raw.name, Serdes.string(), serdes.received)
  const corrections = driver.createInputTopic(topics.corrections.name, Serdes.string(), serdes.correction)
  const archive = driver.createOutputTopic(topics.archive.name, serdes.archiveKey, serdes.archive)
  return {
    driver,
    lifecycle: driver.createOutputTopic(topics.lifecycle.name, serdes.lifecycleKey, serdes.lifecycle),
    reviews: driver.createOutputTopic(topics.review.name, Serdes.string(), serdes.review),
    rows: () => archive.readRecordsToList().map(({ value }) => value as unknown as Row),
    async send(bytes: Uint8Array, { tenantId = 'acme', contentType = 'application/pdf' } = {}): Promise<{ documentId: string; row: Row }> {
      const documentId = randomUUID()
      raw.pipeInput(`${tenantId}|${documentId}`, {
        tenantId, documentId, source: 'producer', fileName: 'a', contentType, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), receivedAt: Date.now(), traceparent: null,
        content: Buffer.from(bytes), reference: null, attributes: {}, parent: null,
      })
      await driver.settle()
      return { documentId, row: archive.readRecordsToList().at(-1)!.value as unknown as Row }
    },
    async correct(documentId: string, baseRevision: number, changes: { [field: string]: string | null }, over: Partial<DocumentCorrection> = {}, key = `${over.tenantId ?? 'acme'}|${documentId}`): Promise<DocumentCorrection> {
      const correction: DocumentCorrection = {
        tenantId: 'acme', documentId, by: 'ann', at: Date.now(), baseRevision, correctionId: randomUUID(), decision: 'correct',
        changes: Object.entries(changes).map(([field, to]) => ({ field, from: null, to })), ...over,
      }
      corrections.pipeInput(key, correction)
      await driver.settle()
      return correction
    },
    repeat: async (correction: DocumentCorrection) => {
      corrections.pipeInput(`${correction.tenantId}|${correction.documentId}`, correction)
      await driver.settle()
    },
  }
}

t.test('a wrong total that is corrected is checked again and archived, in a higher revision, with its history', async (t) => {
  const { driver, send, correct, repeat, rows, lifecycle, reviews } = await open()
  const { truth, bytes } = sampleOf('wrong-total')
  const { documentId, row } = await send(bytes)
  t.match(row, { status: 'IN_REVIEW', reason_code: 'RULE_FAILED', page_sizes: '[{"width":595.28,"height":841.89}]' })
  lifecycle.readRecordsToList()
  const right = (Number(truth!.taxBasisTotal) + Number(truth!.taxTotal)).toFixed(2)
  const first = await correct(documentId, row.revision, { dueDate: '2031-01-01' })
  const [still] = rows()
  t.match(still, { status: 'IN_REVIEW', due_date: '2031-01-01', total: truth!.grandTotal }, 'what still contradicts the rules stays in review')
  await correct(documentId, still!.revision, { grandTotal: right })
  const [done] = rows()
  t.match(done, { status: 'ARCHIVED', total: right, reason: null })
  t.ok(done!.revision > still!.revision && still!.revision > row.revision)
  t.match(JSON.parse(done!.corrections!), [{ id: first.correctionId, field: 'dueDate', by: 'ann' }, { field: 'grandTotal', from: truth!.grandTotal, to: right, revision: still!.revision }])
  t.match(JSON.parse(done!.fields), { grandTotal: { normalised: right, confidence: 1, provenance: { method: 'correction' } } })
  t.same(lifecycle.readRecordsToList().map(({ value }) => value!.to_state), ['CORRECTED', 'VALIDATED', 'ENRICHED', 'IN_REVIEW', 'CORRECTED', 'VALIDATED', 'ENRICHED', 'ARCHIVED'])
  t.same(reviews.readRecordsToList().map(({ value }) => value === null), [false, true, false, true], 'nobody has to look any more')
  await repeat(first)
  driver.restore()
  await repeat(first)
  t.same(rows(), [], 'the same request again changes nothing')
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test('accepted as it is, or rejected', async (t) => {
  for (const [decision, status, code] of [['accept', 'ARCHIVED', 'ACCEPTED'], ['reject', 'REJECTED', 'REJECTED_IN_REVIEW']] as const) {
    const { driver, send, correct, rows } = await open()
    const { documentId, row } = await send(sampleOf('wrong-total').bytes)
    await correct(documentId, row.revision, {}, { decision })
    t.match(rows(), [{ status, reason_code: code, corrections: /"field":"state"/ }])
    await driver.close()
  }
})

t.test('what cannot be applied is a dead letter with its reason, and changes nothing', async (t) => {
  const { driver, send, correct, rows } = await open()
  const { documentId, row } = await send(sampleOf('wrong-total').bytes)
  const unknown = randomUUID()
  await correct(unknown, 1, { grandTotal: '1.00' })
  await correct(documentId, row.revision, { grandTotal: '1.00' }, { tenantId: 'globex' })
  await correct(documentId, row.revision, { grandTotal: '1.00' }, {}, `globex|${documentId}`)
  await correct(documentId, row.revision - 1, { grandTotal: '1.00' })
  await correct(documentId, row.revision, { total: '1.00' })
  await correct(documentId, row.revision, { issueDate: 'yesterday' })
  await correct(documentId, row.revision, { grandTotal: '1.00' }, { at: 9e15 })
  driver.createInputTopic(topics.corrections.name, Serdes.string(), Serdes.bytes()).pipeInput(`acme|${documentId}`, Buffer.from('not Avro'))
  await driver.settle()
  const reasons = ['DOCUMENT_UNKNOWN', 'DOCUMENT_UNKNOWN', 'KEY_MISMATCH', 'REVISION_STALE', 'FIELD_UNKNOWN', 'VALUE_INVALID', 'AT_INVALID', 'NOT_FRAMED']
  const letters = driver.deadLetters().map(({ headers }) => JSON.stringify(headers))
  t.equal(letters.length, reasons.length)
  for (const [n, reason] of reasons.entries()) {
    t.match(letters[n], new RegExp(reason))
  }
  t.notMatch(letters.join(), /yesterday/)
  t.same(rows(), [])
  await driver.close()
})

t.test('the second look sees the corrected fields: a copy of the right invoice is found, one of the mistaken is not', async (t) => {
  const { driver, send, correct, rows } = await open()
  const sample = sampleOf('text-invoice')
  const { documentId, row } = await send(sample.bytes)
  t.equal(row.status, 'ARCHIVED')
  await correct(documentId, row.revision, { invoiceNumber: 'X-4711' })
  const [corrected] = rows()
  t.match(corrected, { status: 'ARCHIVED', number: 'X-4711' })
  const again = await send(variant(sample, 'again'))
  t.match(again.row, { status: 'ARCHIVED', duplicate_of: null }, 'nobody has this number any more')
  await correct(again.documentId, again.row.revision, { invoiceNumber: 'X-4711' })
  t.match(rows().at(-1), { status: 'DUPLICATE', duplicate_of: documentId })
  await driver.close()
})

t.test('the next invoice of the vendor is read right, in this tenant only, also from changelogs alone', async (t) => {
  const { driver, send, correct, rows } = await open()
  const series = await vendorSeries({ seed: 1, count: 4, language: 'en', words: { number: 'Our sign' }, now: new Date() })
  const number = (row: Row): unknown => row['number']
  const first = await send(series[0]!.bytes)
  t.equal(number(first.row), null, 'no word says which one it is')
  await correct(first.documentId, first.row.revision, { invoiceNumber: series[0]!.truth.invoiceNumber })
  t.equal(number(rows().at(-1)!), series[0]!.truth.invoiceNumber)
  const next = await send(series[1]!.bytes)
  t.equal(number(next.row), series[1]!.truth.invoiceNumber)
  t.match(JSON.parse(next.row.fields), { invoiceNumber: { provenance: { method: 'learned', page: 1 } } })
  t.equal(number((await send(series[2]!.bytes, { tenantId: 'globex' })).row), null)
  driver.restore()
  t.equal(number((await send(series[3]!.bytes)).row), series[3]!.truth.invoiceNumber)
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test('a copy by its bytes that a person calls none is read as if it had been allowed; the same request again changes nothing', async (t) => {
  const { driver, send, correct, repeat, rows, lifecycle } = await open()
  const sample = sampleOf('text-invoice')
  const first = await send(sample.bytes)
  const copy = await send(sample.bytes)
  t.match(copy.row, { status: 'DUPLICATE', duplicate_of: first.documentId, fields: null })
  lifecycle.readRecordsToList()
  const said = await correct(copy.documentId, copy.row.revision, {}, { decision: 'not-duplicate' })
  const [read] = rows()
  t.match(read, { status: 'ARCHIVED', duplicate_of: null, number: sample.truth!.invoiceNumber })
  t.ok(read!.revision > copy.row.revision)
  t.match(JSON.parse(read!.corrections!), [{ id: said.correctionId, field: 'duplicateOf', from: first.documentId, to: null, by: 'ann', revision: copy.row.revision }])
  t.same(
    lifecycle.readRecordsToList().map(({ value }) => [value!.to_state, value!.reason_code]),
    [['DEDUPLICATED', 'NOT_DUPLICATE'], ...['TEXT_READ', 'CLASSIFIED', 'EXTRACTED', 'VALIDATED', 'ENRICHED', 'ARCHIVED'].map((state) => [state, null])],
  )
  await repeat(said)
  driver.restore()
  await repeat(said)
  t.same(rows(), [])
  t.match((await send(sample.bytes)).row, { status: 'DUPLICATE', duplicate_of: first.documentId }, 'the next copy is one')
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test('a copy by its fields that a person calls none is archived, and stays what it is when it is corrected', async (t) => {
  const { driver, send, correct, rows } = await open()
  const sample = sampleOf('text-invoice')
  const first = await send(sample.bytes)
  const copy = await send(variant(sample, 'again'))
  t.match(copy.row, { status: 'DUPLICATE', duplicate_of: first.documentId, fields: /invoiceNumber/ })
  await correct(copy.documentId, copy.row.revision, {}, { decision: 'not-duplicate' })
  const [parted] = rows()
  t.match(parted, { status: 'ARCHIVED', duplicate_of: null })
  await correct(copy.documentId, parted!.revision, { note: 'seen' })
  t.match(rows(), [{ status: 'ARCHIVED', duplicate_of: null }])
  await correct(copy.documentId, parted!.revision, {}, { decision: 'not-duplicate' })
  t.match(driver.deadLetters().map(({ headers }) => JSON.stringify(headers)), [/NOT_CORRECTABLE/], 'nothing says any more that it is one')
  await driver.close()
})

t.test('a document in review is a copy because a person says so, and none when they take it back', async (t) => {
  const { driver, send, correct, rows } = await open()
  const first = await send(sampleOf('text-invoice').bytes)
  const doubtful = await send(sampleOf('wrong-total').bytes)
  t.equal(doubtful.row.status, 'IN_REVIEW')
  await correct(doubtful.documentId, doubtful.row.revision, { duplicateOf: first.documentId }, { decision: 'duplicate' })
  const [copy] = rows()
  t.match(copy, { status: 'DUPLICATE', duplicate_of: first.documentId, reason: '{"by":"person","fields":[]}', reason_code: 'DUPLICATE_IN_REVIEW' })
  t.ok(copy!.revision > doubtful.row.revision)
  const [found] = driver.createOutputTopic(topics.duplicates.name, Serdes.string(), serdes.duplicate).readRecordsToList()
  t.match(found!.value, { documentId: doubtful.documentId, originalId: first.documentId, by: 'person', policy: 'link', fields: [] })
  await correct(doubtful.documentId, copy!.revision, {}, { decision: 'not-duplicate' })
  const [back] = rows()
  t.match(back, { status: 'IN_REVIEW', duplicate_of: null, reason_code: 'RULE_FAILED' }, 'its total is as wrong as before')
  t.equal((JSON.parse(back!.corrections!) as unknown[]).length, 2)
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test('an archive that is no copy gives out its parts', async (t) => {
  const { driver, send, correct, lifecycle } = await open()
  const zip = zipOf([{ name: 'a.pdf', data: sampleOf('text-invoice').bytes }])
  const first = await send(zip, { contentType: 'application/zip' })
  const copy = await send(zip, { contentType: 'application/zip' })
  t.match(copy.row, { status: 'DUPLICATE', duplicate_of: first.documentId })
  lifecycle.readRecordsToList()
  await correct(copy.documentId, copy.row.revision, {}, { decision: 'not-duplicate' })
  const changes = lifecycle.readRecordsToList().map(({ key, value }) => [key!.document_id === copy.documentId ? 'archive' : 'part', value!.to_state])
  t.same(changes.filter(([of]) => of === 'archive').map(([, to]) => to), ['DEDUPLICATED', 'UNFOLDED', 'ARCHIVED'])
  t.match(changes.filter(([of]) => of === 'part').at(-1), ['part', 'ARCHIVED'], 'a document of its own, as wanted as its archive')
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test('what was learned of a vendor can be looked at and forgotten; the next document is read without it, also from changelogs alone', async (t) => {
  const { driver, send, correct, rows } = await open()
  const series = await vendorSeries({ seed: 1, count: 4, language: 'en', words: { number: 'Our sign' }, now: new Date() })
  const memory = driver.createOutputTopic(topics.vendorMemory.name, Serdes.string(), Serdes.json<VendorMemory>())
  const remembered = new Map<string, VendorMemory>()
  const follow = (): number => {
    const records = memory.readRecordsToList()
    for (const { key, value } of records) {
      const [tenantId, digest] = key!.split('|') as [string, string]
      if (tenantId !== 'acme') {
        continue
      }
      if (value === null) {
        remembered.delete(digest)
      } else {
        remembered.set(digest, value)
      }
    }
    return records.length
  }
  const forget = async (key: string, keys: readonly string[], tenantId = 'acme'): Promise<void> => {
    driver.createInputTopic(topics.vendorMemoryErasures.name, Serdes.string(), serdes.vendorMemoryErasure).pipeInput(key, { tenantId, keys: [...keys], by: 'ann', at: Date.now() })
    await driver.settle()
  }
  const number = (row: Row): unknown => row['number']
  const teach = async (n: number): Promise<void> => {
    const { documentId, row } = await send(series[n]!.bytes)
    t.equal(number(row), null, 'nothing is known of the vendor')
    await correct(documentId, row.revision, { invoiceNumber: series[n]!.truth.invoiceNumber })
    t.equal(number(rows().at(-1)!), series[n]!.truth.invoiceNumber)
    follow()
  }
  await teach(0)
  t.ok(remembered.size > 1, 'by its numbers and by its name')
  const groups = groupVendors(remembered)
  t.match(groups, [{ name: series[0]!.truth.sellerName, places: [{ field: 'invoiceNumber', label: 'our sign' }] }])
  t.equal(groups.length, 1, 'one vendor')
  const { keys } = groups[0]!
  t.same(keys, [...remembered.keys()].sort())

  await forget(`globex|${keys[0]}`, keys, 'globex')
  t.equal(follow(), keys.length)
  t.equal(remembered.size, keys.length, 'another tenant forgets nothing of ours')
  await forget(`acme|${keys[0]}`, keys)
  t.equal(follow(), keys.length, 'a tombstone for each')
  t.equal(remembered.size, 0)
  t.equal(number((await send(series[1]!.bytes)).row), null)
  driver.restore()
  t.equal(number((await send(series[2]!.bytes)).row), null)
  await teach(3)
  t.match(groupVendors(remembered), [{ places: [{ seen: 1 }] }], 'learned anew, from nothing')

  for (const [key, wrong] of [[`acme|${keys[1]}`, keys], ['acme|x', ['x']], ['acme|', []]] as const) {
    await forget(key, wrong)
  }
  t.match(driver.deadLetters().map(({ headers }) => JSON.stringify(headers)), [/KEY_MISMATCH/, /KEYS_INVALID/, /KEYS_INVALID/])
  t.equal(follow(), 0)
  await driver.close()
})

t.test('another version that a person calls no copy is archived, and stays so', async (t) => {
  const { driver, send, correct, rows } = await open()
  const sample = sampleOf('text-invoice')
  const first = await send(sample.bytes)
  await correct(first.documentId, first.row.revision, { grandTotal: '1.00', payableAmount: '1.00' })
  const version = await send(variant(sample, 'again'))
  t.match(version.row, { status: 'IN_REVIEW', reason_code: 'OTHER_VERSION' })
  rows()
  await correct(version.documentId, version.row.revision, {}, { decision: 'not-duplicate' })
  const [parted] = rows()
  t.match(parted, { status: 'ARCHIVED', duplicate_of: null })
  t.match(JSON.parse(parted!.corrections!), [{ field: 'duplicateOf', from: first.documentId, to: null }])
  await correct(version.documentId, parted!.revision, { note: 'seen' })
  t.match(rows(), [{ status: 'ARCHIVED', duplicate_of: null }])
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})
