import pg from 'pg'
import { type AppliedMigration, pendingMigrations, readMigrations } from '../migrations.ts'
import { postgresqlTlsRefusal } from '../refusal.ts'
import { createRoles, type PostgresqlPasswords, SCHEMA } from './roles.ts'

export interface PostgresqlAddress {
  host: string
  port: number
  database: string
  /** PEM text; an empty object: TLS with the system's roots. */
  tls?: { ca?: string }
}

export interface PostgresqlMigrationOptions extends PostgresqlAddress {
  /** Creates roles, schema and extension first. Without it they must be there. */
  admin?: { user: string; password: string }
  passwords: PostgresqlPasswords
}

/** Serialises instances that start together; any number will do, as long as nobody else in the database takes it. */
const LOCK = 7_212_461
/** A migration that waits for a lock holds up everybody behind it: give up, and say so, instead. */
const LOCK_TIMEOUT = '30s'

/**
 * Brings the database to the newest version: every migration once, in order, each in a transaction with its entry in
 * `millrace.schema_migrations`. Safe to run from many processes at once.
 * @returns the names of the migrations it applied
 */
export async function migratePostgresql(options: PostgresqlMigrationOptions): Promise<string[]> {
  const { passwords } = options
  const server = connectionOf(options)
  if (options.admin !== undefined) {
    await withClient({ ...server, ...options.admin }, async (admin) => {
      await locked(admin, async () => await createRoles(admin, passwords))
    })
  }
  return await withClient({ ...server, user: 'millrace_owner', password: passwords.millrace_owner }, async (owner) => {
    return await locked(owner, async () => await applyAll(owner))
  })
}

/** The driver's settings for an address; certificates are checked, and that they are the host's. */
export function connectionOf({ host, port, database, tls }: PostgresqlAddress): pg.ClientConfig {
  return { host, port, database, ...(tls === undefined ? {} : { ssl: { ...tls } }) }
}

async function applyAll(owner: pg.Client): Promise<string[]> {
  await owner.query(`CREATE TABLE IF NOT EXISTS ${SCHEMA}.schema_migrations (
    version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`)
  const applied = await owner.query<AppliedMigration>(`SELECT version, checksum FROM ${SCHEMA}.schema_migrations ORDER BY version`)
  const pending = pendingMigrations(readMigrations(new URL('./migrations/', import.meta.url), '.sql'), applied.rows)
  for (const { version, name, text, checksum } of pending) {
    await owner.query('BEGIN')
    try {
      await owner.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`)
      await owner.query(text)
      await owner.query(`INSERT INTO ${SCHEMA}.schema_migrations (version, name, checksum) VALUES ($1, $2, $3)`, [version, name, checksum])
      await owner.query('COMMIT')
    } catch (error) {
      await owner.query('ROLLBACK')
      throw error
    }
  }
  return pending.map(({ name }) => name)
}

async function locked<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('SELECT pg_advisory_lock($1)', [LOCK])
  try {
    return await work()
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [LOCK])
  }
}

async function withClient<T>(config: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...config, connectionTimeoutMillis: 10_000 })
  // a server that dies between two queries tells it here; the next query fails
  client.on('error', () => {})
  await client.connect().catch((error: unknown) => {
    throw postgresqlTlsRefusal(error) ?? error
  })
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
