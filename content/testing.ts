import { createHash, randomBytes } from 'node:crypto'
import type { ContentStore } from './contract.ts'
import { ContentError } from './errors.ts'

/** The few assertions the suite needs; tap's `t` fits. */
export interface Assertions {
  equal(actual: unknown, expected: unknown, message?: string): unknown
  ok(value: unknown, message?: string): unknown
  rejects(promise: Promise<unknown>, expected: { code: string }, message?: string): Promise<unknown>
  test(name: string, body: (t: Assertions) => Promise<void>): Promise<unknown>
}

/**
 * Every engine of the content store runs this. `open` gives an empty store; `settle` may remove it.
 */
export async function checkContentStore(t: Assertions, open: () => Promise<ContentStore>): Promise<void> {
  const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
  const collect = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> => {
    const parts: Uint8Array[] = []
    for await (const part of stream) {
      parts.push(part)
    }
    return Buffer.concat(parts)
  }
  async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.byteLength; at += size) {
      yield bytes.subarray(at, at + size)
    }
  }

  await t.test('what was put comes back, whole and in part', async (t) => {
    const store = await open()
    const bytes = randomBytes(200_000)
    const stored = await store.put('acme', inPieces(bytes, 999))
    t.equal(stored.sha256, digest(bytes))
    t.equal(stored.size, bytes.byteLength)
    t.equal(stored.reference, `content:${digest(bytes)}`)
    t.equal(stored.created, true)
    t.ok(Buffer.from(await store.get('acme', stored.reference)).equals(bytes))
    t.ok((await collect(await store.range('acme', stored.reference))).equals(bytes))
    t.ok((await collect(await store.range('acme', stored.reference, { start: 5, end: 70_000 }))).equals(bytes.subarray(5, 70_000)))
    t.equal((await collect(await store.range('acme', stored.reference, { start: 9, end: 9 }))).byteLength, 0)
    t.equal(await store.has('acme', stored.reference), bytes.byteLength)
    await store.close()
  })

  await t.test('the same bytes again are the same content', async (t) => {
    const store = await open()
    const bytes = randomBytes(5000)
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => store.put('acme', n % 2 === 0 ? bytes : inPieces(bytes, 100))))
    t.equal(results.filter((result) => result.created).length, 1, 'one of the concurrent puts made it')
    t.equal(new Set(results.map((result) => result.reference)).size, 1)
    t.equal((await store.put('acme', bytes)).created, false)
    t.ok(Buffer.from(await store.get('acme', results[0]!.reference)).equals(bytes))
    await store.close()
  })

  await t.test('a reference means nothing to another tenant', async (t) => {
    const store = await open()
    const { reference } = await store.put('acme', Buffer.from('of acme'))
    t.equal(await store.has('globex', reference), undefined)
    await t.rejects(store.get('globex', reference), { code: 'NOT_FOUND' })
    await t.rejects(store.range('globex', reference), { code: 'NOT_FOUND' })
    t.equal(await store.delete('globex', reference), false)
    t.equal(await store.has('acme', reference), 7)
    await store.close()
  })

  await t.test('hostile tenants and references are refused', async (t) => {
    const store = await open()
    for (const tenant of ['', '..', '.', 'a/b', 'Acme', '-a', 'a'.repeat(64), 'a\0', '.incoming', 'ä']) {
      await t.rejects(store.put(tenant, Buffer.from('x')), { code: 'TENANT_INVALID' }, JSON.stringify(tenant))
    }
    const hex = digest(Buffer.from('x'))
    for (const reference of ['', hex, `content:${hex.toUpperCase()}`, 'content:../../etc/passwd', `content:${hex}/..`, `file:${hex}`, `content:${hex}\n`]) {
      await t.rejects(store.get('acme', reference), { code: 'REFERENCE_INVALID' }, JSON.stringify(reference))
    }
    await store.close()
  })

  await t.test('what does not match leaves nothing', async (t) => {
    const store = await open()
    const bytes = randomBytes(1000)
    const reference = `content:${digest(bytes)}`
    await t.rejects(store.put('acme', bytes, { size: 999 }), { code: 'SIZE_MISMATCH' })
    await t.rejects(store.put('acme', bytes, { sha256: '0'.repeat(64) }), { code: 'SHA256_MISMATCH' })
    await t.rejects(store.put('acme', inPieces(bytes, 10), { maxBytes: 500 }), { code: 'TOO_LARGE' })
    t.equal(await store.has('acme', reference), undefined)
    await store.put('acme', bytes, { size: 1000, sha256: digest(bytes), maxBytes: 1000 })
    await t.rejects(store.get('acme', reference, { maxBytes: 999 }), { code: 'TOO_LARGE' })
    await store.close()
  })

  await t.test('a put that breaks off leaves nothing', async (t) => {
    const store = await open()
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('first')
      throw new ContentError('STORE_FAILED', 'the sender went away')
    }
    await t.rejects(store.put('acme', breaking()), { code: 'STORE_FAILED' })
    t.equal(await store.has('acme', `content:${digest(Buffer.from('first'))}`), undefined)
    await store.close()
  })

  await t.test('ranges outside are refused', async (t) => {
    const store = await open()
    const { reference } = await store.put('acme', randomBytes(10))
    for (const [start, end] of [[-1, 5], [0, 11], [6, 5], [0.5, 2], [0, Number.NaN]] as const) {
      await t.rejects(store.range('acme', reference, { start, end }), { code: 'RANGE_INVALID' })
    }
    await store.close()
  })

  await t.test('deleted is gone, and may come again', async (t) => {
    const store = await open()
    const { reference } = await store.put('acme', Buffer.from('once'))
    t.equal(await store.delete('acme', reference), true)
    t.equal(await store.delete('acme', reference), false)
    await t.rejects(store.get('acme', reference), { code: 'NOT_FOUND' })
    t.equal((await store.put('acme', Buffer.from('once'))).created, true)
    await store.close()
  })

  await t.test('empty content is content', async (t) => {
    const store = await open()
    const { reference, size } = await store.put('acme', inPieces(new Uint8Array(0), 1))
    t.equal(size, 0)
    t.equal((await store.get('acme', reference)).byteLength, 0)
    t.equal((await collect(await store.range('acme', reference))).byteLength, 0)
    await store.close()
  })
}
