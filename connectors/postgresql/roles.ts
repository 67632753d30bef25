import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import type pg from 'pg'

/** Who may what: owner migrates, sink writes every tenant's rows, api reads one tenant's. */
export const POSTGRESQL_ROLES = ['millrace_owner', 'millrace_sink', 'millrace_api'] as const

export type PostgresqlRole = (typeof POSTGRESQL_ROLES)[number]
export type PostgresqlPasswords = { readonly [role in PostgresqlRole]: string }

export const SCHEMA = 'millrace'

/**
 * Creates or repairs the three roles, the schema and the extension. Needs an administrator's connection; everything
 * after it runs as `millrace_owner`. Idempotent.
 */
export async function createRoles(admin: pg.ClientBase, passwords: PostgresqlPasswords): Promise<void> {
  for (const role of POSTGRESQL_ROLES) {
    await againAfterAnother(async () => {
      const { rowCount } = await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role])
      if (rowCount === 0) {
        await admin.query(`CREATE ROLE ${role}`)
      }
      await admin.query(`ALTER ROLE ${role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '${scramSecret(passwords[role])}'`)
    })
  }
  await admin.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA} AUTHORIZATION millrace_owner`)
  await admin.query(`GRANT USAGE ON SCHEMA ${SCHEMA} TO millrace_sink, millrace_api`)
  await admin.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC')
  await admin.query('CREATE EXTENSION IF NOT EXISTS vector SCHEMA public')
}

/** What PostgreSQL says of two sessions that make or change the same role: duplicate_object, unique_violation, and internal_error for "tuple concurrently updated". */
const ANOTHER_SESSION = new Set(['42710', '23505', 'XX000'])
const ROLE_ATTEMPTS = 10

/** Roles belong to the whole server, the migration's lock to one database: another database's migration may be at them, too. */
async function againAfterAnother(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === ROLE_ATTEMPTS || !ANOTHER_SESSION.has((error as { code?: string }).code ?? '')) {
        throw error
      }
    }
  }
}

/**
 * The verifier PostgreSQL keeps for a SCRAM-SHA-256 password (RFC 5803). Made here so that the password itself never
 * stands in a statement, where a server's log could keep it.
 */
export function scramSecret(password: string, salt: Buffer = randomBytes(16), iterations = 4096): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const stored = createHash('sha256').update(createHmac('sha256', salted).update('Client Key').digest()).digest('base64')
  const server = createHmac('sha256', salted).update('Server Key').digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${server}`
}
