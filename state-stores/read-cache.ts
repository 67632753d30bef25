import type { Bytes } from './contract.ts'
import { Arena } from './arena.ts'

/** Bookkeeping of one cached row beside its bytes: map slot, string header, view. */
const ROW_OVERHEAD = 180

/**
 * Committed values by key, for all stores of a task, bounded in bytes. Two generations of maps instead of a linked list:
 * a hit in the old one moves the row to the young one; when the young one holds half of the bytes it becomes the old one
 * and what was old is dropped whole. A hit in the young generation costs one map look-up and nothing else.
 *
 * `null` is remembered too: "not there" is the usual answer for a dedupe store, and the dearest one to get from an engine.
 */
export class ReadCache {
  readonly #limit: number
  readonly #stores: StoreCache[] = []
  #arena = new Arena()
  #youngBytes = 0

  /** `bytes`: upper bound for keys, values and bookkeeping; 0 turns the cache off. */
  constructor(bytes: number) {
    this.#limit = Math.floor(bytes / 2)
  }

  get enabled(): boolean {
    return this.#limit > 0
  }

  /** The part of one store. */
  store(): StoreCache {
    const store = new StoreCache(this)
    this.#stores.push(store)
    return store
  }

  clear(): void {
    for (const store of this.#stores) {
      store.clear()
    }
    this.#arena = new Arena()
    this.#youngBytes = 0
  }

  /** A row that would take a good part of the cache is better read again. */
  fits(id: string, value: Bytes | null): boolean {
    return ROW_OVERHEAD + id.length + (value === null ? 0 : value.length) <= this.#limit / 4
  }

  /** Makes room for one more row of the young generation, or a row's new value, and copies the value. */
  admit(id: string, value: Bytes | null, known: boolean): Bytes | null {
    // The bytes of a value that is replaced stay in the arena; its bookkeeping is used again.
    this.#youngBytes += (known ? 0 : ROW_OVERHEAD + id.length) + (value === null ? 0 : value.length)
    if (this.#youngBytes > this.#limit) {
      for (const store of this.#stores) {
        store.rotate()
      }
      this.#arena = new Arena()
      this.#youngBytes = ROW_OVERHEAD + id.length + (value === null ? 0 : value.length)
    }
    // A copy, also of a row that only moves: it must not keep the slab of a generation that is gone.
    return value === null ? null : this.#arena.copy(value)
  }
}

/** The cached rows of one store. */
export class StoreCache {
  readonly #cache: ReadCache
  #young = new Map<string, Bytes | null>()
  #old = new Map<string, Bytes | null>()

  constructor(cache: ReadCache) {
    this.#cache = cache
  }

  /** The cached value, null if the key is known to be absent, undefined if nothing is known. Not the caller's to change. */
  get(id: string): Bytes | null | undefined {
    const young = this.#young.get(id)
    if (young !== undefined) {
      return young
    }
    const old = this.#old.get(id)
    if (old !== undefined) {
      return this.set(id, old)
    }
    return undefined
  }

  /** Remembers what the database holds now. Returns the copy it keeps. */
  set(id: string, value: Bytes | null): Bytes | null {
    if (!this.#cache.enabled) {
      return value
    }
    const known = this.#young.get(id)
    if (value !== null && known != null && known.length === value.length) {
      // The hot keys of a task are written in every generation, mostly in one size: nobody else holds this copy.
      known.set(value)
      return known
    }
    if (!this.#cache.fits(id, value)) {
      this.delete(id)
      return value
    }
    const copy = this.#cache.admit(id, value, known !== undefined)
    this.#young.set(id, copy)
    return copy
  }

  /** It remembers nothing of the store. */
  get empty(): boolean {
    return this.#young.size === 0 && this.#old.size === 0
  }

  delete(id: string): void {
    this.#young.delete(id)
    this.#old.delete(id)
  }

  rotate(): void {
    this.#old = this.#young
    this.#young = new Map()
  }

  clear(): void {
    this.#young = new Map()
    this.#old = new Map()
  }
}
