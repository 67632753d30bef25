/** The API on real servers: Kafka as an independent client sees it, PostgreSQL with its policies, restarts. */
import { createHash } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { documentIdFor } from '../../../api/idempotency.ts'
import { PostgresqlIntake } from '../../../connectors/index.ts'
import { isDocumentId } from '../../../topology/topics.ts'
import { type Bench, createBench, form, tenantRecord } from './support.ts'

t.setTimeout(240_000)
const bench: Bench = await createBench([tenantRecord('acme'), tenantRecord('globex'), tenantRecord('away', { active: false }), tenantRecord('limited', { documentsPerMinute: 20 })])
t.teardown(() => bench.close())

interface Answer {
  readonly documents: readonly { readonly documentId: string; readonly fileName: string; readonly sha256: string; readonly size: number; readonly state: string }[]
  readonly cursor?: string | null
}

const as = (tenant: string): { authorization: string } => ({ authorization: `Bearer ${bench.tokens.get(tenant)}` })

async function post(url: string, tenant: string, body: FormData, key?: string): Promise<{ readonly status: number; readonly text: string; readonly answer: Answer }> {
  const response = await fetch(`${url}v1/documents`, { method: 'POST', headers: { ...as(tenant), ...(key === undefined ? {} : { 'idempotency-key': key }) }, body })
  const text = await response.text()
  return { status: response.status, text, answer: JSON.parse(text) as Answer }
}

async function get<T>(url: string, tenant: string, path: string): Promise<{ readonly status: number; readonly body: T }> {
  const response = await fetch(`${url}v1/documents${path}`, { headers: as(tenant) })
  return { status: response.status, body: (await response.json()) as T }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const bytes = (text: string): Buffer => Buffer.from(text)

t.test('a 202 means: Kafka has the record, any client can read it, and the document is found', async (t) => {
  const api = await bench.api()
  const { status, answer } = await post(api.url, 'acme', form({ bytes: bytes('one'), name: 'Größe 1.pdf' }, { bytes: bytes('two'), name: '../two.xml', type: 'application/xml' }))
  t.equal(status, 202)
  const records = await bench.received()
  t.equal(records.length, 2)
  for (const { documentId, sha256: digest, size } of answer.documents) {
    const record = records.find(({ key }) => key === `acme|${documentId}`)!
    t.match(record.value, { tenantId: 'acme', documentId, source: 'api', sha256: digest, size, content: null, reference: `content:${digest}` })
    const found = await get<{ state: string; sha256: string }>(api.url, 'acme', `/${documentId}`)
    t.match(found, { status: 200, body: { state: 'RECEIVED', sha256: digest } })
    t.equal((await get(api.url, 'globex', `/${documentId}`)).status, 404)
    t.match(await get(api.url, 'acme', `/${documentId}/lifecycle`), { status: 200, body: { documentId, events: [] } })
    t.equal((await get(api.url, 'globex', `/${documentId}/lifecycle`)).status, 404)
    const content = await fetch(`${api.url}v1/documents/${documentId}/content`, { headers: as('acme') })
    t.equal(sha256(await content.text()), digest)
    t.equal((await fetch(`${api.url}v1/documents/${documentId}/content`, { headers: as('globex') })).status, 404)
  }
  t.same(answer.documents.map(({ fileName }) => fileName), ['Größe 1.pdf', 'two.xml'])
  await api.close()
})

t.test('the same key, the same answer, also after a restart; with other bytes a conflict', async (t) => {
  const body = () => form({ bytes: bytes('order'), name: 'order.pdf' }, { bytes: bytes('terms'), name: 'terms.pdf' })
  const first = await bench.api()
  const { text, status } = await post(first.url, 'acme', body(), 'order-1')
  t.equal(status, 202)
  t.equal((await post(first.url, 'acme', body(), 'order-1')).text, text)
  await first.close()
  const produced = (await bench.received()).length

  const second = await bench.api()
  const again = await post(second.url, 'acme', body(), 'order-1')
  t.equal(again.status, 202)
  t.equal(again.text, text)
  for (const other of [form({ bytes: bytes('order'), name: 'order.pdf' }), form({ bytes: bytes('order'), name: 'a' }, { bytes: bytes('other'), name: 'b' }), form({ bytes: bytes('order'), name: 'a' }, { bytes: bytes('terms'), name: 'b' }, { bytes: bytes('more'), name: 'c' })]) {
    const conflict = await post(second.url, 'acme', other, 'order-1')
    t.equal(conflict.status, 409)
    t.match(conflict.text, /IDEMPOTENCY_CONFLICT/)
  }
  t.equal((await bench.received()).length, produced, 'nothing was produced twice')
  const globex = await post(second.url, 'globex', body(), 'order-1')
  t.equal(globex.status, 202)
  t.not(globex.answer.documents[0]!.documentId, again.answer.documents[0]!.documentId)

  const burst = await Promise.all(Array.from({ length: 8 }, () => post(second.url, 'acme', form({ bytes: bytes('burst'), name: 'b.pdf' }), 'burst')))
  t.same(new Set(burst.map((one) => one.text)).size, 1)
  t.equal((await bench.received()).length, produced + 3)
  await second.close()
})

t.test('a process that died between its row and Kafka: the retry goes on under the same id', async (t) => {
  const { postgresql } = bench.config
  const intake = new PostgresqlIntake({ host: postgresql!.host, port: postgresql!.port, database: bench.database, password: bench.passwords.millrace_api, connections: 1 })
  const documentId = documentIdFor('acme', 'died', 0)
  const receivedAt = Date.now()
  await intake.take('acme', 'died', [{ documentId, ordinal: 0, sha256: sha256('died'), size: 4, fileName: 'died.pdf', contentType: null, receivedAt }])
  t.equal(await intake.get('acme', documentId), undefined, 'not shown before Kafka has it')
  await intake.close()
  const api = await bench.api()
  t.equal((await get(api.url, 'acme', `/${documentId}`)).status, 404)
  const { status, answer } = await post(api.url, 'acme', form({ bytes: bytes('died'), name: 'died.pdf' }), 'died')
  t.equal(status, 202)
  t.equal(answer.documents[0]!.documentId, documentId)
  const produced = (await bench.received()).filter(({ key }) => key === `acme|${documentId}`)
  t.match(produced, [{ key: `acme|${documentId}`, value: { receivedAt } }])
  t.equal((await get(api.url, 'acme', `/${documentId}`)).status, 200)
  await api.close()
})

t.test('a list shows what is under way and what has ended, each once, page by page', async (t) => {
  const api = await bench.api()
  const count = 7
  const ids: string[] = []
  for (let index = 0; index < count; index++) {
    ids.push((await post(api.url, 'globex', form({ bytes: bytes(`list ${index}`), name: `${index}.pdf` }))).answer.documents[0]!.documentId)
  }
  // what the sink writes when two of them have ended
  const ended = [ids[1]!, ids[4]!]
  await bench.sql(
    `INSERT INTO millrace.documents (tenant_id, document_id, revision, day, received_at, processed_at, status, source, size, reason_code)
      SELECT tenant_id, document_id, 1, '2026-01-01', received_at, now(), CASE ordinality WHEN 1 THEN 'ARCHIVED' ELSE 'REJECTED' END, 'api', size, 'TYPE_UNSUPPORTED'
      FROM millrace.intake JOIN unnest($1::text[]) WITH ORDINALITY AS e (id, ordinality) ON id = document_id`,
    [ended],
  )
  for (let round = 0; round < 2; round++) {
    const seen: string[] = []
    let cursor: string | null | undefined
    do {
      const page = await get<Answer>(api.url, 'globex', `?limit=3${cursor ? `&cursor=${cursor}` : ''}`)
      t.equal(page.status, 200)
      t.ok(page.body.documents.length <= 3)
      seen.push(...page.body.documents.map(({ documentId }) => documentId))
      cursor = page.body.cursor
    } while (cursor)
    t.same(seen.filter((id) => ids.includes(id)), [...ids].reverse(), 'newest first, each once')
    t.equal(new Set(seen).size, seen.length)
  }
  const states = async (state: string): Promise<string[]> => (await get<Answer>(api.url, 'globex', `?limit=500&state=${state}`)).body.documents.map(({ documentId }) => documentId)
  t.same(await states('ARCHIVED'), [ended[0]])
  t.same(await states('REJECTED'), [ended[1]])
  t.same((await states('RECEIVED')).filter((id) => ids.includes(id)), ids.filter((id) => !ended.includes(id)).reverse())
  t.match(await get(api.url, 'globex', `/${ended[1]}`), { status: 200, body: { state: 'REJECTED', reason: { code: 'TYPE_UNSUPPORTED' } } })
  t.equal((await get(api.url, 'globex', '?cursor=bm9uc2Vuc2U')).status, 400)
  t.notOk((await get<Answer>(api.url, 'acme', '?limit=500')).body.documents.some(({ documentId }) => ids.includes(documentId)), 'not for another tenant')
  const [left] = await bench.sql<{ count: string }>('SELECT count(*) FROM millrace.intake WHERE tenant_id = $1 AND produced AND NOT ended AND document_id = ANY($2)', ['globex', ids])
  t.equal(Number(left!.count), count - 2, 'the list has settled those that ended')
  await api.close()
})

t.test("the API's role sees and writes nothing but the tenant its transaction names", async (t) => {
  const { postgresql } = bench.config
  const client = new pg.Client({ host: postgresql!.host, port: postgresql!.port, database: bench.database, user: 'millrace_api', password: bench.passwords.millrace_api })
  await client.connect()
  const count = async (): Promise<number> => Number((await client.query<{ count: string }>('SELECT count(*) FROM millrace.intake')).rows[0]!.count)
  t.equal(await count(), 0, 'unset: nothing')
  await client.query('BEGIN')
  await client.query("SELECT set_config('app.tenant_id', 'acme', true)")
  t.ok((await count()) > 0)
  t.equal((await client.query("UPDATE millrace.intake SET ended = true WHERE tenant_id = 'globex'")).rowCount, 0)
  await t.rejects(client.query("INSERT INTO millrace.intake VALUES ('globex', 'x', NULL, 0, '', 0, NULL, NULL, now())"), { code: '42501' })
  await client.query('ROLLBACK')
  t.equal(await count(), 0, 'and nothing again after the transaction')
  await t.rejects(client.query('SET row_security = off; SELECT count(*) FROM millrace.intake'), { code: '42501' })
  await t.rejects(client.query('DELETE FROM millrace.intake'), { code: '42501' })
  await t.rejects(client.query('SET ROLE millrace_sink'), { code: '42501' })
  await client.end()
})

t.test('hostile file names, keys and types are data', async (t) => {
  const api = await bench.api()
  const names = ["'; DROP TABLE millrace.intake; --", '\u202egpj.exe', '<img src=x onerror=alert(1)>.pdf', 'a'.repeat(1_000), '\u0001\u0002', '..', 'x\u0000y.pdf']
  for (const name of names) {
    const { status, answer } = await post(api.url, 'acme', form({ bytes: bytes(`hostile ${name}`), name, type: 'text/html; x="' }), `key ${names.indexOf(name)} '; --`)
    t.equal(status, 202)
    const { documentId } = answer.documents[0]!
    t.ok(isDocumentId(documentId))
    const content = await fetch(`${api.url}v1/documents/${documentId}/content`, { headers: as('acme') })
    t.equal(content.status, 200)
    t.match(content.headers.get('content-disposition'), /^attachment; filename="/)
    t.equal(content.headers.get('content-type'), 'application/octet-stream')
    await content.body?.cancel()
  }
  await api.close()
})

t.test('a tenant that takes nothing, and databases that are away', async (t) => {
  const api = await bench.api()
  const refused = await post(api.url, 'away', form({ bytes: bytes('x'), name: 'x.pdf' }))
  t.match(refused, { status: 403, text: /TENANT_INACTIVE/ })
  await api.close()
  const nowhere = { postgresql: { ...bench.config.postgresql!, port: 1 } }
  const broken = await bench.api(nowhere)
  const before = (await bench.received()).length
  const response = await fetch(`${broken.url}v1/documents`, { method: 'POST', headers: as('acme'), body: form({ bytes: bytes('x'), name: 'x.pdf' }) })
  t.equal(response.status, 503)
  t.equal(response.headers.get('retry-after'), '5')
  t.match(await response.json(), { error: { code: 'DATABASE_UNAVAILABLE' } })
  t.equal((await bench.received()).length, before, 'nothing is produced that could not be found')
  await broken.close()
})

t.test('it does not start without what it needs', async (t) => {
  await t.rejects(bench.api({ api: { ...bench.config.api!, host: '0.0.0.0' } }), { code: 'CONFIG_INVALID', message: /loopback/ })
  await t.rejects(bench.api({ cassandra: undefined }), { code: 'CONFIG_INVALID' })
  await t.rejects(bench.api({ api: { ...bench.config.api!, tokensFile: '/nowhere' } }), { code: 'CONFIG_UNREADABLE' })
})

t.test('two instances let in together what a tenant may send in a minute', async (t) => {
  const apis = await Promise.all([bench.api(), bench.api()])
  const begin = performance.now()
  const codes = await Promise.all(apis.flatMap(({ url }) => Array.from({ length: 15 }, async (_, n) => await post(url, 'limited', form({ bytes: bytes(`limited ${n}`), name: 'l.pdf' })))))
  const taken = codes.filter(({ status }) => status === 202).length
  const minutes = (performance.now() - begin) / 60_000
  t.ok(taken >= 20, `${taken} taken`)
  t.ok(taken <= 20 * (1 + minutes) + 1, `${taken} taken in ${minutes} minutes`)
  for (const { status, text } of codes.filter(({ status }) => status !== 202)) {
    t.equal(status, 429)
    t.match(text, /RATE_LIMITED.*documentsPerMinute/)
  }
  await Promise.all(apis.map((api) => api.close()))
})
