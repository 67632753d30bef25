import type { MergedRange } from './merged-range.ts'

/** The ranges that are open in this turn: they end with it (rule C12). */
export class OpenRanges {
  /** Each with its number, in the order in which they were opened. */
  readonly #ranges = new Map<MergedRange, number>()
  #opened = 0
  #turnEnds = false

  /** How many were opened so far. */
  get opened(): number {
    return this.#opened
  }

  add(range: MergedRange): void {
    this.#ranges.set(range, ++this.#opened)
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

  /** Ends those opened after the first `opened` ones, all by default: what they show is not so any more. */
  expire(opened = 0): void {
    for (const [range, number] of this.#ranges) {
      if (number > opened) {
        range.expire()
      }
    }
  }
}
