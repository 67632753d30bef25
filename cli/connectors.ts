// npm run connectors -- status|restart [CONNECTOR]|find SINK|skip SINK|migrate|deploy
import { existsSync, readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { parseArgs } from 'node:util'
import { createCluster, type KafkaClientOptions, type KafkaCluster } from 'millrace/kafka'
import {
  CONNECTORS, ConnectorError, ConnectRest, deployConnectors, findPoison, migrateCassandra, migratePostgresql, type PoisonRecord, readPostgresqlPasswords, skipPoison,
} from '../connectors/index.ts'
import { taskFailure } from '../connectors/failure.ts'
import { stackFolders } from '../stack/index.ts'
import { type ApplicationConfig, holdsCredentials, loadConfig, readSecret } from '../topology/config.ts'
import { ApplicationError } from '../topology/errors.ts'
import { kafkaClientOptions } from '../topology/kafka.ts'
import { cassandraAddress, postgresqlAddress } from '../topology/servers.ts'
import { connectorsConfig, createAllTopics, type StoresConfig } from './connectors/deploy.ts'

const help = `Looks after the connectors of Kafka Connect, and the tables behind them.

  npm run connectors -- status              every connector and its tasks; exit code 3 if one does not run
  npm run connectors -- restart [NAME]      restart what has failed, everywhere or in one connector
  npm run connectors -- find SINK           name the records a sink cannot write; changes nothing
  npm run connectors -- skip SINK           copy those records to the sink's dead-letter topic and go on behind them
  npm run connectors -- migrate             bring the tables of both databases to this version; what is done stays done
  npm run connectors -- deploy              bring the connectors to what a configuration says; what is so already is not touched

NAME and SINK: ${Object.keys(CONNECTORS).join(', ')}, or a connector's full name.

  --connect URL        Connect's REST interface; default: that of the local stack
  --connect-user NAME  whom Connect's REST interface asks for (basic authentication), with
  --connect-password-file FILE
  --kafka HOST:PORT    brokers, separated by commas; default: those of the local stack
  --folder DIR         another local stack than the one in .millrace
  --config FILE        find and skip: brokers, TLS and SASL of this configuration

migrate takes the databases from an instance's configuration (docs/runbooks/migrations.md):

  --config FILE        the configuration; MILLRACE_* variables go over it
  --secrets DIR        holds postgresql.properties, the passwords of the roles millrace_owner, millrace_sink and millrace_api
  --admin NAME         an administrator of PostgreSQL: makes those roles, the schema and the extension; a new database needs it
  --admin-password-file FILE
  --cassandra-admin NAME   who may make keyspace and tables; default: the user of the configuration, if it has one
  --cassandra-admin-password-file FILE
  --replication MAP    of a keyspace that is not there yet, as CQL; default: one copy

deploy takes topics, registry and databases from it, too (docs/runbooks/connectors.md); it needs both databases:

  --config FILE        as above
  --secrets DIR        the same folder, as the Connect worker sees it
  --share DIR          the file share, as the worker sees it; without it the file source is removed

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something does not run (status), or a record blocks the sink (find).
`

/** A worker that starts, or rebalances, has this long. */
const PATIENCE_MS = 15_000

class UsageError extends Error {}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

interface Addresses {
  connect: string
  kafka: string
}

interface AddressOptions {
  connect?: string | undefined
  'connect-user'?: string | undefined
  'connect-password-file'?: string | undefined
  kafka?: string | undefined
  folder?: string | undefined
}

function localAddresses(folder: string | undefined): Partial<Addresses> {
  const file = stackFolders(folder).addresses
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Addresses) : {}
}

/** Whom a server is entered as, by the option that names him. */
function login(option: string, name: string | undefined, passwordFile: string | undefined): { username: string; password: string } | undefined {
  if (name === undefined && passwordFile === undefined) {
    return undefined
  }
  if (name === undefined || passwordFile === undefined) {
    throw new UsageError(`${option} goes together with its password file.`)
  }
  return { username: name, password: readSecret(passwordFile) }
}

/** Connect's REST interface, of the local stack unless it is named. */
function connectAt(given: AddressOptions, patienceMs?: number): ConnectRest {
  const url = given.connect ?? localAddresses(given.folder).connect
  if (url === undefined) {
    throw new UsageError('No stack runs here (npm run stack -- up): name Connect with --connect.')
  }
  if (holdsCredentials(url)) {
    throw new UsageError('--connect must not hold a password, which addresses show wherever they are printed: --connect-user and --connect-password-file take it.')
  }
  const credentials = login('--connect-user', given['connect-user'], given['connect-password-file'])
  return new ConnectRest(url, { credentials, ...(patienceMs === undefined ? {} : { patienceMs }) })
}

function brokersOf({ config, kafka, folder }: AddressOptions & { config?: string | undefined }): Omit<KafkaClientOptions, 'clientId'> {
  if (config !== undefined) {
    return kafkaClientOptions(loadConfig(config))
  }
  const named = kafka ?? localAddresses(folder).kafka
  if (named === undefined) {
    throw new UsageError('No stack runs here (npm run stack -- up): name the brokers with --kafka or --config.')
  }
  return { bootstrapServers: named.split(',') }
}

const fullName = (name: string): string => (Object.hasOwn(CONNECTORS, name) ? CONNECTORS[name as keyof typeof CONNECTORS] : name)

/** Every connector, or those of `names`. */
async function status(rest: ConnectRest, names?: ReadonlySet<string>): Promise<number> {
  let code = 0
  for (const [name, { connector, tasks, type }] of await rest.statuses()) {
    if (names?.has(name) === false) {
      continue
    }
    say(`${name.padEnd(24)} ${type.padEnd(7)} ${connector.state}`)
    for (const task of tasks) {
      say(`  task ${task.id}  ${task.state}${task.state === 'FAILED' ? `  ${taskFailure(task.trace).summary}` : ''}`)
    }
    if (connector.state !== 'RUNNING' || tasks.length === 0 || tasks.some((task) => task.state !== 'RUNNING')) {
      code = 3
    }
  }
  return code
}

function list(poison: readonly PoisonRecord[], what: string): void {
  for (const { topic, partition, offset, failure } of poison) {
    say(`${what} ${topic}-${partition} offset ${offset}: ${failure.summary}`)
  }
}

async function withCluster<T>(options: Omit<KafkaClientOptions, 'clientId'>, work: (cluster: KafkaCluster) => Promise<T>): Promise<T> {
  const cluster = createCluster({ ...options, clientId: 'millrace-connectors' })
  try {
    return await work(cluster)
  } finally {
    await cluster.close()
  }
}

interface MigrateOptions {
  config?: string | undefined
  secrets?: string | undefined
  admin?: string | undefined
  'admin-password-file'?: string | undefined
  'cassandra-admin'?: string | undefined
  'cassandra-admin-password-file'?: string | undefined
  replication?: string | undefined
}

/** The databases an instance's configuration names, one after the other. */
async function migrate({ config, secrets, admin, 'admin-password-file': adminPasswordFile, replication, ...given }: MigrateOptions): Promise<void> {
  const { postgresql, cassandra } = loadConfig(config)
  if (postgresql === undefined && cassandra === undefined) {
    throw new UsageError('Nothing to migrate: the configuration has no "postgresql" and no "cassandra" (--config FILE, or MILLRACE_* variables).')
  }
  if (postgresql !== undefined) {
    const address = postgresqlAddress(postgresql)
    const { host, port, database } = address
    if (secrets === undefined || (admin === undefined) !== (adminPasswordFile === undefined)) {
      throw new UsageError('PostgreSQL needs --secrets DIR, and --admin NAME only together with --admin-password-file FILE.')
    }
    const administrator = admin === undefined ? {} : { admin: { user: admin, password: readSecret(adminPasswordFile!) } }
    await applied(`PostgreSQL ${host}:${port}/${database}`, migratePostgresql({ ...address, passwords: readPostgresqlPasswords(secrets), ...administrator }))
  }
  if (cassandra !== undefined) {
    const { contactPoint, keyspace } = cassandra
    const credentials = login('--cassandra-admin', given['cassandra-admin'], given['cassandra-admin-password-file'])
    const address = { ...cassandraAddress(cassandra), ...(credentials === undefined ? {} : { credentials }) }
    await applied(`Cassandra ${contactPoint}/${keyspace}`, migrateCassandra({ ...address, ...(replication === undefined ? {} : { replication }) }))
  }
}

/** No such schema, no such role, a wrong password: what only an administrator can change. */
const ADMINISTRATORS = new Set(['3F000', '28000', '28P01'])

async function applied(database: string, migrations: Promise<readonly string[]>): Promise<void> {
  let names: readonly string[]
  try {
    names = await migrations
  } catch (cause) {
    const { code = '', message } = cause as { readonly code?: string; readonly message: string }
    const fix = ADMINISTRATORS.has(code) ? '; run it with --admin, who makes roles and schema' : ''
    throw new ConnectorError('MIGRATION_FAILED', `${database}: ${message || code}${fix}.`, { cause })
  }
  for (const name of names.length === 0 ? ['up to date'] : names) {
    say(`${database}: ${name}`)
  }
}

interface DeploySettings extends AddressOptions {
  config?: string | undefined
  secrets?: string | undefined
  share?: string | undefined
}

/** Topics first, then the connectors that read and write them; ends when their tasks run. */
async function deploy({ config: file, secrets, share, ...given }: DeploySettings): Promise<void> {
  const config = withStores(loadConfig(file))
  // a worker rebalances after each connector it is given: the client's own patience
  const rest = connectAt(given)
  if (secrets === undefined || ![secrets, share ?? secrets].every((folder) => isAbsolute(folder))) {
    throw new UsageError('--secrets DIR is needed; it and --share are absolute: the Connect worker reads them, wherever it was started.')
  }
  // nothing is made, no topic and no schema, for a worker that is away
  await attempt('--connect', () => connectAt(given, PATIENCE_MS).names())
  const connectors = await attempt('registry', () => connectorsConfig(config, { url: rest.url, secretsFolder: secrets, share }))
  await attempt('kafka.bootstrapServers', () => withCluster(kafkaClientOptions(config), (cluster) => createAllTopics(cluster, config, connectors)))
  const names = new Set<string>()
  await deployConnectors(connectors, {
    rest,
    onDeployed: (name, outcome) => {
      say(`${name}: ${outcome}`)
      names.add(name)
    },
  })
  await status(rest, names)
}

function withStores(config: ApplicationConfig): StoresConfig {
  const { postgresql, cassandra } = config
  if (postgresql === undefined || cassandra === undefined) {
    throw new UsageError('The sinks need both databases: the configuration must have "postgresql" and "cassandra" (--config FILE, or MILLRACE_* variables).')
  }
  return { ...config, postgresql, cassandra }
}

/** Whatever fails on the way is said with the setting that leads there. */
async function attempt<T>(setting: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof ApplicationError) {
      throw cause
    }
    throw new ConnectorError('DEPLOYMENT_FAILED', `${setting}: ${(cause as Error).message}`, { cause })
  }
}

async function main(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      connect: text, 'connect-user': text, 'connect-password-file': text, kafka: text, folder: text, config: text, secrets: text, share: text,
      admin: text, 'admin-password-file': text, 'cassandra-admin': text, 'cassandra-admin-password-file': text, replication: text, help: { type: 'boolean', short: 'h' },
    },
  })
  const [command, name, ...rest] = positionals
  if (values.help === true || command === undefined || rest.length > 0) {
    say(help)
    return values.help === true ? 0 : 2
  }
  if (command === 'migrate' && name === undefined) {
    await migrate(values)
    return 0
  }
  if (command === 'deploy' && name === undefined) {
    await deploy(values)
    return 0
  }
  const connectors = connectAt(values, PATIENCE_MS)
  if (command === 'status' && name === undefined) {
    return await status(connectors)
  }
  if (command === 'restart') {
    for (const connector of name === undefined ? await connectors.names() : [fullName(name)]) {
      await connectors.restartFailed(connector)
    }
    return 0
  }
  if (command === 'find' && name !== undefined) {
    const poison = await withCluster(brokersOf(values), (cluster) => findPoison(connectors, cluster, fullName(name)))
    list(poison, 'blocked by')
    return poison.length === 0 ? 0 : 3
  }
  if (command === 'skip' && name !== undefined) {
    list(await withCluster(brokersOf(values), (cluster) => skipPoison(connectors, cluster, fullName(name))), 'set aside')
    return 0
  }
  throw new UsageError(`"${positionals.join(' ')}" is no command.\n\n${help}`)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const usage = error instanceof UsageError || (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
  if (!usage && !(error instanceof ConnectorError) && !(error instanceof ApplicationError)) {
    throw error
  }
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = usage ? 2 : 1
}
