import type { Bytes } from '../contract.ts'

export type Rows = IterableIterator<readonly [Bytes, Bytes]>

/** Several ranges one after the other, of which `pick` takes what it wants. Lives as long as the ranges do. */
export class SelectedRows<T> implements IterableIterator<T> {
  readonly #ranges: readonly Rows[]
  readonly #pick: (row: Bytes, value: Bytes) => T | undefined
  #at = 0

  /** The ranges are open already: together they show the store as it is now. */
  constructor(ranges: readonly Rows[], pick: (row: Bytes, value: Bytes) => T | undefined) {
    this.#ranges = ranges
    this.#pick = pick
  }

  next(): IteratorResult<T, undefined> {
    while (this.#at < this.#ranges.length) {
      const next = this.#ranges[this.#at]!.next()
      if (next.done === true) {
        this.#at++
        continue
      }
      const picked = this.#pick(next.value[0], next.value[1])
      if (picked !== undefined) {
        return { done: false, value: picked }
      }
    }
    return { done: true, value: undefined }
  }

  return(): IteratorResult<T, undefined> {
    for (; this.#at < this.#ranges.length; this.#at++) {
      this.#ranges[this.#at]!.return?.()
    }
    return { done: true, value: undefined }
  }

  [Symbol.iterator](): this {
    return this
  }
}
