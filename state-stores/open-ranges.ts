import type { MergedRange } from './merged-range.ts'

/** The ranges that are open in this turn: they end with it (rule C12). */
export class OpenRanges {
  readonly #ranges = new Set<MergedRange>()
  #turnEnds = false

  add(range: MergedRange): void {
    this.#ranges.add(range)
    if (!this.#turnEnds) {
      // The turn of an iterator ends at the first await: a turn counted by the event loop's phases would let a range
      // survive some awaits and not others.
      this.#turnEnds = true
      queueMicrotask(() => {
        this.#turnEnds = false
        this.expire()
      })
    }
  }

  delete(range: MergedRange): void {
    this.#ranges.delete(range)
  }

  /** Ends them now: what they show is not so any more. */
  expire(): void {
    for (const range of this.#ranges) {
      range.expire()
    }
  }
}
