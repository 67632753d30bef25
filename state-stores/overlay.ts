import type { Bytes, Row, StoreChanges } from './contract.ts'
import { Arena } from './arena.ts'
import { type Sorted, SortedEntries, type SortedSnapshot } from './sorted-entries.ts'

/** Bookkeeping of one entry beside its bytes, measured: map slot, entry, two views. */
export const ENTRY_OVERHEAD = 200

/**
 * The last uncommitted write of one key, as the row it becomes (its key with the store's prefix). Immutable: a later write
 * is another entry, so snapshots need no copies.
 */
export interface OverlayEntry extends Sorted, Row {
  readonly timestamp: number
}

/**
 * The uncommitted writes of one store in one generation: a map by key, and a sorted view that exists from the first range
 * on. It is open (written to), then frozen (read only), then gone.
 */
export class Overlay {
  readonly #entries = new Map<string, OverlayEntry>()
  #arena = new Arena()
  #sorted: SortedEntries<OverlayEntry> | undefined
  /** Entries written since the sorted view was last looked at. */
  #unsorted: OverlayEntry[] = []

  get size(): number {
    return this.#entries.size
  }

  /** Memory held, overwritten values included: a slab is not free before the generation ends. */
  get bytes(): number {
    return this.#arena.bytes + this.#entries.size * ENTRY_OVERHEAD
  }

  get(id: string): OverlayEntry | undefined {
    return this.#entries.get(id)
  }

  entries(): MapIterator<OverlayEntry> {
    return this.#entries.values()
  }

  /** Copies the bytes; returns what the entry replaced. */
  put(id: string, prefix: Bytes, key: Bytes, value: Bytes | null, timestamp: number): OverlayEntry | undefined {
    const old = this.#entries.get(id)
    const entry: OverlayEntry = {
      id,
      key: old === undefined ? this.#arena.concat(prefix, key) : old.key,
      value: value === null ? null : this.#arena.copy(value),
      timestamp,
    }
    this.#entries.set(id, entry)
    if (this.#sorted !== undefined) {
      this.#unsorted.push(entry)
    }
    return old
  }

  /** Takes a write back: the entry is again what it was before. A first write also loses its place in the order. */
  restore(id: string, old: OverlayEntry | undefined): void {
    if (old === undefined) {
      this.#entries.delete(id)
      if (this.#entries.size === 0) {
        this.#arena = new Arena()
      }
    } else {
      this.#entries.set(id, old)
    }
    this.#sorted = undefined
    this.#unsorted = []
  }

  /** The entries in key order as of now. */
  snapshot(): SortedSnapshot<OverlayEntry> {
    if (this.#sorted === undefined || this.#unsorted.length * 4 > this.#entries.size) {
      this.#sorted = SortedEntries.from(this.#entries.values())
    } else {
      for (const entry of this.#unsorted) {
        this.#sorted.upsert(entry)
      }
    }
    this.#unsorted.length = 0
    return this.#sorted.snapshot()
  }
}

/** The changes of one store as the changelog takes them. */
export class OverlayChanges implements StoreChanges {
  readonly store: string
  readonly #overlay: Overlay
  readonly #prefixLength: number

  constructor(store: string, overlay: Overlay, prefixLength: number) {
    this.store = store
    this.#overlay = overlay
    this.#prefixLength = prefixLength
  }

  get size(): number {
    return this.#overlay.size
  }

  entries(): IterableIterator<Change> {
    return new ChangeIterator(this.#overlay.entries(), this.#prefixLength)
  }
}

interface Change {
  readonly key: Bytes
  readonly value: Bytes | null
  readonly timestamp: number
}

/** By hand: a generator costs as much per row as the row. */
class ChangeIterator implements IterableIterator<Change> {
  readonly #entries: MapIterator<OverlayEntry>
  readonly #prefixLength: number

  constructor(entries: MapIterator<OverlayEntry>, prefixLength: number) {
    this.#entries = entries
    this.#prefixLength = prefixLength
  }

  next(): IteratorResult<Change, undefined> {
    const next = this.#entries.next()
    if (next.done === true) {
      return { done: true, value: undefined }
    }
    const { key, value, timestamp } = next.value
    return { done: false, value: { key: key.subarray(this.#prefixLength), value, timestamp } }
  }

  [Symbol.iterator](): this {
    return this
  }
}
