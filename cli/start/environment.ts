/** Everything below the topology: servers, topics, tables, connectors, reference data, secrets and one configuration file. */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCluster, type KafkaCluster } from 'millrace/kafka'
import { Registry, schemaText } from '../../avro/index.ts'
import { type ConnectorsConfig, deadLetterTopics, deployConnectors, migrateCassandra, migratePostgresql, postgresqlPasswords } from '../../connectors/index.ts'
import { type StackAddresses, up } from '../../stack/index.ts'
import { type ApplicationConfig, checkConfig } from '../../topology/config.ts'
import { createTopics } from '../../topology/create-topics.ts'
import { valueSerde } from '../../topology/serdes.ts'
import { topics } from '../../topology/topics.ts'
import { writeReferenceData } from './reference-data.ts'

const KEYSPACE = 'archive'
const DATA_CENTER = 'datacenter1'
const SECRET = 0o600

export interface Environment {
  readonly addresses: StackAddresses
  readonly config: ApplicationConfig
  readonly configFile: string
  readonly connectors: ConnectorsConfig
  readonly cluster: KafkaCluster
  /** Development bearer tokens by tenant. */
  readonly tokens: ReadonlyMap<string, string>
  /** Folder the file source watches; a sub-folder is a tenant. */
  readonly share: string
  readonly folder: string
}

export interface EnvironmentOptions {
  readonly tenants: readonly string[]
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/** Brings up whatever is not there; what is there keeps its data. */
export async function bringUp(options: EnvironmentOptions): Promise<Environment> {
  const { say } = options
  const addresses = await up({ say, signal: options.signal })
  const { folder, secrets } = addresses
  const passwords = postgresqlPasswords(secrets)
  const tokens = developmentTokens(secrets, options.tenants)
  const config = configuration(addresses, passwords.millrace_api)
  const configFile = join(folder, 'instance.json')
  writeFileSync(configFile, `${JSON.stringify(config, null, 2)}\n`)

  const cluster = createCluster({ bootstrapServers: [addresses.kafka], clientId: 'millrace-start' })
  const connectors = await connectorsConfig(addresses)
  say('topics and tables')
  const { host, port, database, user, password } = addresses.postgresql
  await Promise.all([
    createTopics(cluster, config),
    cluster.admin().createTopics(deadLetterTopics(connectors).map((name) => ({ name, partitions: 1, replicationFactor: -1, config: {} }))),
    migratePostgresql({ host, port, database, admin: { user, password }, passwords }),
    migrateCassandra({ contactPoints: [addresses.cassandra], datacenter: DATA_CENTER, keyspace: KEYSPACE }),
  ])
  await writeReferenceData(cluster, config, options.tenants)
  say('connectors')
  const share = join(folder, 'share')
  for (const tenant of options.tenants) {
    mkdirSync(join(share, tenant), { recursive: true })
  }
  await deployConnectors(connectors)
  return { addresses, config, configFile, connectors, cluster, tokens, share, folder }
}

function configuration(addresses: StackAddresses, apiPassword: string): ApplicationConfig {
  const { folder, secrets } = addresses
  const passwordFile = join(secrets, 'millrace_api.password')
  writeFileSync(passwordFile, apiPassword, { mode: SECRET })
  const { host, port, database } = addresses.postgresql
  return checkConfig({
    kafka: { bootstrapServers: [addresses.kafka] },
    registry: addresses.registry,
    replicationFactor: 1,
    stateDir: join(folder, 'state'),
    contentDir: join(folder, 'content'),
    api: { host: '127.0.0.1', port: 8420, tokensFile: join(secrets, 'tokens.json'), maximumBytes: 50 * 1024 * 1024 },
    ops: { host: '127.0.0.1', port: 8421 },
    postgresql: { host, port, database, user: 'millrace_api', passwordFile },
    cassandra: { contactPoint: addresses.cassandra, localDataCenter: DATA_CENTER, keyspace: KEYSPACE },
  })
}

async function connectorsConfig(addresses: StackAddresses): Promise<ConnectorsConfig> {
  const { raw, archive, lifecycle } = topics()
  const registry = new Registry({ url: addresses.registry })
  const received = valueSerde(registry, raw, 'DocumentReceived')
  await received.open()
  registry.close()
  const { host, port, database } = addresses.postgresql
  return {
    connect: { url: addresses.connect },
    registry: { url: addresses.registry },
    topics: {
      raw: raw.name,
      archive: archive.name,
      lifecycle: lifecycle.name,
      postgresqlDeadLetters: 'documents.dead-letter.postgresql',
      cassandraDeadLetters: 'documents.dead-letter.cassandra',
    },
    postgresql: { host, port, database },
    cassandra: { contactPoints: [addresses.cassandra], datacenter: DATA_CENTER, keyspace: KEYSPACE },
    secretsFolder: addresses.secrets,
    share: { root: join(addresses.folder, 'share'), schema: { id: received.schemaId, text: schemaText('DocumentReceived') } },
  }
}

/**
 * One bearer token per tenant, made on the first run and kept in a file only its owner reads; the API's own file holds
 * digests.
 */
function developmentTokens(secrets: string, tenants: readonly string[]): ReadonlyMap<string, string> {
  const plainFile = join(secrets, 'development-tokens.json')
  const plain: { [tenant: string]: string } = existsSync(plainFile) ? (JSON.parse(readFileSync(plainFile, 'utf8')) as { [tenant: string]: string }) : {}
  for (const tenant of tenants) {
    plain[tenant] ??= randomBytes(32).toString('base64url')
  }
  writeFileSync(plainFile, `${JSON.stringify(plain, null, 2)}\n`, { mode: SECRET })
  const digests = Object.entries(plain).map(([tenantId, token]) => ({ tenantId, sha256: createHash('sha256').update(token).digest('hex') }))
  writeFileSync(join(secrets, 'tokens.json'), `${JSON.stringify(digests, null, 2)}\n`, { mode: SECRET })
  return new Map(Object.entries(plain))
}
