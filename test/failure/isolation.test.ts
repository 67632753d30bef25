// One tenant tries whatever it can reach another by: tokens, keys, headers, references, file names, a topic of its own, the
// database role. Nothing of the other is read, and nothing changes.
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { SEED } from '../../state-stores/test/seeded.ts'
import { Registry } from '../../avro/index.ts'
import type { DocumentReceived } from '../../avro/types.ts'
import { postgresqlPasswords } from '../../connectors/index.ts'
import { valueSerde } from '../../topology/serdes.ts'
import { documentKey, rawTopicOfTenant, topics } from '../../topology/topics.ts'
import { ScriptedOllama } from '../models/scripted-ollama.ts'
import { Bench, say, sha256 } from '../pipeline/bench.ts'
import { DocumentMaker, type TestDocument, templates } from '../pipeline/documents.ts'
import { leaks } from '../pipeline/leaks.ts'
import type { Outcome } from '../pipeline/outcome.ts'

const VICTIM = 'acme'
const INTRUDER = 'globex'

t.setTimeout(600_000)
say(`samples of seed ${SEED}`)
// every text is as near to every other as can be: only the tenant tells them apart
const ollama = await new ScriptedOllama().start()
ollama.embedding = () => [0.6, 0.8]
t.teardown(() => ollama.stop())
const bench = await Bench.open({ tenants: [VICTIM, INTRUDER], settings: { tenantTopics: [INTRUDER], ollama: { url: ollama.url, embeddingModel: 'vectors' } } })
t.teardown(() => bench.close())
const { environment, config } = bench
const api = `http://${config.api!.host}:${config.api!.port}`
const kinds = await templates(SEED, Date.now())
const maker = new DocumentMaker(SEED, Date.now() - 3_600_000)
const documents = kinds.filter(({ kind }) => kind !== 'unknown-tenant').slice(0, 6).map((kind) => maker.fresh(kind, VICTIM))
const target = documents.find(({ kind }) => kind === 'text-invoice')!
/** The intruder gets the same bytes by itself. */
const shared = documents.find(({ kind }) => kind === 'factur-x' || kind === 'zugferd')!
const own = maker.fresh(kinds.find(({ kind }) => kind === 'text-invoice')!, INTRUDER)
const raw = topics(config.topicPrefix).raw.name
const registry = new Registry({ url: config.registry })
const serde = valueSerde(registry, topics(config.topicPrefix).raw, 'DocumentReceived')
await serde.open()
t.teardown(() => registry.close())

const instance = await bench.start()
await instance.ready()

/** Everything of the victim that can be seen from outside the process. */
async function possessions(): Promise<Outcome> {
  const all = await bench.visibleOutcome()
  const content = readdirSync(config.contentDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  return new Map([
    // embeddings come when they come
    ...[...all].filter(([at]) => at.includes(` ${VICTIM}|`) && !at.startsWith('topic/deadLetter') && !at.startsWith('topic/chunks')),
    ['content', content.filter((path) => path.includes(`/${VICTIM}/`)).sort()],
  ])
}

function get(path: string, token: string | undefined, headers: { readonly [name: string]: string } = {}): Promise<Response> {
  return fetch(`${api}${path}`, { headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers } })
}

const victimsToken = environment.tokens.get(VICTIM)!
const intrudersToken = environment.tokens.get(INTRUDER)!

function received(document: TestDocument, over: Partial<DocumentReceived>): Buffer {
  const { tenant, documentId, fileName, contentType, bytes, receivedAt } = document
  return Buffer.from(
    serde.serialize(raw, {
      tenantId: tenant, documentId, source: 'producer', fileName, contentType, size: bytes.length, sha256: sha256(bytes), receivedAt,
      traceparent: null, content: Buffer.from(bytes), reference: null, attributes: {}, parent: null, ...over,
    }),
  )
}

/** The document of the intruder ends, whichever way. */
async function ends(documentId: string): Promise<void> {
  await bench.progress(`the end of ${documentId}`, () => bench.hasEnded({ ...own, documentId }))
}

/** What the API tells the intruder about its document, once the sink has written the row. */
async function landed(documentId: string): Promise<string> {
  let text = ''
  await bench.progress('the row', async () => {
    const view = await get(`/v1/documents/${documentId}`, intrudersToken)
    text = await view.text()
    return view.status === 200 && (JSON.parse(text) as { state: string }).state !== 'RECEIVED'
  })
  return text
}

let before: Outcome = new Map()

t.test('what the victim has', async (t) => {
  await bench.send([...documents, own])
  await bench.allEnded()
  before = await possessions()
  t.ok(before.size >= documents.length * 4)
  t.equal((await get(`/v1/documents/${target.documentId}`, victimsToken)).status, 200)
  t.equal((await get(`/v1/documents/${target.documentId}/content`, victimsToken)).status, 200)
})

t.test('by tokens, paths, queries and headers', async (t) => {
  const claims = { 'x-tenant-id': VICTIM, 'x-tenant': VICTIM, tenant: VICTIM, 'x-forwarded-user': VICTIM, cookie: `tenant=${VICTIM}` }
  for (const path of ['', '/lifecycle', '/content']) {
    for (const id of [target.documentId, `${VICTIM}|${target.documentId}`, `..%2F${VICTIM}%2F${target.documentId}`]) {
      for (const query of ['', `?tenant=${VICTIM}`, `?tenantId=${VICTIM}`]) {
        const response = await get(`/v1/documents/${id}${path}${query}`, intrudersToken, claims)
        t.ok([400, 404].includes(response.status), `${response.status} for ${path === '' ? 'the document' : path}`)
        const text = await response.text()
        t.notOk(target.confidential.some((word) => text.includes(word)), 'and says nothing')
      }
    }
  }
  const list = (await (await get('/v1/documents', intrudersToken, claims)).json()) as { documents: { documentId: string }[] }
  t.same(list.documents.map(({ documentId }) => documentId), [own.documentId], 'a list of its own only')
  const forged = [undefined, '', VICTIM, victimsToken.slice(0, -1), `${victimsToken}x`, victimsToken.toLowerCase(), sha256(Buffer.from(victimsToken)), `${intrudersToken} ${victimsToken}`]
  for (const token of forged.filter((candidate) => candidate !== victimsToken)) {
    t.equal((await get(`/v1/documents/${target.documentId}`, token)).status, 401)
  }
})

t.test('by search and by questions', async (t) => {
  const claims = { 'x-tenant-id': VICTIM, 'content-type': 'application/json' }
  const search = async (words: string, token: string, more = ''): Promise<string> => (await get(`/v1/search?q=${encodeURIComponent(words)}${more}`, token, claims)).text()
  const ask = async (question: string, token: string): Promise<string> =>
    (await fetch(`${api}/v1/ask`, { method: 'POST', headers: { authorization: `Bearer ${token}`, ...claims }, body: JSON.stringify({ question }) })).text()
  const [, sellerName] = target.confidential as [string, string]
  await bench.progress('the text in the database', async () => (await search(`"${sellerName}"`, victimsToken)).includes(target.documentId))
  t.match(await ask(`What does ${sellerName} charge?`, victimsToken), target.documentId)
  const all = 'invoice or total or date or rechnung or summe'
  await bench.progress('its own text in the database', async () => (await search(all, intrudersToken)).includes(own.documentId))
  const NOWHERE = 'qwxzy'
  await bench.progress('the embedding in the database', async () => (await search(NOWHERE, victimsToken, '&limit=50')).includes(target.documentId))
  await bench.progress('the embedding of its own', async () => (await search(NOWHERE, intrudersToken)).includes(own.documentId))
  for (const words of [NOWHERE, ...target.confidential.slice(1), `"${sellerName}" or x`, `x' OR tenant_id = '${VICTIM}`, all]) {
    for (const text of [await search(words, intrudersToken, '&limit=50'), await search(words, intrudersToken, '&type=invoice&most=999999999'), await ask(words, intrudersToken)]) {
      t.notOk(documents.some(({ documentId }) => text.includes(documentId)), 'nothing of the victim')
    }
  }
  t.match(JSON.parse(await search('invoice', intrudersToken, `&tenantId=${VICTIM}`)), { error: { code: 'QUERY_INVALID', field: 'tenantId' } })
})

t.test('by uploads: the same idempotency key, the same bytes, names that are paths', async (t) => {
  const upload = async (token: string, document: TestDocument, fileName: string): Promise<string> => {
    const form = new FormData()
    form.append('file', new Blob([Uint8Array.from(document.bytes)], { type: document.contentType }), fileName)
    const response = await fetch(`${api}/v1/documents`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'idempotency-key': 'the-same', 'x-tenant-id': VICTIM }, body: form })
    t.equal(response.status, 202)
    return ((await response.json()) as { documents: { documentId: string }[] }).documents[0]!.documentId
  }
  const first = maker.fresh(target)
  const ofVictim = await upload(victimsToken, first, 'invoice.pdf')
  await bench.progress('the victim\'s upload', () => bench.hasEnded({ ...first, documentId: ofVictim }))
  before = await possessions()
  const ofIntruder = await upload(intrudersToken, shared, `../../${VICTIM}/invoice.pdf`)
  t.not(ofIntruder, ofVictim, 'keys of two tenants have nothing to do with each other')
  await ends(ofIntruder)
  t.notMatch(JSON.parse(await landed(ofIntruder)), { state: 'DUPLICATE' }, 'that somebody else has the same file is not told')
  t.equal((await get(`/v1/documents/${ofVictim}`, intrudersToken)).status, 404)
  t.equal((await get(`/v1/documents/${ofIntruder}`, victimsToken)).status, 404)
})

t.test('by records: keys that lie, and its own topic', async (t) => {
  await bench.sendRecord(raw, documentKey(INTRUDER, target.documentId), received(target, {}), { tenant: VICTIM })
  await bench.progress('a key of one and a value of the other', () => bench.hasEnded({ ...target, tenant: INTRUDER }))
  const topic = rawTopicOfTenant(config.topicPrefix, INTRUDER)
  const other = maker.fresh(target)
  await bench.sendRecord(topic, documentKey(VICTIM, target.documentId), received(other, { documentId: target.documentId }), { tenant: VICTIM, 'tenant-id': VICTIM })
  // the lie above is a dead letter, whose key has ended already: this one has a row
  await landed(target.documentId)
  const held = Buffer.from(await (await get(`/v1/documents/${target.documentId}/content`, intrudersToken)).arrayBuffer())
  t.equal(sha256(held), sha256(other.bytes), 'under the same id it has a document of its own')
  const theirs = Buffer.from(await (await get(`/v1/documents/${target.documentId}/content`, victimsToken)).arrayBuffer())
  t.equal(sha256(theirs), sha256(target.bytes), 'and the victim still has its')
})

t.test('by references to content that is not its own', async (t) => {
  const digest = sha256(target.bytes)
  const references = [`content:${digest}`, `content:../${VICTIM}/${digest}`, `../${VICTIM}/${digest}`, `${VICTIM}/${digest}`, `file://${config.contentDir}/${VICTIM}/${digest}`, `http://127.0.0.1:${config.ops.port}/metrics`, '/etc/passwd', '']
  const topic = rawTopicOfTenant(config.topicPrefix, INTRUDER)
  for (const reference of references) {
    const { documentId } = maker.fresh(own)
    await bench.sendRecord(topic, documentKey(INTRUDER, documentId), received(target, { tenantId: VICTIM, documentId, content: null, reference }))
    await ends(documentId)
    const text = await landed(documentId)
    t.match(JSON.parse(text), { state: 'REJECTED' }, 'rejected')
    t.notOk(target.confidential.filter((word) => word !== target.fileName).some((word) => text.includes(word)), 'nothing of the content')
    t.equal((await get(`/v1/documents/${documentId}/content`, intrudersToken)).status, 404)
  }
})

t.test('by the file share', async (t) => {
  const folder = join(environment.share, INTRUDER)
  const document = maker.fresh(own)
  // what begins with a dot is left alone, as temporary files are
  mkdirSync(join(folder, `..${VICTIM}`), { recursive: true })
  symlinkSync(join(environment.share, '..', 'development-tokens.json'), join(folder, 'tokens.xml'))
  symlinkSync(join(config.contentDir, VICTIM), join(folder, 'theirs'))
  const records = async (): Promise<number> => (await (await get('/v1/documents?limit=100', intrudersToken)).json() as { documents: unknown[] }).documents.length
  const had = await records()
  writeFileSync(join(folder, `%2e%2e%2F${VICTIM}%2F${target.documentId}.pdf`), document.bytes)
  await bench.progress('the dropped file', async () => (await records()) > had)
  const list = (await (await get('/v1/documents?limit=100', intrudersToken)).json()) as { documents: { fileName: string | null }[] }
  t.ok(list.documents.some(({ fileName }) => fileName === `%2e%2e%2F${VICTIM}%2F${target.documentId}.pdf`), 'the name is data')
  t.notOk(list.documents.some(({ fileName }) => fileName === 'tokens.xml'), 'links are not followed')
})

t.test('by the database role of the API', async (t) => {
  const { host, port, database } = environment.connectors.postgresql
  const client = new pg.Client({ host, port, database, user: 'millrace_api', password: postgresqlPasswords(environment.addresses.secrets).millrace_api })
  await client.connect()
  t.teardown(() => client.end())
  const count = async (): Promise<number> => Number((await client.query<{ count: string }>('SELECT count(*) FROM millrace.documents')).rows[0]!.count)
  t.equal(await count(), 0, 'no tenant, no rows')
  t.same((await client.query('SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user')).rows, [{ rolsuper: false, rolbypassrls: false, rolcreaterole: false }])
  await client.query(`SET app.tenant_id = '${INTRUDER}'`)
  t.ok((await count()) > 0)
  for (const table of ['documents', 'intake']) {
    t.equal((await client.query(`SELECT 1 FROM millrace.${table} WHERE tenant_id <> '${INTRUDER}'`)).rowCount, 0, `${table}: no rows of others`)
  }
  const denied = [
    'SET ROLE millrace_owner',
    'SET ROLE millrace_sink',
    'SET SESSION AUTHORIZATION postgres',
    `UPDATE millrace.documents SET status = 'ERASED'`,
    'DELETE FROM millrace.documents',
    `INSERT INTO millrace.documents (tenant_id, document_id, revision, day, received_at, processed_at, status, source, size) VALUES ('${VICTIM}', 'x', 1, '', now(), now(), '', '', 0)`,
    `INSERT INTO millrace.intake (tenant_id, document_id, ordinal, sha256, size, received_at) VALUES ('${VICTIM}', 'x', 0, '', 0, now())`,
    `UPDATE millrace.intake SET tenant_id = '${VICTIM}'`,
    'ALTER TABLE millrace.documents DISABLE ROW LEVEL SECURITY',
    'ALTER TABLE millrace.documents NO FORCE ROW LEVEL SECURITY',
    'CREATE POLICY mine ON millrace.documents USING (true)',
    'DROP POLICY api_owns ON millrace.intake',
    'TRUNCATE millrace.documents',
    'ALTER ROLE millrace_api BYPASSRLS',
    `COPY millrace.documents TO PROGRAM 'cat'`,
    'CREATE TABLE public.mine (a int)',
    `CREATE FUNCTION millrace.leak() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::text'`,
  ]
  for (const statement of denied) {
    await t.rejects(client.query(statement), { code: /^42|^22/ }, statement)
  }
  await client.query('SET row_security = off')
  await t.rejects(count(), { code: '42501' }, 'asking for all rows is an error, not an answer')
})

t.test('nothing of the victim has changed', async (t) => {
  await instance.stop()
  t.same(Object.fromEntries(await possessions()), Object.fromEntries(before))
  t.same(leaks(bench.logs(), documents), [], 'and no log says what its documents say')
})
