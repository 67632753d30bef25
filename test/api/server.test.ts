import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { ApiError, type ErrorBody, errorCatalogue } from '../../api/errors.ts'
import { createServer } from '../../api/server.ts'
import { documentStates } from '../../topology/states.ts'
import { surroundings, tenant, TOKEN } from './support.ts'

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
  t.same(Object.keys(description.paths).sort(), ['/v1/documents', '/v1/documents/{documentId}', '/v1/documents/{documentId}/content', '/v1/documents/{documentId}/lifecycle'])
  t.same(Object.keys(description.paths['/v1/documents']!['post']!.responses), ['202', '400', '401', '403', '408', '409', '413', '415', '429', '500', '503'])
  for (const { message, fix, status } of Object.values(errorCatalogue)) {
    t.ok(status >= 400 && message.endsWith('.') && fix.endsWith('.'))
  }
})
