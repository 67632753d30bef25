import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as pause } from 'node:timers/promises'

const ENTRY = fileURLToPath(new URL('../instance.ts', import.meta.url))
const POLL_MS = 100
/** A process that neither gets ready nor dies must not hang the start. */
const READY_LIMIT_MS = 120_000
/** A stop that takes longer would leave a process behind: it is killed. */
const STOP_LIMIT_MS = 30_000

/** One `npm run instance` as a child of `npm start`: its own process, so that killing it is what a crash is. */
export class InstanceProcess {
  readonly #child: ChildProcess
  readonly #log: string
  readonly exited: Promise<number | null>

  constructor(configFile: string, log: string) {
    const output = openSync(log, 'a')
    this.#child = spawn(process.execPath, [ENTRY, '--config', configFile], { stdio: ['ignore', output, output] })
    closeSync(output)
    this.#log = log
    this.exited = new Promise((resolve) => this.#child.once('exit', (code) => resolve(code)))
  }

  get pid(): number {
    return this.#child.pid!
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Resolves when `/ready` of the operations port answers 200. @throws Error naming the log if it died or is too slow */
  async ready(page: string): Promise<void> {
    const until = Date.now() + READY_LIMIT_MS
    for (;;) {
      if (!this.running) {
        throw new Error(`The instance ended while it started: see ${this.#log}.`)
      }
      const response = await fetch(`${page}ready`).catch(() => undefined)
      await response?.body?.cancel()
      if (response?.status === 200) {
        return
      }
      if (Date.now() > until) {
        throw new Error(`The instance is not ready after ${READY_LIMIT_MS / 1000} s: see ${this.#log}.`)
      }
      await pause(POLL_MS)
    }
  }

  async stop(): Promise<void> {
    if (this.running) {
      this.#child.kill('SIGTERM')
      const limit = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS)
      await this.exited
      clearTimeout(limit)
    }
  }
}
