/** Anything ordered by the latin1 string of its key. Entries are immutable: an update is another entry of the same id. */
export interface Sorted {
  readonly id: string
}

const CHUNK = 256

interface Chunk<E> {
  entries: E[]
  /** A snapshot holds it: the next change copies it first. */
  shared: boolean
}

/** A snapshot: chunks in order, none empty, never changed again. */
export type SortedSnapshot<E> = readonly (readonly E[])[]

/**
 * Ordered set of entries in chunks that are copied on write: inserting is O(log n) plus one small splice, and a snapshot,
 * which every range needs because an iterator must not see later writes (rule C12), is one pointer per chunk.
 */
export class SortedEntries<E extends Sorted> {
  #chunks: Chunk<E>[] = []

  /** `entries` in any order, ids unique. */
  static from<E extends Sorted>(entries: Iterable<E>): SortedEntries<E> {
    const sorted = new SortedEntries<E>()
    const all = [...entries].sort(byId)
    for (let at = 0; at < all.length; at += CHUNK) {
      sorted.#chunks.push({ entries: all.slice(at, at + CHUNK), shared: false })
    }
    return sorted
  }

  upsert(entry: E): void {
    const chunks = this.#chunks
    if (chunks.length === 0) {
      chunks.push({ entries: [entry], shared: false })
      return
    }
    const index = Math.max(0, lastChunkAtOrBefore(chunks, entry.id))
    const chunk = this.#writable(index)
    const at = lowerBound(chunk.entries, entry.id)
    if (at < chunk.entries.length && chunk.entries[at]!.id === entry.id) {
      chunk.entries[at] = entry
      return
    }
    chunk.entries.splice(at, 0, entry)
    if (chunk.entries.length > 2 * CHUNK) {
      chunks.splice(index + 1, 0, { entries: chunk.entries.splice(CHUNK), shared: false })
    }
  }

  delete(id: string): boolean {
    const chunks = this.#chunks
    const index = lastChunkAtOrBefore(chunks, id)
    if (index < 0) {
      return false
    }
    const found = lowerBound(chunks[index]!.entries, id)
    if (chunks[index]!.entries[found]?.id !== id) {
      return false
    }
    if (chunks[index]!.entries.length === 1) {
      chunks.splice(index, 1)
    } else {
      this.#writable(index).entries.splice(found, 1)
    }
    return true
  }

  snapshot(): SortedSnapshot<E> {
    const view = new Array<readonly E[]>(this.#chunks.length)
    for (let i = 0; i < view.length; i++) {
      const chunk = this.#chunks[i]!
      chunk.shared = true
      view[i] = chunk.entries
    }
    return view
  }

  #writable(index: number): Chunk<E> {
    const chunk = this.#chunks[index]!
    if (!chunk.shared) {
      return chunk
    }
    return (this.#chunks[index] = { entries: chunk.entries.slice(), shared: false })
  }
}

/** Walks a snapshot between `from` (inclusive) and `to` (exclusive), forwards or backwards. */
export class SortedCursor<E extends Sorted> {
  /** The entry the cursor stands on; undefined at the end. */
  current: E | undefined
  readonly #chunks: SortedSnapshot<E>
  readonly #limit: string | undefined
  readonly #reverse: boolean
  #chunk: number
  #at: number

  constructor(chunks: SortedSnapshot<E>, from: string | undefined, to: string | undefined, reverse: boolean) {
    this.#chunks = chunks
    this.#reverse = reverse
    this.#limit = reverse ? from : to
    const start = reverse ? to : from
    if (start === undefined) {
      this.#chunk = reverse ? chunks.length - 1 : 0
      this.#at = reverse ? (chunks[this.#chunk]?.length ?? 0) - 1 : 0
    } else {
      this.#chunk = 0
      let high = chunks.length - 1
      while (this.#chunk < high) {
        const middle = (this.#chunk + high + 1) >>> 1
        if (chunks[middle]![0]!.id <= start) {
          this.#chunk = middle
        } else {
          high = middle - 1
        }
      }
      // The first entry at or above `start`; backwards the one before it.
      this.#at = (chunks.length === 0 ? 0 : lowerBound(chunks[this.#chunk]!, start)) - (reverse ? 1 : 0)
    }
    this.#settle()
  }

  advance(): void {
    this.#at += this.#reverse ? -1 : 1
    this.#settle()
  }

  #settle(): void {
    const chunks = this.#chunks
    if (this.#reverse) {
      if (this.#at < 0 && this.#chunk >= 0) {
        this.#chunk--
        this.#at = (chunks[this.#chunk]?.length ?? 0) - 1
      }
      const entry = chunks[this.#chunk]?.[this.#at]
      this.current = entry !== undefined && (this.#limit === undefined || entry.id >= this.#limit) ? entry : undefined
      return
    }
    if (this.#chunk < chunks.length && this.#at >= chunks[this.#chunk]!.length) {
      this.#chunk++
      this.#at = 0
    }
    const entry = chunks[this.#chunk]?.[this.#at]
    this.current = entry !== undefined && (this.#limit === undefined || entry.id < this.#limit) ? entry : undefined
  }
}

function byId(a: Sorted, b: Sorted): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

function lastChunkAtOrBefore<E extends Sorted>(chunks: readonly Chunk<E>[], id: string): number {
  let low = 0
  let high = chunks.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (chunks[middle]!.entries[0]!.id <= id) {
      low = middle + 1
    } else {
      high = middle
    }
  }
  return low - 1
}

function lowerBound<E extends Sorted>(entries: readonly E[], id: string): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (entries[middle]!.id < id) {
      low = middle + 1
    } else {
      high = middle
    }
  }
  return low
}
