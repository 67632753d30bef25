import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from '../../state-stores/test/seeded.ts'
import t from 'tap'
import { FileAuthenticator, requireLoopback } from '../../api/authenticator.ts'
import { contentDisposition, keptContentType, keptFileName, servedContentType } from '../../api/file-names.ts'
import { documentIdFor, idempotencyKey, Serialised } from '../../api/idempotency.ts'
import { RateLimit } from '../../api/rate-limit.ts'
import { rangeOf } from '../../api/routes/content.ts'
import { isDocumentId } from '../../topology/topics.ts'
import { Buckets } from './support.ts'

const digest = (token: string): string => createHash('sha256').update(token).digest('hex')

t.test('a token names its tenant, anything else nobody', async (t) => {
  const file = join(t.testdir(), 'tokens.json')
  writeFileSync(file, JSON.stringify([{ tenantId: 'acme', sha256: digest('one'), user: 'ada@acme.example' }, { tenantId: 'globex', sha256: digest('two'), roles: ['uploader'] }]))
  const authenticator = new FileAuthenticator(file)
  t.same(await authenticator.authenticate('Bearer one'), { tenantId: 'acme', user: 'ada@acme.example', roles: ['uploader', 'reader', 'reviewer'] }, 'without roles: all')
  t.same(await authenticator.authenticate('bearer two'), { tenantId: 'globex', user: `token-${digest('two').slice(0, 12)}`, roles: ['uploader'] }, 'who corrects is somebody')
  for (const header of [undefined, '', 'Bearer', 'Bearer ', 'Bearer three', 'Basic one', 'Bearer one two', `Bearer ${digest('one')}`, `Bearer ${'x'.repeat(10_000)}`, 'Bearer \u0000']) {
    t.equal(await authenticator.authenticate(header), undefined, JSON.stringify(header)?.slice(0, 40))
  }
  await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary' }), async (header) => (await authenticator.authenticate(header)) === undefined))
})

t.test('a tokens file that is not one is refused with its fault', async (t) => {
  const folder = t.testdir()
  const cases = [['{', 'not JSON'], ['{}', 'no list'], ['[null]', 'tenantId'], ['[{"tenantId":"A B","sha256":""}]', 'tenantId'], ['[{"tenantId":"acme","sha256":"secret-token"}]', 'sha256'],
    [`[{"tenantId":"acme","sha256":"${digest('one')}","role":["reader"]}]`, 'entry 0 has a key that is none of'],
    [`[{"tenantId":"acme","sha256":"${digest('one')}"},{"tenantId":"globex","sha256":"${digest('one')}"}]`, 'entries 0 and 1'],
    ...['[]', '"reader"', '["admin"]'].map((roles) => [`[{"tenantId":"acme","sha256":"${digest('one')}","roles":${roles}}]`, 'uploader, reader, reviewer'] as const)] as const
  for (const [text, fault] of cases) {
    const file = join(folder, 'tokens.json')
    writeFileSync(file, text)
    t.throws(() => new FileAuthenticator(file), { code: 'CONFIG_INVALID', message: new RegExp(fault) })
  }
  t.throws(() => new FileAuthenticator(join(folder, 'missing')), { code: 'CONFIG_UNREADABLE' })
})

t.test('development tokens are for this machine only', async (t) => {
  for (const host of ['127.0.0.1', '127.8.9.1', '::1', '[::1]', 'localhost']) {
    t.doesNotThrow(() => requireLoopback(host), host)
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.org', 'example.org', '']) {
    t.throws(() => requireLoopback(host), { code: 'CONFIG_INVALID', message: /api\.host/ }, host)
  }
})

t.test('file names are kept as data', async (t) => {
  const cases: readonly (readonly [string | undefined, string | null])[] = [
    ['invoice.pdf', 'invoice.pdf'], ['../../etc/passwd', 'passwd'], ['C:\\temp\\scan.tif', 'scan.tif'], ['a\u0000b\nc.pdf', 'abc.pdf'], ['..', null], ['', null], [undefined, null],
    ['Rechnung März.pdf', 'Rechnung März.pdf'], ['\ud800.pdf', '\ufffd.pdf'], ['  x  ', 'x'], ['😀'.repeat(300), '😀'.repeat(255)],
  ]
  for (const [sent, kept] of cases) {
    t.equal(keptFileName(sent), kept, JSON.stringify(sent)?.slice(0, 40))
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (sent) => {
    const kept = keptFileName(sent)
    return kept === null || (!/[\p{Cc}/\\]/u.test(kept) && kept.isWellFormed() && [...kept].length <= 255 && keptFileName(kept) === kept)
  }))
})

t.test('a content disposition is one header, whatever the name', async (t) => {
  t.equal(contentDisposition('a.pdf', 'id'), 'attachment; filename="a.pdf"')
  t.equal(contentDisposition(null, 'id'), 'attachment; filename="id"')
  t.equal(contentDisposition('Größe "1".pdf', 'id'), `attachment; filename="Gro_e _1_.pdf"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22.pdf`)
  t.equal(contentDisposition("it's 50%.pdf", 'id'), `attachment; filename="it's 50_.pdf"; filename*=UTF-8''it%27s%2050%25.pdf`)
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (name) =>
    /^attachment; filename="[\x20\x21\x23\x24\x26-\x5b\x5d-\x7e]*"(; filename\*=UTF-8''[A-Za-z0-9!#$&+.^_`|~%-]*)?$/.test(contentDisposition(name, 'id'))))
})

t.test('media types are claims; few are served as what they are', async (t) => {
  t.equal(keptContentType('Application/PDF; charset=x'), 'application/pdf')
  t.equal(keptContentType('no type\r\nx: y'), null)
  t.equal(keptContentType(undefined), null)
  t.equal(servedContentType('application/pdf'), 'application/pdf')
  for (const type of ['text/html', 'image/svg+xml', 'application/xml', null]) {
    t.equal(servedContentType(type), 'application/octet-stream')
  }
})

t.test('an idempotency key is 1 to 128 printable characters', async (t) => {
  t.equal(idempotencyKey(undefined), undefined)
  t.equal(idempotencyKey('a key'), 'a key')
  for (const bad of ['', 'x'.repeat(129), 'tab\t', 'ümlaut', ['a', 'b']]) {
    t.throws(() => idempotencyKey(bad), { code: 'IDEMPOTENCY_KEY_INVALID', detail: { field: 'Idempotency-Key', limit: 128 } })
  }
})

t.test('a document id follows from tenant, key and place, and only from them', async (t) => {
  const id = documentIdFor('acme', 'key', 0)
  t.ok(isDocumentId(id))
  t.equal(documentIdFor('acme', 'key', 0), id)
  t.equal(new Set([id, documentIdFor('acme', 'key', 1), documentIdFor('globex', 'key', 0), documentIdFor('acme', 'key2', 0)]).size, 4)
  t.not(documentIdFor('acme', undefined, 0), documentIdFor('acme', undefined, 0))
  fc.assert(fc.property(fc.string(), fc.nat(40), (key, ordinal) => isDocumentId(documentIdFor('acme', key, ordinal))))
})

t.test('work of one name runs one after the other, of others beside it', async (t) => {
  const serialised = new Serialised()
  const order: string[] = []
  let release: () => void = () => undefined
  const first = serialised.run('k', async () => { order.push('first begins'); await new Promise<void>((resolve) => { release = resolve }); order.push('first ends'); throw new Error('failed') })
  const second = serialised.run('k', async () => { order.push('second') })
  await serialised.run('other', async () => { order.push('other') })
  release()
  await t.rejects(first, { message: 'failed' })
  await second
  t.same(order, ['first begins', 'other', 'first ends', 'second'])
})

t.test('a bucket holds a minute of documents and fills again evenly', async (t) => {
  const buckets = new Buckets()
  const rate = new RateLimit(buckets)
  const waits = await Promise.all(Array.from({ length: 61 }, () => rate.take('acme', 60)))
  t.same(waits.filter((wait) => wait > 0), [1])
  t.equal(buckets.asked, 21, 'three at once')
  t.equal(await rate.take('globex', 60), 0, 'another tenant has its own')
  buckets.now += 1_000
  t.equal(await rate.take('acme', 60), 0)
  t.equal(await rate.take('acme', 60), 1)
  t.equal(await rate.take('slow', 1), 0)
  t.equal(await rate.take('slow', 1), 60)
  t.equal(await rate.take('none', 0), 60)
})

t.test('several instances share the bucket: together they let in what one would', async (t) => {
  const buckets = new Buckets()
  const instances = [1, 2, 3].map(() => new RateLimit(buckets))
  const waits = await Promise.all(Array.from({ length: 90 }, (_, n) => instances[n % 3]!.take('acme', 60)))
  t.equal(waits.filter((wait) => wait === 0).length, 60)
  await t.rejects(new RateLimit({ take: async () => { throw new Error('away') } }).take('acme', 60), { message: 'away' }, 'fails closed')
})

t.test('ranges', async (t) => {
  const cases = [
    ['bytes=0-0', { start: 0, end: 1 }], ['bytes=2-', { start: 2, end: 10 }], ['bytes=-3', { start: 7, end: 10 }], ['bytes=-30', { start: 0, end: 10 }], ['bytes=5-99', { start: 5, end: 10 }],
    ['bytes=10-', 'unsatisfiable'], ['bytes=-0', 'unsatisfiable'], ['bytes=3-2', undefined], ['bytes=0-1,3-4', undefined], ['lines=1-2', undefined], [undefined, undefined], ['bytes=-', undefined],
  ] as const
  for (const [header, expected] of cases) {
    t.same(rangeOf(header, 10), expected, header ?? 'none')
  }
})
