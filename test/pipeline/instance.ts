/** The process under test: `npm run instance` as a child that a test may kill. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ApplicationConfig } from '../../topology/config.ts'

const ENTRY = fileURLToPath(new URL('../../cli/instance.ts', import.meta.url))
const POLL_MS = 50
/** Only a process that hangs takes longer; it is reported with its log instead of holding the whole run. */
const PATIENCE_MS = 120_000

export interface InstanceOptions {
  readonly config: ApplicationConfig
  readonly folder: string
  /** Of its configuration and log. */
  readonly name: string
  readonly environment?: { readonly [name: string]: string }
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class Instance {
  readonly log: string
  readonly startedAt = Date.now()
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  readonly #ops: string
  #ended = false

  constructor({ config, folder, name, environment = {} }: InstanceOptions) {
    this.log = join(folder, `${name}.log`)
    this.#ops = `http://${config.ops.host}:${config.ops.port}`
    const file = join(folder, `${name}.json`)
    writeFileSync(file, JSON.stringify(config))
    const output = openSync(this.log, 'a')
    this.#child = spawn(process.execPath, [ENTRY, '--config', file, '--until-stdin-ends'], {
      env: { ...process.env, ...environment },
      stdio: ['pipe', output, output],
    })
    closeSync(output)
    this.exited = once(this.#child, 'exit').then(([code, signal]) => {
      this.#ended = true
      return { code, signal } as Exit
    })
  }

  get ended(): boolean {
    return this.#ended
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** Resolves when its streams run and its doors are open. */
  async ready(): Promise<void> {
    await this.#until('ready', async () => {
      const response = await fetch(`${this.#ops}/ready`)
      await response.body?.cancel()
      return response.status === 200
    })
  }

  /** What the operators' door answers. */
  async ask<T>(path: string): Promise<T> {
    const response = await fetch(`${this.#ops}${path}`)
    if (!response.ok) {
      throw new Error(`${path} answered ${response.status}.`)
    }
    return (await response.json()) as T
  }

  /** Ids of the tasks it runs now. */
  async runningTasks(): Promise<string[]> {
    const { tasks } = await this.ask<{ tasks: { id: string; status: string }[] }>('/tasks')
    return tasks.filter(({ status }) => status === 'running').map(({ id }) => id)
  }

  /** Waits until it runs so many tasks; of an odd number's half, one of the two nearest. Others decide when. */
  async runs(count: number): Promise<string[]> {
    let tasks: string[] = []
    await this.#until(`running ${count} tasks`, async () => Math.abs((tasks = await this.runningTasks()).length - count) < 1)
    return tasks
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
  }

  /** Stops it as a service manager does. @throws Error with its log unless it ends cleanly */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const hanging = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS)
    const { code, signal } = await this.exited
    clearTimeout(hanging)
    if (code !== 0) {
      throw new Error(`The instance ended with ${signal ?? code} instead of stopping:\n${this.tail()}`)
    }
  }

  tail(lines = 30): string {
    return readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      if (this.#ended) {
        throw new Error(`The instance ended before it was ${what}:\n${this.tail()}`)
      }
      if (await holds().catch(() => false)) {
        return
      }
      if (Date.now() > deadline) {
        throw new Error(`The instance was not ${what} within ${PATIENCE_MS / 1000} s:\n${this.tail()}`)
      }
      await pause(POLL_MS)
    }
  }
}
