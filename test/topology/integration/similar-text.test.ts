/** Nearly the same text again: fields decide where they can, likeness asks a person. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Serdes, Stores } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import type { DocumentReceived } from '../../../avro/index.ts'
import { tenant } from '../../../cli/start/reference-data.ts'
import { createRandom } from '../../../samples/random.ts'
import { checkConfig } from '../../../topology/config.ts'
import { wire } from '../../../topology/documents.ts'
import { type Did, errorPolicy } from '../../../topology/flow.ts'
import { openServices } from '../../../topology/services.ts'
import type { ComparableDocument } from '../../../topology/steps/second-look.ts'
import { similarText } from '../../../topology/steps/similar-text.ts'
import { ScriptedRegistry } from '../../avro/support.ts'

const registry = await ScriptedRegistry.start()
const folder = await mkdtemp(join(tmpdir(), 'millrace-similar-'))
const services = openServices(checkConfig({ kafka: { bootstrapServers: ['localhost:1'] }, registry: registry.url, contentDir: folder }))
const { topics, serdes } = services

t.teardown(async () => {
  await services.reader.close()
  await registry.stop()
  await rm(folder, { recursive: true })
})

const WORDS = 'we write to you about the works at your house in spring garden fence roof window door painted repaired delivered agreed visit next week please call our office kind regards'.split(' ')

/** A letter, the same for the same seed. */
function letter(seed: number): string {
  const random = createRandom(seed)
  return `Dear neighbour,\n${Array.from({ length: 40 }, () => Array.from({ length: 9 }, () => random.pick(WORDS)).join(' ')).join('\n')}\n`
}

async function open() {
  const driver = await TopologyTestDriver.open((b) => wire(b, services), { applicationId: 'documents', config: { deadLetterTopic: topics.deadLetter.name, errors: errorPolicy } })
  const tenants = driver.createInputTopic(topics.tenants.name, Serdes.string(), serdes.tenant)
  for (const id of ['acme', 'globex']) {
    tenants.pipeInput(id, tenant(id))
  }
  const raw = driver.createInputTopic(topics.raw.name, Serdes.string(), serdes.received)
  const archive = driver.createOutputTopic(topics.archive.name, serdes.archiveKey, serdes.archive)
  return {
    driver,
    tenants,
    /** @returns the row it ends with */
    send: async (text: string, over: Partial<DocumentReceived> = {}) => {
      const content = Buffer.from(text)
      const record: DocumentReceived = {
        tenantId: 'acme', documentId: randomUUID(), source: 'producer', fileName: 'letter.txt', contentType: 'text/plain', size: content.length, sha256: createHash('sha256').update(content).digest('hex'),
        receivedAt: Date.now(), traceparent: null, content, reference: null, attributes: {}, parent: null, ...over,
      }
      raw.pipeInput(`${record.tenantId}|${record.documentId}`, record)
      await driver.settle()
      return archive.readRecordsToList().at(-1)!.value!
    },
  }
}

const asked = (row: { readonly reason_code: string | null }): boolean => (row.reason_code ?? '').split(',').includes('NEAR_IDENTICAL_TEXT')

t.test('a letter that comes again with another word asks a person, with the evidence; another letter does not', async (t) => {
  const { driver, send } = await open()
  const first = await send(letter(1))
  t.notOk(asked(first))
  const again = letter(1).replace('neighbour', 'neighbours')
  const copy = await send(again)
  t.equal(copy.status, 'IN_REVIEW')
  t.ok(asked(copy))
  t.match(copy.reason, new RegExp(`of ${first.document_id}: [0-9]+ of 128 bits differ, invoiceNumber unknown, issueDate unknown, grandTotal unknown`))
  t.equal(copy.duplicate_of, null, 'nobody has decided')
  t.notOk(asked(await send(letter(2))))
  t.notOk(asked(await send(again, { tenantId: 'globex' })), "another tenant's")
  t.notOk(asked(await send(letter(1).replace('Dear', 'My dear'), { attributes: { duplicate: 'allow' } })), 'the sender wants it')
  driver.restore()
  const later = await send(letter(1).replace('neighbour', 'neighbor'))
  t.ok(asked(later), 'state rebuilt from changelogs alone still knows the text')
  t.equal(driver.deadLetters().length, 0)
  await driver.close()
})

t.test('a tenant that takes duplicates is not asked; what is too old is forgotten', async (t) => {
  const { driver, tenants, send } = await open()
  const begin = Date.now()
  await send(letter(3))
  tenants.pipeInput('acme', { ...tenant('acme'), duplicatePolicy: 'warn' })
  t.notOk(asked(await send(letter(3).replace('Dear', 'My dear'))))
  tenants.pipeInput('acme', { ...tenant('acme'), duplicateDays: 10 })
  driver.advanceWallClockTime(11 * 86_400_000)
  t.notOk(asked(await send(letter(3).replace('Dear', 'Our dear'), { receivedAt: begin })))
  t.ok(asked(await send(letter(3).replace('Dear', 'Oh dear'))), 'but the one before is known')
  await driver.close()
})

t.test('of a form that everybody fills in alike so many are looked at for each, those that are too old among them', async (t) => {
  const DAY = 86_400_000
  const fingerprint = 'a1'.repeat(16)
  const driver = await TopologyTestDriver.open((b) => {
    const key = Serdes.string()
    b.globalTable('tenants', { name: 'tenants', key, value: Serdes.json() })
    b.stream<string, ComparableDocument>('in', { key, value: Serdes.json() })
      .process(() => similarText('texts', 'lookups', 'tenants'), {
        name: 'similar-text', key, stores: [Stores.keyValueStore('texts', { key, value: Serdes.json() }), Stores.keyValueStore('lookups', { key, value: Serdes.json() }), 'tenants'],
      })
      .to('out', { key, value: Serdes.json() })
  }, { applicationId: 'similar' })
  driver.createInputTopic('tenants', Serdes.string(), Serdes.json<unknown>()).pipeInput('acme', { ...tenant('acme'), duplicateDays: 1 })
  const forms = driver.createInputTopic('in', Serdes.string(), Serdes.json<unknown>())
  const outcomes = driver.createOutputTopic('out', Serdes.string(), Serdes.json<Did>())
  const send = (documentId: string, timestamp: number, over: Partial<ComparableDocument> = {}): void =>
    forms.pipeInput('acme', { header: { tenantId: 'acme', documentId }, step: 'enrich', allowDuplicate: false, reasons: [], decided: true, likeness: { fingerprint, recognised: false }, values: {}, ...over }, timestamp)
  const id = (n: number): string => `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`
  const kept = (): number => [...driver.getKeyValueStore<string, unknown>('texts').all()].length
  for (let n = 0; n < 600; n += 1) {
    send(id(n), 0)
  }
  // of the form, too, and with what tells it from the others
  const invoice = { likeness: { fingerprint: fingerprint.replace(/....$/, 'ffff'), recognised: false }, values: { invoiceNumber: '4711', issueDate: '2026-11-21' } }
  send('ffffffff-0000-0000-0000-000000000000', 0, invoice)
  send('ffffffff-0000-0000-0000-000000000001', 0, { ...invoice, decided: false })
  t.match(outcomes.readRecordsToList().at(-1)!.value, { did: { to: 'IN_REVIEW', reasons: [{ subject: /^of ffffffff-0000-0000-0000-000000000000: 0 of 128 bits differ, invoiceNumber agrees/ }] } }, 'what agrees in its fields is looked at first')
  t.equal(kept(), 602)
  send(id(600), 3 * DAY)
  t.equal(kept(), 603 - 256)
  send(id(601), 3 * DAY)
  send(id(602), 3 * DAY)
  t.equal(kept(), 3, 'the next ones forget the rest')
  await driver.close()
})
