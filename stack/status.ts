import { join } from 'node:path'
import { postgresPlace, stackFolders } from './folders.ts'
import { isSameProcess, residentMemory } from './process.ts'
import type { ServerName } from './servers/contract.ts'
import { servers } from './servers/index.ts'
import { aliveOf, readPorts, readProcesses } from './state.ts'

export interface ServerStatus {
  readonly name: ServerName
  /** `dead`: it was started and ended without `down`. */
  readonly state: 'running' | 'dead' | 'stopped'
  readonly pid: number | undefined
  readonly port: number | undefined
  /** Resident memory in MiB. */
  readonly memory: number | undefined
  readonly startedAt: string | undefined
  readonly log: string
  /** What a user would not expect. */
  readonly note: string | undefined
}

/** What runs of a stack, by its pid file; no server is asked. */
export async function status(options: { readonly folder?: string } = {}): Promise<ServerStatus[]> {
  const folders = stackFolders(options.folder)
  const records = await readProcesses(folders)
  const ports = await readPorts(folders)
  const place = postgresPlace(folders)
  return servers.map(({ name, ports: names }) => {
    const record = records[name]
    const running = record !== undefined && isSameProcess(record.pid, record.start)
    return {
      name,
      state: record === undefined ? 'stopped' : running ? 'running' : 'dead',
      pid: running ? record.pid : undefined,
      port: ports[names[0]],
      memory: running ? residentMemory(record.pid) : undefined,
      startedAt: record?.startedAt,
      log: join(folders.logs, `${name}.log`),
      note: name === 'postgresql' && place.user ? `runs as user ${place.user.name}, with its data in ${place.folder} (PostgreSQL refuses to run as root)` : undefined
    }
  })
}

/** Whether any server of the stack runs. */
export async function isRunning(options: { readonly folder?: string } = {}): Promise<boolean> {
  return Object.keys(aliveOf(await readProcesses(stackFolders(options.folder)))).length > 0
}
