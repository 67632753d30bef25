/** Everything below the topology: servers, topics, tables, connectors, reference data, secrets and one configuration file. */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCluster, type KafkaCluster } from 'millrace/kafka'
import { type ConnectorsConfig, deployConnectors, migrateCassandra, migratePostgresql, postgresqlPasswords } from '../../connectors/index.ts'
import { type StackAddresses, up } from '../../stack/index.ts'
import { type ApplicationConfig, checkConfig } from '../../topology/config.ts'
import { connectorsConfig, createAllTopics, type StoresConfig } from '../connectors/deploy.ts'
import { type ReferenceData, writeReferenceData } from './reference-data.ts'

const KEYSPACE = 'archive'
const DATA_CENTER = 'datacenter1'
const SECRET = 0o600
const PORTS = { api: 8420, ops: 8421 }

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

/** One environment on the servers of a stack: several share them, each with topics, tables, connectors and folders of its own. */
export interface Site {
  /** Of its state, content, share and configuration. */
  readonly folder: string
  /** Of its tokens and of the password that the API's role has. */
  readonly secrets: string
  /** Before the names of topics, the group and the connectors. */
  readonly prefix: string
  readonly database: string
  readonly keyspace: string
  readonly ports: { readonly api: number; readonly ops: number }
}

export interface EnvironmentOptions extends ReferenceData {
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/** Brings up whatever is not there; what is there keeps its data. */
export async function bringUp(options: EnvironmentOptions): Promise<Environment> {
  const addresses = await up({ say: options.say, signal: options.signal })
  const { folder, secrets, postgresql } = addresses
  return await prepare(addresses, { folder, secrets, prefix: '', database: postgresql.database, keyspace: KEYSPACE, ports: PORTS }, options)
}

/** Everything between running servers and an instance. The site's database must be there. */
export async function prepare(addresses: StackAddresses, site: Site, options: Omit<EnvironmentOptions, 'signal'>): Promise<Environment> {
  const { say } = options
  const { folder } = site
  mkdirSync(folder, { recursive: true })
  const passwords = postgresqlPasswords(addresses.secrets)
  const tokens = developmentTokens(site.secrets, options.tenants)
  const config = configuration(addresses, site, passwords.millrace_api)
  const configFile = join(folder, 'instance.json')
  writeFileSync(configFile, `${JSON.stringify(config, null, 2)}\n`)

  const cluster = createCluster({ bootstrapServers: [addresses.kafka], clientId: 'millrace-start' })
  const connectors = await connectorsConfig(config, { url: addresses.connect, secretsFolder: addresses.secrets, share: shareOf(site) })
  say('topics and tables')
  const { host, port, user, password } = addresses.postgresql
  await Promise.all([
    createAllTopics(cluster, config, connectors),
    migratePostgresql({ host, port, database: site.database, admin: { user, password }, passwords }),
    migrateCassandra({ contactPoints: [addresses.cassandra], datacenter: DATA_CENTER, keyspace: site.keyspace }),
  ])
  await writeReferenceData(cluster, config, options)
  say('connectors')
  const share = shareOf(site)
  for (const tenant of options.tenants) {
    mkdirSync(join(share, tenant), { recursive: true })
  }
  await deployConnectors(connectors)
  return { addresses, config, configFile, connectors, cluster, tokens, share, folder }
}

const shareOf = (site: Site): string => join(site.folder, 'share')

function configuration(addresses: StackAddresses, site: Site, apiPassword: string): StoresConfig {
  const { folder, secrets, prefix, database, keyspace, ports } = site
  const passwordFile = join(secrets, 'millrace_api.password')
  writeFileSync(passwordFile, apiPassword, { mode: SECRET })
  const { host, port } = addresses.postgresql
  const stores = {
    postgresql: { host, port, database, passwordFile },
    cassandra: { contactPoint: addresses.cassandra, localDataCenter: DATA_CENTER, keyspace },
  }
  const config = checkConfig({
    ...stores,
    topicPrefix: prefix,
    kafka: { bootstrapServers: [addresses.kafka] },
    registry: addresses.registry,
    replicationFactor: 1,
    stateDir: join(folder, 'state'),
    contentDir: join(folder, 'content'),
    api: { host: '127.0.0.1', port: ports.api, tokensFile: join(secrets, 'tokens.json'), maximumBytes: 50 * 1024 * 1024 },
    ops: { host: '127.0.0.1', port: ports.ops },
  })
  return { ...config, ...stores }
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
