/**
 * A store view that ends its ranges when the slice of time is used up (rule C12: 5 ms) and goes on behind the last row
 * in the next page. The typed stores read through it as through any view, so that every kind is paged by the same lines:
 * whatever they ask for, they walk rows in one direction.
 */
import type { RangeOptions, StoreView } from 'millrace-state-stores'
import { compareBytes, keyAfter } from 'millrace-state-stores'
import type { Bytes } from './page.ts'

/** Rows between two looks at the clock. */
const ROWS_PER_LOOK = 32

/** What one page may take. */
export class PageBudget {
  readonly #until: number
  readonly #now: () => number
  #bytes: number
  #looks = 0

  constructor(sliceMs: number, bytes: number, now: () => number = () => performance.now()) {
    this.#now = now
    this.#until = now() + sliceMs
    this.#bytes = bytes
  }

  /** A row was read. */
  take(bytes: number): void {
    this.#bytes -= bytes
    this.#looks++
  }

  get spent(): boolean {
    return this.#bytes <= 0 || (this.#looks % ROWS_PER_LOOK === 0 && this.#looks > 0 && this.#now() >= this.#until)
  }
}

export class PagedView implements StoreView {
  readonly name: string
  readonly #view: StoreView
  readonly #budget: PageBudget
  readonly #open = new Set<IterableIterator<readonly [Bytes, Bytes]>>()
  readonly #resume: Bytes | undefined
  /** The last row that was handed out, in this page or the one before. */
  #last: Bytes | undefined
  #cut = false

  constructor(view: StoreView, budget: PageBudget, resume: Bytes | undefined) {
    this.name = view.name
    this.#view = view
    this.#budget = budget
    this.#resume = resume
    this.#last = resume
  }

  /** Where the next page begins, if the budget ended this one. */
  get cursor(): Bytes | undefined {
    return this.#cut ? this.#last : undefined
  }

  /** The reader has what it wants of this page: there may be more behind the last row. */
  cut(): void {
    this.#cut = true
  }

  get(key: Bytes): Bytes | undefined {
    return this.#view.get(key)
  }

  put(key: Bytes, value: Bytes | null, timestamp: number): void {
    this.#view.put(key, value, timestamp)
  }

  approximateEntries(): number {
    return this.#view.approximateEntries()
  }

  /** Opened at once, so that several ranges of one query show the same moment. */
  *#rows(rows: IterableIterator<readonly [Bytes, Bytes]>): IterableIterator<readonly [Bytes, Bytes]> {
    for (;;) {
      if (this.#cut || this.#budget.spent) {
        this.#cut = true
        return
      }
      const next = rows.next()
      if (next.done === true) {
        return
      }
      const [key, value] = next.value
      this.#budget.take(key.length + value.length)
      this.#last = key
      yield next.value
    }
  }

  range(options: RangeOptions): IterableIterator<readonly [Bytes, Bytes]> {
    const rows = this.#view.range(this.#clipped(options))
    this.#open.add(rows)
    return this.#rows(rows)
  }

  #clipped(options: RangeOptions): RangeOptions {
    const resume = this.#resume
    if (resume === undefined) {
      return options
    }
    const { from, to, reverse } = options
    if (reverse === true) {
      return { ...options, to: to === undefined || compareBytes(resume, to) < 0 ? resume : to }
    }
    const behind = keyAfter(resume)
    return { ...options, from: from === undefined || compareBytes(behind, from) > 0 ? behind : from }
  }

  /** Ends every range. */
  close(): void {
    for (const rows of this.#open) {
      rows.return?.()
    }
    this.#open.clear()
  }
}
