import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FromProcess, ToProcess } from './messages.ts'

/** How a task failed for a reason outside its handler's own answer. */
export type PoolFailure = 'TIMEOUT' | 'BUSY' | 'MEMORY' | 'CRASHED' | 'ABORTED' | 'CLOSED' | 'START_FAILED'

export class PoolError extends Error {
  readonly code: PoolFailure

  constructor(code: PoolFailure, message: string) {
    super(message)
    this.name = 'PoolError'
    this.code = code
  }
}

export interface PoolOptions {
  /** For errors and metrics. */
  readonly name: string
  /** The module each process runs; it calls `serve`. */
  readonly entry: URL
  /** Its arguments, `process.argv` from the third on. */
  readonly args?: readonly string[]
  /** Processes at most; they start when there is work. */
  readonly size: number
  /** A process is replaced after so many tasks: prevents that a parser's leak grows for ever. */
  readonly recycleAfter: number
  /** Resident bytes at which a process is killed (its task fails with MEMORY): V8's limits do not count native and WASM memory. */
  readonly maxRssBytes: number
  /** V8 heap of a process, MiB. */
  readonly maxHeapMiB: number
  /** Prevents that a process that never gets ready holds the queue. Default 60 s. */
  readonly startTimeoutMs?: number
  /** A native library tries itself out in a process first. Never for parsers: what they read must start nothing. */
  readonly mayStartProcesses?: boolean
  /** A task that is aborted is told so and has to end by itself; without it its process is killed. For processes that are dear to start. */
  readonly stopsTasks?: boolean
}

export interface RunOptions {
  /** From the moment a process takes the task: prevents that a parser's endless loop holds a process for ever. */
  readonly timeoutMs: number
  /** Until a process takes the task (then it fails with BUSY): prevents that one who asks waits for all before him. Default: as long as it takes. */
  readonly waitMs?: number
  readonly signal?: AbortSignal
}

export interface PoolStats {
  readonly processes: number
  readonly busy: number
  readonly queued: number
  readonly started: number
  readonly killed: number
}

/** Longer than any start seen on a loaded machine (loading OCR data takes 0.2 to 2 s). */
const defaultStartTimeoutMs = 60_000
const memoryCheckMs = 200
/** Starts in a row that fail before tasks fail instead of waiting: prevents an endless loop of forks on a broken installation. */
const maxStartFailures = 3

type State = 'starting' | 'idle' | 'busy' | 'ending' | 'ended'

interface Task {
  readonly id: number
  readonly input: unknown
  readonly options: RunOptions
  readonly resolve: (value: unknown) => void
  readonly reject: (error: PoolError) => void
  readonly onAbort: () => void
  /** Runs while the task waits. */
  waiting?: NodeJS.Timeout
}

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

interface Listener {
  ready(): void
  killed(): void
  ended(started: boolean): void
}

class PoolProcess {
  state: State = 'starting'
  task: Task | undefined
  readonly #options: PoolOptions
  readonly #listener: Listener
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #tasks = 0
  #started = false
  #stopping = false
  #reason: PoolFailure = 'CRASHED'
  #timer: NodeJS.Timeout | undefined
  #memory: NodeJS.Timeout | undefined

  constructor(options: PoolOptions, listener: Listener) {
    this.#options = options
    this.#listener = listener
    this.#child = fork(fileURLToPath(options.entry), [...(options.args ?? [])], {
      // Nothing of our environment: a parser that is taken over finds no secret there.
      env: {},
      execArgv: [`--max-old-space-size=${options.maxHeapMiB}`, '--disable-warning=ExperimentalWarning', '--disable-warning=SecurityWarning', ...permissionFlags, ...(options.mayStartProcesses === true && permissionFlags.length > 0 ? ['--allow-child-process'] : [])],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.#child.on('message', (message: FromProcess) => this.#receive(message))
    this.#ended = new Promise((resolve) => {
      let over = false
      const onEnd = (): void => {
        if (!over) {
          over = true
          this.#onEnd()
          resolve()
        }
      }
      this.#child.once('exit', onEnd)
      this.#child.on('error', (error) => {
        // A failed spawn has no exit; a failed send has one coming.
        if (this.#child.pid === undefined || error.message.includes('spawn')) {
          onEnd()
        }
      })
    })
    this.#arm(options.startTimeoutMs ?? defaultStartTimeoutMs, 'START_FAILED')
  }

  /** It works, but for nobody who asks at the moment. */
  get servesNobody(): boolean {
    return this.state === 'starting' || (this.state === 'busy' && this.#stopping)
  }

  take(task: Task): void {
    this.state = 'busy'
    this.task = task
    this.#stopping = false
    clearTimeout(task.waiting)
    this.#tasks += 1
    this.hold(true)
    this.#arm(task.options.timeoutMs, 'TIMEOUT')
    this.#memory = setInterval(() => this.#checkMemory(), memoryCheckMs)
    this.#send({ kind: 'task', id: task.id, input: task.input }, task)
  }

  /** Until it has ended by itself, or its time is over, the process takes no other. */
  stopTask(): void {
    const { task } = this
    if (task !== undefined) {
      this.#stopping = true
      this.#send({ kind: 'abort', id: task.id }, task)
    }
  }

  #send(message: ToProcess, task: Task): void {
    this.#child.send(message, (error) => {
      if (error !== null && this.task === task) {
        void this.end('CRASHED')
      }
    })
  }

  /** Whether the program lives as long as this process. */
  hold(program: boolean): void {
    const how = program ? 'ref' : 'unref'
    this.#child[how]()
    this.#child.channel?.[how]()
    this.#timer?.[how]()
    this.#memory?.[how]()
  }

  end(reason: PoolFailure): Promise<void> {
    if (this.state !== 'ending' && this.state !== 'ended') {
      this.#reason = reason
      this.state = 'ending'
      // Whoever waits for the end of an idle process has to be kept alive until it comes.
      this.#child.ref()
      this.#child.kill('SIGKILL')
    }
    return this.#ended
  }

  #arm(ms: number, reason: PoolFailure): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#listener.killed()
      void this.end(reason)
    }, ms)
  }

  #disarm(): void {
    clearTimeout(this.#timer)
    clearInterval(this.#memory)
  }

  #checkMemory(): void {
    if (residentBytes(this.#child.pid) > this.#options.maxRssBytes) {
      this.#listener.killed()
      void this.end('MEMORY')
    }
  }

  #receive(message: FromProcess): void {
    if (this.state === 'ending') {
      return
    }
    if (message.kind === 'ready') {
      this.#started = true
      this.#rest()
      return
    }
    const task = this.task
    if (task === undefined || message.id !== task.id) {
      return
    }
    this.task = undefined
    if (message.kind === 'result') {
      task.options.signal?.removeEventListener('abort', task.onAbort)
      task.resolve(message.value)
    } else {
      settle(task, new PoolError('CRASHED', `${this.#options.name}: the handler threw ${message.name}`))
    }
    // A parser that threw unforeseen may have left anything behind: its process is not trusted with the next document.
    if (message.kind === 'error' || this.#tasks >= this.#options.recycleAfter) {
      this.#disarm()
      void this.end('CLOSED')
      return
    }
    this.#rest()
  }

  #rest(): void {
    this.#disarm()
    this.state = 'idle'
    // An idle pool keeps no program alive.
    this.hold(false)
    this.#listener.ready()
  }

  #onEnd(): void {
    this.#disarm()
    this.state = 'ended'
    const task = this.task
    this.task = undefined
    if (task !== undefined) {
      settle(task, new PoolError(this.#reason, `${this.#options.name}: ${this.#reason}`))
    }
    this.#listener.ended(this.#started)
  }
}

function settle(task: Task, error: PoolError): void {
  clearTimeout(task.waiting)
  task.options.signal?.removeEventListener('abort', task.onAbort)
  task.reject(error)
}

/** Node's permission model: reads yes (its own modules and data), writing, child processes and inspector no. */
const permissionFlags = process.allowedNodeEnvironmentFlags.has('--permission')
  ? ['--permission', '--allow-fs-read=*', '--allow-addons', '--allow-worker', '--allow-wasi']
  : []

/** Linux tells; elsewhere 0, and the limit is V8's heap alone. */
function residentBytes(pid: number | undefined): number {
  try {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    return match === null ? 0 : Number(match[1]) * 1024
  } catch {
    return 0
  }
}
