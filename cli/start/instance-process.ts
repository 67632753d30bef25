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
/** A process that dies this often in a row will not live: its log says why. */
const MOST_RESTARTS = 5
const RESTART_PAUSE_MS = 500
/** Having lived this long it is taken for healthy, and may be restarted again. */
const HEALTHY_MS = 30_000

export interface InstanceOptions {
  readonly configFile: string
  /** Takes what the instance prints. */
  readonly log: string
  readonly say: (line: string) => void
}

/**
 * One `npm run instance` as a child of `npm start`: a process of its own, so that killing it is what a crash is. When it
 * dies it is started again, as a service manager would; when its parent dies it stops by itself.
 */
export class InstanceProcess {
  readonly #options: InstanceOptions
  /** Resolves when it is not coming back. */
  readonly ended: Promise<void>
  #end: () => void = () => undefined
  #child: ChildProcess
  #exited: Promise<void>
  #restarts = 0
  #stopping = false
  #running = true

  constructor(options: InstanceOptions) {
    this.#options = options
    this.ended = new Promise((resolve) => { this.#end = resolve })
    this.#child = this.#spawn()
    this.#exited = this.#watch(this.#child)
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** False once it has been given up or stopped. */
  get running(): boolean {
    return this.#running
  }

  /** Resolves when `/ready` below `page` answers 200. @throws Error naming the log if it died for good or is too slow */
  async ready(page: string): Promise<void> {
    const until = Date.now() + READY_LIMIT_MS
    for (;;) {
      if (!this.#running) {
        throw new Error(`The instance ended while it started: see ${this.#options.log}.`)
      }
      const response = await fetch(`${page}ready`).catch(() => undefined)
      await response?.body?.cancel()
      if (response?.status === 200) {
        return
      }
      if (Date.now() > until) {
        throw new Error(`The instance is not ready after ${READY_LIMIT_MS / 1000} s: see ${this.#options.log}.`)
      }
      await pause(POLL_MS)
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#child.kill('SIGTERM')
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS)
    await this.#exited
    clearTimeout(limit)
  }

  #spawn(): ChildProcess {
    const output = openSync(this.#options.log, 'a')
    try {
      // In a process group of its own: a terminal's Ctrl-C would reach it beside our own signal, and a second one means "at once".
      return spawn(process.execPath, [ENTRY, '--config', this.#options.configFile, '--until-stdin-ends'], { stdio: ['pipe', output, output], detached: true })
    } finally {
      closeSync(output)
    }
  }

  async #watch(child: ChildProcess): Promise<void> {
    const startedAt = Date.now()
    const why = await new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
    })
    if (Date.now() - startedAt > HEALTHY_MS) {
      this.#restarts = 0
    }
    if (!this.#stopping && this.#restarts < MOST_RESTARTS) {
      this.#restarts += 1
      this.#options.say(`the instance ended (${why}): starting it again`)
      await pause(RESTART_PAUSE_MS)
    }
    if (this.#stopping || this.#restarts >= MOST_RESTARTS) {
      this.#running = false
      this.#end()
      return
    }
    this.#child = this.#spawn()
    this.#options.say(`the instance runs again, process ${this.#child.pid}`)
    await this.#watch(this.#child)
  }
}
