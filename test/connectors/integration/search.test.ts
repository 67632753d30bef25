/** Search on a real PostgreSQL, as its own role: what is found, in which order, and what never is. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { migratePostgresql, PostgresqlChunks, PostgresqlSearch, postgresqlPasswords, type SearchOptions, type StoredChunk } from '../../../connectors/index.ts'
import { stackFile } from './support.ts'

const stack = stackFile()
const { host, port, user, password } = stack.postgresql
const database = `millrace_t${randomBytes(4).toString('hex')}`
const passwords = postgresqlPasswords(stack.secrets ?? mkdtempSync(join(tmpdir(), 'millrace-secrets-')))
const admin = new pg.Client({ ...stack.postgresql })
await admin.connect()
await admin.query(`CREATE DATABASE ${database}`)
await migratePostgresql({ host, port, database, admin: { user, password }, passwords })
const sink = new pg.Client({ host, port, database, user: 'millrace_sink', password: passwords.millrace_sink })
const api = new pg.Client({ host, port, database, user: 'millrace_api', password: passwords.millrace_api })
await Promise.all([sink.connect(), api.connect()])
const search = new PostgresqlSearch({ host, port, database, password: passwords.millrace_api, connections: 1 })

t.teardown(async () => {
  await Promise.all([sink.end(), api.end(), search.close()])
  await admin.query(`DROP DATABASE ${database} WITH (FORCE)`)
  await admin.end()
})

type Row = { readonly [column: string]: unknown }

async function insert(table: string, row: Row, key: string): Promise<void> {
  const columns = Object.keys(row)
  await sink.query(
    `INSERT INTO millrace.${table} (${columns.join(', ')}) VALUES (${columns.map((_, index) => `$${index + 1}`).join(', ')})
      ON CONFLICT (${key}) DO UPDATE SET ${columns.map((column) => `${column} = EXCLUDED.${column}`).join(', ')}`,
    Object.values(row),
  )
}

const documentRow = (tenant: string, id: string, more: Row = {}): Promise<void> =>
  insert('documents', { tenant_id: tenant, document_id: id, revision: 1, day: '2026-10-01', received_at: new Date(1_790_000_000_000), processed_at: new Date(), status: 'ARCHIVED', source: 'api', size: 1, ...more }, 'tenant_id, document_id')

const chunkRow = (tenant: string, id: string, chunk: number, text: string, more: Row = {}): Promise<void> =>
  insert('chunks', { tenant_id: tenant, document_id: id, chunk, revision: 1, chunks: 1, page: 1, language: 'en', text, embedding: null, embedding_model: null, ...more }, 'tenant_id, document_id, chunk')

const asked = (text: string, more: Partial<SearchOptions> = {}): SearchOptions => ({ text, match: 'all', languages: ['en', 'de'], embedding: null, filters: {}, limit: 10, ...more })

const found = async (tenant: string, options: SearchOptions): Promise<string[]> => (await search.search(tenant, options)).hits.map(({ documentId }) => documentId)

const chunksOf = async (tenant: string, id: string): Promise<unknown[]> =>
  (await sink.query('SELECT chunk, revision, text, vector::text AS vector, embedding FROM millrace.chunks WHERE tenant_id = $1 AND document_id = $2 ORDER BY chunk', [tenant, id])).rows.map((row: Row) => ({ ...row, revision: Number(row['revision']) }))

t.test('a later reading replaces all chunks, an earlier one changes nothing, the embedding comes when it comes', async (t) => {
  await chunkRow('acme', 'r', 0, 'first', { revision: 2 })
  await chunkRow('acme', 'r', 1, 'second', { revision: 2 })
  await chunkRow('acme', 'r', 0, 'first', { revision: 2, embedding: '[1,0]', embedding_model: 'm' })
  const both = [{ chunk: 0, revision: 2, text: 'first', vector: '[1,0]', embedding: null }, { chunk: 1, revision: 2, text: 'second', vector: null, embedding: null }]
  t.same(await chunksOf('acme', 'r'), both)
  await chunkRow('acme', 'r', 0, 'first', { revision: 2 })
  await chunkRow('acme', 'r', 2, 'too late', { revision: 1 })
  t.same(await chunksOf('acme', 'r'), both, 'a replay changes nothing')
  await chunkRow('acme', 'r', 0, 'again', { revision: 3 })
  t.same(await chunksOf('acme', 'r'), [{ chunk: 0, revision: 3, text: 'again', vector: null, embedding: null }])
})

t.test('an erased document is gone from search, whatever comes after', async (t) => {
  await documentRow('acme', 'erased')
  await chunkRow('acme', 'erased', 0, 'a secret clause')
  t.same(await found('acme', asked('secret')), ['erased'])
  await documentRow('acme', 'erased', { revision: 2, status: 'ERASED' })
  t.same(await chunksOf('acme', 'erased'), [])
  await chunkRow('acme', 'erased', 0, 'a secret clause', { revision: 9 })
  t.same(await chunksOf('acme', 'erased'), [])
  t.same(await found('acme', asked('secret')), [])
})

await documentRow('acme', 'd1', { type: 'invoice', vendor: 'Alder Supplies Ltd', vendor_id: 'v1', number: 'INV-77', date: '2026-05-03', currency: 'GBP', total: '144.00', file_name: 'alder.pdf' })
await chunkRow('acme', 'd1', 0, 'Alder Supplies Ltd\nInvoice INV-77\nOak shelves delivered to the warehouse\nTotal 144.00', { chunks: 2, embedding: '[1,0,0]', embedding_model: 'm' })
await chunkRow('acme', 'd1', 1, 'Terms: payable within thirty days', { chunks: 2, page: 2, embedding: '[0,1,0]', embedding_model: 'm' })
await documentRow('acme', 'd2', { type: 'contract', vendor: 'Birke GmbH', date: '2026-06-30', currency: 'EUR', total: '90.00' })
await chunkRow('acme', 'd2', 0, 'Die Lieferungen erfolgen frei Haus. Kündigung nur schriftlich.', { language: 'de', embedding: '[0.9,0.1,0]', embedding_model: 'm' })
await documentRow('acme', 'd3', { status: 'DUPLICATE', type: 'invoice' })
await chunkRow('acme', 'd3', 0, 'Invoice INV-77 oak shelves')
await documentRow('globex', 'g1', { type: 'invoice', vendor: 'Alder Supplies Ltd' })
await chunkRow('globex', 'g1', 0, 'Invoice of globex: oak shelves, very private', { embedding: '[1,0,0]', embedding_model: 'm' })

t.test('words are found as they stand and by their stems; phrases and exclusions hold; duplicates and rows without text are not found', async (t) => {
  t.same(await found('acme', asked('shelf oak')), [], 'no stem of shelves in this dictionary')
  t.same(await found('acme', asked('oak shelves')), ['d1'])
  t.same(await found('acme', asked('delivering')), ['d1'])
  t.same(await found('acme', asked('Lieferung')), ['d2'])
  t.same(await found('acme', asked('inv-77')), ['d1'])
  t.same(await found('acme', asked('"thirty days"')), ['d1'])
  t.same(await found('acme', asked('"days thirty"')), [])
  t.same(await found('acme', asked('payable or schriftlich')), ['d1', 'd2'])
  t.same(await found('acme', asked('oak -warehouse')), [])
  const { hits } = await search.search('acme', asked('payable'))
  t.match(hits, [{ documentId: 'd1', state: 'ARCHIVED', vendor: 'Alder Supplies Ltd', number: 'INV-77', total: '144.00', receivedAt: 1_790_000_000_000, passages: [{ chunk: 1, page: 2, text: 'Terms: payable within thirty days', coverage: 1 }] }])
  for (const odd of ["'", '"', '\\', "a'b & | ! (", '-', ':*', '%', '𝔘', '!!', '\u0001']) {
    t.same(await found('acme', asked(odd, { match: 'any' })), [], JSON.stringify(odd))
    await t.resolves(found('acme', asked(odd)))
  }
})

t.test('a question is met by the words in it that mean something, the more the better', async (t) => {
  const { hits } = await search.search('acme', asked('When is the Alder invoice payable?', { match: 'any' }))
  t.same(hits.map(({ documentId }) => documentId), ['d1'])
  t.same(hits[0]!.passages.map(({ chunk, coverage }) => [chunk, Math.round(coverage * 100)]), [[0, 67], [1, 33]])
  t.same(await found('acme', asked('what is the of', { match: 'any' })), [], 'only stop words')
})

t.test('embeddings and words together; of another model or length they do not count', async (t) => {
  const embedding = { model: 'm', vector: [1, 0, 0] }
  t.same(await found('acme', asked('schriftlich', { embedding })), ['d2', 'd1'], 'found by both goes before found by one')
  t.same(await found('acme', asked('nothing of this', { embedding })), ['d1', 'd2'])
  t.same(await found('acme', asked('nothing of this', { embedding: { model: 'other', vector: [1, 0, 0] } })), [])
  t.same(await found('acme', asked('nothing of this', { embedding: { model: 'm', vector: [1, 0] } })), [])
})

t.test('what has no embedding of a model is told, of one tenant, page by page', async (t) => {
  const chunks = new PostgresqlChunks({ host, port, database, password: passwords.millrace_api })
  t.teardown(() => chunks.close())
  const lacking = async (tenant: string, model: string): Promise<readonly StoredChunk[]> => {
    const all: StoredChunk[] = []
    for await (const some of chunks.lacking(tenant, model)) {
      all.push(...some)
    }
    return all
  }
  // of `m` the contract of the first test has none: it was read again since
  t.same((await lacking('acme', 'm')).map(({ documentId }) => documentId), ['d3', 'r'])
  t.same(await lacking('globex', 'm'), [])
  t.match(await lacking('globex', 'new'), [{ documentId: 'g1', chunk: 0, revision: 1, chunks: 1, page: 1, language: 'en', text: 'Invoice of globex: oak shelves, very private' }])
  t.same(await chunks.count('globex', 'new'), { all: 1, lacking: 1 })
  await sink.query("INSERT INTO millrace.chunks (tenant_id, document_id, chunk, revision, chunks, text) SELECT 'many', 'd' || n % 2, n / 2, 1, 501, CASE n WHEN 7 THEN '' ELSE 'word' END FROM generate_series(0, 1001) AS n")
  const many = await lacking('many', 'm')
  t.equal(new Set(many.map(({ documentId, chunk }) => `${documentId} ${chunk}`)).size, 1_001, 'all but the one without words')
  t.equal(many.length, 1_001)
  t.same(await chunks.count('many', 'm'), { all: 1_001, lacking: 1_001 })
  await chunkRow('globex', 'g1', 0, 'Invoice of globex: oak shelves, very private', { embedding: '[0,1,0]', embedding_model: 'new' })
  t.same(await chunks.count('globex', 'new'), { all: 1, lacking: 0 })
  t.same(await found('globex', asked('nothing of this', { embedding: { model: 'new', vector: [0, 1, 0] } })), ['g1'])
})

t.test('filters by fields', async (t) => {
  const embedding = { model: 'm', vector: [1, 0, 0] }
  const cases: readonly (readonly [SearchOptions['filters'], readonly string[]])[] = [
    [{ types: ['contract', 'letter'] }, ['d2']], [{ vendor: 'v1' }, ['d1']], [{ vendor: 'birke' }, ['d2']], [{ vendor: '%' }, []], [{ from: '2026-05-03', to: '2026-05-03' }, ['d1']],
    [{ from: '2026-05-04' }, ['d2']], [{ least: '90.01' }, ['d1']], [{ most: '90' }, ['d2']], [{ currency: 'EUR' }, ['d2']], [{ currency: 'EUR', least: '100' }, []],
  ]
  for (const [filters, expected] of cases) {
    t.same(await found('acme', asked('x', { embedding, filters })), expected, JSON.stringify(filters))
  }
})

t.test('pages of a search follow each other, and a cursor belongs to its search', async (t) => {
  for (let n = 0; n < 7; n += 1) {
    await documentRow('pages', `p${n}`)
    await chunkRow('pages', `p${n}`, 0, `common words, ${'padding '.repeat(n)}`)
  }
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await search.search('pages', asked('common', { limit: 3, cursor }))
    seen.push(...page.hits.map(({ documentId }) => documentId))
    cursor = page.cursor
  } while (cursor !== undefined)
  t.equal(seen.length, 7)
  t.same([...seen].sort(), ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6'])
  const first = await search.search('pages', asked('common', { limit: 3 }))
  await t.rejects(search.search('pages', asked('other', { cursor: first.cursor })), { code: 'CURSOR_INVALID' })
  await t.rejects(search.search('acme', asked('common', { cursor: first.cursor })), { code: 'CURSOR_INVALID' })
  await t.rejects(search.search('pages', asked('common', { cursor: 'e30' })), { code: 'CURSOR_INVALID' })
})

t.test("no search finds another tenant's documents, and the role sees none of their chunks", async (t) => {
  const embedding = { model: 'm', vector: [1, 0, 0] }
  for (const text of ['private', 'globex', 'oak', "x' OR tenant_id = 'globex", 'oak or private or globex']) {
    for (const match of ['all', 'any'] as const) {
      t.notOk((await found('acme', asked(text, { match, embedding }))).includes('g1'), `${text} ${match}`)
    }
  }
  t.same(await found('globex', asked('oak')), ['g1'])
  const seen = async (tenant?: string): Promise<unknown> => {
    await api.query('BEGIN')
    if (tenant !== undefined) {
      await api.query("SELECT set_config('app.tenant_id', $1, true)", [tenant])
    }
    const { rows } = await api.query('SELECT DISTINCT tenant_id FROM millrace.chunks')
    await api.query('COMMIT')
    return rows
  }
  t.same(await seen(), [])
  t.same(await seen(''), [])
  t.same(await seen('globex'), [{ tenant_id: 'globex' }])
  for (const statement of ["INSERT INTO millrace.chunks (tenant_id) VALUES ('acme')", "UPDATE millrace.chunks SET text = 'x'", 'DELETE FROM millrace.chunks', 'ALTER TABLE millrace.chunks DISABLE ROW LEVEL SECURITY']) {
    await t.rejects(api.query(statement), { code: '42501' }, statement)
  }
})
