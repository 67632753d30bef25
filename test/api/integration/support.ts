import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { NO_HEADERS } from 'millrace'
import { createCluster } from 'millrace/kafka'
import pg from 'pg'
import { startApi } from '../../../api/index.ts'
import { type DocumentReceived, Registry, type Tenant } from '../../../avro/index.ts'
import { cassandraClient, migrateCassandra, migratePostgresql, postgresqlPasswords } from '../../../connectors/index.ts'
import { type ApplicationConfig, checkConfig } from '../../../topology/config.ts'
import { createTopics, topicsOf } from '../../../topology/create-topics.ts'
import { valueSerde } from '../../../topology/serdes.ts'
import { TenantDirectory } from '../../../topology/tenant-directory.ts'
import { decode } from '../../../topology/topic-follower.ts'
import { topics } from '../../../topology/topics.ts'

interface StackFile {
  readonly kafka: string
  readonly registry: string
  readonly cassandra: string
  readonly postgresql: { readonly host: string; readonly port: number; readonly user: string; readonly password: string; readonly database: string }
  readonly secrets?: string
}

/** The servers of the run. There is no skipping: without them the test fails and says why. */
export function stackFile(): StackFile {
  const file = process.env['MILLRACE_STACK']
  if (file === undefined) {
    throw new Error('MILLRACE_STACK must name the JSON file that "npm run stack -- up" wrote.')
  }
  return JSON.parse(readFileSync(file, 'utf8')) as StackFile
}

export const MAXIMUM_BYTES = 60 * 1024 * 1024

export function tenantRecord(tenantId: string, part: Partial<Tenant> = {}): Tenant {
  return {
    tenantId, name: tenantId, active: true, documentsPerMinute: 60_000, maximumBytes: MAXIMUM_BYTES, maximumPages: 500, duplicatePolicy: 'link', duplicateDays: 365,
    ruleSet: null, promptSet: null, pinnedType: null, languages: ['en'], dateOrder: 'dmy', currency: 'EUR', reviewThreshold: 0.5, retentionDays: 3650,
    ...part,
  }
}

export type Bench = Awaited<ReturnType<typeof createBench>>

/** Topics, a database, a keyspace and tenants of this test's own on the shared servers, and what an instance needs to find them. */
export async function createBench(given: readonly Tenant[]) {
  const stack = stackFile()
  const run = `a${randomBytes(4).toString('hex')}`
  const folder = mkdtempSync(join(tmpdir(), 'millrace-api-'))
  const database = `millrace_${run}`
  const keyspace = `archive_${run}`
  const passwords = postgresqlPasswords(stack.secrets ?? folder)
  const passwordFile = join(folder, 'api.password')
  writeFileSync(passwordFile, passwords.millrace_api)
  const tokens = new Map(given.map(({ tenantId }) => [tenantId, randomBytes(24).toString('base64url')]))
  const tokensFile = join(folder, 'tokens.json')
  writeFileSync(tokensFile, JSON.stringify([...tokens].map(([tenantId, token]) => ({ tenantId, sha256: createHash('sha256').update(token).digest('hex') }))))
  const { host, port, user, password } = stack.postgresql
  const config: ApplicationConfig = checkConfig({
    topicPrefix: `${run}.`,
    partitions: 2,
    replicationFactor: 1,
    kafka: { bootstrapServers: [stack.kafka] },
    registry: stack.registry,
    stateDir: join(folder, 'state'),
    contentDir: join(folder, 'content'),
    sessionTimeoutMs: 6_000,
    api: { host: '127.0.0.1', port: 0, tokensFile, maximumBytes: MAXIMUM_BYTES },
    ops: { host: '127.0.0.1', port: 0 },
    postgresql: { host, port, database, passwordFile },
    cassandra: { contactPoint: stack.cassandra, localDataCenter: 'datacenter1', keyspace },
  })
  const administer = async (statement: string): Promise<void> => {
    const admin = new pg.Client(stack.postgresql)
    await admin.connect()
    try {
      await admin.query(statement)
    } finally {
      await admin.end()
    }
  }
  await administer(`CREATE DATABASE ${database}`)
  await migratePostgresql({ host, port, database, admin: { user, password }, passwords })
  await migrateCassandra({ contactPoints: [stack.cassandra], datacenter: 'datacenter1', keyspace })
  const cluster = createCluster({ bootstrapServers: [stack.kafka], clientId: run })
  await createTopics(cluster, config)
  const registry = new Registry({ url: stack.registry })
  const declared = topics(config.topicPrefix)
  const tenantSerde = valueSerde(registry, declared.tenants, 'Tenant')
  await tenantSerde.open()
  const writer = cluster.writer({ topic: declared.tenants.name, partition: 0 })
  for (const tenant of given) {
    writer.append(Date.now(), Buffer.from(tenant.tenantId), tenantSerde.serialize('', tenant), NO_HEADERS)
  }
  const producer = cluster.producer({})
  await producer.init()
  await producer.produce([writer])
  await producer.close()
  const tenants = new TenantDirectory({ cluster, registry, topics: declared, onWarning: (message) => console.error(message) })
  await tenants.start()
  const kafka = new Kafka({ clientId: run, brokers: [stack.kafka], logLevel: logLevel.NOTHING })
  const errors: string[] = []

  return {
    stack, run, folder, config, cluster, registry, tenants, tokens, kafka, errors, database, keyspace, passwords, declared,

    /** An API of its own on a free port. */
    api: (changes: Partial<ApplicationConfig> = {}) => startApi({ config: { ...config, ...changes }, cluster, registry, tenants, vendorMemories: { of: async () => [] }, onError: (message) => errors.push(message) }),

    /** As the administrator, past row-level security. */
    async sql<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
      const client = new pg.Client({ ...stack.postgresql, database })
      await client.connect()
      try {
        return (await client.query<T>(text, values)).rows
      } finally {
        await client.end()
      }
    },

    /** Everything on documents.raw, read by an independent client. */
    async received(): Promise<{ readonly key: string; readonly value: DocumentReceived }[]> {
      const admin = kafka.admin()
      await admin.connect()
      const ends = await admin.fetchTopicOffsets(declared.raw.name)
      await admin.disconnect()
      const expected = ends.reduce((sum, { offset }) => sum + Number(offset), 0)
      const serde = valueSerde(registry, declared.raw, 'DocumentReceived')
      const consumer = kafka.consumer({ groupId: `${run}-${randomBytes(3).toString('hex')}`, readUncommitted: false })
      const found: { key: string; value: DocumentReceived }[] = []
      await consumer.connect()
      await consumer.subscribe({ topic: declared.raw.name, fromBeginning: true })
      await new Promise<void>((resolve, reject) => {
        if (expected === 0) {
          resolve()
        }
        consumer.run({
          eachMessage: async ({ message }) => {
            found.push({ key: String(message.key), value: await decode(serde, '', message.value!) })
            if (found.length >= expected) {
              resolve()
            }
          },
        }).catch(reject)
      })
      await consumer.disconnect()
      return found
    },

    async close(): Promise<void> {
      await tenants.close()
      const admin = kafka.admin()
      await admin.connect()
      const internal = (await admin.listTopics()).filter((name) => name.startsWith(`${run}.`))
      await admin.deleteTopics({ timeout: 60_000, topics: [...new Set([...topicsOf(config).map(({ name }) => name), ...internal])] })
      await admin.disconnect()
      await cluster.close()
      registry.close()
      await administer(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
      const client = cassandraClient({ contactPoints: [stack.cassandra], datacenter: 'datacenter1', keyspace })
      await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
      await client.shutdown()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export interface Sent {
  readonly bytes: Uint8Array
  readonly name: string
  readonly type?: string
}

export function form(...files: readonly Sent[]): FormData {
  const body = new FormData()
  for (const { bytes, name, type } of files) {
    body.append('file', new Blob([Uint8Array.from(bytes)], { type: type ?? 'application/pdf' }), name)
  }
  return body
}
