import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type cassandra from 'cassandra-driver'
import { ConnectorError } from '../errors.ts'
import { pendingMigrations, readMigrations } from '../migrations.ts'
import { cassandraRefusal } from '../refusal.ts'
import { type CassandraAddress, cassandraClient } from './client.ts'

export interface CassandraMigrationOptions extends CassandraAddress {
  /** CQL map of the keyspace's replication; used when the keyspace is created. Default: SimpleStrategy, one copy. */
  replication?: string
}

/** Two instances that migrate at once make Cassandra's schema disagree. The lock ends by itself when its holder died. */
const LOCK_SECONDS = 60
const LOCK_ATTEMPTS = 120
const LOCK_PAUSE_MS = 500

/**
 * Brings the keyspace to the newest version. Cassandra has no transactions over its schema: every statement of a
 * migration is idempotent (IF NOT EXISTS), and a migration that was cut off runs again.
 * @returns the names of the migrations it applied
 * @throws ConnectorError ACCESS_REFUSED when the cluster does not let this user in, or does not let it make tables
 */
export async function migrateCassandra(options: CassandraMigrationOptions): Promise<string[]> {
  const { keyspace } = options
  if (!/^[a-z][a-z0-9_]{0,47}$/.test(keyspace)) {
    throw new ConnectorError('CONFIG_INVALID', `The keyspace "${keyspace}" must be a lower-case word of at most 48 characters.`)
  }
  const client = cassandraClient(options)
  try {
    await client.connect()
    const replication = options.replication ?? "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    await client.execute(`CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = ${replication}`)
    await client.execute(`CREATE TABLE IF NOT EXISTS ${keyspace}.schema_migrations (version int PRIMARY KEY, name text, checksum text, applied_at timestamp)`)
    await client.execute(`CREATE TABLE IF NOT EXISTS ${keyspace}.schema_lock (name text PRIMARY KEY, holder text)`)
    return await locked(client, keyspace, async () => await applyAll(client, keyspace))
  } catch (error) {
    throw cassandraRefusal(error) ?? error
  } finally {
    await client.shutdown()
  }
}

async function applyAll(client: cassandra.Client, keyspace: string): Promise<string[]> {
  const { rows } = await client.execute(`SELECT version, checksum FROM ${keyspace}.schema_migrations`)
  const applied = rows.map((row) => ({ version: row.get('version') as number, checksum: row.get('checksum') as string }))
  const pending = pendingMigrations(readMigrations(new URL('./migrations/', import.meta.url), '.cql'), applied)
  for (const { version, name, text, checksum } of pending) {
    for (const statement of statements(text)) {
      await client.execute(statement.replace(/(CREATE TABLE IF NOT EXISTS|ALTER TABLE) /, `$1 ${keyspace}.`))
    }
    await client.execute(
      `INSERT INTO ${keyspace}.schema_migrations (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)`,
      [version, name, checksum, new Date()],
      { prepare: true }
    )
  }
  return pending.map(({ name }) => name)
}

/** Statements end with a semicolon at the end of a line; lines that begin with two dashes are comments. */
export function statements(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('--'))
    .join('\n')
    .split(/;\s*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}

async function locked<T>(client: cassandra.Client, keyspace: string, work: () => Promise<T>): Promise<T> {
  const holder = randomUUID()
  for (let attempt = 1; ; attempt++) {
    const result = await client.execute(
      `INSERT INTO ${keyspace}.schema_lock (name, holder) VALUES ('migrate', ?) IF NOT EXISTS USING TTL ${LOCK_SECONDS}`,
      [holder],
      { prepare: true }
    )
    if (result.wasApplied()) {
      break
    }
    if (attempt === LOCK_ATTEMPTS) {
      throw new ConnectorError('MIGRATION_LOCKED', `Somebody else holds the migration lock of the keyspace "${keyspace}".`)
    }
    await delay(LOCK_PAUSE_MS)
  }
  try {
    return await work()
  } finally {
    await client.execute(`DELETE FROM ${keyspace}.schema_lock WHERE name = 'migrate' IF holder = ?`, [holder], { prepare: true })
  }
}
