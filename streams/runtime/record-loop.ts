/**
 * The loop of a stream thread: synchronous turns of at most 10 ms over its running tasks, with control given back by
 * `setImmediate` between them, so that fetches, commits and heartbeats go on (rule C10).
 */
import type { FetchedRecords, Fetcher } from '../kafka/contract.ts'
import type { OutputCollector } from './collector.ts'
import type { Progress } from './progress.ts'
import type { TaskEntry } from './task-entry.ts'
import type { TaskManager } from './task-manager.ts'
import type { ThreadCounters } from './thread-counters.ts'

/** Longest turn without giving control back. */
const TURN_MS = 10
/** How often the thread says that it is in its loop; half of what its supervisor waits for between two looks. */
const TICK_MS = 250
/** Records of one task before the next task has its turn. */
const SLICE = 256

export interface RecordLoopOptions {
  readonly tasks: TaskManager
  readonly fetcher: Fetcher
  readonly collector: OutputCollector
  readonly uncommittedMaxBytes: number
  readonly counters: ThreadCounters
  readonly progress: Progress | undefined
  /** After each turn. */
  commitIfDue(): void
  /** An error of user code that no policy takes, or of the engine. */
  onFailed(error: Error): void
}

export class RecordLoop {
  readonly #options: RecordLoopOptions
  #queued = false
  #stopped = false
  #paused = false
  #timer: NodeJS.Timeout | undefined
  #ticker: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #busyUntil = 0
  /** Which of the running tasks the next turn begins with: turns that always began with the first would starve the last. */
  #first = 0

  constructor(options: RecordLoopOptions) {
    this.#options = options
    const { progress } = options
    if (progress !== undefined) {
      this.#ticker = setInterval(() => progress.tick(Date.now()), TICK_MS)
      this.#ticker.unref()
    }
  }

  /** True while tasks have work to do: restores then take no more than a third of the time. */
  get busy(): boolean {
    return performance.now() < this.#busyUntil
  }

  /** No turn begins after this. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    clearInterval(this.#ticker)
    // From here on nobody looks whether it comes back.
    this.#options.progress?.tick(0)
  }

  /** While paused turns process nothing; what was done is committed. */
  pause(paused: boolean): void {
    this.#paused = paused
    this.wake()
  }

  /** Takes a turn as soon as what is under way has ended. */
  wake(): void {
    if (!this.#queued && !this.#stopped) {
      this.#queued = true
      setImmediate(() => {
        this.#queued = false
        this.#turn()
      })
    }
  }

  /** Takes a turn at `at` (performance clock, ms) unless one comes before. */
  wakeAt(at: number): void {
    if (at < this.#timerAt && !this.#stopped) {
      clearTimeout(this.#timer)
      this.#timerAt = at
      this.#timer = setTimeout(
        () => {
          this.#timerAt = Number.POSITIVE_INFINITY
          this.#turn()
        },
        Math.max(0, at - performance.now()),
      )
    }
  }

  /** True when the open generation has as many bytes as it may: nothing more goes in until it is closed. */
  get full(): boolean {
    const { tasks, collector, uncommittedMaxBytes } = this.#options
    let bytes = collector.bytes
    for (const entry of tasks.all) {
      if (entry.status === 'running') {
        bytes += entry.state!.uncommittedBytes
      }
    }
    return bytes >= uncommittedMaxBytes
  }

  /** A fetched chunk goes to its task; a task that is full is fetched for no more. */
  deliver(records: FetchedRecords): void {
    const { tasks, fetcher } = this.#options
    const entry = tasks.taskOf(records.topic, records.partition)
    if (entry === undefined || entry.status !== 'running') {
      return
    }
    const key = `${records.topic}-${records.partition}`
    entry.highWatermarks.set(key, records.highWatermark)
    entry.task!.enqueue(records)
    if (entry.task!.paused(records)) {
      fetcher.pause(records)
      entry.paused.add(key)
    }
    this.wake()
  }

  #turn(): void {
    if (this.#stopped) {
      return
    }
    try {
      const more = this.#process()
      this.#options.commitIfDue()
      if (more) {
        this.wake()
      } else {
        this.#sleep()
      }
    } catch (error) {
      this.#options.onFailed(error as Error)
    }
  }

  /** One turn of records. True when there is more to do at once. */
  #process(): boolean {
    const { tasks, counters } = this.#options
    const running = tasks.running
    const started = performance.now()
    const end = started + TURN_MS
    let total = 0
    let more = false
    // The commit that makes room wakes us.
    while (!more && !this.full && !this.#paused) {
      let round = 0
      for (let served = 0; served < running.length && !more; served++) {
        const entry = running[this.#first % running.length]!
        this.#first = (this.#first + 1) % running.length
        round += this.#slice(entry)
        more = performance.now() >= end
      }
      total += round
      if (round === 0) {
        break
      }
    }
    counters.recordsProcessed += total
    if (total > 0) {
      const ended = performance.now()
      counters.processMs += ended - started
      this.#busyUntil = ended + TURN_MS
    }
    return more
  }

  #slice(entry: TaskEntry): number {
    const { progress } = this.#options
    const task = entry.task!
    progress?.enter(entry.id, Date.now())
    const done = task.process(SLICE)
    const fired = task.punctuate()
    progress?.leave()
    this.#resume(entry)
    return done + (fired ? 1 : 0)
  }

  #resume(entry: TaskEntry): void {
    if (entry.paused.size === 0) {
      return
    }
    for (const input of entry.inputs) {
      const key = `${input.topic}-${input.partition}`
      if (entry.paused.has(key) && !entry.task!.paused(input)) {
        entry.paused.delete(key)
        this.#options.fetcher.resume(input)
      }
    }
  }

  /** Until something comes, or a timer of a task is due. */
  #sleep(): void {
    if (this.#paused) {
      return
    }
    let deadline = Number.POSITIVE_INFINITY
    for (const entry of this.#options.tasks.running) {
      deadline = Math.min(deadline, entry.task!.nextDeadline() ?? Number.POSITIVE_INFINITY)
    }
    if (deadline !== Number.POSITIVE_INFINITY) {
      // Timers of tasks are on the wall clock.
      this.wakeAt(performance.now() + Math.max(1, deadline - Date.now()))
    }
  }
}
