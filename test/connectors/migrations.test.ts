import { mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { schemaFiles } from '../../avro/schema-files.ts'
import { statements } from '../../connectors/cassandra/migrate.ts'
import { TABLES } from '../../connectors/cassandra/tables.ts'
import { pendingMigrations, readMigrations } from '../../connectors/migrations.ts'
import { scramSecret } from '../../connectors/postgresql/roles.ts'
import { postgresqlPasswords } from '../../connectors/secrets.ts'

function folder(files: { [name: string]: string }): URL {
  const path = mkdtempSync(join(tmpdir(), 'millrace-migrations-'))
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(path, name), text)
  }
  return pathToFileURL(`${path}/`)
}

t.test('migrations come in order, without gaps, under proper names', async (t) => {
  const all = readMigrations(folder({ '0002_b.sql': 'b', '0001_a.sql': 'a', 'README.md': 'x' }), '.sql')
  t.same(all.map(({ version, name }) => [version, name]), [[1, '0001_a.sql'], [2, '0002_b.sql']])
  t.throws(() => readMigrations(folder({ '0001_a.sql': '', '0003_c.sql': '' }), '.sql'), { code: 'MIGRATION_INVALID', message: /0003_c\.sql/ })
  t.throws(() => readMigrations(folder({ 'first.sql': '' }), '.sql'), { code: 'MIGRATION_INVALID' })
  t.throws(() => readMigrations(folder({ '0001_a.sql': '', '0001_b.sql': '' }), '.sql'), { code: 'MIGRATION_INVALID' })
})

t.test('only what was not applied is pending; what was applied never changes', async (t) => {
  const all = readMigrations(folder({ '0001_a.sql': 'a', '0002_b.sql': 'b' }), '.sql')
  t.same(pendingMigrations(all, []).map(({ version }) => version), [1, 2])
  t.same(pendingMigrations(all, [all[0]!]).map(({ version }) => version), [2])
  t.throws(() => pendingMigrations(all, [{ version: 1, checksum: 'other' }]), { code: 'MIGRATION_CHANGED', message: /0001_a\.sql/ })
  t.throws(() => pendingMigrations(all, [...all, { version: 3, checksum: 'x' }]), { code: 'DATABASE_NEWER' })
})

t.test('our own migrations are readable', async (t) => {
  t.ok(readMigrations(new URL('../../connectors/postgresql/migrations/', import.meta.url), '.sql').length > 0)
  t.ok(readMigrations(new URL('../../connectors/cassandra/migrations/', import.meta.url), '.cql').length > 0)
})

t.test('CQL is split into its statements', async (t) => {
  t.same(statements("-- a comment; with a semicolon\nCREATE TABLE a (b text);\n\nALTER TABLE a\n  ADD c text;\nINSERT INTO a (b) VALUES ('x;y');"), [
    'CREATE TABLE a (b text)', 'ALTER TABLE a\n  ADD c text', "INSERT INTO a (b) VALUES ('x;y')"
  ])
})

t.test('the columns the sink writes are those of the tables and of the rows', async (t) => {
  const text = readMigrations(new URL('../../connectors/cassandra/migrations/', import.meta.url), '.cql').map((migration) => migration.text).join('\n')
  for (const [table, columns] of Object.entries(TABLES)) {
    const statement = statements(text).find((one) => one.includes(`EXISTS ${table} (`))!
    const added = statements(text).filter((one) => one.startsWith(`ALTER TABLE ${table} ADD IF NOT EXISTS `)).map((one) => one.slice(one.indexOf('EXISTS') + 'EXISTS'.length))
    const definitions = [statement.slice(statement.indexOf('(') + 1, statement.indexOf('PRIMARY KEY')), ...added].join(', ')
    const defined = [...definitions.matchAll(/([a-z0-9_]+) (?:text|bigint|int|double|timestamp|boolean)\b/g)]
    t.same([...columns].sort(), defined.map((match) => match[1]!).sort(), table)
    const fields = new Set(schemaFiles().get(table === 'lifecycle_by_document' ? 'LifecycleEvent' : 'DocumentRow')!.fields.map(({ name }) => name))
    t.same(columns.filter((column) => !fields.has(column)), [], `${table} has a field for every column`)
  }
  t.same([...TABLES.document_by_id].sort(), schemaFiles().get('DocumentRow')!.fields.map(({ name }) => name).sort(), 'nothing of a row is lost')
})

t.test('PostgreSQL has a column for every field of a row and of a chunk', async (t) => {
  const text = readMigrations(new URL('../../connectors/postgresql/migrations/', import.meta.url), '.sql').map((migration) => migration.text).join('\n')
  for (const { name } of schemaFiles().get('DocumentRow')!.fields) {
    t.match(text, new RegExp(`^\\s*(?:ALTER TABLE millrace\\.documents )?(?:ADD COLUMN )?${name}\\s+(text|bigint|integer|timestamptz|jsonb|double precision)`, 'm'), name)
  }
  const chunks = text.slice(text.indexOf('CREATE TABLE millrace.chunks'))
  for (const { name } of schemaFiles().get('DocumentChunk')!.fields) {
    t.match(chunks.slice(0, chunks.indexOf(');')), new RegExp(`^\\s*${name}\\s+(text|bigint|integer)`, 'm'), name)
  }
})

t.test('passwords are generated once, for three roles, readable by the owner only', async (t) => {
  const path = join(mkdtempSync(join(tmpdir(), 'millrace-secrets-')), 'secrets')
  const passwords = postgresqlPasswords(path)
  t.same(Object.keys(passwords).sort(), ['millrace_api', 'millrace_owner', 'millrace_sink'])
  t.equal(new Set(Object.values(passwords)).size, 3)
  t.ok(Object.values(passwords).every((password) => /^[\w-]{32}$/.test(password)))
  t.same(postgresqlPasswords(path), passwords)
  t.equal(statSync(join(path, 'postgresql.properties')).mode & 0o777, 0o600)
  t.equal(statSync(path).mode & 0o777, 0o700)
  writeFileSync(join(path, 'postgresql.properties'), 'millrace_owner=x\n')
  t.throws(() => postgresqlPasswords(path), { code: 'SECRETS_INVALID', message: /millrace_sink/ })
})

t.test('the verifier of a password is the one RFC 7677 gives', async (t) => {
  // RFC 7677, section 3: user "user", password "pencil"
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  t.equal(scramSecret('pencil', salt, 4096), 'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=')
})
