/** The command by which an operator brings both databases to what a version needs. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { cassandraClient, postgresqlPasswords } from '../../../connectors/index.ts'
import { readMigrations } from '../../../connectors/migrations.ts'
import { connectorsCommand, stackFile } from './support.ts'

t.setTimeout(120_000)
const stack = stackFile()
const run = `t${randomBytes(4).toString('hex')}`
const database = `millrace_${run}`
const keyspace = `archive_${run}`
const folder = mkdtempSync(join(tmpdir(), 'millrace-migrate-'))
// roles belong to the whole server: their passwords must be those of the stack
const secrets = stack.secrets ?? folder
const passwords = postgresqlPasswords(secrets)
const { host, port, user } = stack.postgresql

function fileOf(name: string, content: string): string {
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}

const adminPassword = fileOf('admin.password', stack.postgresql.password)
const configuration = {
  kafka: { bootstrapServers: [stack.kafka] },
  postgresql: { host, port, database, passwordFile: fileOf('api.password', passwords.millrace_api) },
  cassandra: { contactPoint: stack.cassandra, localDataCenter: 'datacenter1', keyspace },
}
const config = fileOf('instance.json', JSON.stringify(configuration))
const administrator = new pg.Client(stack.postgresql)
await administrator.connect()
await administrator.query(`CREATE DATABASE ${database}`)

t.teardown(async () => {
  await administrator.query(`DROP DATABASE ${database} WITH (FORCE)`)
  await administrator.end()
  const client = cassandraClient({ contactPoints: [stack.cassandra], datacenter: 'datacenter1', keyspace: 'system' })
  await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
  await client.shutdown()
  rmSync(folder, { recursive: true })
})

const migrate = (...args: string[]) => connectorsCommand('migrate', ...args)

const names = (store: 'postgresql' | 'cassandra', extension: string): string[] =>
  readMigrations(new URL(`../../../connectors/${store}/migrations/`, import.meta.url), extension).map(({ name }) => name)

t.test('a new database: roles and every migration; the second time nothing, also without an administrator', async (t) => {
  const options = ['--config', config, '--secrets', secrets]
  const early = await migrate(...options)
  t.equal(early.code, 1, 'without its schema, and without an administrator to make it')
  t.match(early.err, new RegExp(`PostgreSQL ${host}:${port}/${database}: .*--admin`))
  const first = await migrate(...options, '--admin', user, '--admin-password-file', adminPassword)
  t.same(first, {
    code: 0, err: '',
    out: [...names('postgresql', '.sql').map((name) => `PostgreSQL ${host}:${port}/${database}: ${name}`), ...names('cassandra', '.cql').map((name) => `Cassandra ${stack.cassandra}/${keyspace}: ${name}`)],
  })
  t.same(await migrate(...options), { code: 0, err: '', out: [`PostgreSQL ${host}:${port}/${database}: up to date`, `Cassandra ${stack.cassandra}/${keyspace}: up to date`] })
  const owner = new pg.Client({ host, port, database, user: 'millrace_owner', password: passwords.millrace_owner })
  await owner.connect()
  t.equal((await owner.query('SELECT * FROM millrace.documents')).rowCount, 0)
  await owner.end()
})

t.test('what is missing is named, and nothing is made up', async (t) => {
  const secretsOf = (name: string): string => join(folder, name)
  const missing = await migrate('--config', config, '--secrets', secretsOf('none'))
  t.equal(missing.code, 1)
  t.match(missing.err, /none\/postgresql\.properties.*millrace_owner, millrace_sink, millrace_api/)
  const none = await migrate('--config', fileOf('none.json', JSON.stringify({ kafka: configuration.kafka })))
  t.equal(none.code, 2)
  t.match(none.err, /"postgresql".*"cassandra"/)
  const away = await migrate('--secrets', secrets, '--config', fileOf('away.json', JSON.stringify({ kafka: configuration.kafka, postgresql: { ...configuration.postgresql, port: 1 } })))
  t.equal(away.code, 1)
  t.match(away.err, new RegExp(`^PostgreSQL ${host}:1/${database}: .*ECONNREFUSED`))
  t.notMatch(away.err, passwords.millrace_owner)
})
