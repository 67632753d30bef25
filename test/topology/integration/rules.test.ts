/** Rule sets on real servers: written by the command, accepted by the running pipeline, the last good one loaded again by a new one. */
import { execFile } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { KafkaStreams } from 'millrace'
import { createCluster } from 'millrace/kafka'
import t from 'tap'
import { Registry } from '../../../avro/index.ts'
import { produce } from '../../../cli/start/produce.ts'
import { tenant, writeReferenceData } from '../../../cli/start/reference-data.ts'
import type { RuleSet } from '../../../processors/validate/index.ts'
import { generateSamples } from '../../../samples/index.ts'
import type { StackAddresses } from '../../../stack/index.ts'
import { checkConfig } from '../../../topology/config.ts'
import { createTopics } from '../../../topology/create-topics.ts'
import { documentStreams } from '../../../topology/main.ts'
import { toWireRuleSet } from '../../../topology/rule-sets.ts'
import { documentSerdes } from '../../../topology/serdes.ts'
import { decode, TopicFollower } from '../../../topology/topic-follower.ts'
import { topics } from '../../../topology/topics.ts'

t.setTimeout(240_000)
const { kafka, registry: registryUrl } = JSON.parse(readFileSync(process.env['MILLRACE_STACK']!, 'utf8')) as StackAddresses
const folder = t.testdir({})
const config = checkConfig({
  kafka: { bootstrapServers: [kafka] }, registry: registryUrl, replicationFactor: 1, partitions: 1,
  topicPrefix: `rules-${randomBytes(4).toString('hex')}.`, stateDir: join(folder, 'state'), contentDir: join(folder, 'content'),
})
const configFile = join(folder, 'config.json')
writeFileSync(configFile, JSON.stringify(config))
const cluster = createCluster({ bootstrapServers: [kafka], clientId: 'rules-test' })
const registry = new Registry({ url: registryUrl })
const declared = topics(config.topicPrefix)
const serdes = documentSerdes(registry, declared)
const sample = (await generateSamples({ seed: 7 })).find(({ kind }) => kind === 'factur-x')!

const command = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [join(import.meta.dirname, '..', '..', '..', 'cli', 'rules.ts'), ...args, '--config', configFile])).stdout

/** What has come to a topic, and a promise for what is awaited. */
async function watch<T>(topic: string, serde: Parameters<typeof decode<T>>[0]) {
  const seen: (readonly [string, T | null])[] = []
  const waiting = new Set<() => void>()
  const follower = new TopicFollower({
    cluster, topic, from: 'earliest', onWarning: (message) => t.comment(message),
    onRecord: async (key, value) => {
      seen.push([Buffer.from(key ?? []).toString(), value === null ? null : await decode(serde, topic, value)])
      waiting.forEach((look) => { look() })
    },
  })
  await follower.start()
  t.teardown(() => follower.close())
  const until = (test: (value: T) => boolean): Promise<T> => new Promise((resolve) => {
    const look = (): void => {
      const found = seen.find(([, value]) => value !== null && test(value))?.[1]
      if (found !== undefined && found !== null) {
        waiting.delete(look)
        resolve(found)
      }
    }
    waiting.add(look)
    look()
  })
  return { until }
}

async function start(stateDir: string): Promise<KafkaStreams> {
  const streams = documentStreams({ ...config, stateDir: join(folder, stateDir) }, (message) => t.comment(message))
  await streams.start()
  return streams
}

const own = (version: number, least: number): RuleSet => ({
  id: 'default', version,
  rules: [{ id: 'own', version: 1, severity: 'soft', fields: ['grandTotal'], message: 'Least total.', require: { fact: 'fields', path: 'grandTotal.normalised', operator: 'greaterThan', value: least } }],
  examples: [{ name: 'more', document: { type: 'invoice', receivedDay: '2026-01-31', fields: { grandTotal: String(least + 1) } }, expect: { own: 'passed' } }],
})

function file(set: RuleSet): string {
  const path = join(folder, `v${set.version}.json`)
  writeFileSync(path, JSON.stringify(set))
  return path
}

t.test('put, taken up without a restart, refused, and still in force for a new instance', async (t) => {
  await createTopics(cluster, config)
  await writeReferenceData(cluster, config, { tenants: ['acme'] })
  const [accepted, refused, rows] = await Promise.all([
    watch(declared.rulesAccepted.name, serdes.rulesAccepted), watch(declared.rulesRefused.name, serdes.rulesRefused), watch(declared.archive.name, serdes.archive),
  ])
  let copies = 0
  const validated = async (): Promise<{ readonly ruleSetId: string; readonly ruleSetVersion: number; readonly results: readonly { readonly ruleId: string; readonly outcome: string }[] }> => {
    const documentId = randomUUID()
    const content = Buffer.concat([sample.bytes, Buffer.from(`\n%${copies++}\n`)])
    await produce(cluster, declared.raw.name, [{
      key: Buffer.from(`acme|${documentId}`),
      value: serdes.received.serialize('', {
        tenantId: 'acme', documentId, source: 'producer', fileName: sample.fileName, contentType: sample.contentType, size: content.length,
        sha256: createHash('sha256').update(content).digest('hex'), receivedAt: Date.now(), traceparent: null, content, reference: null, attributes: {}, parent: null,
      }),
    }])
    const { validation } = await rows.until((row) => row.document_id === documentId && row.validation !== null)
    return JSON.parse(validation!) as Awaited<ReturnType<typeof validated>>
  }
  await Promise.all([serdes.received.open(), serdes.tenant.open(), serdes.rules.open()])
  await produce(cluster, declared.tenants.name, [{ key: Buffer.from('acme'), value: serdes.tenant.serialize('', { ...tenant('acme'), duplicatePolicy: 'warn' }) }])

  const first = await start('first')
  t.match(await command('put', file(own(11, 0.01)), '--tenant', 'acme'), /written for acme: default version 11, 1 rules, 1 examples/)
  await accepted.until(({ version }) => version === 11)
  await command('put', file(own(12, 9_999_999)), '--tenant', 'acme')
  await accepted.until(({ version }) => version === 12)
  t.match(await validated(), { ruleSetId: 'default', ruleSetVersion: 12 })
  await t.rejects(command('put', file(own(12, 1)), '--tenant', 'acme'), { message: /version 12 is in force for acme/ })
  await t.rejects(command('put', file(own(13, 1)), '--tenant', 'globex'), { message: /there is no tenant globex/ })

  // somebody writes past the command
  const bad = toWireRuleSet('acme', own(13, 0.01))
  await produce(cluster, declared.rules.name, [{ key: Buffer.from('acme|default'), value: serdes.rules.serialize('', { ...bad, examples: [{ ...bad.examples[0]!, expect: { own: 'failed' } }] }) }])
  t.match(await refused.until(({ version }) => version === 13), { tenantId: 'acme', ruleSetId: 'default', reasons: [{ code: 'RULE_EXAMPLE_FAILED', field: 'examples[0].expect.own' }] })
  const listed = await command('list', '--tenant', 'acme')
  t.match(listed, /acme\|default\tin force\tversion 12/)
  t.match(listed, /acme\|default\trefused\tversion 13[\s\S]*RULE_EXAMPLE_FAILED examples\[0\]\.expect\.own: failed expected in "more", the rule says passed/)
  await first.close()

  const second = await start('second')
  const { ruleSetVersion, results } = await validated()
  t.equal(ruleSetVersion, 12, 'the last good one, though the newest record of rules is a bad one')
  t.equal(results.find(({ ruleId }) => ruleId === 'own')?.outcome, 'failed')
  await second.close()
})

t.teardown(async () => {
  await cluster.close()
  registry.close()
})
