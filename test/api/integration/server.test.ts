import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import fc from '../../../state-stores/test/seeded.ts'
import { StreamsError } from 'millrace'
import t, { type Test } from 'tap'
import { ApiError, type ErrorBody, errorCatalogue } from '../../../api/errors.ts'
import { createServer } from '../../../api/server.ts'
import { ConnectorError, type StoredDocument } from '../../../connectors/index.ts'
import { documentStates } from '../../../topology/states.ts'
import { surroundings, tenant, TOKEN } from '../support.ts'

async function open(t: Test) {
  const folder = t.testdir()
  const around = await surroundings(folder, [
    tenant('acme'), tenant('globex'), tenant('small', { maximumBytes: 10 }), tenant('slow', { documentsPerMinute: 2 }), tenant('away', { active: false }),
  ])
  const app = await createServer(around.context)
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(async () => {
    app.server.closeAllConnections()
    await app.close()
  })
  const { port } = app.server.address() as { port: number }
  const url = `http://127.0.0.1:${port}/v1/documents`
  const send = (body: FormData | string | Uint8Array<ArrayBuffer> | null, headers: { [name: string]: string } = {}, token = TOKEN): Promise<Response> =>
    fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}`, ...headers }, body })
  const get = (path: string, headers: { [name: string]: string } = {}, token = TOKEN): Promise<Response> => fetch(url + path, { headers: { authorization: `Bearer ${token}`, ...headers } })
  return { ...around, folder, port, url, send, get }
}

function files(...contents: readonly string[]): FormData {
  const form = new FormData()
  for (const [index, content] of contents.entries()) {
    form.append('file', new Blob([content], { type: 'application/pdf' }), `${index}.pdf`)
  }
  return form
}

async function refused(t: Test, response: Response, code: keyof typeof errorCatalogue, detail: { field?: string | null; limit?: number | string | null } = {}): Promise<ErrorBody> {
  const body = (await response.json()) as ErrorBody
  t.equal(body.error.code, code)
  t.equal(response.status, errorCatalogue[code].status)
  t.match(body.error, { message: errorCatalogue[code].message, fix: errorCatalogue[code].fix, requestId: /^[0-9a-f-]{36}$/, ...detail })
  t.match(response.headers.get('content-type'), /^application\/json/)
  return body
}

t.test('files are stored, recorded, produced and answered, in their order', async (t) => {
  const { send, records, rows, folder } = await open(t)
  const response = await send(files('first', 'second'), { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' })
  t.equal(response.status, 202)
  const { documents } = (await response.json()) as { documents: { documentId: string; fileName: string; size: number; state: string; links: { self: string } }[] }
  t.same(documents.map(({ fileName, size, state }) => ({ fileName, size, state })), [{ fileName: '0.pdf', size: 5, state: 'RECEIVED' }, { fileName: '1.pdf', size: 6, state: 'RECEIVED' }])
  t.same(records.map(({ key }) => String(key)), documents.map(({ documentId }) => `acme|${documentId}`))
  const value = JSON.parse(String(records[0]!.value)) as { content: null; reference: string; traceparent: string }
  t.match(value, { content: null, reference: /^content:[0-9a-f]{64}$/, traceparent: /^00-0af7/ })
  t.ok([...rows.values()].every(({ produced }) => produced))
  t.equal((await readdir(join(folder, 'content', 'acme'))).length, 2)
  t.equal(documents[0]!.links.self, `/v1/documents/${documents[0]!.documentId}`)
})

t.test('nobody without a token, and no tenant that is not there or takes nothing', async (t) => {
  const { send, url, get, records } = await open(t)
  const nobody = await fetch(url, { method: 'POST', body: files('x') })
  await refused(t, nobody, 'UNAUTHENTICATED', { field: 'Authorization' })
  t.equal(nobody.headers.get('www-authenticate'), 'Bearer')
  await refused(t, await get('', {}, 'wrong'), 'UNAUTHENTICATED')
  await refused(t, await send(files('x'), {}, 'token-of-nobody'), 'TENANT_UNKNOWN')
  await refused(t, await send(files('x'), {}, 'token-of-away'), 'TENANT_INACTIVE')
  t.equal(records.length, 0)
})

t.test('a body that is no list of files is refused', async (t) => {
  const { send, records, folder } = await open(t)
  await refused(t, await send('{}', { 'content-type': 'application/json' }), 'MEDIA_TYPE_UNSUPPORTED', { field: 'Content-Type' })
  await refused(t, await send('text'), 'MEDIA_TYPE_UNSUPPORTED')
  await refused(t, await send(null), 'MEDIA_TYPE_UNSUPPORTED')
  await refused(t, await send(new FormData()), 'FILE_MISSING', { field: 'file' })
  await refused(t, await send('', { 'content-type': 'multipart/form-data; boundary=x' }), 'FILE_MISSING')
  await refused(t, await send('xx', { 'content-type': 'multipart/form-data' }), 'MULTIPART_INVALID')
  await refused(t, await send('no boundary in here', { 'content-type': 'multipart/form-data; boundary=x' }), 'MULTIPART_INVALID')
  const field = new FormData()
  field.append('comment', 'text')
  await refused(t, await send(field), 'FIELD_UNKNOWN', { field: 'file' })
  const proto = new FormData()
  proto.append('__proto__', new Blob(['x']), 'x')
  await refused(t, await send(proto), 'FIELD_UNKNOWN')
  const other = new FormData()
  other.append('upload', new Blob(['x']), 'x.pdf')
  await refused(t, await send(other), 'FIELD_UNKNOWN')
  await refused(t, await send(files('x', '')), 'FILE_EMPTY', { field: 'file' })
  await refused(t, await send('--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf', { 'content-type': 'multipart/form-data; boundary=x' }), 'MULTIPART_INVALID')
  t.equal(records.length, 0)
  t.same(await readdir(join(folder, 'content', '.incoming')), [], 'nothing half-written is left')
})

t.test('the sender may have duplicates processed, and can ask for nothing else', async (t) => {
  const { send, records, url } = await open(t)
  const attributes = (): unknown[] => records.map(({ value }) => (JSON.parse(String(value)) as { attributes: unknown }).attributes)
  const allowing = files('first', 'second')
  allowing.append('duplicate', 'allow')
  t.equal((await send(allowing)).status, 202)
  t.equal((await send(files('third'))).status, 202)
  t.same(attributes(), [{ duplicate: 'allow' }, { duplicate: 'allow' }, {}], 'for every file, wherever the field stands')
  for (const value of ['reject', 'ALLOW', '', 'allow'.repeat(1_000)]) {
    const form = files('fourth')
    form.append('duplicate', value)
    await refused(t, await send(form), 'DUPLICATE_INVALID', { field: 'duplicate', limit: 'allow' })
  }
  const alone = new FormData()
  alone.append('duplicate', 'allow')
  await refused(t, await send(alone), 'FILE_MISSING')
  const twice = files('fifth')
  twice.append('duplicate', 'allow')
  twice.append('duplicate', 'allow')
  await refused(t, await send(twice), 'FIELD_UNKNOWN')
  const asFile = files('sixth')
  asFile.append('duplicate', new Blob(['allow']), 'duplicate')
  await refused(t, await send(asFile), 'FIELD_UNKNOWN')
  t.equal(records.length, 3)
  const openApi = (await (await fetch(new URL('/v1/openapi.json', url))).json()) as { paths: { [path: string]: { post: { requestBody: { content: { [type: string]: { schema: unknown } } } } } } }
  t.match(openApi.paths['/v1/documents']!.post.requestBody.content['multipart/form-data']!.schema, { required: ['file'], properties: { duplicate: { enum: ['allow'] } } })
})

t.test('any bytes as a body end in an answer', async (t) => {
  const { send, get } = await open(t)
  const boundary = fc.constantFrom('--x\r\n', 'Content-Disposition: form-data; name="file"; filename="a"\r\n', '\r\n', '--x--', 'Content-Type: ', '\u0000')
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(boundary, fc.string({ unit: 'binary' })), { maxLength: 12 }), async (pieces) => {
      const response = await send(pieces.join(''), { 'content-type': 'multipart/form-data; boundary=x' })
      await response.arrayBuffer()
      return response.status === 202 || (response.status >= 400 && response.status < 500)
    }),
    { numRuns: 60 },
  )
  t.equal((await get('')).status, 200)
})

t.test('too large, too many, too often', async (t) => {
  const { send, records, folder } = await open(t)
  await refused(t, await send(files('0123456789x'), {}, 'token-of-small'), 'FILE_TOO_LARGE', { field: 'file', limit: 10 })
  t.equal((await send(files('0123456789'), {}, 'token-of-small')).status, 202)
  await refused(t, await send(files('ok', 'x'.repeat(100_001))), 'FILE_TOO_LARGE', { limit: 100_000 })
  await refused(t, await send(files(...Array.from({ length: 33 }, () => 'x'))), 'TOO_MANY_FILES', { limit: 32 })
  t.equal((await send(files(...Array.from({ length: 32 }, () => 'x')))).status, 202)
  await refused(t, await send(new Uint8Array(4_000_000), { 'content-type': 'multipart/form-data; boundary=x' }), 'BODY_TOO_LARGE', { field: 'Content-Length', limit: 32 * 100_000 + 65_536 })
  t.equal((await send(files('1', '2'), {}, 'token-of-slow')).status, 202)
  const often = await send(files('3'), {}, 'token-of-slow')
  t.match(often.headers.get('retry-after'), /^(29|30)$/)
  await refused(t, often, 'RATE_LIMITED', { field: 'documentsPerMinute', limit: 2 })
  t.equal(records.length, 1 + 32 + 2)
  t.same(await readdir(join(folder, 'content', '.incoming')), [])
})

t.test('the same key gets the same answer, with other files a conflict', async (t) => {
  const { send, records } = await open(t)
  const headers = { 'idempotency-key': 'order 17' }
  const first = await (await send(files('a', 'b'), headers)).text()
  t.equal(await (await send(files('a', 'b'), headers)).text(), first)
  t.equal(records.length, 2, 'produced once')
  await refused(t, await send(files('a', 'c'), headers), 'IDEMPOTENCY_CONFLICT', { field: 'Idempotency-Key' })
  await refused(t, await send(files('a'), headers), 'IDEMPOTENCY_CONFLICT')
  await refused(t, await send(files('a'), { 'idempotency-key': 'x'.repeat(129) }), 'IDEMPOTENCY_KEY_INVALID', { limit: 128 })
  t.not(await (await send(files('a', 'b'), headers, 'token-of-globex')).text(), first, 'a key belongs to its tenant')
  const both = await Promise.all([send(files('z'), { 'idempotency-key': 'at once' }), send(files('z'), { 'idempotency-key': 'at once' })])
  const [one, two] = await Promise.all(both.map((response) => response.text()))
  t.equal(one, two)
  t.equal(records.length, 5, 'a retry beside its first try produces nothing')
})

t.test('a service that is away is a 503, and the same request goes on later under the same id', async (t) => {
  const { send, get, records, failing, errors } = await open(t)
  const headers = { 'idempotency-key': 'k' }
  failing.kafka = new ApiError('KAFKA_UNAVAILABLE', { retryAfterSeconds: 5, cause: Object.assign(new Error('leader of documents.raw-0'), { code: 'CONNECTION_FAILED' }) })
  const response = await send(files('secret content'), headers)
  t.equal(response.headers.get('retry-after'), '5')
  await refused(t, response, 'KAFKA_UNAVAILABLE')
  t.match(errors, [/acme: KAFKA_UNAVAILABLE \(Error CONNECTION_FAILED\)$/])
  delete failing.kafka
  failing.database = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  await refused(t, await send(files('secret content'), headers), 'DATABASE_UNAVAILABLE')
  await refused(t, await get(''), 'DATABASE_UNAVAILABLE')
  failing.database = new ConnectorError('ACCESS_REFUSED', 'PostgreSQL refuses millrace_api')
  await refused(t, await get(''), 'DATABASE_UNAVAILABLE')
  t.match(errors.at(-1), /DATABASE_UNAVAILABLE \(ConnectorError ACCESS_REFUSED\)$/, 'whoever looks after it is told why')
  failing.database = new Error('duplicate key value (secret content)')
  await refused(t, await send(files('secret content'), headers), 'INTERNAL')
  delete failing.database
  const { documents } = (await (await send(files('secret content'), headers)).json()) as { documents: { documentId: string }[] }
  t.same(records.map(({ key }) => String(key)), [`acme|${documents[0]!.documentId}`])
  t.notMatch(errors.join(), /secret/)
})

t.test('a document under way, its content, and nothing of it for another tenant', async (t) => {
  const { send, get } = await open(t)
  const form = new FormData()
  form.append('file', new Blob(['<script>alert(1)</script>'], { type: 'text/html' }), 'Größe.html')
  const { documents } = (await (await send(form)).json()) as { documents: { documentId: string; sha256: string }[] }
  const { documentId, sha256 } = documents[0]!
  t.match(await (await get(`/${documentId}`)).json(), { documentId, state: 'RECEIVED', fileName: 'Größe.html', source: 'api', processedAt: null })
  t.same(await (await get(`/${documentId}/lifecycle`)).json(), { documentId, events: [] })
  const content = await get(`/${documentId}/content`)
  t.equal(await content.text(), '<script>alert(1)</script>')
  const expected = {
    'content-type': 'application/octet-stream', 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'; sandbox", 'content-length': '25', etag: `"${sha256}"`,
    'content-disposition': `attachment; filename="Gro_e.html"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.html`, 'cache-control': 'private, no-store',
  }
  for (const [name, value] of Object.entries(expected)) {
    t.equal(content.headers.get(name), value, name)
  }
  const part = await get(`/${documentId}/content`, { range: 'bytes=1-6' })
  t.equal(part.status, 206)
  t.equal(part.headers.get('content-range'), 'bytes 1-6/25')
  t.equal(await part.text(), 'script')
  const beyond = await get(`/${documentId}/content`, { range: 'bytes=25-' })
  t.equal(beyond.headers.get('content-range'), 'bytes */25')
  await refused(t, beyond, 'RANGE_INVALID', { field: 'Range', limit: 25 })
  for (const path of ['', '/lifecycle', '/content']) {
    await refused(t, await get(`/${documentId}${path}`, {}, 'token-of-globex'), 'DOCUMENT_NOT_FOUND', { field: 'documentId' })
  }
  for (const id of ['00000000-0000-4000-8000-000000000000', 'x', '%00', '..%2f..%2fetc', "'%20OR%201=1"]) {
    await refused(t, await get(`/${id}`), 'DOCUMENT_NOT_FOUND')
  }
})

t.test('lists refuse what they cannot do, and name what they can', async (t) => {
  const { get } = await open(t)
  await refused(t, await get('?state=LOST'), 'STATE_INVALID', { field: 'state', limit: documentStates.join(', ') })
  for (const limit of ['0', '501', '-1', '1.5', 'all', '', '1e2']) {
    await refused(t, await get(`?limit=${limit}`), 'LIMIT_INVALID', { field: 'limit', limit: 500 })
  }
  await refused(t, await get('?limit=1&limit=2'), 'LIMIT_INVALID')
  await refused(t, await get(`?cursor=${'x'.repeat(600)}`), 'CURSOR_INVALID', { field: 'cursor' })
  t.same(await (await get('?state=ARCHIVED&limit=500')).json(), { documents: [], cursor: null })
})

t.test('what is not there, and what is not HTTP', async (t) => {
  const { url, port } = await open(t)
  await refused(t, await fetch(url.replace('documents', 'nothing')), 'NOT_FOUND')
  await refused(t, await fetch(url, { method: 'DELETE' }), 'NOT_FOUND')
  const raw = async (bytes: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    socket.end(bytes)
    return await text(socket)
  }
  t.match(await raw('\u0000\u0001 nonsense\r\n\r\n'), /^HTTP\/1\.1 400 [\s\S]*"code":"REQUEST_INVALID"/)
  t.match(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 [\s\S]*"code":"HEADERS_TOO_LARGE"[\s\S]*"limit":16384/)
})

t.test('a client that hangs up in the middle leaves nothing behind', async (t) => {
  const { port, folder, send, records } = await open(t)
  const request = httpRequest({ port, host: '127.0.0.1', path: '/v1/documents', method: 'POST', headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'multipart/form-data; boundary=x' } })
  request.on('error', () => undefined)
  request.write(`--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n${'half '.repeat(1_000)}`)
  const incoming = join(folder, 'content', '.incoming')
  while ((await readdir(incoming)).length === 0) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  request.destroy()
  while ((await readdir(incoming)).length > 0) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.equal(records.length, 0)
  t.equal((await send(files('x'))).status, 202, 'the next one is not delayed')
})

t.test('the answers are described: every path, every error', async (t) => {
  const { url } = await open(t)
  const description = (await (await fetch(url.replace('documents', 'openapi.json'))).json()) as {
    openapi: string
    paths: { [path: string]: { [method: string]: { responses: { [status: string]: unknown } } } }
  }
  t.match(description.openapi, /^3\.1/)
  t.same(Object.keys(description.paths).sort(), [
    '/v1/ask', '/v1/documents', '/v1/documents/{documentId}', '/v1/documents/{documentId}/content', '/v1/documents/{documentId}/corrections', '/v1/documents/{documentId}/lifecycle',
    '/v1/documents/{documentId}/pages/{page}', '/v1/documents/{documentId}/parts', '/v1/review', '/v1/search', '/v1/vendor-memory', '/v1/vendor-memory/{vendor}',
  ])
  t.same(Object.keys(description.paths['/v1/documents']!['post']!.responses), ['202', '400', '401', '403', '408', '409', '413', '415', '429', '500', '503'])
  for (const { message, fix, status } of Object.values(errorCatalogue)) {
    t.ok(status >= 400 && message.endsWith('.') && fix.endsWith('.'))
  }
})

t.test('a token does what its roles are for, on every route', async (t) => {
  const { url, records, decided, erasures } = await open(t)
  const { paths } = (await (await fetch(url.replace('documents', 'openapi.json'))).json()) as { paths: { [path: string]: { [method: string]: unknown } } }
  const routes = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
  const one = '/v1/documents/{documentId}'
  const expected: { readonly [role: string]: readonly string[] } = {
    uploader: ['POST /v1/documents'],
    reader: ['GET /v1/documents', `GET ${one}`, `GET ${one}/content`, `GET ${one}/lifecycle`, `GET ${one}/pages/{page}`, `GET ${one}/parts`, 'GET /v1/search', 'POST /v1/ask'],
    reviewer: ['GET /v1/review', `POST ${one}/corrections`, 'GET /v1/vendor-memory', 'DELETE /v1/vendor-memory/{vendor}'],
  }
  t.same(routes.toSorted(), Object.values(expected).flat().toSorted(), 'each has its role')
  for (const [needed, own] of Object.entries(expected)) {
    for (const route of own) {
      const [method, path] = route.split(' ') as [string, string]
      const at = url.replace('/v1/documents', path.replace('{documentId}', REVIEWED).replace('{page}', '1').replace('{vendor}', 'f'.repeat(64)))
      for (const role of ['uploader', 'reader', 'reviewer']) {
        const response = await fetch(at, { method, headers: { authorization: `Bearer ${role}-of-acme` } })
        if (role === needed || (role === 'reviewer' && needed === 'reader')) {
          t.not(response.status, 403, `${role}: ${route}`)
          await response.arrayBuffer()
        } else {
          await refused(t, response, 'ROLE_MISSING', { field: 'Authorization', limit: needed })
        }
      }
    }
  }
  t.equal((await fetch(url, { method: 'HEAD', headers: { authorization: 'Bearer uploader-of-acme' } })).status, 403)
  t.same([records, decided, erasures], [[], [], []])
})

const inReview = (over: Partial<StoredDocument> = {}): StoredDocument => ({
  tenantId: 'acme', documentId: REVIEWED, revision: 77, receivedAt: 1, processedAt: 2, status: 'IN_REVIEW', source: 'api', fileName: 'a.pdf', contentType: 'application/pdf', size: 3, sha256: null, content: null,
  language: 'en', route: 'ocr', pageCount: 3, type: 'invoice', probability: 0.9, vendor: 'Alder', vendorId: null, number: null, date: null, dueDate: null, currency: null, subtotal: null, tax: null, total: '10.00',
  fields: { seller: {}, buyer: {}, grandTotal: { value: '10.00', normalised: '10.00', confidence: 0.5, provenance: { page: 1, method: 'ocr' } } }, lineItems: [], validation: null, enrichment: null,
  duplicateOf: null, reasonCode: 'RULE_FAILED', reason: '[{"code":"RULE_FAILED","step":"validate","subject":"sum"}]', pipelineVersion: '1', versions: null, corrections: null, parentId: null, part: null, partCount: null,
  pageSizes: [{ width: 10, height: 20 }, { width: 10, height: 20 }, { width: 10, height: 20, turned: 90 }],
  ...over,
})
const REVIEWED = '0b8f5a3e-3c63-4a0e-9d53-0c8a6f3b7a11'

t.test('the parts of a mail say how each of them ended; nobody else sees them', async (t) => {
  const { url, ended } = await open(t)
  const part = '5c4c9dd5-6a39-8a53-9a73-5d0f0a3f6d21'
  ended.set(`acme|${REVIEWED}`, inReview({ status: 'ARCHIVED', type: 'letter', partCount: 1 }))
  ended.set(`acme|${part}`, inReview({ documentId: part, status: 'REJECTED', reasonCode: 'CORRUPT', reason: null, type: null, parentId: REVIEWED, part: 'a/b.pdf' }))
  const ask = (path: string, token = TOKEN): Promise<Response> => fetch(`${url}/${path}`, { headers: { authorization: `Bearer ${token}` } })
  t.match(await (await ask(REVIEWED)).json(), { partCount: 1, parentId: null })
  t.match(await (await ask(part)).json(), { parentId: REVIEWED, part: 'a/b.pdf' })
  const answer = await ask(`${REVIEWED}/parts`)
  t.same(await answer.json(), {
    documentId: REVIEWED,
    parts: [{ documentId: part, part: 'a/b.pdf', state: 'REJECTED', reasonCode: 'CORRUPT', type: null, links: { self: `/v1/documents/${part}`, lifecycle: `/v1/documents/${part}/lifecycle`, content: `/v1/documents/${part}/content` } }],
  })
  t.same(await (await ask(`${part}/parts`)).json(), { documentId: part, parts: [] })
  await refused(t, await ask('0b8f5a3e-3c63-4a0e-9d53-0c8a6f3b7a00/parts'), 'DOCUMENT_NOT_FOUND', { field: 'documentId' })
})

t.test('a correction is checked, recorded, produced and answered; of two for one revision the first', async (t) => {
  const { url, ended, decided, failing, get } = await open(t)
  ended.set(`acme|${REVIEWED}`, inReview())
  const decide = (body: unknown, headers: { [name: string]: string } = {}, token = TOKEN): Promise<Response> =>
    fetch(`${url}/${REVIEWED}/corrections`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) })
  const wanted = { revision: 77, changes: [{ field: 'grandTotal', to: '11' }, { field: 'issueDate', to: '2026-01-02' }] }
  const refusals: [unknown, keyof typeof errorCatalogue, { field: string; limit?: string | number }][] = [
    ['{', 'JSON_INVALID', { field: 'body' }], ['[]', 'JSON_INVALID', { field: 'body' }], [{ ...wanted, by: 'somebody' }, 'JSON_INVALID', { field: 'body' }],
    [{ ...wanted, revision: '77' }, 'JSON_INVALID', { field: 'revision' }], [{ ...wanted, decision: 'erase' }, 'JSON_INVALID', { field: 'decision', limit: 'correct, accept, reject, duplicate, not-duplicate' }],
    [{ ...wanted, decision: 'accept' }, 'JSON_INVALID', { field: 'changes', limit: 'none' }], [{ revision: 77, changes: [{ field: 'note', to: 1 }] }, 'JSON_INVALID', { field: 'changes[0].to' }],
    [{ revision: 77, changes: [null] }, 'JSON_INVALID', { field: 'changes[0].field' }], [{ revision: 77 }, 'CORRECTION_INVALID', { field: 'changes' }],
    [{ revision: 77, changes: [{ field: 'total', to: '1' }] }, 'CORRECTION_INVALID', { field: 'changes[0].field' }],
    [{ revision: 77, changes: [{ field: 'issueDate', to: '2.1.2026' }] }, 'CORRECTION_INVALID', { field: 'changes[0].to', limit: 'a day as YYYY-MM-DD' }],
    [{ ...wanted, revision: 76 }, 'REVISION_STALE', { field: 'revision', limit: 77 }],
  ]
  for (const [body, code, detail] of refusals) {
    await refused(t, await decide(body), code, detail)
  }
  await refused(t, await decide(wanted, { 'content-type': 'text/plain' }), 'JSON_EXPECTED', { field: 'Content-Type' })
  await refused(t, await decide(JSON.stringify(wanted).padEnd(300_000)), 'BODY_TOO_LARGE')
  await refused(t, await decide(wanted, {}, 'token-of-globex'), 'DOCUMENT_NOT_FOUND')
  await refused(t, await decide(wanted, { authorization: 'Bearer wrong' }), 'UNAUTHENTICATED')
  t.equal(decided.length, 0)

  const headers = { 'idempotency-key': 'k' }
  failing.kafka = new ApiError('KAFKA_UNAVAILABLE', { retryAfterSeconds: 5 })
  await refused(t, await decide(wanted, headers), 'KAFKA_UNAVAILABLE')
  delete failing.kafka
  const first = await decide(wanted, headers)
  t.equal(first.status, 202)
  const answer = await first.text()
  t.match(JSON.parse(answer), { documentId: REVIEWED, baseRevision: 77, decision: 'correct', correctionId: /^[0-9a-f-]{36}$/ })
  t.equal(String(decided[0]!.key), `acme|${REVIEWED}`)
  const { changes, by, correctionId } = JSON.parse(String(decided[0]!.value)) as { changes: unknown; by: string; correctionId: string }
  t.match(changes, [{ field: 'grandTotal', to: '11' }, { field: 'issueDate', to: '2026-01-02' }])
  t.match(by, /^token-[0-9a-f]{12}$/)
  t.equal((JSON.parse(answer) as { correctionId: string }).correctionId, correctionId)
  ended.set(`acme|${REVIEWED}`, inReview({ revision: 90, status: 'ARCHIVED' }))
  t.equal(await (await decide(wanted, headers)).text(), answer, 'also when it has been applied')
  await refused(t, await decide({ ...wanted, changes: [] }, headers), 'IDEMPOTENCY_CONFLICT')
  t.equal(decided.length, 1)
  await refused(t, await decide({ revision: 90, decision: 'accept' }), 'NOT_CORRECTABLE', { field: 'decision', limit: 'ARCHIVED' })

  t.equal((await decide({ revision: 90, changes: [{ field: 'grandTotal', to: '12' }] })).status, 202)
  t.match(JSON.parse(String(decided[1]!.value)), { changes: [{ field: 'grandTotal', from: '10.00', to: '12.00' }] }, 'written as fields are')
  await refused(t, await decide({ revision: 90, changes: [{ field: 'grandTotal', to: '13' }] }), 'REVISION_STALE')
  t.match(await (await get(`/${REVIEWED}`)).json(), { reasons: [], corrections: null, pageSizes: [{ width: 10 }, {}, { turned: 90 }] })
})

t.test('while nobody knows how much a tenant has sent, nothing is taken', async (t) => {
  const { send, failing, folder } = await open(t)
  failing.rate = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  await refused(t, await send(files('x')), 'DATABASE_UNAVAILABLE')
  failing.rate = new Error('a fault of ours')
  await refused(t, await send(files('x')), 'INTERNAL')
  t.same(await readdir(join(folder, 'content', 'acme')).catch(() => []), [], 'no byte is kept')
  delete failing.rate
  t.equal((await send(files('x'))).status, 202)
})

t.test('of a copy is said of which, and of what is none that it is none', async (t) => {
  const { url, ended, decided } = await open(t)
  const [original, copy] = ['5c4c9dd5-6a39-8a53-9a73-5d0f0a3f6d21', '5c4c9dd5-6a39-8a53-9a73-5d0f0a3f6d22']
  ended.set(`acme|${REVIEWED}`, inReview())
  ended.set(`acme|${original}`, inReview({ documentId: original, status: 'ARCHIVED', reasonCode: null, reason: null }))
  ended.set(`acme|${copy}`, inReview({ documentId: copy, status: 'DUPLICATE', duplicateOf: original, reasonCode: 'link', reason: null, fields: null }))
  ended.set(`globex|${original.replace('21', '23')}`, inReview({ documentId: original.replace('21', '23'), tenantId: 'globex', status: 'ARCHIVED' }))
  const decide = (documentId: string, body: unknown): Promise<Response> =>
    fetch(`${url}/${documentId}/corrections`, { method: 'POST', headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const shown = async (): Promise<object> => (await (await fetch(`${url}/${copy}`, { headers: { authorization: `Bearer ${TOKEN}` } })).json()) as object
  t.match(await shown(), { state: 'DUPLICATE', duplicateOf: original, evidence: null, reason: { code: 'link', text: null } }, 'a row from before evidence was kept')
  ended.set(`acme|${copy}`, inReview({ documentId: copy, status: 'DUPLICATE', duplicateOf: original, reasonCode: 'link', reason: '{"by":"business-key","fields":["vendor","invoiceNumber"]}', fields: null }))
  t.match(await shown(), { evidence: { by: 'business-key', fields: ['vendor', 'invoiceNumber'] }, reason: { code: 'link', text: null } })
  const duplicate = { revision: 77, decision: 'duplicate' }
  await refused(t, await decide(REVIEWED, duplicate), 'JSON_INVALID', { field: 'duplicateOf', limit: 'the documentId of the original' })
  await refused(t, await decide(REVIEWED, { ...duplicate, duplicateOf: 'x' }), 'JSON_INVALID', { field: 'duplicateOf' })
  await refused(t, await decide(REVIEWED, { revision: 77, decision: 'accept', duplicateOf: original }), 'JSON_INVALID', { field: 'duplicateOf', limit: 'none' })
  for (const wrong of [REVIEWED, copy, original.replace('21', '23'), original.replace('21', '24')]) {
    await refused(t, await decide(REVIEWED, { ...duplicate, duplicateOf: wrong }), 'CORRECTION_INVALID', { field: 'duplicateOf' })
  }
  await refused(t, await decide(copy, { ...duplicate, duplicateOf: original }), 'NOT_CORRECTABLE')
  await refused(t, await decide(copy, { revision: 77, changes: [{ field: 'note', to: 'x' }] }), 'NOT_CORRECTABLE', { limit: 'DUPLICATE' })
  await refused(t, await decide(REVIEWED, { revision: 77, decision: 'not-duplicate' }), 'NOT_CORRECTABLE')
  t.equal(decided.length, 0)
  t.equal((await decide(REVIEWED, { ...duplicate, duplicateOf: original })).status, 202)
  t.equal((await decide(copy, { revision: 77, decision: 'not-duplicate' })).status, 202)
  t.match(decided.map(({ value }) => JSON.parse(String(value)) as unknown), [
    { documentId: REVIEWED, decision: 'duplicate', changes: [{ field: 'duplicateOf', from: null, to: original }] }, { documentId: copy, decision: 'not-duplicate', changes: [] },
  ])
})

t.test('what was learned of vendors is listed and forgotten, by its own tenant only', async (t) => {
  const { url, remembered, erasures, failing } = await open(t)
  const [a, b, c] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [string, string, string]
  const place = { field: 'invoiceNumber' as const, label: 'our sign', where: 'left' as const, shape: 'A-9', page: 1, x: 0.1, y: 0.2, seen: 2 }
  remembered.set('acme', [{ keys: [a, b], name: 'Alder', at: 0, places: [place], constants: [] }, { keys: [c], places: [], constants: [{ field: 'seller.name', value: 'Birch' }] }])
  const ask = (path = '', token = TOKEN, method = 'GET'): Promise<Response> => fetch(new URL(`/v1/vendor-memory${path}`, url), { method, headers: { authorization: `Bearer ${token}` } })
  t.same(await (await ask('?limit=1')).json(), { vendors: [{ vendor: a, name: 'Alder', vatId: null, learnedAt: '1970-01-01T00:00:00.000Z', places: [place], constants: [] }], cursor: a })
  t.match(await (await ask(`?limit=1&cursor=${a}`)).json(), { vendors: [{ vendor: c, name: null, constants: [{ value: 'Birch' }] }], cursor: null })
  t.same(await (await ask('', 'token-of-globex')).json(), { vendors: [], cursor: null })
  await refused(t, await ask('?cursor=x'), 'CURSOR_INVALID', { field: 'cursor' })
  await refused(t, await ask('?limit=0'), 'LIMIT_INVALID')
  await refused(t, await ask(`/${a}`, 'token-of-globex', 'DELETE'), 'VENDOR_NOT_FOUND', { field: 'vendor' })
  await refused(t, await ask(`/${a}`, 'wrong', 'DELETE'), 'UNAUTHENTICATED')
  failing.memory = new StreamsError('QUERY_REBALANCING', 'The global table is not loaded yet.')
  await refused(t, await ask(), 'MEMORY_UNAVAILABLE')
  delete failing.memory
  t.equal(erasures.length, 0)
  const answer = await ask(`/${b}`, TOKEN, 'DELETE')
  t.equal(answer.status, 202)
  t.same(await answer.json(), { vendor: a, keys: 2 }, 'under whichever key')
  t.same(erasures.map(({ key }) => String(key)), [`acme|${a}`])
  t.match(JSON.parse(String(erasures[0]!.value)), { tenantId: 'acme', keys: [a, b], by: /^token-/ })
})

t.test('a tenant does not hold all who may look at what was learned', async (t) => {
  const { url, context } = await open(t)
  const ask = (token = TOKEN): Promise<Response> => fetch(new URL('/v1/vendor-memory', url), { headers: { authorization: `Bearer ${token}` } })
  const gate = Promise.withResolvers<void>()
  const two = Promise.withResolvers<void>()
  let looking = 0
  context.vendorMemories.of = async (tenantId) => {
    if (tenantId === 'acme') {
      looking += 1
      if (looking === 2) {
        two.resolve()
      }
      await gate.promise
    }
    return []
  }
  const held = [ask(), ask()]
  await two.promise
  await refused(t, await ask(), 'OVERLOADED')
  t.equal((await ask('token-of-globex')).status, 200)
  gate.resolve()
  t.same((await Promise.all(held)).map(({ status }) => status), [200, 200])
  t.equal((await ask()).status, 200, 'and when they have ended there is room again')
})

t.test('the queue says who waits and why, and takes filters', async (t) => {
  const { url, waiting, reviews, ended, get } = await open(t)
  const document = { documentId: REVIEWED, revision: 77, receivedAt: 0, fileName: '<b>.pdf', type: 'invoice', vendor: 'Alder', number: null, date: null, total: '1.00', currency: 'EUR', reasonCode: 'RULE_FAILED', reason: '[{"code":"RULE_FAILED","step":"validate","subject":"sum"}]' }
  waiting.set('acme', [document, { ...document, reasonCode: 'A,B', reason: 'not JSON' }])
  const queue = (query = '', token = TOKEN): Promise<Response> => fetch(new URL(`/v1/review${query}`, url), { headers: { authorization: `Bearer ${token}` } })
  t.match(await (await queue('?reason=RULE_FAILED&vendor=ald&type=invoice&limit=2')).json(), {
    documents: [{ documentId: REVIEWED, revision: 77, receivedAt: '1970-01-01T00:00:00.000Z', reasons: [{ code: 'RULE_FAILED', subject: 'sum' }] }, { reasons: [{ code: 'A' }, { code: 'B' }] }], cursor: null,
  })
  t.same(reviews[0], { reason: 'RULE_FAILED', vendor: 'ald', type: 'invoice', cursor: undefined, limit: 2 })
  t.same(await (await queue('', 'token-of-globex')).json(), { documents: [], cursor: null })
  await refused(t, await queue('?vendor='), 'FILTER_INVALID', { field: 'vendor', limit: 100 })
  await refused(t, await queue('?vendor=%00'), 'FILTER_INVALID', { field: 'vendor' })
  await refused(t, await queue('?sort=1'), 'FILTER_INVALID', { field: 'query' })
  await refused(t, await queue('?limit=0'), 'LIMIT_INVALID')
  await refused(t, await queue(`?cursor=${'x'.repeat(513)}`), 'CURSOR_INVALID')
  ended.set(`acme|${REVIEWED}`, inReview())
  t.match(await (await get(`/${REVIEWED}`)).json(), { reasons: [{ code: 'RULE_FAILED', step: 'validate', subject: 'sum' }] })
})

t.test('a page is a picture of the tenant it belongs to, turned as it was read', async (t) => {
  const { context, ended, get } = await open(t)
  const bytes = Buffer.from('%PDF-')
  const { sha256 } = await context.content.put('acme', bytes)
  ended.set(`acme|${REVIEWED}`, inReview({ content: `content:${sha256}` }))
  const page = await get(`/${REVIEWED}/pages/3`)
  t.equal(await page.text(), 'page 3 turned by 90')
  for (const [name, value] of Object.entries({ 'content-type': 'image/png', 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'; sandbox", 'cache-control': 'private, no-store' })) {
    t.equal(page.headers.get(name), value)
  }
  await refused(t, await get(`/${REVIEWED}/pages/2`), 'PAGE_UNREADABLE', { field: 'page', limit: 'CORRUPT' })
  for (const number of ['0', '4', '-1', 'x', '1.5', '99999']) {
    await refused(t, await get(`/${REVIEWED}/pages/${number}`), 'PAGE_NOT_FOUND', { limit: 3 })
  }
  await refused(t, await get(`/${REVIEWED}/pages/1`, {}, 'token-of-globex'), 'DOCUMENT_NOT_FOUND')
  ended.set(`acme|${REVIEWED}`, inReview({ content: `content:${'0'.repeat(64)}` }))
  await refused(t, await get(`/${REVIEWED}/pages/1`), 'CONTENT_NOT_FOUND')
})

t.test('the page for people runs nothing but its own files', async (t) => {
  const { url } = await open(t)
  for (const [path, type] of [['/review/', 'text/html'], ['/review/review.js', 'text/javascript'], ['/review/document.js', 'text/javascript'], ['/review/api.js', 'text/javascript'], ['/review/review.css', 'text/css']]) {
    const response = await fetch(new URL(path!, url))
    t.match(response.headers.get('content-type'), new RegExp(`^${type}`))
    t.match(response.headers.get('content-security-policy'), /default-src 'none'; script-src 'self'; style-src 'self'/)
    t.equal(response.headers.get('x-content-type-options'), 'nosniff')
    const text = await response.text()
    t.notMatch(text, /innerHTML|insertAdjacentHTML|document\.write|<script>|\son[a-z]+=|style=/)
  }
})
