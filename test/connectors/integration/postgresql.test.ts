import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { migratePostgresql, PostgresqlCorrections, PostgresqlRateLimits, PostgresqlReader, postgresqlPasswords } from '../../../connectors/index.ts'
import { readMigrations } from '../../../connectors/migrations.ts'
import { stackFile } from './support.ts'

const stack = stackFile()
const { host, port, user, password } = stack.postgresql
const database = `millrace_t${randomBytes(4).toString('hex')}`
// roles belong to the whole server: their passwords must be those of the stack
const passwords = postgresqlPasswords(stack.secrets ?? mkdtempSync(join(tmpdir(), 'millrace-secrets-')))
const admin = new pg.Client({ ...stack.postgresql })
await admin.connect()
await admin.query(`CREATE DATABASE ${database}`)
const options = { host, port, database, admin: { user, password }, passwords }
const first = await Promise.all([migratePostgresql(options), migratePostgresql(options), migratePostgresql(options)])

async function connect(role: keyof typeof passwords): Promise<pg.Client> {
  const client = new pg.Client({ host, port, database, user: role, password: passwords[role] })
  await client.connect()
  return client
}
const owner = await connect('millrace_owner')
const sink = await connect('millrace_sink')
const api = await connect('millrace_api')
const reader = new PostgresqlReader({ host, port, database, password: passwords.millrace_api, connections: 1 })

t.teardown(async () => {
  await Promise.all([owner.end(), sink.end(), api.end(), reader.close()])
  await admin.query(`DROP DATABASE ${database} WITH (FORCE)`)
  await admin.end()
})

async function write(tenant: string, document: string, revision: number, more: { [column: string]: unknown } = {}): Promise<void> {
  const row = { day: '2026-10-01', received_at: new Date(1_790_000_000_000), processed_at: new Date(), status: 'ARCHIVED', source: 'api', size: 1, tenant_id: tenant, document_id: document, revision, ...more }
  const columns = Object.keys(row)
  const assign = columns.map((column) => `${column} = EXCLUDED.${column}`).join(', ')
  await sink.query(
    `INSERT INTO millrace.documents (${columns.join(', ')}) VALUES (${columns.map((_, index) => `$${index + 1}`).join(', ')}) ON CONFLICT (tenant_id, document_id) DO UPDATE SET ${assign}`,
    Object.values(row)
  )
}

async function tenantsSeen(client: pg.Client, tenant?: string): Promise<string[]> {
  await client.query('BEGIN')
  if (tenant !== undefined) {
    await client.query("SELECT set_config('app.tenant_id', $1, true)", [tenant])
  }
  const { rows } = await client.query<{ tenant_id: string }>('SELECT DISTINCT tenant_id FROM millrace.documents ORDER BY 1')
  await client.query('COMMIT')
  return rows.map((row) => row.tenant_id)
}

t.test('processes that start together apply every migration once', async (t) => {
  t.same(first.flat(), readMigrations(new URL('../../../connectors/postgresql/migrations/', import.meta.url), '.sql').map(({ name }) => name))
  t.same(await migratePostgresql(options), [])
  t.same(await migratePostgresql({ ...options, admin: undefined as never }), [], 'without an administrator, too')
})

t.test('databases of one server migrated at once share its roles', async (t) => {
  const databases = Array.from({ length: 4 }, () => `millrace_t${randomBytes(4).toString('hex')}`)
  for (const name of databases) {
    await admin.query(`CREATE DATABASE ${name}`)
    t.teardown(async () => void (await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)))
  }
  const applied = await Promise.all(databases.map(async (name) => await migratePostgresql({ ...options, database: name })))
  t.same(applied, databases.map(() => first.flat()))
})

t.test('a changed migration stops the start', async (t) => {
  await owner.query("UPDATE millrace.schema_migrations SET checksum = 'other' WHERE version = 1")
  await t.rejects(migratePostgresql(options), { code: 'MIGRATION_CHANGED' })
  await owner.query('DELETE FROM millrace.schema_migrations')
  await t.rejects(migratePostgresql(options), { code: '42P07' }, 'the table is there: nothing is overwritten')
  t.same((await owner.query('SELECT version FROM millrace.schema_migrations')).rows, [], 'a migration that fails leaves no trace')
})

t.test('roles can do what they are for and nothing else', async (t) => {
  const { rows } = await admin.query<{ rolname: string }>(
    "SELECT rolname FROM pg_roles WHERE rolname LIKE 'millrace_%' AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)"
  )
  t.same(rows, [])
  await write('acme', 'a1', 1)
  await write('globex', 'g1', 1)
  await t.rejects(api.query("INSERT INTO millrace.documents (tenant_id) VALUES ('acme')"), { code: '42501' })
  await t.rejects(api.query("UPDATE millrace.documents SET status = 'x'"), { code: '42501' })
  await t.rejects(api.query('DELETE FROM millrace.documents'), { code: '42501' })
  await t.rejects(api.query('TRUNCATE millrace.documents'), { code: '42501' })
  await t.rejects(api.query('ALTER TABLE millrace.documents DISABLE ROW LEVEL SECURITY'), { code: '42501' })
  await t.rejects(api.query('DROP POLICY api_reads ON millrace.documents'), { code: '42501' })
  await t.rejects(api.query('CREATE TABLE millrace.mine (a int)'), { code: '42501' })
  await t.rejects(api.query('CREATE TABLE public.mine (a int)'), { code: '42501' })
  await t.rejects(api.query('SET ROLE millrace_sink'), { code: '42501' })
  await t.rejects(api.query('SELECT * FROM millrace.schema_migrations'), { code: '42501' })
  await t.rejects(sink.query('DELETE FROM millrace.documents'), { code: '42501' })
  await t.rejects(sink.query('ALTER TABLE millrace.documents ADD COLUMN x int'), { code: '42501' })
  await t.rejects(sink.query('DROP TABLE millrace.documents'), { code: '42501' })
})

t.test('the API sees one tenant, and none when none is named', async (t) => {
  t.same(await tenantsSeen(api), [])
  t.same(await tenantsSeen(api, 'acme'), ['acme'])
  t.same(await tenantsSeen(api), [], 'the transaction before left nothing behind')
  t.same(await tenantsSeen(api, ''), [])
  t.same(await tenantsSeen(api, 'nobody'), [])
  t.same(await tenantsSeen(api, "acme' OR true --"), [])
  await api.query('SET row_security = off')
  await t.rejects(tenantsSeen(api, 'acme'), { code: '42501' }, 'switching it off is an error, not a way in')
  await api.query('ROLLBACK')
  await api.query('RESET row_security')
  t.same(await tenantsSeen(owner), [], 'not even the owner sees rows')
  t.same(await tenantsSeen(sink), ['acme', 'globex'])
})

t.test('a function that leaks what it sees cannot look behind the policy', async (t) => {
  await owner.query('GRANT CREATE ON SCHEMA millrace TO millrace_api')
  await api.query(`CREATE FUNCTION millrace.leak(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
    BEGIN RAISE NOTICE 'leak %', value; RETURN true; END $$`)
  const notices: string[] = []
  api.on('notice', (notice) => notices.push(notice.message ?? ''))
  await api.query('BEGIN')
  await api.query("SELECT set_config('app.tenant_id', 'acme', true)")
  await api.query('SELECT document_id FROM millrace.documents WHERE millrace.leak(document_id)')
  await api.query('COMMIT')
  t.same(notices, ['leak a1'])
  await api.query('DROP FUNCTION millrace.leak')
  await owner.query('REVOKE CREATE ON SCHEMA millrace FROM millrace_api')
})

t.test('the higher revision stays, whatever the order', async (t) => {
  const id = randomUUID()
  for (const revision of [2, 1, 3, 2, 3]) {
    await write('acme', id, revision, { vendor: `vendor ${revision}` })
  }
  t.match(await reader.get('acme', id), { revision: 3, vendor: 'vendor 3' })
})

t.test('what became of the documents that came out of one, in its own tenant only', async (t) => {
  const [mail, first, second] = [randomUUID(), 'a', 'b'].map((id) => `parts-${id}`) as [string, string, string]
  await write('acme', first, 1, { parent_id: mail, part: '2026/a.pdf', status: 'REJECTED', reason_code: 'CORRUPT' })
  await write('acme', second, 1, { parent_id: mail, part: 'b.pdf', type: 'invoice' })
  await write('acme', mail, 1, { part_count: 2 })
  t.same(await reader.parts('acme', mail), [
    { documentId: first, part: '2026/a.pdf', status: 'REJECTED', reasonCode: 'CORRUPT', type: null }, { documentId: second, part: 'b.pdf', status: 'ARCHIVED', reasonCode: null, type: 'invoice' },
  ])
  t.match(await reader.get('acme', mail), { partCount: 2, parentId: null })
  t.same(await reader.parts('globex', mail), [])
})

t.test('no text a document can hold is refused, and amounts that are numbers can be summed', async (t) => {
  const id = randomUUID()
  const long = 'x'.repeat(500_000)
  await write('amounts', id, 1, { vendor: long, number: long, file_name: long, total: 'twelve', fields: JSON.stringify({ [long.slice(0, 5_000)]: long }) })
  await write('amounts', randomUUID(), 1, { total: '12.50' })
  await write('amounts', randomUUID(), 1, { total: '-2.5' })
  await write('amounts', randomUUID(), 1, { total: `1${'0'.repeat(400)}` })
  const { rows } = await sink.query("SELECT sum(total_amount) FROM millrace.documents WHERE tenant_id = 'amounts'")
  t.equal(Number((rows[0] as { sum: string }).sum), 10)
})

t.test('the reader gives pages of one tenant, newest first', async (t) => {
  const ids = Array.from({ length: 23 }, () => randomUUID())
  for (const [index, id] of ids.entries()) {
    // some at the same time: the id decides
    await write('pages', id, 1, { received_at: new Date(1_790_000_000_000 + Math.floor(index / 4) * 1_000 + 7), status: index % 2 === 0 ? 'ARCHIVED' : 'IN_REVIEW' })
  }
  const seen: string[] = []
  let cursor: string | undefined
  let pages = 0
  do {
    const page = await reader.list('pages', { limit: 5, cursor })
    seen.push(...page.documents.map((document) => document.documentId))
    cursor = page.cursor
    pages++
  } while (cursor !== undefined)
  t.equal(pages, 5)
  t.same([...seen].sort(), [...ids].sort(), 'every document once')
  t.equal((await reader.list('pages', { limit: 100, state: 'IN_REVIEW' })).documents.length, 11)
  t.equal(await reader.count('pages'), 23)
  t.equal(await reader.count('pages', { state: 'ARCHIVED' }), 12)
  t.same(await reader.list('nobody', { limit: 5 }), { documents: [], cursor: undefined })
  t.equal(await reader.get('acme', ids[0]!), undefined, "another tenant's document")
  for (const wrong of ['x', 'e30', Buffer.from('["a","b"]').toString('base64url'), Buffer.from('[1]').toString('base64url'), Buffer.from('[-8e15,"a"]').toString('base64url')]) {
    await t.rejects(reader.list('pages', { limit: 5, cursor: wrong }), { code: 'CURSOR_INVALID' })
  }
})

t.test('the queue of review: who has waited longest first, by reason, type and vendor', async (t) => {
  const ids = Array.from({ length: 9 }, () => randomUUID())
  for (const [index, id] of ids.entries()) {
    await write('queue', id, 1, {
      received_at: new Date(1_790_000_000_000 + Math.floor(index / 3) * 1_000 + 7), status: index === 8 ? 'ARCHIVED' : 'IN_REVIEW', reason_code: index % 2 === 0 ? 'RULE_FAILED' : 'LOW_PROBABILITY,RULE_FAILED',
      vendor: index === 0 ? 'Müller & 100 %_Söhne' : null, type: index === 1 ? 'receipt' : 'invoice',
    })
  }
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await reader.review('queue', { limit: 3, cursor })
    t.ok(page.documents.length <= 3)
    seen.push(...page.documents.map(({ documentId }) => documentId))
    cursor = page.cursor
  } while (cursor !== undefined)
  const order = (n: number): string[] => ids.slice(3 * n, 3 * n + 3).filter((id) => id !== ids[8]).sort()
  t.same(seen, [...order(0), ...order(1), ...order(2)], 'every one once, those of one time by their id')
  const count = async (filter: { reason?: string; type?: string; vendor?: string }): Promise<number> => (await reader.review('queue', { limit: 100, ...filter })).documents.length
  t.same(
    [await count({ reason: 'LOW_PROBABILITY' }), await count({ reason: 'RULE_FAILED' }), await count({ reason: 'RULE' }), await count({ type: 'receipt' }), await count({ vendor: 'müller' }), await count({ vendor: '%' }), await count({ vendor: 'x%' })],
    [4, 8, 0, 1, 1, 1, 0],
    'a vendor is a text, no pattern',
  )
  t.same(await reader.review('nobody', { limit: 5 }), { documents: [], cursor: undefined })
  await t.rejects(reader.review('queue', { limit: 5, cursor: 'x' }), { code: 'CURSOR_INVALID' })
})

t.test('a bucket gives out what it holds, to all who ask at once, and to its own tenant', async (t) => {
  const instances = [1, 2].map(() => new PostgresqlRateLimits({ host, port, database, password: passwords.millrace_api, connections: 4 }))
  const begin = performance.now()
  const takeAll = async (tenant: string): Promise<number> => {
    const grants = await Promise.all(Array.from({ length: 16 }, (_, n) => instances[n % 2]!.take(tenant, 30, 3)))
    return grants.reduce((sum, { granted }) => sum + granted, 0)
  }
  const [mine, theirs] = [await takeAll('limited'), await takeAll('others')]
  const most = 30 * (1 + (performance.now() - begin) / 60_000) + 1
  for (const sum of [mine, theirs]) {
    t.ok(sum >= 30 && sum <= most, `${sum} of ${most}`)
  }
  const { granted, level } = await instances[0]!.take('limited', 0, 3)
  t.same([granted, level], [0, 0], 'a tenant that may send nothing any more')
  await api.query('BEGIN')
  await api.query("SELECT set_config('app.tenant_id', 'others', true)")
  t.same((await api.query('SELECT tenant_id FROM millrace.rate_limits')).rows, [{ tenant_id: 'others' }])
  await api.query('COMMIT')
  await Promise.all(instances.map((one) => one.close()))
})

t.test('of several decisions about one revision the first is kept, under its key', async (t) => {
  const corrections = new PostgresqlCorrections({ host, port, database, password: passwords.millrace_api, connections: 4 })
  const decision = (correctionId: string, baseRevision = 7) => ({ documentId: 'd', baseRevision, correctionId, sha256: correctionId, by: 'ann', at: 1_790_000_000_007 })
  const taken = await Promise.all(['a', 'b', 'c', 'd'].map((id) => corrections.take('deciders', id, decision(id))))
  t.equal(taken.filter(Boolean).length, 1, 'of those at the same time one')
  const first = ['a', 'b', 'c', 'd'][taken.indexOf(true)]!
  t.same(await corrections.find('deciders', first), { ...decision(first), produced: false })
  t.equal(await corrections.take('deciders', first, decision('e', 8)), false, 'a key is for one decision')
  t.equal(await corrections.take('others', first, decision('f')), true, 'of its tenant')
  await corrections.markProduced('deciders', { documentId: 'd', baseRevision: 7 })
  t.match(await corrections.find('deciders', first), { produced: true })
  t.match(await corrections.find('others', first), { correctionId: 'f', produced: false })
  const later = (id: string, seconds: number) => ({ ...decision(id), at: decision(id).at + 1_000 * seconds })
  t.equal(await corrections.take('others', 'g', later('g', 30)), false, 'it may still be on its way')
  t.equal(await corrections.take('others', undefined, later('g', 120)), true, 'what never reached Kafka does not stand in the way for ever')
  t.equal(await corrections.find('others', first), undefined)
  t.equal(await corrections.take('deciders', 'h', later('h', 120)), false, 'what did reach it does')
  t.equal(await corrections.find('nobody', first), undefined)
  await corrections.close()
})

t.test('a query that fails leaves a clean connection behind', async (t) => {
  await t.rejects(reader.get('acme', 'a\u0000'))
  t.match(await reader.get('acme', 'a1'), { documentId: 'a1' })
  t.same(await reader.get('globex', 'a1'), undefined)
})
