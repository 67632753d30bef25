import { closeSync, constants, createReadStream, createWriteStream, fstatSync, linkSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { copyFile, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/**
 * Copies of databases that are made of files which never change once they are written (tables), files which only grow
 * (the log and the list of what belongs to the database, MANIFEST), and CURRENT, which names the list. RocksDB and LevelDB
 * both are. Tables become hard links, so that a copy takes no time and, until compaction rewrites them, no space; of a file
 * that grows the part is copied that was there at the moment of the copy. Neither binding offers RocksDB's own Checkpoint;
 * this is the same algorithm (https://github.com/facebook/rocksdb/wiki/Checkpoints).
 */
export interface DatabaseFiles {
  /** Names of tables. */
  readonly table: RegExp
  /** The last eight bytes of a table that is whole. One without is still being written, and belongs to nothing yet. */
  readonly magic: Buffer
  /** Names of write-ahead logs. */
  readonly log: RegExp
}

/** A file that grows, held open so that its deletion does not matter, and how much of it belongs to the copy. */
interface Growing {
  readonly name: string
  readonly descriptor: number
  readonly bytes: number
}

interface Moment {
  readonly current: Buffer
  readonly growing: readonly Growing[]
  readonly tables: ReadonlySet<string>
}

/** A compaction may end between two looks at the list; prevents that one which never rests holds a copy up for ever. */
const TRIES = 100

/** Behind the name of a file that is to take the place of a shared one. */
const OWN = '.own'

/**
 * Copies the open database in `location` into the empty folder `folder`. `betweenWrites` runs its argument at a moment at
 * which no write is under way. Throws what the file system throws (EXDEV: the folders must be on one file system).
 */
export async function copyOpenDatabase(
  location: string,
  folder: string,
  files: DatabaseFiles,
  betweenWrites: <T>(take: () => T) => Promise<T>,
): Promise<void> {
  const linked = new Set<string>()
  // Most of them, beside the writers; the moment itself has few left.
  for (const name of await readdir(location)) {
    if (files.table.test(name) && linkTable(join(location, name), join(folder, name), files.magic)) {
      linked.add(name)
    }
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  let moment: Moment | undefined
  for (let tries = 0; moment === undefined; tries++) {
    if (tries === TRIES) {
      throw new Error(`the database was changing its files at each of ${TRIES} looks`)
    }
    moment = await betweenWrites(() => momentOf(location, folder, files, linked))
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  try {
    for (const file of moment.growing) {
      await copyBeginning(file, join(folder, file.name))
    }
  } finally {
    for (const { descriptor } of moment.growing) {
      closeSync(descriptor)
    }
  }
  for (const name of linked) {
    if (!moment.tables.has(name)) {
      await rm(join(folder, name))
    }
  }
  await writeFile(join(folder, 'CURRENT'), moment.current)
}

/**
 * One turn, no write meanwhile: what the database consists of now. Flushes and compactions go on in threads of the engine;
 * but before a table is deleted its removal is in the list, and a table is written before it is listed. So when the list
 * has not grown, all it names were there throughout. Undefined: it has grown, look again.
 */
function momentOf(location: string, folder: string, files: DatabaseFiles, linked: Set<string>): Moment | undefined {
  const current = readFileSync(join(location, 'CURRENT'))
  const manifest = current.toString('latin1').trim()
  const before = statSync(join(location, manifest)).size
  const growing: Growing[] = []
  const tables = new Set<string>()
  let whole = false
  try {
    for (const name of readdirSync(location)) {
      if (files.table.test(name)) {
        if (linked.has(name) || linkTable(join(location, name), join(folder, name), files.magic)) {
          linked.add(name)
          tables.add(name)
        }
      } else if (files.log.test(name)) {
        const descriptor = openUnlessGone(join(location, name))
        if (descriptor !== undefined) {
          growing.push({ name, descriptor, bytes: fstatSync(descriptor).size })
        }
      }
    }
    growing.push({ name: manifest, descriptor: openSync(join(location, manifest), 'r'), bytes: before })
    whole = readFileSync(join(location, 'CURRENT')).equals(current) && statSync(join(location, manifest)).size === before
  } finally {
    if (!whole) {
      for (const { descriptor } of growing) {
        closeSync(descriptor)
      }
    }
  }
  return whole ? { current, growing, tables } : undefined
}

/** False if the table is gone, or not whole yet. */
function linkTable(from: string, to: string, magic: Buffer): boolean {
  const descriptor = openUnlessGone(from)
  if (descriptor === undefined) {
    return false
  }
  try {
    const end = Buffer.alloc(magic.length)
    const { size } = fstatSync(descriptor)
    if (size < end.length || readSync(descriptor, end, 0, end.length, size - end.length) < end.length || !end.equals(magic)) {
      return false
    }
    linkSync(from, to)
    return true
  } catch (error) {
    return notThere(error)
  } finally {
    closeSync(descriptor)
  }
}

function openUnlessGone(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    notThere(error)
    return undefined
  }
}

/** False if that is what the error says; throws it otherwise. */
function notThere(error: unknown): false {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
    throw error
  }
  return false
}

async function copyBeginning({ descriptor, bytes }: Growing, to: string): Promise<void> {
  if (bytes === 0) {
    await writeFile(to, '')
    return
  }
  await pipeline(createReadStream('', { fd: descriptor, start: 0, end: bytes - 1, autoClose: false }), createWriteStream(to))
}

/**
 * Makes the copy in `folder` the database in `location`, where none is yet. It gets files of its own: an engine may write
 * anew what it does not find in its list, and would write into the other database. A process that dies on the way leaves
 * either the copy or the database, never a mixture.
 */
export async function adoptCopy(folder: string, location: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if ((await stat(path)).nlink > 1) {
      await copyFile(path, `${path}${OWN}`, constants.COPYFILE_FICLONE)
      await rename(`${path}${OWN}`, path)
    }
  }
  // Renaming over an empty folder is not possible everywhere.
  await rmdir(location).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') {
      throw error
    }
  })
  await rename(folder, location)
}
