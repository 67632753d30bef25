/** Input of the smoke topology: a few keys, values and times a little out of order, some records that only the echo keeps. */
import { END, FLUSH, MIN_GRACE_MS } from './topology.ts'

export interface SmokeRecord {
  readonly key: string
  readonly value: number
  readonly timestamp: number
}

export interface SmokeLoadOptions {
  readonly keys: number
  /** Window of the settings: all records lie in one. */
  readonly windowMs: number
  /** Time of the records from one to the next, ms. */
  readonly stepMs: number
  readonly now?: number
}

/** Records are out of order by less than this: none is late for a window. */
const DISORDER_MS = 5_000
/** Every so many records one is for the echo alone. */
const END_EVERY = 97

/**
 * Endless and repeatable. The records are of some hours ago, so that the one which closes all windows at the end is not
 * of the future, which brokers refuse.
 */
export class SmokeLoad {
  readonly #options: SmokeLoadOptions
  readonly #begin: number
  #next = 0

  constructor(options: SmokeLoadOptions) {
    this.#options = options
    const { windowMs, now = Date.now() } = options
    // Of the longest window the first half, which is a whole one of the shorter.
    this.#begin = (Math.floor(now / (2 * windowMs)) - 1) * 2 * windowMs
  }

  /** How many have been made. */
  get count(): number {
    return this.#next
  }

  /** The next records, in the order in which they are to be sent. */
  take(count: number): SmokeRecord[] {
    return Array.from({ length: count }, () => this.#record(this.#next++))
  }

  #record(i: number): SmokeRecord {
    const { keys, stepMs, windowMs } = this.#options
    const time = DISORDER_MS + Math.floor(i * stepMs)
    if (time >= windowMs) {
      throw new RangeError(`The smoke load has left its window of ${windowMs} ms after ${i} records: give it a longer one.`)
    }
    const value = i % END_EVERY === END_EVERY - 1 ? END : ((i * 7_919) % 20_011) - 10_000
    return { key: `key-${i % keys}`, value, timestamp: this.#begin + time - ((i * 2_741) % DISORDER_MS) }
  }

  /** To be sent to every partition once all others are: closes every window. */
  get flush(): SmokeRecord {
    return { key: FLUSH, value: 0, timestamp: this.#begin + 2 * this.#options.windowMs + MIN_GRACE_MS }
  }
}
