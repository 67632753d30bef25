/**
 * Looks at where the stream threads are (rule C10): says so when one sits in a turn, and remembers where threads ended or
 * were evicted.
 */
import type { Topology } from '../graph/topology.ts'
import type { Place } from './progress.ts'
import { placeName } from './progress.ts'
import type { StreamThreads } from './stream-threads.ts'
import type { Suspect } from './suspects.ts'
import { Deaths } from './suspects.ts'

/** A thread that stays this long in one turn of a task is reported. */
const STUCK_MS = 1_000

export interface ThreadWatchOptions {
  readonly threads: StreamThreads
  readonly sessionTimeoutMs: number
  topology(): Topology | undefined
  warn(message: string): void
}

export class ThreadWatch {
  readonly #options: ThreadWatchOptions
  readonly #deaths = new Deaths()
  /** By thread: since when it was in the turn that was noted as a death. */
  readonly #wedged = new Map<number, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: ThreadWatchOptions) {
    this.#options = options
  }

  /** Records that ended threads twice. */
  get suspects(): readonly Suspect[] {
    return this.#deaths.suspects
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), STUCK_MS / 2)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Where a thread ended, or was evicted: the second time at the same record and operator the record is not run there again. */
  died(place: Place | undefined): void {
    const { threads, topology, warn } = this.#options
    const suspect = place === undefined ? undefined : this.#deaths.note(place)
    if (suspect !== undefined) {
      warn(`the record ${placeName(place!, topology())} has ended threads twice there: from now on the operator's error policy decides about it.`)
      threads.tell((host) => host.suspect(suspect))
    }
  }

  #look(): void {
    const { threads, sessionTimeoutMs, topology, warn } = this.#options
    const now = Date.now()
    for (const host of threads.hosts) {
      const place = host.progress.read()
      const stuckMs = place === undefined ? 0 : now - place.since
      if (place === undefined || stuckMs <= STUCK_MS) {
        continue
      }
      if (stuckMs > sessionTimeoutMs && this.#wedged.get(host.thread) !== place.since) {
        // Evicted by now: whoever gets the task is next.
        this.#wedged.set(host.thread, place.since)
        this.died(place)
      }
      warn(
        `thread ${host.thread} has been in one turn of task ${place.task} for ${stuckMs} ms, ${placeName(place, topology())}. Synchronous code that long stops heartbeats (session ${sessionTimeoutMs} ms): make it an asynchronous operator.`,
      )
    }
  }
}
