import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConnectorError } from './errors.ts'
import { POSTGRESQL_ROLES, type PostgresqlPasswords } from './postgresql/roles.ts'

/** Read by the sink's `file` config provider as well as by us: one `role=password` per line. */
const POSTGRESQL_FILE = 'postgresql.properties'

/** What the secrets folder holds, as far as it is asked for. `.properties` are read by the worker's `file` config provider. */
export const WORKER_FILES = {
  postgresql: POSTGRESQL_FILE,
  postgresqlCa: 'postgresql-ca.pem',
  /** `username` and `password` of the sink's role. */
  cassandra: 'cassandra.properties',
  cassandraCa: 'cassandra-ca.pem',
  /** The sink's own key, unencrypted PKCS #8, and its certificate. */
  cassandraClient: 'cassandra-client.pem',
  /** `username` and `password` of the converters. */
  registry: 'registry.properties'
} as const

/** The passwords of the three PostgreSQL roles; generated and written (0600 in a 0700 folder) when their file is not there yet. */
export function postgresqlPasswords(folder: string): PostgresqlPasswords {
  const file = join(folder, POSTGRESQL_FILE)
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const text = POSTGRESQL_ROLES.map((role) => `${role}=${randomBytes(24).toString('base64url')}\n`).join('')
    writeFileSync(`${file}.new`, text, { mode: 0o600 })
    chmodSync(`${file}.new`, 0o600)
    renameSync(`${file}.new`, file)
  }
  return readPostgresqlPasswords(folder)
}

/**
 * The passwords of the three PostgreSQL roles, from `postgresql.properties` in the secrets folder.
 * @throws ConnectorError SECRETS_INVALID
 */
export function readPostgresqlPasswords(folder: string): PostgresqlPasswords {
  const file = join(folder, POSTGRESQL_FILE)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ConnectorError('SECRETS_INVALID', `${file} cannot be read: it holds a line "role=password" for each of ${POSTGRESQL_ROLES.join(', ')}.`, { cause })
  }
  const lines = new Map(
    text
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()])
  )
  return Object.fromEntries(
    POSTGRESQL_ROLES.map((role) => {
      const password = lines.get(role)
      if (password === undefined || password === '') {
        throw new ConnectorError('SECRETS_INVALID', `${file} has no password for ${role}: add a line "${role}=…", or remove the file to have all made anew.`)
      }
      return [role, password]
    })
  ) as PostgresqlPasswords
}

/** How a connector's settings name a secret: the worker reads it itself, its REST interface shows the name only. */
export function secretReference(folder: string, file: string, key: string): string {
  return `\${file:${join(folder, file)}:${key}}`
}
