/** When the next commit may begin (rule C16): commits take at most a third of the time, and markers cost the broker. */

/** Cost of one marker at the broker, ms; 64 partitions committed every 5 ms are 12,800 markers a second. */
const MARKER_MS = 0.2
const MINIMUM_MS = 5
/** Weight of the newest commit in the average: one slow commit must not stretch the gaps for long. */
const SMOOTHING = 0.3

export class CommitPace {
  readonly #intervalMs: number
  #averageMs = 0
  #nextAt = 0

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** A commit that began at `started` ended at `ended` (ms) and touched so many partitions. */
  ended(started: number, ended: number, partitions: number): void {
    const took = ended - started
    this.#averageMs = this.#averageMs === 0 ? took : this.#averageMs * (1 - SMOOTHING) + took * SMOOTHING
    this.#nextAt = ended + this.gap(partitions)
  }

  /** Pause after a commit, ms. */
  gap(partitions: number): number {
    return Math.max(2 * this.#averageMs, partitions * MARKER_MS, MINIMUM_MS, this.#intervalMs)
  }

  /** ms until the next commit may begin; 0: now. */
  waitMs(now: number): number {
    return Math.max(0, this.#nextAt - now)
  }
}
