import { createHash } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StackError } from './errors.ts'

/** The folder of a stack that is not told otherwise: `.millrace` in the checkout. */
export const defaultFolder = join(dirname(dirname(fileURLToPath(import.meta.url))), '.millrace')

/** The places of one stack on the disk. */
export interface StackFolders {
  readonly root: string
  readonly data: string
  readonly logs: string
  /** Readable by this user only; the one folder that Connect's config providers may read. */
  readonly secrets: string
  /** The addresses, for clients; readable by this user only. */
  readonly addresses: string
  readonly processes: string
  readonly ports: string
  readonly lock: string
}

export function stackFolders(folder: string = defaultFolder): StackFolders {
  const root = resolve(folder)
  return {
    root,
    data: join(root, 'data'),
    logs: join(root, 'logs'),
    secrets: join(root, 'secrets'),
    addresses: join(root, 'stack.json'),
    processes: join(root, 'processes.json'),
    ports: join(root, 'ports.json'),
    lock: join(root, 'stack.lock')
  }
}

/** Creates the folders, with the rights their content needs. */
export function createFolders(folders: StackFolders): void {
  for (const folder of [folders.root, folders.data, folders.logs]) {
    mkdirSync(folder, { recursive: true })
  }
  mkdirSync(folders.secrets, { recursive: true, mode: 0o700 })
  chmodSync(folders.secrets, 0o700)
}

/** Who runs PostgreSQL, and where: it refuses to run as root, and another user must be able to enter every folder above its data. */
export interface PostgresPlace {
  readonly folder: string
  /** Undefined: as ourselves. */
  readonly user?: { readonly name: string; readonly uid: number; readonly gid: number }
}

/**
 * As an ordinary user PostgreSQL lives in the stack's own data folder. As root it gets a 0755 folder of its own under
 * /var/tmp, named by a hash of the stack's folder, and runs as `postgres`, or `nobody` where there is no such user.
 */
export function postgresPlace(folders: StackFolders, uid: number = process.getuid?.() ?? 0): PostgresPlace {
  if (uid !== 0) {
    return { folder: join(folders.data, 'postgresql') }
  }
  const real = existsSync(folders.root) ? realpathSync(folders.root) : folders.root
  const name = `millrace-${createHash('sha256').update(real).digest('hex').slice(0, 16)}`
  return { folder: join('/var/tmp', name), user: findUser(['postgres', 'nobody']) }
}

function findUser(names: readonly string[]): NonNullable<PostgresPlace['user']> {
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'))
  for (const name of names) {
    const account = accounts.find((fields) => fields[0] === name)
    if (account && Number(account[2]) > 0) {
      return { name, uid: Number(account[2]), gid: Number(account[3]) }
    }
  }
  throw new StackError('UNSUPPORTED', `PostgreSQL does not run as root and there is no user ${names.join(' or ')}: add one, or start as an ordinary user`)
}

/** Makes sure that a folder in a place where anybody can write is ours and no link that somebody else laid there. */
export function claimFolder(folder: string, mode: number): void {
  mkdirSync(folder, { recursive: true, mode })
  const found = lstatSync(folder)
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new StackError('PREPARE_FAILED', `${folder} exists and is not a folder of this user: remove it`)
  }
  chmodSync(folder, mode)
}
