import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { postgresPlace, type StackFolders, stackFolders } from './folders.ts'
import { withLock } from './folder-lock.ts'
import { stopProcess } from './process.ts'
import type { Server, ServerName } from './servers/contract.ts'
import { servers } from './servers/index.ts'
import { aliveOf, type ProcessRecords, readProcesses, writeProcesses } from './state.ts'

export interface DownOptions {
  /** Default: `.millrace` in the checkout. */
  readonly folder?: string
  readonly say?: (line: string) => void
}

const LOCK_WAIT_MILLISECONDS = 5 * 60_000

/** Stops all servers of a stack and returns when their processes are gone. Data stays. */
export async function down(options: DownOptions = {}): Promise<void> {
  const folders = stackFolders(options.folder)
  if (existsSync(folders.root)) {
    await withLock(folders.lock, 'starting or stopping this stack', LOCK_WAIT_MILLISECONDS, async () => {
      await stopServers(folders, await readProcesses(folders), options.say ?? (() => undefined))
      await rm(folders.addresses, { force: true })
    })
  }
}

/** Stops the given servers: what needs the broker to say goodbye first, the broker and the databases after it. */
export async function stopServers(folders: StackFolders, records: ProcessRecords, say: (line: string) => void): Promise<void> {
  const needBroker: readonly ServerName[] = ['connect', 'registry']
  const given = servers.filter((server) => records[server.name] !== undefined)
  const stop = async (server: Server): Promise<void> => {
    const record = records[server.name]
    if (record && (await stopProcess(record, server.stopSignal, server.patience)) === 'killed') {
      say(`${server.name} did not stop within ${server.patience / 1000} s and was killed`)
    }
  }
  const independent = given.filter((server) => !needBroker.includes(server.name) && server.name !== 'kafka').map(stop)
  await Promise.all(given.filter((server) => needBroker.includes(server.name)).map(stop))
  await Promise.all([...independent, ...given.filter((server) => server.name === 'kafka').map(stop)])
  writeProcesses(folders, aliveOf(await readProcesses(folders)))
}

/** Kills one server at once, as a power cut would. `up` starts it again. For tests of failures. */
export async function kill(name: ServerName, options: DownOptions = {}): Promise<void> {
  const folders = stackFolders(options.folder)
  const record = (await readProcesses(folders))[name]
  if (record) {
    await stopProcess(record, 'SIGKILL', 10_000)
  }
}

/** What a stack and the processes that use it keep in its folder; nothing else in there is touched. */
const kept = ['data', 'logs', 'secrets', 'state', 'content', 'share', 'instance.json', 'stack.json', 'processes.json', 'ports.json']

/** Stops the stack and removes its data, logs and secrets, and the local state, content and file share that belong to that data. */
export async function clean(options: DownOptions = {}): Promise<void> {
  await down(options)
  const folders = stackFolders(options.folder)
  const place = postgresPlace(folders)
  for (const path of [...kept.map((name) => join(folders.root, name)), ...(place.user ? [place.folder] : [])]) {
    await rm(path, { recursive: true, force: true })
  }
}
