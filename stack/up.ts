import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { bringComponents } from './components.ts'
import { stopServers } from './down.ts'
import { StackError } from './errors.ts'
import { createFolders, stackFolders } from './folders.ts'
import { withLock } from './folder-lock.ts'
import { readLock } from './lock.ts'
import { buildPlugins } from './plugins.ts'
import { choosePorts } from './ports.ts'
import { isSameProcess, startDetached } from './process.ts'
import { loopback, type Server, type ServerContext, type ServerName } from './servers/contract.ts'
import { servers } from './servers/index.ts'
import { registryAddress } from './servers/registry.ts'
import { aliveOf, databaseLogin, type ProcessRecords, readPorts, readProcesses, writeJson, writeProcesses } from './state.ts'

/** Where the servers of a stack answer. */
export interface StackAddresses {
  /** host:port */
  readonly kafka: string
  /** The API that Confluent's clients speak. */
  readonly registry: string
  readonly connect: string
  /** host:port */
  readonly cassandra: string
  readonly postgresql: { readonly host: string; readonly port: number; readonly user: string; readonly password: string; readonly database: string }
  /** The stack's folder, for down(), status() and kill(). */
  readonly folder: string
  /** The folder that Connect's config provider `file` may read. */
  readonly secrets: string
}

export interface UpOptions {
  /** Default: `.millrace` in the checkout. */
  readonly folder?: string
  /** Takes each line of progress. */
  readonly say?: (line: string) => void
  readonly signal?: AbortSignal
  /** `preferred` (default): the well-known ports where they are free. `any`: leave those to others. */
  readonly ports?: 'preferred' | 'any'
  /** Start these servers and leave the others; all by default. */
  readonly only?: readonly ServerName[]
}

/** How long another `up` or `down` of the same stack may take. */
const LOCK_WAIT_MILLISECONDS = 5 * 60_000
/** After this long a server is called slow. */
const SLOW_MILLISECONDS = 30_000
/** After this long it is given up: a server that hangs must not hang the command. */
const START_LIMIT_MILLISECONDS = 240_000

/**
 * Starts whatever of the stack is not running and returns when all of it answers. Data, ports and passwords are those of
 * the last time. If one server does not come, those that this call started are stopped again.
 *
 * Throws StackError: DOWNLOAD_FAILED, HASH_MISMATCH, COMPILE_FAILED, PREPARE_FAILED, SERVER_DIED, SERVER_SLOW, BUSY.
 */
export async function up(options: UpOptions = {}): Promise<StackAddresses> {
  const say = options.say ?? (() => undefined)
  const folders = stackFolders(options.folder)
  createFolders(folders)
  return withLock(folders.lock, 'starting or stopping this stack', LOCK_WAIT_MILLISECONDS, async () => {
    const begin = performance.now()
    const lock = readLock()
    const installed = await bringComponents(lock, say)
    const own = await buildPlugins(installed, say)
    options.signal?.throwIfAborted()

    const last = await readPorts(folders)
    let alive = aliveOf(await readProcesses(folders))
    const preferred = options.ports === 'any' ? Object.fromEntries(Object.keys(lock.ports).map((name) => [name, 0])) : lock.ports
    let ports = await portsFor(preferred, last, alive)
    if (alive.kafka === undefined && ports['kafka'] !== last['kafka'] && Object.keys(alive).length > 0) {
      // The others were told another address of the broker.
      await stopServers(folders, alive, say)
      alive = {}
      ports = await portsFor(preferred, last, alive)
    }
    writeJson(folders.ports, ports)
    const failed = new AbortController()
    const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal
    const plugins = [installed['debezium-jdbc'], installed['registry-converter'], ...own]
    const context: ServerContext = { folders, installed, ports, database: await databaseLogin(folders), plugins, signal, say }

    const wanted = servers.filter((server) => options.only === undefined || options.only.includes(server.name))
    const missing = wanted.filter((server) => alive[server.name] === undefined)
    const records: ProcessRecords = { ...alive }
    writeProcesses(folders, records)
    const starts = wanted.map((server) => start(server, context, records, begin).catch((error: unknown) => {
      failed.abort(error)
      throw error
    }))
    const results = await Promise.allSettled(starts)
    if (results.some((result) => result.status === 'rejected')) {
      await stopServers(folders, Object.fromEntries(missing.map((server) => [server.name, records[server.name]])), say)
      throw options.signal?.aborted ? options.signal.reason : failed.signal.reason
    }
    if (missing.length > 0 && options.only === undefined) {
      say(`all servers are ready after ${seconds(begin)} s`)
    }
    const addresses = addressesOf(context)
    writeJson(folders.addresses, addresses, 0o600)
    return addresses
  })
}

const seconds = (begin: number): string => ((performance.now() - begin) / 1000).toFixed(1)

/** Running servers keep their ports; the others get free ones. */
async function portsFor(preferred: Readonly<Record<string, number>>, last: Record<string, number>, alive: ProcessRecords): Promise<Record<string, number>> {
  const kept = servers.filter((server) => alive[server.name]).flatMap((server) => [...server.ports])
  const free = Object.fromEntries(Object.entries(preferred).filter(([name]) => !kept.includes(name)))
  const chosen = await choosePorts(free, last)
  return { ...chosen, ...Object.fromEntries(kept.map((name) => [name, last[name] ?? 0])) }
}

async function start(server: Server, context: ServerContext, records: ProcessRecords, begin: number): Promise<void> {
  const { folders, signal, say } = context
  const log = join(folders.logs, `${server.name}.log`)
  let record = records[server.name]
  const fresh = record === undefined
  if (record === undefined) {
    await server.prepare(context)
    const command = await server.command(context)
    signal.throwIfAborted()
    record = { ...startDetached(command, log), startedAt: new Date().toISOString() }
    records[server.name] = record
    writeProcesses(folders, records)
  }
  const started = performance.now()
  let slow = SLOW_MILLISECONDS
  while (!(await server.isReady(context))) {
    signal.throwIfAborted()
    if (!isSameProcess(record.pid, record.start)) {
      throw new StackError('SERVER_DIED', `${server.name} ended before it was ready; the end of ${log}:\n${await tail(log, 15)}`)
    }
    const waited = performance.now() - started
    if (waited > START_LIMIT_MILLISECONDS) {
      throw new StackError('SERVER_SLOW', `${server.name} was not ready after ${START_LIMIT_MILLISECONDS / 1000} s; the end of ${log}:\n${await tail(log, 15)}`)
    }
    if (waited > slow) {
      say(`${server.name} is slow: not ready after ${Math.round(waited / 1000)} s (log: ${log})`)
      slow += SLOW_MILLISECONDS
    }
    await pause(100, undefined, { signal })
  }
  if (fresh) {
    await server.afterStart?.(context)
    say(`${server.name.padEnd(10)} ready after ${seconds(begin)} s on ${loopback}:${context.ports[server.ports[0]]}`)
  }
}

/** The last lines of a log. */
export async function tail(path: string, lines: number): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.trimEnd().split('\n').slice(-lines).join('\n')
}

function addressesOf(context: ServerContext): StackAddresses {
  const { ports, database, folders } = context
  return {
    kafka: `${loopback}:${ports['kafka']}`,
    registry: registryAddress(context),
    connect: `http://${loopback}:${ports['connect']}`,
    cassandra: `${loopback}:${ports['cassandra']}`,
    postgresql: { host: loopback, port: ports['postgresql'] ?? 0, ...database },
    folder: folders.root,
    secrets: folders.secrets
  }
}
