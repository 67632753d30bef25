import { randomUUID } from 'node:crypto'
import { access, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { reason } from './engines/base.ts'
import { StateStoreError } from './errors.ts'

/** Linux, macOS and Windows all take names of 255 bytes. */
const LONGEST_NAME = 255
const INCARNATIONS = '.incarnations'
const DELETING = '.deleting-'
const DRAFT = '.draft-'

/** One life of a stream thread, recorded before its ids are first used (rule B7). */
export interface Incarnation {
  readonly transactionalId: string
  /** Absent until the group coordinator has given one. */
  readonly memberId?: string
}

/**
 * The contents of a state directory, without its lock: the folders of tasks, and the incarnations whose ids a restarted
 * process must fence. Any thread of the process that holds the lock (`StateDirectory`) may open it.
 */
export class StateFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** Folder of the task's database; made if missing. `OPTIONS_INVALID` if the id makes no file name. */
  async taskLocation(taskId: string): Promise<string> {
    const location = join(this.path, folderName(taskId))
    await mkdir(location, { recursive: true })
    return location
  }

  /** Ids of the tasks that have a folder here, sorted. */
  async tasks(): Promise<string[]> {
    const entries = await readdir(this.path, { withFileTypes: true })
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => idOfFolder(entry.name))
      .sort()
  }

  /** When something was last written in the task's folder, wall clock in ms; 0: there is none. */
  async lastUsed(taskId: string): Promise<number> {
    const folder = join(this.path, folderName(taskId))
    let latest = 0
    try {
      for (const path of [folder, ...(await readdir(folder)).map((name) => join(folder, name))]) {
        latest = Math.max(latest, (await stat(path)).mtimeMs)
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw error
      }
      // A file that goes meanwhile is being replaced by whoever has the database open.
      return latest === 0 ? 0 : Date.now()
    }
    return latest
  }

  /** Deletes the task's folder. Its database must be closed. A crash on the way leaves no half database behind. */
  async deleteTask(taskId: string): Promise<void> {
    const grave = join(this.path, `${DELETING}${randomUUID()}`)
    try {
      await rename(join(this.path, folderName(taskId)), grave)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return
      }
      throw error
    }
    await rm(grave, { recursive: true, force: true })
  }

  /** A path for a folder that is on its way in or out; what a crash leaves of it is deleted when the directory is opened. */
  draft(): string {
    return join(this.path, `${DRAFT}${randomUUID()}`)
  }

  /** Finishes deletions that a crash interrupted, and deletes drafts. */
  protected async buryDeleted(): Promise<void> {
    for (const name of await readdir(this.path)) {
      if (name.startsWith(DELETING) || name.startsWith(DRAFT)) {
        await rm(join(this.path, name), { recursive: true, force: true })
      }
    }
  }

  /**
   * Records the ids, on disk when it resolves. Called again for the same transactional id (a member id is learned later)
   * it replaces the record. One file each: threads need not agree on one. `STATE_WRITE_FAILED` if it cannot be written.
   */
  async recordIncarnation(incarnation: Incarnation): Promise<void> {
    const record = this.#incarnation(incarnation.transactionalId)
    try {
      await mkdir(join(this.path, INCARNATIONS), { recursive: true })
      await replaceFile(record, `${JSON.stringify(incarnation)}\n`)
    } catch (error) {
      throw new StateStoreError('STATE_WRITE_FAILED', `writing ${record} failed: ${reason(error)}. Check free space and permissions of the folder`, { cause: error })
    }
  }

  /** All recorded incarnations, of earlier processes too, by transactional id. */
  async incarnations(): Promise<Incarnation[]> {
    let names: string[]
    try {
      names = await readdir(join(this.path, INCARNATIONS))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return []
      }
      throw error
    }
    const found: Incarnation[] = []
    for (const name of names.sort()) {
      // Anything else is a file that a crash kept from its rename: its id was not used yet.
      if (name.endsWith('.json')) {
        found.push(await readIncarnation(join(this.path, INCARNATIONS, name)))
      }
    }
    return found
  }

  /** Removes the record: the incarnation has left the group and its transactions are ended. */
  async forget(transactionalId: string): Promise<void> {
    await rm(this.#incarnation(transactionalId), { force: true })
  }

  #incarnation(transactionalId: string): string {
    return join(this.path, INCARNATIONS, `${folderName(transactionalId, LONGEST_NAME - 50)}.json`)
  }
}

async function readIncarnation(path: string): Promise<Incarnation> {
  try {
    const record = JSON.parse(await readFile(path, 'utf8')) as Incarnation
    if (typeof record.transactionalId === 'string') {
      return record
    }
  } catch (error) {
    throw invalidIncarnation(path, error)
  }
  throw invalidIncarnation(path, undefined)
}

function invalidIncarnation(path: string, cause: unknown): StateStoreError {
  return new StateStoreError(
    'STATE_DIRECTORY_INVALID',
    `${path} is no record of an incarnation. Delete it: its transactions then end by their time-out instead of at once`,
    { cause },
  )
}

/** A name safe on every file system: letters, digits, `_`, `-` and inner dots as they are, other bytes as %XX. */
export function folderName(id: string, longest = LONGEST_NAME): string {
  let name = ''
  for (const byte of Buffer.from(id, 'utf8')) {
    const character = String.fromCharCode(byte)
    const plain = /[A-Za-z0-9_-]/.test(character) || (character === '.' && name !== '')
    name += plain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  // Windows drops a dot at the end.
  if (name.endsWith('.')) {
    name = `${name.slice(0, -1)}%2E`
  }
  if (name === '' || name.length > longest) {
    throw new StateStoreError(
      'OPTIONS_INVALID',
      `the id '${id.slice(0, 60)}…' makes a file name of ${name.length} bytes; the limit is ${longest}. Shorten the application's or the subtopology's name`,
    )
  }
  return name
}

function idOfFolder(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** Writes beside the file, then renames: readers see the old content or the new, also after a crash. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.${randomUUID()}.draft`
  const file = await open(draft, 'w')
  try {
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

/** Whether there is such a file or folder. */
export function isThere(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false)
}
