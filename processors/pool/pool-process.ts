import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FromProcess, ToProcess } from './messages.ts'
import type { PoolOptions } from './options.ts'
import { PoolError, type PoolFailure, settle, type Task } from './task.ts'

/** Longer than any start seen on a loaded machine (loading OCR data takes 0.2 to 2 s). */
const defaultStartTimeoutMs = 60_000
const memoryCheckMs = 200

type State = 'starting' | 'idle' | 'busy' | 'ending' | 'ended'

interface Listener {
  ready(): void
  killed(): void
  ended(started: boolean): void
}

/** One process of a pool, from its fork to its end. */
export class PoolProcess {
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
