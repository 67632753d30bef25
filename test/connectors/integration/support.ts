import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import pg from 'pg'
import { avroSerde, type DocumentChunk, type DocumentRow, type LifecycleEvent, Registry, type SchemaName, type SchemaTypes } from '../../../avro/index.ts'
import {
  CassandraReader,
  cassandraClient,
  ConnectRest,
  type ConnectorsConfig,
  connectorDefinitions,
  deadLetterTopics,
  migrateCassandra,
  migratePostgresql,
  PostgresqlReader,
  postgresqlPasswords
} from '../../../connectors/index.ts'

interface StackFile {
  folder: string
  kafka: string
  registry: string
  connect: string
  cassandra: string
  postgresql: { host: string; port: number; user: string; password: string; database: string }
  /** Where the worker's `file` config provider may read. */
  secrets?: string
}

/** The servers `npm run stack` started. There is no skipping: without them the test fails and says why. */
export function stackFile(): StackFile {
  const file = process.env['MILLRACE_STACK']
  if (file === undefined) {
    throw new Error('MILLRACE_STACK must name the JSON file that "npm run stack -- up" wrote.')
  }
  return JSON.parse(readFileSync(file, 'utf8')) as StackFile
}

/** kafkajs gives up after five seconds by itself: a busy controller may take longer. */
export const SERVER_TIMEOUT_MS = 60_000

/** Waits on a fact, with a deadline that only a broken system reaches. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined | false>, timeoutMs = 90_000): Promise<T> {
  const until = Date.now() + timeoutMs
  let last: unknown
  while (Date.now() < until) {
    try {
      const seen = await look()
      if (seen !== undefined && seen !== false) {
        return seen
      }
    } catch (error) {
      last = error
    }
    await delay(100)
  }
  throw new Error(`Waited ${timeoutMs / 1000} s in vain: ${what}`, { cause: last })
}

/** Runs `npm run connectors -- …` and gathers what it says. */
export async function connectorsCommand(...args: string[]): Promise<{ code: number; out: string[]; err: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../../../cli/connectors.ts'), ...args])
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), new Promise<number>((resolve) => child.once('close', resolve))])
  return { code, out: out.split('\n').filter((line) => line !== ''), err }
}

export type Bench = Awaited<ReturnType<typeof createBench>>

/** Topics, a database and a keyspace of this test's own on the shared servers, with the connectors' configuration for them. */
export async function createBench(options: { partitions?: number } = {}) {
  const stack = stackFile()
  const run = `t${randomBytes(4).toString('hex')}`
  const database = `millrace_${run}`
  const topics = {
    raw: `${run}.documents.raw`,
    archive: `${run}.documents.archive`,
    chunks: `${run}.documents.chunks`,
    lifecycle: `${run}.documents.lifecycle`,
    postgresqlDeadLetters: `${run}.postgresql.dead-letter`,
    cassandraDeadLetters: `${run}.cassandra.dead-letter`
  }
  const secretsFolder = stack.secrets ?? mkdtempSync(join(tmpdir(), 'millrace-secrets-'))
  const passwords = postgresqlPasswords(secretsFolder)
  const { host, port } = stack.postgresql
  const config: ConnectorsConfig = {
    connect: { url: stack.connect },
    registry: { url: stack.registry },
    topics,
    postgresql: { host, port, database },
    cassandra: { contactPoints: [stack.cassandra], datacenter: 'datacenter1', keyspace: `archive_${run}` },
    secretsFolder,
    share: null,
    namePrefix: `${run}-`
  }
  const kafka = new Kafka({ clientId: run, brokers: [stack.kafka], logLevel: logLevel.NOTHING })
  const kafkaAdmin = kafka.admin()
  await kafkaAdmin.connect()
  await kafkaAdmin.createTopics({
    timeout: SERVER_TIMEOUT_MS,
    waitForLeaders: true,
    topics: [topics.raw, topics.archive, topics.chunks, topics.lifecycle, ...deadLetterTopics(config)].map((topic) => ({
      topic,
      numPartitions: topic.endsWith('dead-letter') ? 1 : (options.partitions ?? 2),
      configEntries: topic === topics.raw ? [{ name: 'max.message.bytes', value: String(9 * 1024 * 1024) }] : []
    }))
  })
  // a connection for each statement: failure tests kill the server in between
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
  const { user, password } = stack.postgresql
  await migratePostgresql({ host, port, database, admin: { user, password }, passwords })
  await migrateCassandra(config.cassandra)

  const registry = new Registry({ url: stack.registry })
  const producer: Producer = kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  const serdes = {
    archiveKey: avroSerde(registry, `${topics.archive}-key`, 'DocumentKey'),
    archive: avroSerde(registry, `${topics.archive}-value`, 'DocumentRow'),
    chunkKey: avroSerde(registry, `${topics.chunks}-key`, 'ChunkKey'),
    chunk: avroSerde(registry, `${topics.chunks}-value`, 'DocumentChunk'),
    lifecycleKey: avroSerde(registry, `${topics.lifecycle}-key`, 'DocumentKey'),
    lifecycle: avroSerde(registry, `${topics.lifecycle}-value`, 'LifecycleEvent')
  }
  await Promise.all(Object.values(serdes).map((serde) => serde.open()))
  const rest = new ConnectRest(stack.connect)

  return {
    stack,
    run,
    config,
    topics,
    passwords,
    kafka,
    registry,
    rest,
    producer,
    serdes,
    documents: new PostgresqlReader({ host, port, database, password: passwords.millrace_api, connections: 2 }),
    archive: new CassandraReader(config.cassandra),
    cassandra: cassandraClient(config.cassandra, { keyspace: config.cassandra.keyspace }),

    async sendRows(rows: DocumentRow[], partition?: number): Promise<void> {
      const messages = rows.map((row) => ({
        ...(partition === undefined ? {} : { partition }),
        key: Buffer.from(serdes.archiveKey.serialize(topics.archive, { tenant_id: row.tenant_id, document_id: row.document_id })),
        value: Buffer.from(serdes.archive.serialize(topics.archive, row))
      }))
      await producer.send({ topic: topics.archive, messages, acks: -1 })
    },

    /** Everything to one partition, as the application keeps a document's chunks together. */
    async sendChunks(chunks: DocumentChunk[]): Promise<void> {
      const messages = chunks.map((chunk) => ({
        partition: 0,
        key: Buffer.from(serdes.chunkKey.serialize(topics.chunks, { tenant_id: chunk.tenant_id, document_id: chunk.document_id, chunk: chunk.chunk })),
        value: Buffer.from(serdes.chunk.serialize(topics.chunks, chunk))
      }))
      await producer.send({ topic: topics.chunks, messages, acks: -1 })
    },

    async sendLifecycle(events: LifecycleEvent[]): Promise<void> {
      const messages = events.map((event) => ({
        key: Buffer.from(serdes.lifecycleKey.serialize(topics.lifecycle, { tenant_id: event.tenant_id, document_id: event.document_id })),
        value: Buffer.from(serdes.lifecycle.serialize(topics.lifecycle, event))
      }))
      await producer.send({ topic: topics.lifecycle, messages, acks: -1 })
    },

    /** Everything a topic holds, committed only, as soon as there are `count` records. */
    async read(topic: string, count: number, timeoutMs = 90_000): Promise<ReadRecord[]> {
      return await readTopic(kafka, `${run}-${randomBytes(3).toString('hex')}`, topic, count, timeoutMs)
    },

    async close(): Promise<void> {
      const names = await rest.names()
      await Promise.all(names.filter((name) => name.startsWith(run)).map((name) => rest.remove(name)))
      await producer.disconnect()
      await this.documents.close()
      await this.archive.close()
      await eventually('the keyspace is gone', async () => await this.cassandra.execute(`DROP KEYSPACE IF EXISTS ${config.cassandra.keyspace}`))
      await this.cassandra.shutdown()
      // a sink that ends may connect once more in between
      await eventually('the database is gone', async () => {
        await administer(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
        return true
      })
      registry.close()
      await kafkaAdmin.deleteTopics({ timeout: SERVER_TIMEOUT_MS, topics: [...Object.values(topics)] })
      await kafkaAdmin.disconnect()
    },

    connectorNames: () => connectorDefinitions(config).map((definition) => definition.name)
  }
}

export interface ReadRecord {
  partition: number
  offset: number
  key: Buffer | null
  value: Buffer | null
  headers: { [name: string]: string }
}

async function readTopic(kafka: Kafka, groupId: string, topic: string, count: number, timeoutMs: number): Promise<ReadRecord[]> {
  const consumer = kafka.consumer({ groupId, readUncommitted: false })
  const records: ReadRecord[] = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        const headers = Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]))
        records.push({ partition, offset: Number(message.offset), key: message.key, value: message.value, headers })
      }
    })
    await eventually(`${count} records of ${topic}, saw ${records.length}`, async () => records.length >= count, timeoutMs)
    return records
  } finally {
    await consumer.disconnect()
  }
}

/** A row with everything a test does not care about filled in. */
export function row(part: Partial<DocumentRow> & Pick<DocumentRow, 'tenant_id' | 'document_id' | 'revision'>): DocumentRow {
  const receivedAt = Date.UTC(2026, 9, 1, 12, 0, 0, 123)
  return {
    day: '2026-10-01', received_at: receivedAt, processed_at: receivedAt + 1_000, status: 'ARCHIVED', source: 'api', file_name: null,
    content_type: 'application/pdf', size: 1234, sha256: null, content: null, language: null, route: null, page_count: null, type: null,
    probability: null, vendor: null, vendor_id: null, number: null, date: null, due_date: null, currency: null, subtotal: null, tax: null,
    total: null, fields: null, line_items: null, validation: null, enrichment: null, duplicate_of: null, reason_code: null, reason: null,
    pipeline_version: null, versions: null, corrections: null, page_sizes: null, parent_id: null, part: null, part_count: null,
    ...part
  }
}

export type { SchemaName, SchemaTypes }
