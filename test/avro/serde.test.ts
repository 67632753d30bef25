import { SerdeNotReady } from 'millrace'
import t from 'tap'
import { avroSerde, Registry, type DocumentReceived, type DocumentDuplicate } from '../../avro/index.ts'
import type { DocumentText } from '../../avro/types.ts'
import { composeSchema, schemaText } from '../../avro/schema-files.ts'
import { ScriptedRegistry } from './support.ts'

const server = await ScriptedRegistry.start()
t.teardown(() => server.stop())
t.beforeEach(() => {
  server.levels.clear()
  server.calls.length = 0
  server.next.length = 0
})

const received: DocumentReceived = {
  tenantId: 'acme', documentId: 'b5b3c1de-0000-5000-8000-000000000001', source: 'api', fileName: 'Ünïcode 漢字 🧾.pdf', contentType: null, size: 3,
  sha256: 'ab', receivedAt: 1_790_000_000_123, traceparent: null, content: Buffer.from([0, 255, 7]), reference: null, attributes: { path: 'a/b' }, parent: null
}

function registry(options: { unknownForMs?: number } = {}): Registry {
  return new Registry({ url: server.url, ...options })
}

/** A plain copy: records come as instances of generated classes. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

t.test('what is written is read', async (t) => {
  const serde = avroSerde(registry(), 'raw-value', 'DocumentReceived')
  t.throws(() => serde.serialize('raw', received), { code: 'NOT_OPEN' })
  await serde.open()
  const bytes = serde.serialize('raw', received)
  t.equal(bytes[0], 0)
  t.equal(Buffer.from(bytes).readInt32BE(1), serde.schemaId)
  t.same(plain(serde.deserialize('raw', bytes)), plain(received))
  t.ok(serde.deserialize('raw', bytes).content!.equals(received.content!))
  const large = { ...received, content: Buffer.alloc(1_000_000, 7) }
  t.ok(serde.deserialize('raw', serde.serialize('raw', large)).content!.equals(large.content), 'beyond the guessed size')
  const view = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('after')]).subarray(6, 6 + bytes.length)
  t.equal(serde.deserialize('raw', view).documentId, received.documentId, 'a view into a larger buffer')
})

t.test('the source text is registered, with BACKWARD for the subject and for all', async (t) => {
  await avroSerde(registry(), 'some topic-value', 'DocumentDuplicate').open()
  t.same(server.calls, [
    { method: 'GET', path: '/config?defaultToGlobal=true' },
    { method: 'PUT', path: '/config' },
    { method: 'POST', path: '/subjects/some%20topic-value/versions' },
    { method: 'GET', path: '/config/some%20topic-value?defaultToGlobal=true' },
    { method: 'PUT', path: '/config/some%20topic-value' }
  ])
  server.calls.length = 0
  await avroSerde(registry(), 'some topic-value', 'DocumentDuplicate').open()
  t.same(server.calls.map(({ method }) => method), ['GET', 'POST', 'GET'], 'what is set already is not set again')
  t.ok([...server.schemas.values()].includes(schemaText('DocumentDuplicate')))
  t.match(schemaText('DocumentDuplicate'), /"logicalType":"vocabulary"/, 'attributes a parser would drop are kept')
})

t.test('a schema id not met before makes the record wait, and is asked for once', async (t) => {
  const writer = avroSerde(registry(), 'raw-value', 'DocumentReceived')
  await writer.open()
  const bytes = writer.serialize('raw', received)
  const reader = avroSerde(registry(), 'raw-value', 'DocumentReceived')
  server.calls.length = 0
  const waits: Promise<void>[] = []
  for (let turn = 0; turn < 3; turn++) {
    try {
      reader.deserialize('raw', bytes)
      t.fail('read without its schema')
    } catch (error) {
      t.ok(error instanceof SerdeNotReady)
      waits.push((error as SerdeNotReady).ready)
    }
  }
  await Promise.all(waits)
  t.equal(reader.deserialize('raw', bytes).documentId, received.documentId)
  t.same(server.calls, [{ method: 'GET', path: `/schemas/ids/${writer.schemaId}` }])
})

t.test('an id the registry does not know is refused, and not asked for again for a while', async (t) => {
  const bytes = Buffer.from([0, 0, 0, 0x27, 0x0f, 1, 2, 3])
  const serde = avroSerde(registry({ unknownForMs: 60_000 }), 'raw-value', 'DocumentReceived')
  try {
    serde.deserialize('raw', bytes)
    t.fail('read without its schema')
  } catch (error) {
    await t.rejects((error as SerdeNotReady).ready, { code: 'SCHEMA_UNKNOWN', message: /9999/ })
  }
  t.throws(() => serde.deserialize('raw', bytes), { code: 'SCHEMA_UNKNOWN' })
  t.throws(() => serde.deserialize('raw', bytes), { code: 'SCHEMA_UNKNOWN' })
  t.equal(server.calls.length, 1)
  const forgetful = avroSerde(registry({ unknownForMs: 0 }), 'raw-value', 'DocumentReceived')
  for (let turn = 0; turn < 2; turn++) {
    try {
      forgetful.deserialize('raw', bytes)
    } catch (error) {
      await (error as SerdeNotReady).ready.catch(() => {})
    }
  }
  t.equal(server.calls.length, 3, 'asked again when the while is over')
})

t.test('a registry that cannot now holds the record back instead of refusing it', async (t) => {
  const writer = avroSerde(registry(), 'raw-value', 'DocumentReceived')
  await writer.open()
  const retries: string[] = []
  const reader = new Registry({ url: server.url, onRetry: ({ operation }) => void retries.push(operation) })
  // 401: a password that was changed while we run
  server.next.push(503, 401, 429)
  await reader.fetch(writer.schemaId)
  t.ok(reader.peek(writer.schemaId))
  t.equal(retries.length, 3)
  server.next.push(401)
  await t.rejects(avroSerde(registry(), 'raw-value', 'DocumentReceived').open(), { code: 'REGISTRY_REFUSED', message: /401.*"registryAuth"/ }, 'a start does not wait for it')
})

t.test('closing ends every wait', async (t) => {
  const away = new Registry({ url: 'http://127.0.0.1:1' })
  const waiting = away.fetch(1)
  away.close()
  await t.rejects(waiting, { code: 'REGISTRY_CLOSED' })
})

t.test('an incompatible schema is refused at open', async (t) => {
  server.next.push(409, 409)
  await t.rejects(avroSerde(registry(), 'raw-value', 'Tenant').open(), { code: 'SCHEMA_INCOMPATIBLE', message: /raw-value/ })
})

t.test('older and newer writers are read', async (t) => {
  const reader = avroSerde(registry(), 'raw-value', 'DocumentReceived')
  const schema = composeSchema('DocumentReceived')
  const without = { ...schema, fields: schema.fields.filter(({ name }) => !['traceparent', 'attributes', 'source'].includes(name)) }
  const withMore = { ...schema, fields: [...schema.fields, { name: 'later', type: ['null', 'string'], default: null }] }
  const avsc = (await import('avsc')).default
  for (const [id, writer] of [[101, without], [102, withMore]] as const) {
    server.schemas.set(id, JSON.stringify(writer))
    const body = avsc.Type.forSchema(writer as never).toBuffer({ ...received, later: 'x' })
    const bytes = Buffer.concat([Buffer.from([0, 0, 0, 0, id]), body])
    try {
      reader.deserialize('raw', bytes)
    } catch (error) {
      await (error as SerdeNotReady).ready
    }
    const value = reader.deserialize('raw', bytes)
    t.equal(value.documentId, received.documentId)
    t.equal(value.source, id === 101 ? 'producer' : 'api', 'the default where the writer knew no such field')
  }
  server.schemas.set(103, schemaText('Vendor'))
  const foreign = Buffer.from([0, 0, 0, 0, 103, 1])
  try {
    reader.deserialize('raw', foreign)
  } catch (error) {
    await (error as SerdeNotReady).ready
  }
  t.throws(() => reader.deserialize('raw', foreign), { code: 'SCHEMA_INCOMPATIBLE' })
})

t.test('errors name the field, never the value', async (t) => {
  const serde = avroSerde(registry(), 'raw-value', 'DocumentReceived')
  await serde.open()
  const error = t.throws(() => serde.serialize('raw', { ...received, fileName: 7 as never, source: 'SECRET' as never })) as Error & { code: string }
  t.equal(error.code, 'VALUE_INVALID')
  t.match(error.message, /fileName/)
  t.match(error.message, /source/)
  t.notMatch(JSON.stringify(error) + String(error.stack) + String(error.cause), /SECRET|漢字/)
  t.throws(() => serde.serialize('raw', { ...received, size: 2 ** 53 }), { code: 'VALUE_INVALID' })
  t.throws(() => serde.serialize('raw', { ...received, size: 1.5 }), { code: 'VALUE_INVALID' })
  t.throws(() => serde.serialize('raw', undefined as never), { code: 'VALUE_INVALID' })
})

t.test('a word outside a vocabulary is refused when reading, too', async (t) => {
  const serde = avroSerde(registry(), 'duplicates-value', 'DocumentDuplicate')
  await serde.open()
  const duplicate: DocumentDuplicate = {
    tenantId: 'acme', documentId: 'd', originalId: 'o', by: 'sha256', policy: 'reject', fields: [], at: 1_790_000_000_000
  }
  const bytes = Buffer.from(serde.serialize('duplicates', duplicate))
  t.same(plain(serde.deserialize('duplicates', bytes)), plain(duplicate))
  const tampered = Buffer.from(bytes)
  tampered.write('rejecX', tampered.indexOf('reject'))
  t.throws(() => serde.deserialize('duplicates', tampered), { code: 'BYTES_INVALID' })
})

t.test('what is not framed is refused', async (t) => {
  const serde = avroSerde(registry(), 'raw-value', 'DocumentReceived')
  for (const bytes of [Buffer.alloc(0), Buffer.from([0, 0, 0, 0]), Buffer.from('{"json": true}'), Buffer.from([1, 0, 0, 0, 1, 2])]) {
    t.throws(() => serde.deserialize('raw', bytes), { code: 'NOT_FRAMED' })
  }
})

t.test('a page that was levelled keeps its part of a degree', async (t) => {
  const serde = avroSerde(registry(), 'text-value', 'DocumentText')
  await serde.open()
  const text: DocumentText = {
    tenantId: 'acme', documentId: 'd', readAt: 1, route: 'ocr', language: 'en', quality: 0.9, version: 'tesseract', reference: null,
    pages: [{ number: 1, width: 900, height: 1200.5, turned: 358.4, lines: [{ text: 'Total 9.90', box: { x: 1.5, y: 2, width: 3, height: 4 }, confidence: 0.9 }] }],
  }
  t.same(plain(serde.deserialize('text', serde.serialize('text', text))), plain(text))
})
