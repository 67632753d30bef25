/** The stream threads of an application, as its supervisor holds them. */
import type { ThreadHost } from './thread-host.ts'
import type { ThreadState } from './thread-state.ts'
import { within } from '../within.ts'

export class StreamThreads {
  readonly #threads = new Map<number, { readonly host: ThreadHost; state: ThreadState }>()
  /** Their successors take their numbers. */
  readonly #failed = new Set<number>()
  /** Taken out of service, not stopped yet. */
  readonly #leaving = new Set<ThreadHost>()
  /** How many there should be. */
  wanted: number

  constructor(wanted: number) {
    this.wanted = wanted
  }

  get size(): number {
    return this.#threads.size
  }

  get hosts(): ThreadHost[] {
    return [...this.#threads.values()].map(({ host }) => host)
  }

  /** All that should be there are, and run. */
  get running(): boolean {
    return this.#threads.size === this.wanted && [...this.#threads.values()].every(({ state }) => state === 'running')
  }

  add(host: ThreadHost): void {
    this.#failed.delete(host.thread)
    this.#threads.set(host.thread, { host, state: 'created' })
  }

  /** False for one that is gone, or on its way. */
  setState(thread: number, state: ThreadState): boolean {
    const entry = this.#threads.get(thread)
    if (entry === undefined) {
      return false
    }
    entry.state = state
    return true
  }

  /** It has stopped by itself. Undefined for one that was on its way. */
  failed(thread: number): ThreadHost | undefined {
    const host = this.#remove(thread)
    if (host !== undefined) {
      this.#failed.add(thread)
    }
    return host
  }

  #remove(thread: number): ThreadHost | undefined {
    const host = this.#threads.get(thread)?.host
    this.#threads.delete(thread)
    return host
  }

  /** The lowest number no thread has. */
  free(): number {
    let thread = 0
    while (this.#threads.has(thread) || this.#failed.has(thread) || [...this.#leaving].some((host) => host.thread === thread)) {
      thread++
    }
    return thread
  }

  /** Takes the one with the highest number out of service; to be closed by `close`. */
  takeLast(): ThreadHost | undefined {
    const last = Math.max(...this.#threads.keys())
    const host = this.#remove(last)
    if (host !== undefined) {
      this.#leaving.add(host)
    }
    return host
  }

  tell(run: (host: ThreadHost) => void): void {
    for (const host of this.hosts) {
      run(host)
    }
  }

  /** Answers of all; one that does not answer in time is left out. */
  async ask<T>(question: (host: ThreadHost) => Promise<T | undefined>): Promise<T[]> {
    const answers = await Promise.all(this.hosts.map(question))
    return answers.filter((answer) => answer !== undefined)
  }

  /** Closes one, or ends it after `timeoutMs`; false then. */
  async close(host: ThreadHost, timeoutMs: number): Promise<boolean> {
    const closed = await within(host.close(), timeoutMs)
    if (!closed) {
      await host.end()
    }
    this.#leaving.delete(host)
    return closed
  }

  /** Closes all, also those on their way. Returns those that had to be ended. */
  async closeAll(timeoutMs: number): Promise<ThreadHost[]> {
    const hosts = [...this.hosts, ...this.#leaving]
    const closed = await Promise.all(hosts.map((host) => this.close(host, timeoutMs)))
    return hosts.filter((_, i) => !closed[i])
  }
}
