import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, link, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Bytes } from '../contract.ts'
import { folderName, replaceFile } from '../folder.ts'
import type { SnapshotFile, SnapshotOwner, SnapshotStore } from './contract.ts'

const MANIFEST = 'manifest.json'
const DRAFT = '.draft-'
const REMOVED = '.removed-'
const COPY = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE

/** Somebody may still be writing a younger one; a copy that takes longer fails, and the next one is taken. */
const ABANDONED_MS = 3_600_000

/**
 * Snapshots in a folder, on the state directory's own file system or any other, a network's included:
 *
 *   <path>/<application>/<task>/<id>/manifest.json     and the files of the database
 *   <path>/<application>/<task>/.draft-<uuid>/         on its way in; a rename publishes it
 *   <path>/<application>/<task>/.removed-<uuid>/       on its way out
 *
 * On the way in, files that never change become hard links where the file system is the same, copies otherwise.
 */
export class FolderSnapshotStore implements SnapshotStore {
  readonly path: string

  constructor(path: string) {
    this.path = resolve(path)
  }

  async list(owner: SnapshotOwner): Promise<readonly string[]> {
    return (await this.#entries(owner)).filter((name) => !name.startsWith('.')).sort().reverse()
  }

  async manifest(owner: SnapshotOwner, id: string): Promise<Bytes> {
    return readFile(join(this.#folder(owner), folderName(id), MANIFEST))
  }

  async publish(owner: SnapshotOwner, id: string, manifest: Bytes, files: readonly SnapshotFile[], folder: string, signal?: AbortSignal): Promise<void> {
    const own = this.#folder(owner)
    const draft = join(own, `${DRAFT}${randomUUID()}`)
    await mkdir(draft, { recursive: true })
    try {
      for (const file of files) {
        signal?.throwIfAborted()
        await shareOrCopy(join(folder, file.name), join(draft, file.name), file.fixed)
      }
      await replaceFile(join(draft, MANIFEST), manifest)
      await rename(draft, join(own, folderName(id)))
    } catch (error) {
      await rm(draft, { recursive: true, force: true })
      throw error
    }
    await this.#bury(owner)
  }

  async fetch(owner: SnapshotOwner, id: string, file: SnapshotFile, path: string): Promise<void> {
    // Never shared: what is fetched becomes a database, which writes.
    await copyFile(join(this.#folder(owner), folderName(id), file.name), path, COPY)
  }

  /** Who is reading it finds it gone, whole, not half. */
  async remove(owner: SnapshotOwner, id: string): Promise<void> {
    const grave = join(this.#folder(owner), `${REMOVED}${randomUUID()}`)
    try {
      await rename(join(this.#folder(owner), folderName(id)), grave)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw error
      }
      return
    }
    await rm(grave, { recursive: true, force: true })
  }

  /** What processes left that died while they published or removed. */
  async #bury(owner: SnapshotOwner): Promise<void> {
    for (const name of await this.#entries(owner)) {
      if (name.startsWith(DRAFT) || name.startsWith(REMOVED)) {
        const path = join(this.#folder(owner), name)
        const changed = await stat(path).then(({ mtimeMs }) => mtimeMs, () => Date.now())
        if (Date.now() - changed > ABANDONED_MS) {
          await rm(path, { recursive: true, force: true })
        }
      }
    }
  }

  async #entries(owner: SnapshotOwner): Promise<string[]> {
    try {
      return await readdir(this.#folder(owner))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw error
      }
      return []
    }
  }

  #folder({ application, task }: SnapshotOwner): string {
    return join(this.path, folderName(application), folderName(task))
  }
}

async function shareOrCopy(from: string, to: string, fixed: boolean): Promise<void> {
  if (fixed) {
    try {
      await link(from, to)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        throw error
      }
      // Another file system, or one without links.
    }
  }
  await copyFile(from, to, COPY)
}
