import type { ClassicLevel } from 'classic-level'
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, statfs } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { reason, unavailable } from './engines/base.ts'
import { StateStoreError } from './errors.ts'
import { replaceFile, StateFolder } from './folder.ts'

/** Types of file systems (statfs) on which two hosts may both get the lock. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB2'],
  [0xff534d42, 'CIFS'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
])

export interface StateDirectoryOptions {
  /** Allows network file systems, whose locks are the operator's business then. */
  readonly shared?: boolean
}

/**
 * The state directory of one process:
 *
 *   <path>/.lock/           an open LevelDB: its file lock is freed by the kernel when the process dies (rule C13)
 *   <path>/.process-id      who this directory is, through all restarts
 *   <path>/.incarnations/   ids that a restarted process fences
 *   <path>/<task id>/       one database per task
 */
export class StateDirectory extends StateFolder {
  readonly processId: string
  readonly #lock: ClassicLevel

  /**
   * Opens (creates) and locks the directory. `STATE_DIRECTORY_LOCKED` if a process, this one included, has it;
   * `STATE_DIRECTORY_INVALID` if it cannot be used.
   */
  static async open(path: string, options: StateDirectoryOptions = {}): Promise<StateDirectory> {
    const absolute = resolve(path)
    try {
      await mkdir(absolute, { recursive: true })
      await refuseNetwork(absolute, options.shared === true)
    } catch (error) {
      throw error instanceof StateStoreError ? error : invalid(absolute, error)
    }
    const lock = await takeLock(absolute)
    try {
      const directory = new StateDirectory(absolute, await processId(absolute), lock)
      await directory.buryDeleted()
      return directory
    } catch (error) {
      await lock.close()
      throw error instanceof StateStoreError ? error : invalid(absolute, error)
    }
  }

  private constructor(path: string, processId: string, lock: ClassicLevel) {
    super(path)
    this.processId = processId
    this.#lock = lock
  }

  /** Frees the lock. The databases of the tasks must be closed before. */
  async close(): Promise<void> {
    await this.#lock.close()
  }
}

async function takeLock(path: string): Promise<ClassicLevel> {
  let make: typeof ClassicLevel
  try {
    // Whatever the engine of the databases: a LevelDB is what makes the lock.
    make = (await import('classic-level')).ClassicLevel
  } catch (error) {
    throw unavailable('leveldb', 'classic-level', error)
  }
  const lock = new make(join(path, '.lock'))
  try {
    await lock.open()
    return lock
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    if ((cause as { code?: unknown }).code === 'LEVEL_LOCKED') {
      throw new StateStoreError(
        'STATE_DIRECTORY_LOCKED',
        `the state directory ${path} is in use by another process. Give each process its own (stateDir), or stop the other one`,
        { cause: error },
      )
    }
    throw invalid(path, error)
  }
}

async function processId(path: string): Promise<string> {
  const file = join(path, '.process-id')
  let text: string
  try {
    text = (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw error
    }
    text = randomUUID()
    await replaceFile(file, `${text}\n`)
  }
  if (!/^[0-9a-f-]{36}$/.test(text)) {
    throw new StateStoreError('STATE_DIRECTORY_INVALID', `${file} holds no process id. Delete the file: the process gets a new one`)
  }
  return text
}

async function refuseNetwork(path: string, shared: boolean): Promise<void> {
  const kind = NETWORK_FILE_SYSTEMS.get(Number((await statfs(path)).type) >>> 0)
  if (kind !== undefined && !shared) {
    throw new StateStoreError(
      'STATE_DIRECTORY_INVALID',
      `the state directory ${path} lies on ${kind}, where two hosts may both get its lock. Use a local disk, or set stateDir.shared if only one host ever mounts it`,
    )
  }
}

function invalid(path: string, cause: unknown): StateStoreError {
  return new StateStoreError('STATE_DIRECTORY_INVALID', `the state directory ${path} cannot be used: ${reason(cause)}. Check that it may be written and has free space`, { cause })
}
