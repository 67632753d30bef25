import { chmod, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openFolderContentStore } from '../../content/index.ts'
import type { Assertions } from '../../content/testing.ts'
import { checkContentStore } from '../../content/testing.ts'

const folders: string[] = []
const folder = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'content-'))
  folders.push(path)
  return path
}
t.teardown(async () => {
  for (const path of folders) {
    await rm(path, { recursive: true, force: true })
  }
})

t.test('conformance', async (t) => {
  await checkContentStore(t as unknown as Assertions, async () => openFolderContentStore({ path: await folder() }))
})

t.test('a put leaves no temporary file, a failed one neither', async (t) => {
  const path = await folder()
  const store = await openFolderContentStore({ path })
  await store.put('acme', Buffer.from('a'))
  await t.rejects(store.put('acme', Buffer.from('b'), { size: 7 }))
  t.same(await readdir(join(path, '.incoming')), [])
})

t.test('what a dead process left is removed, what is young stays', async (t) => {
  const path = await folder()
  await openFolderContentStore({ path })
  await writeFile(join(path, '.incoming', 'old'), 'x')
  await writeFile(join(path, '.incoming', 'young'), 'x')
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400
  await utimes(join(path, '.incoming', 'old'), twoDaysAgo, twoDaysAgo)
  await openFolderContentStore({ path })
  t.same(await readdir(join(path, '.incoming')), ['young'])
})

t.test('damage on the disk is noticed, by get and by a whole stream', async (t) => {
  const path = await folder()
  const store = await openFolderContentStore({ path })
  const { reference, sha256 } = await store.put('acme', Buffer.from('genuine'))
  const file = join(path, 'acme', sha256.slice(0, 2), sha256)
  await chmod(file, 0o600)
  await writeFile(file, 'forged!')
  await t.rejects(store.get('acme', reference), { code: 'DAMAGED' })
  await t.rejects((async () => {
    for await (const _ of await store.range('acme', reference)) {
      // read to the end
    }
  })(), { code: 'DAMAGED' })
  await writeFile(file, 'cut')
  await t.rejects(store.put('acme', Buffer.from('genuine')), { code: 'DAMAGED' })
})

t.test('a link in the place of content is not followed', async (t) => {
  const path = await folder()
  const store = await openFolderContentStore({ path })
  const { reference, sha256 } = await store.put('acme', Buffer.from('mine'))
  const file = join(path, 'acme', sha256.slice(0, 2), sha256)
  await rm(file)
  await writeFile(join(path, 'elsewhere'), 'mine')
  await symlink(join(path, 'elsewhere'), file)
  t.equal(await store.has('acme', reference), undefined)
  await t.rejects(store.get('acme', reference), { code: 'STORE_FAILED' })
})

t.test('an aborted put stops', async (t) => {
  const store = await openFolderContentStore({ path: await folder() })
  const abort = new AbortController()
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (let n = 0; ; n += 1) {
      if (n === 3) {
        abort.abort()
      }
      yield Buffer.alloc(10)
    }
  }
  await t.rejects(store.put('acme', endless(), { signal: abort.signal }), { name: 'AbortError' })
})
