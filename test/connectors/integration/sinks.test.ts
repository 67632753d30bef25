import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import t from 'tap'
import type { DocumentChunk } from '../../../avro/index.ts'
import { statements } from '../../../connectors/cassandra/migrate.ts'
import { connectorName, deployConnectors } from '../../../connectors/index.ts'
import { createBench, eventually, row } from './support.ts'

const bench = await createBench()
t.teardown(() => bench.close())
const { documents, archive, topics, config } = bench

await deployConnectors(config)

t.test('deploying again changes nothing', async (t) => {
  t.same(await deployConnectors(config), [])
})

t.test('a row arrives in both stores with every value', async (t) => {
  const documentId = randomUUID()
  const fields = { total: { value: '1.234,50 €', normalised: '1234.50', confidence: 0.97, provenance: { page: 1, box: null, method: 'rules' } } }
  const sent = row({
    tenant_id: 'acme', document_id: documentId, revision: 1_790_000_000_000_001, file_name: 'Rechnung Ä 漢字.pdf', size: 2 ** 40, sha256: 'ab'.repeat(32),
    type: 'invoice', probability: 0.875, vendor: 'Müller & Söhne', number: 'R-1', date: '2026-09-30', currency: 'EUR', total: '1234.50', page_count: 3,
    fields: JSON.stringify(fields), line_items: '[]', versions: '{"extract":"1"}',
    corrections: '[{"field":"total","by":"ann"}]', page_sizes: '[{"width":595,"height":842}]'
  })
  await bench.sendRows([sent])
  const stored = await eventually('the row in PostgreSQL', () => documents.get('acme', documentId))
  t.match(stored, {
    tenantId: 'acme', documentId, revision: 1_790_000_000_000_001, receivedAt: sent.received_at, processedAt: sent.processed_at, size: 2 ** 40,
    fileName: 'Rechnung Ä 漢字.pdf', vendor: 'Müller & Söhne', total: '1234.50', probability: 0.875, pageCount: 3, lineItems: [], dueDate: null
  })
  t.same(stored.fields, fields)
  t.same([stored.corrections, stored.pageSizes], [[{ field: 'total', by: 'ann' }], [{ width: 595, height: 842 }]])
  t.same(await eventually('the row in Cassandra', () => archive.get('acme', documentId)), { documentId, revision: 1_790_000_000_000_001, status: 'ARCHIVED' })
  t.same(await eventually('the row in the day', async () => (await archive.day('acme', '2026-10-01')).find((found) => found.documentId === documentId)), {
    documentId, revision: 1_790_000_000_000_001, status: 'ARCHIVED'
  })
  const { rows } = await bench.cassandra.execute('SELECT * FROM document_by_id WHERE tenant_id = ? AND document_id = ?', ['acme', documentId], { prepare: true })
  t.equal(rows[0]!.get('vendor'), 'Müller & Söhne')
  t.equal(rows[0]!.get('page_count'), 3)
  t.equal(rows[0]!.get('corrections'), sent.corrections)
  t.equal(rows[0]!.get('probability'), 0.875)
  t.equal(String(rows[0]!.get('size')), String(2 ** 40))
  t.equal((rows[0]!.get('received_at') as Date).getTime(), sent.received_at)
  t.equal(rows[0]!.get('fields'), JSON.stringify(fields))
})

t.test('the higher revision wins in whatever order rows come', async (t) => {
  const base = 1_790_000_000_000_000
  const orders = [[1, 2, 3], [3, 2, 1], [2, 3, 1], [3, 1, 2], [1, 3, 2], [2, 1, 3]]
  const ids: string[] = orders.map(() => randomUUID())
  for (let turn = 0; turn < 3; turn++) {
    // one send per turn: rows of one document in different batches of the sinks, mostly
    await bench.sendRows(
      orders.map((order, index) => {
        const revision = order[turn]!
        return row({
          tenant_id: 'acme', document_id: ids[index]!, revision: base + revision, status: revision === 3 ? 'ERASED' : 'ARCHIVED',
          vendor: revision === 3 ? null : `vendor ${revision}`, file_name: revision === 3 ? null : 'a.pdf'
        })
      }),
      turn % 2
    )
  }
  const last = randomUUID()
  await bench.sendRows([row({ tenant_id: 'acme', document_id: last, revision: 1 })], 0)
  await bench.sendRows([row({ tenant_id: 'globex', document_id: last, revision: 1 })], 1)
  await eventually('the last rows in both', async () =>
    (await documents.get('acme', last)) !== undefined && (await documents.get('globex', last)) !== undefined &&
    (await archive.get('acme', last)) !== undefined && (await archive.get('globex', last)) !== undefined
  )
  for (const documentId of ids) {
    await eventually(`revision 3 of ${documentId}`, async () => (await documents.get('acme', documentId))?.revision === base + 3)
    t.match(await documents.get('acme', documentId), { revision: base + 3, status: 'ERASED', vendor: null, fileName: null })
    await eventually(`revision 3 of ${documentId}`, async () => (await archive.get('acme', documentId))?.revision === base + 3)
    const { rows } = await bench.cassandra.execute('SELECT * FROM document_by_id WHERE tenant_id = ? AND document_id = ?', ['acme', documentId], { prepare: true })
    t.equal(rows[0]!.get('vendor'), null, 'an erased value does not shine through')
    t.equal(rows[0]!.get('status'), 'ERASED')
  }
  const inDay = (await archive.day('acme', '2026-10-01')).map((document) => document.documentId)
  t.same(inDay.filter((id) => ids.includes(id)).sort(), [...ids].sort(), 'one row per document in its day')
})

t.test('the higher revision wins inside one batch, too', async (t) => {
  const ids: string[] = Array.from({ length: 50 }, () => randomUUID())
  const rows = [2, 3, 1].flatMap((revision) => ids.map((document_id) => row({ tenant_id: 'batch', document_id, revision, vendor: `vendor ${revision}` })))
  await bench.sendRows(rows, 0)
  await eventually('all rows in PostgreSQL', async () => (await documents.list('batch', { limit: 100 })).documents.filter(({ revision }) => revision === 3).length === ids.length)
  await eventually('all rows in Cassandra', async () => (await archive.day('batch', '2026-10-01')).filter(({ revision }) => revision === 3).length === ids.length)
  // everything behind a later row has been written: nothing can come and lower a revision
  const last = randomUUID()
  await bench.sendRows([row({ tenant_id: 'batch', document_id: last, revision: 1 })], 0)
  await eventually('the last row in PostgreSQL', () => documents.get('batch', last))
  await eventually('the last row in Cassandra', () => archive.get('batch', last))
  t.same(new Set((await documents.list('batch', { limit: 100 })).documents.filter(({ documentId }) => documentId !== last).map(({ vendor }) => vendor)), new Set(['vendor 3']))
  t.equal((await archive.day('batch', '2026-10-01')).filter(({ revision }) => revision === 3).length, ids.length)
})

t.test("chunks arrive in their own table, and a later reading's replace those of an earlier one", async (t) => {
  const documentId = randomUUID()
  const chunk = (number: number, revision: number, text: string, embedding: string | null = null): DocumentChunk => ({
    tenant_id: 'acme', document_id: documentId, chunk: number, revision, chunks: 2, page: number + 1, language: 'de', text, embedding, embedding_model: embedding === null ? null : 'm'
  })
  const client = new pg.Client({ ...config.postgresql, user: 'millrace_sink', password: bench.passwords.millrace_sink })
  await client.connect()
  t.teardown(() => client.end())
  const stored = async (): Promise<unknown[]> =>
    (await client.query('SELECT chunk, revision::int, page, text, vector::text, embedding_model FROM millrace.chunks WHERE document_id = $1 ORDER BY chunk', [documentId])).rows
  await bench.sendChunks([chunk(0, 1, 'Größe 漢字'), chunk(1, 1, 'Seite zwei'), chunk(0, 1, 'Größe 漢字', '[0.6,0.8]')])
  await eventually('both chunks and the embedding', async () => (await stored()).some((row) => (row as { vector: unknown }).vector !== null))
  t.same(await stored(), [
    { chunk: 0, revision: 1, page: 1, text: 'Größe 漢字', vector: '[0.6,0.8]', embedding_model: 'm' },
    { chunk: 1, revision: 1, page: 2, text: 'Seite zwei', vector: null, embedding_model: null }
  ])
  await bench.sendChunks([chunk(0, 2, 'neu'), chunk(1, 1, 'Seite zwei')])
  await eventually('the later reading', async () => (await stored()).length === 1)
  t.same(await stored(), [{ chunk: 0, revision: 2, page: 1, text: 'neu', vector: null, embedding_model: null }])
})

t.test('lifecycle events arrive in order', async (t) => {
  const documentId = randomUUID()
  const event = { tenant_id: 'acme', document_id: documentId, at: Date.UTC(2026, 9, 1), step: 'receive', reason_code: null, reason: null }
  await bench.sendLifecycle([
    { ...event, revision: 12, from_state: 'RECEIVED', to_state: 'REJECTED', step: 'text', reason_code: 'ENCRYPTED', reason: 'The file is encrypted.' },
    { ...event, revision: 11, from_state: null, to_state: 'RECEIVED' }
  ])
  const events = await eventually('two events', async () => {
    const found = await archive.lifecycle('acme', documentId)
    return found.length === 2 && found
  })
  t.same(events, [
    { revision: 11, from: null, to: 'RECEIVED', at: event.at, step: 'receive', reasonCode: null, reason: null },
    { revision: 12, from: 'RECEIVED', to: 'REJECTED', at: event.at, step: 'text', reasonCode: 'ENCRYPTED', reason: 'The file is encrypted.' }
  ])
})

t.test('what is no Avro record of ours is set aside by both sinks, and the next row flows', async (t) => {
  const documentId = randomUUID()
  const unknownSchema = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3])
  await bench.producer.send({ topic: topics.archive, messages: [{ partition: 0, key: 'garbage', value: 'garbage' }, { partition: 0, key: unknownSchema, value: unknownSchema }] })
  await bench.sendRows([row({ tenant_id: 'acme', document_id: documentId, revision: 1 })], 0)
  await eventually('the row behind in PostgreSQL', () => documents.get('acme', documentId))
  await eventually('the row behind in Cassandra', () => archive.get('acme', documentId))
  for (const topic of [topics.postgresqlDeadLetters, topics.cassandraDeadLetters]) {
    const [first] = await bench.read(topic, 2)
    t.match(first, { value: Buffer.from('garbage'), headers: { '__connect.errors.topic': topics.archive, '__connect.errors.partition': '0' } })
  }
})

t.test('a record the Cassandra sink cannot write is set aside from put', async (t) => {
  const documentId = randomUUID()
  await bench.sendRows([row({ tenant_id: 'acme', document_id: randomUUID(), revision: -5 }), row({ tenant_id: 'acme', document_id: documentId, revision: 1 })], 1)
  await eventually('the row behind', () => archive.get('acme', documentId))
  const records = await bench.read(topics.cassandraDeadLetters, 3)
  const put = records.filter((record) => record.headers['__connect.errors.stage'] === 'TASK_PUT')
  t.equal(put.length, 1)
  t.match(put[0]!.headers['__connect.errors.exception.message'], /Field revision must hold a positive integer/)
})

t.test('a table that is gone stops the Cassandra sink instead of filling its dead letters, and costs no row', async (t) => {
  const name = connectorName(config, 'cassandra')
  const documentId = randomUUID()
  const create = readFileSync(new URL('../../../connectors/cassandra/migrations/0001_documents.cql', import.meta.url), 'utf8')
  await bench.cassandra.execute('DROP TABLE documents_by_tenant_day')
  await bench.sendRows([row({ tenant_id: 'acme', document_id: documentId, revision: 1 })], 0)
  const failed = await eventually('the task stopped', async () => (await bench.rest.status(name))?.tasks.find(({ state }) => state === 'FAILED'))
  t.match(failed.trace, /There is no table archive_\w+\.documents_by_tenant_day: run the migrations/)
  await bench.rest.restartFailed(name)
  await eventually('it stops at the start, too', async () => (await bench.rest.status(name))?.tasks.every(({ state }) => state === 'FAILED'))
  await bench.cassandra.execute(statements(create).find((statement) => statement.includes('documents_by_tenant_day'))!)
  await eventually('the row, once the table is back', async () => {
    await bench.rest.restartFailed(name)
    return (await archive.day('acme', '2026-10-01')).some((found) => found.documentId === documentId)
  })
  t.equal((await bench.read(topics.cassandraDeadLetters, 3)).length, 3, 'no dead letter more than before')
})
