/** Rule sets as records, on the test driver: accepted, refused, taken up by the next document, gone again. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Serdes } from 'millrace'
import { TopologyTestDriver } from 'millrace/testing'
import t from 'tap'
import { tenant } from '../../../cli/start/reference-data.ts'
import type { RuleSet } from '../../../processors/validate/index.ts'
import { generateSamples } from '../../../samples/index.ts'
import { checkConfig } from '../../../topology/config.ts'
import { wire } from '../../../topology/documents.ts'
import { toWireRuleSet } from '../../../topology/rule-sets.ts'
import { openServices } from '../../../topology/services.ts'
import { ScriptedRegistry } from '../../avro/support.ts'

const registry = await ScriptedRegistry.start()
const folder = await mkdtemp(join(tmpdir(), 'millrace-rules-'))
const services = openServices(checkConfig({ kafka: { bootstrapServers: ['localhost:1'] }, registry: registry.url, contentDir: folder }))
const { topics, serdes } = services
const sample = (await generateSamples({ seed: 7 })).find(({ kind }) => kind === 'factur-x')!

t.teardown(async () => {
  await services.reader.close()
  await registry.stop()
  await rm(folder, { recursive: true })
})

t.test('a registry that cannot now is seen where records wait for it', async (t) => {
  const warned = t.capture(console, 'warn')
  registry.next.push(503)
  await serdes.rules.open()
  t.match(warned(), [{ args: [/warning: schema registry: .* failed \(attempt 1\): .*503/] }])
})

async function open() {
  const driver = await TopologyTestDriver.open((b) => wire(b, services), { applicationId: 'documents', config: { deadLetterTopic: topics.deadLetter.name } })
  driver.createInputTopic(topics.tenants.name, Serdes.string(), serdes.tenant).pipeInput('acme', { ...tenant('acme'), duplicatePolicy: 'warn' })
  driver.createInputTopic(topics.tenants.name, Serdes.string(), serdes.tenant).pipeInput('globex', { ...tenant('globex'), ruleSet: 'house' })
  const rules = driver.createInputTopic(topics.rules.name, Serdes.string(), serdes.rules)
  const raw = driver.createInputTopic(topics.raw.name, Serdes.string(), serdes.received)
  const refused = driver.createOutputTopic(topics.rulesRefused.name, Serdes.string(), serdes.rulesRefused)
  const accepted = driver.createOutputTopic(topics.rulesAccepted.name, Serdes.string(), serdes.rulesAccepted)
  let copies = 0
  return {
    driver,
    put: async (set: RuleSet, tenantId = 'acme', key = `${tenantId}|${set.id}`) => {
      rules.pipeInput(key, toWireRuleSet(tenantId, set))
      await driver.settle()
    },
    remove: async (key: string) => {
      driver.createInputTopic(topics.rules.name, Serdes.string(), Serdes.bytes()).pipeInput(key, null as unknown as Uint8Array)
      await driver.settle()
    },
    /** The rules a document meets now: `set version`, and what its own rule said. */
    validation: async (tenantId = 'acme') => {
      // a comment behind the end of a PDF makes other bytes of the same document
      const bytes = Buffer.concat([sample.bytes, Buffer.from(`\n%${copies++}\n`)])
      const documentId = randomUUID()
      raw.pipeInput(`${tenantId}|${documentId}`, {
        tenantId, documentId, source: 'producer', fileName: sample.fileName, contentType: sample.contentType, size: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'), receivedAt: Date.now(), traceparent: null, content: bytes, reference: null, attributes: {}, parent: null,
      })
      await driver.settle()
      const rows = driver.createOutputTopic(topics.archive.name, serdes.archiveKey, serdes.archive).readRecordsToList().map(({ value }) => value!)
      const row = rows.find(({ document_id }) => document_id === documentId)
      const { ruleSetId, ruleSetVersion, results } = JSON.parse(row?.validation ?? '{}') as { ruleSetId?: string; ruleSetVersion?: number; results?: { ruleId: string; outcome: string }[] }
      return `${ruleSetId} ${ruleSetVersion} ${results?.find(({ ruleId }) => ruleId === 'own')?.outcome ?? '-'}`
    },
    refused: () => refused.readRecordsToList(),
    accepted: () => accepted.readRecordsToList(),
  }
}

const built = 'default 2 -'
function own(version: number, least: number, more: Partial<RuleSet> = {}): RuleSet {
  return {
    id: 'default', version,
    rules: [{ id: 'own', version: 1, severity: 'soft', fields: ['grandTotal'], message: 'Least total.', require: { fact: 'fields', path: 'grandTotal.normalised', operator: 'greaterThan', value: least } }],
    examples: [{ name: 'least', document: { type: 'invoice', receivedDay: '2026-01-31', fields: { grandTotal: String(least + 1) } }, expect: { own: 'passed' } }],
    ...more,
  }
}

t.test('a set takes effect for the next document; a bad one is refused with its reasons and the last good one stays', async (t) => {
  const { driver, put, validation, refused, accepted } = await open()
  t.equal(await validation(), built)
  await put(own(11, 0.01))
  t.equal(await validation(), 'default 11 passed')
  await put(own(12, 99_999_999))
  t.equal(await validation(), 'default 12 failed')
  t.same(refused().filter(({ value }) => value !== null), [])

  const failing = own(13, 0.01)
  await put({ ...failing, examples: [{ ...failing.examples![0]!, expect: { own: 'failed' } }] })
  await put(own(14, 0.01, { rules: [{ ...own(14, 1).rules[0]!, require: { fact: 'fields', path: 'nothing', operator: 'equal', value: 1 } }], examples: [] }))
  t.equal(await validation(), 'default 12 failed', 'the last good one')
  const told = refused()
  t.same(told.map(({ key, value }) => [key, value?.version, value?.reasons.map(({ code, field }) => `${code} ${field}`)]), [
    ['acme|default', 13, ['RULE_EXAMPLE_FAILED examples[0].expect.own']],
    ['acme|default', 14, ['RULE_SET_INVALID rules[0].require.path']],
  ])
  t.match(told[0]!.value!.reasons[0], { message: 'failed expected in "least", the rule says passed' })

  const inForce = accepted()
  t.same(inForce.map(({ key, value }) => [key, value?.version]), [['acme|default', 11], ['acme|default', 12]], 'what another instance, or this one after a restart, loads')
  await put(own(15, 0.01))
  t.equal(await validation(), 'default 15 passed')
  t.same(refused().map(({ key, value }) => [key, value]), [['acme|default', null]], 'the refusal is past')
  t.same(driver.deadLetters(), [])
  await driver.close()
})

t.test('after a restart the last good set is loaded from what was accepted, though the newest is a bad one', async (t) => {
  const first = await open()
  await first.put(own(11, 0.01))
  await first.put({ ...own(12, 0.01), examples: [{ name: 'x', document: { type: 'invoice', receivedDay: '2026-01-31' }, expect: { own: 'passed' } }] })
  const [kept, ...more] = first.accepted()
  t.same(more, [])
  await first.driver.close()
  const second = await open()
  second.driver.createInputTopic(topics.rulesAccepted.name, Serdes.string(), serdes.rulesAccepted).pipeInput(kept!.key!, kept!.value!)
  t.equal(await second.validation(), 'default 11 passed')
  await second.driver.close()
})

t.test('by tenant, by the name in its record, by type; a deleted set is no more', async (t) => {
  const { driver, put, remove, validation } = await open()
  await put(own(11, 0.01))
  t.equal(await validation('globex'), built, "another tenant's")
  await put(own(5, 0.01, { id: 'house' }), 'globex')
  t.equal(await validation('globex'), 'house 5 passed')
  await put(own(1, 0.01, { id: 'default-invoice' }))
  await put(own(1, 0.01, { id: 'default-receipt' }))
  t.equal(await validation(), 'default-invoice 1 passed')
  await remove('acme|default-invoice')
  t.equal(await validation(), 'default 11 passed')
  await remove('acme|default')
  t.equal(await validation(), built)
  await driver.close()
})

t.test("a set under another tenant's key, and JSON that is none, change nothing", async (t) => {
  const { driver, put, validation, refused } = await open()
  await put(own(11, 0.01), 'acme', 'globex|house')
  t.equal(await validation('globex'), built)
  const record = toWireRuleSet('acme', own(12, 0.01))
  driver.createInputTopic(topics.rules.name, Serdes.string(), serdes.rules).pipeInput('acme|default', { ...record, rules: [{ ...record.rules[0]!, require: '{', when: 'x' }] })
  driver.createInputTopic(topics.rules.name, Serdes.string(), Serdes.bytes()).pipeInput('acme|default', Buffer.from('not Avro'))
  await driver.settle()
  t.equal(await validation(), built)
  t.same(refused().map(({ key, value }) => [key, value?.reasons.map(({ field }) => field)]), [['globex|house', ['key']], ['acme|default', ['rules[0].when', 'rules[0].require']]])
  t.match(JSON.stringify(driver.deadLetters().map(({ headers }) => headers)), /NOT_FRAMED/)
  await driver.close()
})
