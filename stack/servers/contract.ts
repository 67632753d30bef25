import type { Installation } from '../cache.ts'
import type { StackFolders } from '../folders.ts'
import type { Command } from '../process.ts'

export const serverNames = ['kafka', 'registry', 'connect', 'cassandra', 'postgresql'] as const
export type ServerName = (typeof serverNames)[number]

/** The superuser of the stack's PostgreSQL. The pipeline's own roles are made by its migrations. */
export interface DatabaseLogin {
  readonly user: string
  readonly password: string
  readonly database: string
}

/** What a server is started from. */
export interface ServerContext {
  readonly folders: StackFolders
  readonly installed: Installation
  readonly ports: Readonly<Record<string, number>>
  readonly database: DatabaseLogin
  /** Folders with Connect plugins. */
  readonly plugins: readonly string[]
  readonly signal: AbortSignal
  /** Takes a line that the user should see. */
  readonly say: (line: string) => void
}

/** One server: how it is configured, started, found ready and stopped. */
export interface Server {
  readonly name: ServerName
  /** Names of its ports in the lock; the first is the one that clients use. */
  readonly ports: readonly [string, ...string[]]
  readonly stopSignal: NodeJS.Signals
  /** Milliseconds it may take to stop before it is killed. */
  readonly patience: number
  /** Writes configuration; the first time also creates its data. */
  prepare(context: ServerContext): Promise<void>
  command(context: ServerContext): Promise<Command>
  /** Whether it answers a real request of its own protocol. Never throws. */
  isReady(context: ServerContext): Promise<boolean>
  /** Settings that can be made only on the running server. */
  afterStart?(context: ServerContext): Promise<void>
}

export const loopback = '127.0.0.1'

/** The port of a name; a missing one is a mistake in our own tables. */
export function port(context: ServerContext, name: string): number {
  const found = context.ports[name]
  if (found === undefined) {
    throw new Error(`no port was chosen for ${name}`)
  }
  return found
}
