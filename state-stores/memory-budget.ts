/** Owners (stream threads) that a budget tells apart; more share their places. */
const OWNERS = 1_024
const KIB = 1_024
const FREE = 0
const FIRST_OWNER = 1

/** Below it a database would write files by the thousand. */
export const SMALLEST_SHARE = 4 * KIB * KIB

/** Memory one state may take, until it is given back. */
export interface MemoryShare {
  readonly bytes: number
  /** More was given than there was: the budget is too small for so many databases. */
  readonly overdrawn: boolean
  /** Gives it back; once. */
  release(): void
}

/**
 * The memory that all databases of a process may take together, over its threads. A share is fixed while its database is
 * open (neither binding can change it), so not everything is given away at once: those that open together get the same, half
 * of what is free, and who comes later, in a fail-over, finds the rest.
 */
export class MemoryBudget {
  /** For the other threads of the process. In KiB: free, and what each owner has. */
  readonly shared: SharedArrayBuffer
  readonly #kib: Int32Array
  readonly #owner: number

  /** `owner`: whose shares are given back when it dies (`reclaim`). */
  constructor(shared: SharedArrayBuffer, owner = 0) {
    this.shared = shared
    this.#kib = new Int32Array(shared)
    this.#owner = place(owner)
  }

  static of(bytes: number): MemoryBudget {
    const budget = new MemoryBudget(new SharedArrayBuffer((FIRST_OWNER + OWNERS) * Int32Array.BYTES_PER_ELEMENT))
    budget.#kib[FREE] = Math.floor(bytes / KIB)
    return budget
  }

  /** Bytes that are not given away; below 0 when it is overdrawn. */
  get free(): number {
    return Atomics.load(this.#kib, FREE) * KIB
  }

  /**
   * A share of at most `most` bytes for one of the `opening` databases that the caller opens about now, beside `open` that
   * it has. As many shares as it then has databases stay free.
   */
  share({ opening, open }: { readonly opening: number; readonly open: number }, most: number): MemoryShare {
    const kib = this.#kib
    for (;;) {
      const free = Atomics.load(kib, FREE)
      const wanted = Math.floor(Math.min(most / KIB, Math.max(SMALLEST_SHARE / KIB, free / (2 * opening + open))))
      if (Atomics.compareExchange(kib, FREE, free, free - wanted) === free) {
        Atomics.add(kib, this.#owner, wanted)
        return { bytes: wanted * KIB, overdrawn: wanted > free, release: once(() => this.#return(wanted)) }
      }
    }
  }

  /** Takes back what the owner has: its thread has ended without closing its databases. */
  reclaim(owner: number): void {
    Atomics.add(this.#kib, FREE, Atomics.exchange(this.#kib, place(owner), 0))
  }

  #return(wanted: number): void {
    Atomics.sub(this.#kib, this.#owner, wanted)
    Atomics.add(this.#kib, FREE, wanted)
  }
}

function place(owner: number): number {
  return FIRST_OWNER + (owner % OWNERS)
}

function once(run: () => void): () => void {
  let done = false
  return () => {
    if (!done) {
      done = true
      run()
    }
  }
}
