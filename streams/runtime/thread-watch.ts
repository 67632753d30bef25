/**
 * Looks at where the stream threads are (rule C10): says so when one sits in a turn, and remembers where threads ended or
 * were evicted.
 */
import type { Topology } from '../graph/topology.ts'
import type { Progress } from './progress.ts'
import { callName, placeName } from './progress.ts'
import type { StreamThreads } from './stream-threads.ts'
import type { Suspect } from './suspects.ts'
import { Deaths } from './suspects.ts'
import type { ThreadHost } from './thread-host.ts'

/** A thread that stays this long in one turn of a task is reported. */
const STUCK_MS = 1_000
/** How often it looks. */
const LOOK_MS = STUCK_MS / 2
/** Calls named in one warning. */
const MOST_NAMED = 5

export interface ThreadWatchOptions {
  readonly threads: StreamThreads
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  topology(): Topology | undefined
  warn(message: string): void
}

export class ThreadWatch {
  readonly #options: ThreadWatchOptions
  readonly #deaths = new Deaths()
  /** By thread: since when it was in the turn that was noted as a death. */
  readonly #wedged = new Map<number, number>()
  /** By thread: when it was in its loop, as of the last look. */
  readonly #ticks = new Map<number, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: ThreadWatchOptions) {
    this.#options = options
  }

  /** Records that ended threads twice. */
  get suspects(): readonly Suspect[] {
    return this.#deaths.suspects
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /**
   * A thread ended, or was evicted: the second time at the same record and operator the record is not run there again. Between
   * turns it was one of the calls that were running; if they were several they are made one at a time from now on.
   */
  died(progress: Progress | undefined): void {
    const { threads, topology, warn } = this.#options
    const place = progress?.read()
    const told = place === undefined ? this.#deaths.noteCalls(progress?.calls.read() ?? []) : [this.#deaths.note(place)].filter((suspect) => suspect !== undefined)
    for (const suspect of told) {
      if (suspect.alone !== true) {
        warn(`the record ${place === undefined ? callName(suspect, topology()) : placeName(place, topology())} has ended threads twice there: from now on the operator's error policy decides about it.`)
      }
      threads.tell((host) => host.suspect(suspect))
    }
  }

  /**
   * Evicted by the time of the next look: whoever gets the task is next. The broker counts from the last heartbeat, which was up
   * to an interval before. Once for each time the thread stands still.
   */
  #evictedAfter(stuckMs: number, { thread, progress }: ThreadHost, since: number): void {
    const { sessionTimeoutMs, heartbeatIntervalMs } = this.#options
    if (stuckMs > sessionTimeoutMs - heartbeatIntervalMs - LOOK_MS && this.#wedged.get(thread) !== since) {
      this.#wedged.set(thread, since)
      this.died(progress)
    }
  }

  /** What a call does after its first await runs in nobody's turn. */
  #lookBetweenTurns(host: ThreadHost, now: number): void {
    const { topology, warn } = this.#options
    const { calls, ticked } = host.progress
    const running = calls.read()
    const stuckMs = now - ticked
    // Twice the same: a process that was stopped with all its threads has not stood still.
    const still = this.#ticks.get(host.thread) === ticked
    this.#ticks.set(host.thread, ticked)
    if (ticked === 0 || !still || stuckMs <= STUCK_MS || running.length === 0) {
      return
    }
    this.#evictedAfter(stuckMs, host, ticked)
    const names = running.slice(0, MOST_NAMED).map((call) => callName(call, topology()))
    const more = running.length > MOST_NAMED ? ` and ${running.length - MOST_NAMED} more` : ''
    warn(`thread ${host.thread} has not come back to its loop for ${stuckMs} ms, while calls ran ${names.join(', ')}${more}. Synchronous code that long in one of them stops heartbeats: give it to a worker.`)
  }

  #look(): void {
    const { threads, sessionTimeoutMs, topology, warn } = this.#options
    const now = Date.now()
    for (const host of threads.hosts) {
      const place = host.progress.read()
      if (place === undefined) {
        this.#lookBetweenTurns(host, now)
        continue
      }
      const stuckMs = now - place.since
      if (stuckMs <= STUCK_MS) {
        continue
      }
      this.#evictedAfter(stuckMs, host, place.since)
      warn(
        `thread ${host.thread} has been in one turn of task ${place.task} for ${stuckMs} ms, ${placeName(place, topology())}. Synchronous code that long stops heartbeats (session ${sessionTimeoutMs} ms): make it an asynchronous operator.`,
      )
    }
  }
}
