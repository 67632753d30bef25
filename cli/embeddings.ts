/** `npm run embeddings -- status|renew`: the embeddings of what was read before there was this model. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createCluster, type KafkaCluster } from 'millrace/kafka'
import { avroSerde, Registry } from '../avro/index.ts'
import { PostgresqlChunks } from '../connectors/index.ts'
import { defaultFolder } from '../stack/index.ts'
import { type ApplicationConfig, loadConfig, readSecret } from '../topology/config.ts'
import { kafkaClientOptions } from '../topology/kafka.ts'
import { openModels } from '../topology/models.ts'
import { valueSerde } from '../topology/serdes.ts'
import { postgresqlAddress, registryOptions } from '../topology/servers.ts'
import { TenantDirectory } from '../topology/tenant-directory.ts'
import { documentKey, topics } from '../topology/topics.ts'
import { type Outgoing, produce } from './start/produce.ts'

const HELP = `Embeddings of documents that were read before the configuration named their model (docs/search.md).

  npm run embeddings -- status    how many pieces of each tenant's documents have no embedding of the model
  npm run embeddings -- renew     hand those to the running instances, which make their embeddings one after the other

  --tenant T      of this tenant alone
  --config FILE   the configuration of an instance; without it, that of what "npm start" runs here

The documents stay as they are and can be found by their words all the time. Renewing again hands over what is still missing.
Exit codes: 0 done, 1 failed, 2 wrong usage.
`

const COMMANDS = ['status', 'renew'] as const
/** What "npm start" wrote for its own instance. */
const RUNNING = join(defaultFolder, 'instance.json')
const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

class UsageError extends Error {}

interface Usage {
  readonly command: (typeof COMMANDS)[number]
  readonly tenant: string | undefined
  readonly config: string | undefined
}

/** @throws UsageError */
function usage(args: readonly string[]): Usage | undefined {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  const { values: { help, tenant, config }, positionals: [given, ...more] } = parsed
  if (help === true || given === undefined) {
    return undefined
  }
  const command = COMMANDS.find((one) => one === given)
  if (command === undefined || more.length > 0) {
    throw new UsageError(`One of ${COMMANDS.join(', ')} is expected.`)
  }
  return { command, tenant, config }
}

const parse = (args: readonly string[]) =>
  parseArgs({ args: [...args], options: { tenant: { type: 'string' }, config: { type: 'string' }, help: { type: 'boolean' } }, allowPositionals: true })

/** All tenants, or the one that is asked for. */
async function tenantsOf(config: ApplicationConfig, cluster: KafkaCluster, registry: Registry, tenant: string | undefined): Promise<readonly string[]> {
  const directory = new TenantDirectory({ cluster, registry, topics: topics(config.topicPrefix), onWarning: (message) => process.stderr.write(`embeddings: ${message}\n`) })
  try {
    await directory.start()
  } finally {
    await directory.close()
  }
  if (tenant !== undefined && directory.get(tenant) === undefined) {
    throw new Error(`There is no tenant ${tenant}.`)
  }
  return tenant === undefined ? directory.ids() : [tenant]
}

async function run({ command, tenant, config: file }: Usage): Promise<void> {
  const config = loadConfig(file ?? (existsSync(RUNNING) ? RUNNING : undefined))
  const model = openModels(config).embedder?.name
  if (model === undefined) {
    throw new Error('The configuration names no embedding model ("ollama.embeddingModel" or "llama.embeddingModel").')
  }
  if (config.postgresql === undefined) {
    throw new Error('The configuration names no database ("postgresql").')
  }
  const cluster = createCluster({ ...kafkaClientOptions(config), clientId: `${config.topicPrefix}${config.applicationId}-embeddings` })
  const registry = new Registry(registryOptions(config))
  const chunks = new PostgresqlChunks({ ...postgresqlAddress(config.postgresql), password: readSecret(config.postgresql.passwordFile) })
  try {
    for (const tenantId of await tenantsOf(config, cluster, registry, tenant)) {
      const { all, lacking } = await chunks.count(tenantId, model)
      say(`${tenantId}\t${lacking} of ${all} pieces without an embedding of ${model}`)
      if (command === 'renew' && lacking > 0) {
        say(`${tenantId}\t${await handOver(tenantId, model, { config, cluster, registry, chunks })} handed over`)
      }
    }
  } finally {
    await Promise.all([cluster.close(), chunks.close()])
    registry.close()
  }
}

interface Place {
  readonly config: ApplicationConfig
  readonly cluster: KafkaCluster
  readonly registry: Registry
  readonly chunks: PostgresqlChunks
}

/**
 * Writes the pieces to their topic as they came from the pages: same revision, no embedding. The topology makes one of each; the sink puts it to the row,
 * unless the document has been read anew by then.
 */
async function handOver(tenantId: string, model: string, { config, cluster, registry, chunks }: Place): Promise<number> {
  const topic = topics(config.topicPrefix).chunks
  const keys = avroSerde(registry, `${topic.name}-key`, 'ChunkKey')
  const values = valueSerde(registry, topic, 'DocumentChunk')
  await Promise.all([keys.open(), values.open()])
  let handed = 0
  for await (const found of chunks.lacking(tenantId, model)) {
    const records = found.map(({ documentId, chunk, ...rest }): Outgoing => {
      const key = { tenant_id: tenantId, document_id: documentId, chunk }
      return {
        key: keys.serialize('', key),
        value: values.serialize('', { ...key, ...rest, embedding: null, embedding_model: null }),
        // a document's pieces go to one partition
        partitionKey: Buffer.from(documentKey(tenantId, documentId)),
      }
    })
    await produce(cluster, topic.name, records)
    handed += records.length
  }
  return handed
}

async function main(args: readonly string[]): Promise<void> {
  const given = usage(args)
  if (given === undefined) {
    process.stdout.write(HELP)
  } else {
    await run(given)
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`embeddings: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
})
