// What a stack remembers between commands: its processes, ports and the password of its database.
import { randomBytes } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readText } from './components.ts'
import type { StackFolders } from './folders.ts'
import { isSameProcess, type ProcessRecord } from './process.ts'
import type { DatabaseLogin, ServerName } from './servers/contract.ts'

export type ProcessRecords = Partial<Record<ServerName, ProcessRecord & { readonly startedAt: string }>>

/** Writes JSON so that a reader sees the old or the new file, never half of one. */
export function writeJson(path: string, value: unknown, mode = 0o644): void {
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode })
  renameSync(temporary, path)
}

async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readText(path)
  return text === undefined ? undefined : (JSON.parse(text) as T)
}

export async function readProcesses(folders: StackFolders): Promise<ProcessRecords> {
  return (await readJson<ProcessRecords>(folders.processes)) ?? {}
}

export function writeProcesses(folders: StackFolders, records: ProcessRecords): void {
  writeJson(folders.processes, records)
}

/** The records whose process still runs. */
export function aliveOf(records: ProcessRecords): ProcessRecords {
  return Object.fromEntries(Object.entries(records).filter(([, record]) => isSameProcess(record.pid, record.start)))
}

export async function readPorts(folders: StackFolders): Promise<Record<string, number>> {
  return (await readJson<Record<string, number>>(folders.ports)) ?? {}
}

/** The superuser's login; generated the first time, kept as long as the data it opens. */
export async function databaseLogin(folders: StackFolders): Promise<DatabaseLogin> {
  const path = join(folders.secrets, 'postgresql.json')
  const known = await readJson<DatabaseLogin>(path)
  if (known) {
    return known
  }
  const login = { user: 'postgres', password: randomBytes(24).toString('base64url'), database: 'millrace' }
  writeJson(path, login, 0o600)
  return login
}
