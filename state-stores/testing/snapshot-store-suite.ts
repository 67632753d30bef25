import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { SnapshotFile, SnapshotStore } from '../snapshots/contract.ts'
import { bytes, type SuiteTest } from './tap.ts'

const OWNER = { application: 'orders', task: 'totals_0' }
const CONTENTS: { readonly [name: string]: string } = { '000007.sst': 'rows', CURRENT: 'MANIFEST-000005\n', 'empty.log': '' }

/** The conformance suite of places to keep snapshots; `make` opens an empty one, beside the folder it is given. */
export async function snapshotStoreConformance(t: SuiteTest, name: string, make: (folder: string) => Promise<SnapshotStore> | SnapshotStore): Promise<void> {
  const check = (what: string, body: (t: SuiteTest, store: SnapshotStore, folder: string, files: readonly SnapshotFile[]) => Promise<void>) =>
    t.test(`${name}: ${what}`, async (t: SuiteTest) => {
      const folder = t.testdir()
      const source = join(folder, 'source')
      await mkdir(source)
      const files: SnapshotFile[] = []
      for (const [file, content] of Object.entries(CONTENTS)) {
        await writeFile(join(source, file), content)
        files.push({ name: file, bytes: content.length, sha256: createHash('sha256').update(content).digest('hex'), fixed: file.endsWith('.sst') })
      }
      await body(t, await make(folder), source, files)
    })

  await check('what was published is listed, newest first, and comes back byte for byte', async (t, store, source, files) => {
    t.same(await store.list(OWNER), [])
    for (const id of ['000000000000001-a', '000000000000003-c', '000000000000002-b']) {
      await store.publish(OWNER, id, bytes(`manifest of ${id}`), files, source)
    }
    t.same(await store.list(OWNER), ['000000000000003-c', '000000000000002-b', '000000000000001-a'])
    t.same(await store.list({ ...OWNER, task: 'totals_1' }), [])
    t.same(await store.list({ application: 'other', task: OWNER.task }), [])
    t.equal(Buffer.from(await store.manifest(OWNER, '000000000000002-b')).toString(), 'manifest of 000000000000002-b')
    for (const file of files) {
      const path = join(source, `${file.name}.back`)
      await store.fetch(OWNER, '000000000000001-a', file, path)
      t.equal(await readFile(path, 'latin1'), CONTENTS[file.name])
      t.equal((await stat(path)).nlink, 1, 'a file of its own')
    }
  })

  await check('what cannot be published whole is not listed', async (t, store, source, files) => {
    const missing = { name: 'missing.sst', bytes: 1, sha256: '', fixed: true }
    await t.rejects(store.publish(OWNER, '000000000000001-a', bytes('{}'), [...files, missing], source), { code: 'ENOENT' })
    const reason = Object.assign(new Error('given up'), { code: 'ABORTED' })
    await t.rejects(store.publish(OWNER, '000000000000002-b', bytes('{}'), files, source, AbortSignal.abort(reason)), { code: 'ABORTED' })
    t.same(await store.list(OWNER), [])
  })

  await check('what was removed is gone, and may be removed again', async (t, store, source, files) => {
    await store.publish(OWNER, '000000000000001-a', bytes('{}'), files, source)
    await store.publish(OWNER, '000000000000002-b', bytes('{}'), files, source)
    await store.remove(OWNER, '000000000000001-a')
    await store.remove(OWNER, '000000000000001-a')
    t.same(await store.list(OWNER), ['000000000000002-b'])
    await t.rejects(store.manifest(OWNER, '000000000000001-a'), { code: 'ENOENT' })
    await t.rejects(store.fetch(OWNER, '000000000000001-a', files[0]!, join(source, 'back')), { code: 'ENOENT' })
    t.equal(await readFile(join(source, 'CURRENT'), 'latin1'), CONTENTS['CURRENT'], 'what it was made of stays')
  })

  await check('owners of any name are kept apart', async (t, store, source, files) => {
    const owners = ['a/b', '..', 'ä b', 'a'].map((task) => ({ application: 'x.y', task }))
    for (const [i, owner] of owners.entries()) {
      await store.publish(owner, `00000000000000${i}-a`, bytes(String(i)), files, source)
    }
    for (const [i, owner] of owners.entries()) {
      t.same(await store.list(owner), [`00000000000000${i}-a`])
    }
  })
}
