import type { PoolOptions, RunOptions } from './options.ts'
import { PoolProcess } from './pool-process.ts'
import { PoolError, type PoolFailure, settle, type Task } from './task.ts'

export interface PoolStats {
  readonly processes: number
  readonly busy: number
  readonly queued: number
  readonly started: number
  readonly killed: number
}

/** Starts in a row that fail before tasks fail instead of waiting: prevents an endless loop of forks on a broken installation. */
const maxStartFailures = 3

/**
 * Runs parsers in processes of their own, each with little environment, no file writing and no child processes (Node's permission
 * model), and kills what hangs, grows or crashes. First come, first served: fairness between tenants is the caller's.
 */
export class ProcessPool {
  readonly #options: PoolOptions
  readonly #processes = new Set<PoolProcess>()
  readonly #queue: Task[] = []
  #nextId = 1
  #started = 0
  #killed = 0
  #startFailures = 0
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** @throws PoolError; the handler's own refusals are part of its result, not errors. */
  run<T>(input: unknown, options: RunOptions): Promise<T> {
    if (this.#closed) {
      return Promise.reject(new PoolError('CLOSED', `${this.#options.name}: the pool is closed`))
    }
    if (options.signal?.aborted) {
      return Promise.reject(new PoolError('ABORTED', `${this.#options.name}: aborted`))
    }
    return new Promise<T>((resolve, reject) => {
      const task: Task = {
        id: this.#nextId++,
        input,
        options,
        resolve: resolve as (value: unknown) => void,
        reject,
        onAbort: () => this.#abort(task),
      }
      options.signal?.addEventListener('abort', task.onAbort, { once: true })
      if (options.waitMs !== undefined) {
        task.waiting = setTimeout(() => this.#leave(task, 'BUSY'), options.waitMs)
      }
      this.#queue.push(task)
      this.#dispatch()
      this.#holdWhatIsWaitedFor()
    })
  }

  stats(): PoolStats {
    const processes = [...this.#processes]
    return {
      processes: processes.length,
      busy: processes.filter((process) => process.state === 'busy').length,
      queued: this.#queue.length,
      started: this.#started,
      killed: this.#killed,
    }
  }

  /** Kills every process; what waits or runs fails with CLOSED. Resolves when all have ended. */
  async close(): Promise<void> {
    this.#closed = true
    for (const task of this.#queue.splice(0)) {
      settle(task, new PoolError('CLOSED', `${this.#options.name}: the pool is closed`))
    }
    await Promise.all([...this.#processes].map((process) => process.end('CLOSED')))
  }

  /** @returns whether it was still in the queue */
  #leave(task: Task, code: PoolFailure): boolean {
    const at = this.#queue.indexOf(task)
    if (at < 0) {
      return false
    }
    this.#queue.splice(at, 1)
    this.#holdWhatIsWaitedFor()
    settle(task, new PoolError(code, `${this.#options.name}: ${code === 'BUSY' ? 'no process was free in time' : 'aborted'}`))
    return true
  }

  #abort(task: Task): void {
    if (this.#leave(task, 'ABORTED')) {
      return
    }
    for (const process of this.#processes) {
      if (process.task === task && this.#options.stopsTasks === true) {
        settle(task, new PoolError('ABORTED', `${this.#options.name}: aborted`))
        process.stopTask()
        this.#holdWhatIsWaitedFor()
      } else if (process.task === task) {
        this.#killed += 1
        void process.end('ABORTED')
      }
    }
  }

  /** A process that starts, or has still to stop a task, keeps a program alive only while somebody waits for it. */
  #holdWhatIsWaitedFor(): void {
    for (const process of this.#processes) {
      if (process.servesNobody) {
        process.hold(this.#queue.length > 0)
      }
    }
  }

  #dispatch(): void {
    for (const process of this.#processes) {
      if (this.#queue.length === 0) {
        return
      }
      if (process.state === 'idle') {
        process.take(this.#queue.shift()!)
      }
    }
    const starting = [...this.#processes].filter((process) => process.state === 'starting').length
    for (let wanted = this.#queue.length - starting; wanted > 0 && this.#processes.size < this.#options.size; wanted -= 1) {
      this.#start()
    }
  }

  #start(): void {
    this.#started += 1
    const process = new PoolProcess(this.#options, {
      ready: () => {
        this.#startFailures = 0
        this.#dispatch()
      },
      killed: () => {
        this.#killed += 1
      },
      ended: (started) => {
        this.#processes.delete(process)
        if (!started && !this.#closed) {
          this.#startFailures += 1
          if (this.#startFailures >= maxStartFailures) {
            for (const task of this.#queue.splice(0)) {
              settle(task, new PoolError('START_FAILED', `${this.#options.name}: ${maxStartFailures} processes in a row did not start`))
            }
            this.#startFailures = 0
          }
        }
        this.#dispatch()
      },
    })
    this.#processes.add(process)
  }
}
