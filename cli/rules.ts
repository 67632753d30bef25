/** `npm run rules -- check|put|list`: a tenant's rule sets, checked before they are written. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createCluster, type KafkaCluster } from 'millrace/kafka'
import { Registry } from '../avro/index.ts'
import type { RuleSet as WireRuleSet, RuleSetRefusal, SchemaName, SchemaTypes } from '../avro/types.ts'
import { checkWithExamples, type RuleSet } from '../processors/validate/index.ts'
import { documentTypes } from '../processors/types.ts'
import { defaultFolder } from '../stack/index.ts'
import { loadConfig } from '../topology/config.ts'
import { kafkaClientOptions } from '../topology/kafka.ts'
import { ruleSetIdOfType, ruleSetKey, toWireRuleSet } from '../topology/rule-sets.ts'
import { valueSerde } from '../topology/serdes.ts'
import { registryOptions } from '../topology/servers.ts'
import { TenantDirectory } from '../topology/tenant-directory.ts'
import { decode, TopicFollower } from '../topology/topic-follower.ts'
import { type TopicDefinition, topics } from '../topology/topics.ts'
import { checked } from './rules/check.ts'
import { CommandError, HELP, usage } from './rules/usage.ts'
import { produce } from './start/produce.ts'

/** What "npm start" wrote for its own instance. */
const RUNNING = join(defaultFolder, 'instance.json')
const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const summary = ({ id, version, rules, examples = [] }: RuleSet): string => `${id} version ${version}, ${rules.length} rules, ${examples.length} examples`

/** The servers of an instance, as long as `work` takes. */
async function connected<T>(file: string | undefined, work: (place: Place) => Promise<T>): Promise<T> {
  const config = loadConfig(file ?? (existsSync(RUNNING) ? RUNNING : undefined))
  const cluster = createCluster({ ...kafkaClientOptions(config), clientId: `${config.topicPrefix}${config.applicationId}-rules` })
  const registry = new Registry(registryOptions(config))
  try {
    return await work({ cluster, registry, declared: topics(config.topicPrefix) })
  } finally {
    await cluster.close()
    registry.close()
  }
}

interface Place {
  readonly cluster: KafkaCluster
  readonly registry: Registry
  readonly declared: ReturnType<typeof topics>
}

/** A topic of reference data as a table, as it is now. */
async function tableOf<N extends SchemaName>({ cluster, registry }: Place, topic: TopicDefinition, name: N): Promise<Map<string, SchemaTypes[N]>> {
  const rows = new Map<string, SchemaTypes[N]>()
  const serde = valueSerde(registry, topic, name)
  const follower = new TopicFollower({
    cluster,
    topic: topic.name,
    from: 'earliest',
    onWarning: (message) => process.stderr.write(`rules: ${message}\n`),
    onRecord: async (key, value) => {
      const id = Buffer.from(key ?? []).toString('utf8')
      if (value === null) {
        rows.delete(id)
      } else {
        rows.set(id, await decode(serde, topic.name, value))
      }
    },
  })
  try {
    await follower.start()
  } finally {
    await follower.close()
  }
  return rows
}

async function put(file: string, tenantId: string, type: string | undefined, config: string | undefined): Promise<void> {
  const read = await checked(file)
  const set = type === undefined || read.id.endsWith(`-${type}`) ? read : { ...read, id: ruleSetIdOfType(read.id, type) }
  const [error] = await checkWithExamples(set)
  if (error !== undefined) {
    throw new CommandError(`${error.field}: ${error.reason}: with --type the id of the set and the type together`)
  }
  await connected(config, async (place) => {
    const { cluster, registry, declared } = place
    const tenants = new TenantDirectory({ cluster, registry, topics: declared, onWarning: (message) => process.stderr.write(`rules: ${message}\n`) })
    try {
      await tenants.start()
    } finally {
      await tenants.close()
    }
    const tenant = tenants.get(tenantId)
    if (tenant === undefined) {
      throw new CommandError(`there is no tenant ${tenantId}: add it to the topic ${declared.tenants.name} first`)
    }
    const key = ruleSetKey(tenantId, set.id)
    const inForce = (await tableOf(place, declared.rulesAccepted, 'RuleSet')).get(key)
    if (inForce !== undefined && inForce.version >= set.version) {
      throw new CommandError(`${set.id} version ${inForce.version} is in force for ${tenantId}: results name the version, so raise "version" above it`)
    }
    const serde = valueSerde(registry, declared.rules, 'RuleSet')
    await serde.open()
    await produce(cluster, declared.rules.name, [{ key: Buffer.from(key), value: serde.serialize('', toWireRuleSet(tenantId, set)) }])
    say(`written for ${tenantId}: ${summary(set)}`)
    const used = tenant.ruleSet ?? 'default'
    if (set.id !== used && !documentTypes.some((one) => set.id === ruleSetIdOfType(used, one))) {
      say(`${tenantId} does not use it: its record names ${tenant.ruleSet === null ? 'no rule set, so the id would have to be default' : `the rule set ${used}`}`)
    }
  })
}

async function list(tenantId: string | undefined, config: string | undefined): Promise<void> {
  const [accepted, refused]: [Map<string, WireRuleSet>, Map<string, RuleSetRefusal>] = await connected(config, (place) =>
    Promise.all([tableOf(place, place.declared.rulesAccepted, 'RuleSet'), tableOf(place, place.declared.rulesRefused, 'RuleSetRefusal')]))
  const mine = ([key]: readonly [string, unknown]): boolean => tenantId === undefined || key.startsWith(`${tenantId}|`)
  for (const [key, { version, rules, examples }] of [...accepted].filter(mine).sort()) {
    say(`${key}\tin force\tversion ${version}, ${rules.length} rules, ${examples.length} examples`)
  }
  for (const [key, { version, at, reasons }] of [...refused].filter(mine).sort()) {
    say(`${key}\trefused\tversion ${version}, ${new Date(at).toISOString()}`)
    for (const { code, field, message } of reasons) {
      say(`  ${code} ${field === null || field === '' ? 'the set' : field}: ${message}`)
    }
  }
}

async function main(args: readonly string[]): Promise<void> {
  const { command, file, tenant, type, config } = usage(args)
  if (command === undefined) {
    say(HELP)
  } else if (command === 'list') {
    await list(tenant, config)
  } else if (command === 'check') {
    say(`good: ${summary(await checked(file))}`)
  } else {
    await put(file, tenant ?? '', type, config)
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`rules: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof CommandError ? error.exitCode : 1
})
