import type { Bytes, Database, RangeOptions, Row, StoreView } from './contract.ts'
import { copyInto, copyOf, idOf } from './bytes.ts'
import { StateStoreError } from './errors.ts'
import { PREFIX_LENGTH, prefixOf } from './layout.ts'
import { MergedRange, type RangeOwner } from './merged-range.ts'
import { Overlay } from './overlay.ts'
import type { StoreCache } from './read-cache.ts'
import { SortedCursor } from './sorted-entries.ts'
import type { UndoLog } from './undo-log.ts'

/** Rows up to which `approximateEntries` counts instead of guessing. */
const COUNTED_ROWS = 1000
const LONGEST_SCRATCH_KEY = 1024

/** What the views of a task share. */
export interface ViewOwner extends RangeOwner {
  readonly database: Database
  readonly undo: UndoLog
  readonly closed: boolean
}

/**
 * One store of a task. The lookup order is the whole idea: what this generation wrote, what the generation that is being
 * committed wrote, what was read lately, the database.
 */
export class TaskStoreView implements StoreView {
  readonly name: string
  readonly #owner: ViewOwner
  readonly #cache: StoreCache
  #prefix: Bytes
  /** Prefix and key of the last look-up or write; the engine reads it before the call returns. */
  #scratch: Buffer
  /** The key in `#scratch` as an id: most writes are of the key that was read just before. */
  #lastId = ''
  #lastLength = -1
  open = new Overlay()
  frozen: Overlay | undefined
  /** Set while a rebuild restores the store under another prefix. */
  rebuilding: number | undefined
  prefixNumber: number

  constructor(name: string, prefixNumber: number, owner: ViewOwner, cache: StoreCache) {
    this.name = name
    this.#owner = owner
    this.#cache = cache
    this.prefixNumber = prefixNumber
    this.#prefix = prefixOf(prefixNumber)
    this.#scratch = this.#newScratch()
  }

  get(key: Bytes): Bytes | undefined {
    if (!(key instanceof Uint8Array)) {
      throw invalidKey(this.name, key)
    }
    const owner = this.#owner
    if (owner.closed) {
      throw new StateStoreError('STATE_CLOSED', `store ${this.name} is closed`)
    }
    const id = this.#idOf(key)
    let entry = this.open.get(id)
    if (entry === undefined && this.frozen !== undefined) {
      entry = this.frozen.get(id)
    }
    if (entry !== undefined) {
      return entry.value === null ? undefined : copyOf(entry.value)
    }
    const cached = this.#cache.get(id)
    if (cached !== undefined) {
      return cached === null ? undefined : copyOf(cached)
    }
    const value = owner.database.get(this.#rowKey(key))
    this.#cache.set(id, value === undefined ? null : value)
    return value
  }

  put(key: Bytes, value: Bytes | null, timestamp: number): void {
    if (!(key instanceof Uint8Array)) {
      throw invalidKey(this.name, key)
    }
    if (value !== null && !(value instanceof Uint8Array)) {
      throw new StateStoreError('VALUE_INVALID', `store ${this.name}: a value must be a Uint8Array, or null to delete; serialize it first`)
    }
    const owner = this.#owner
    if (owner.closed) {
      throw new StateStoreError('STATE_CLOSED', `store ${this.name} is closed`)
    }
    if (this.rebuilding !== undefined) {
      throw new StateStoreError(
        'STORE_REBUILDING',
        `store ${this.name} is being rebuilt from its changelog; writes are possible once the rebuild is finished`,
      )
    }
    const id = this.#idOf(key)
    const old = this.open.put(id, this.#prefix, key, value, timestamp)
    if (owner.undo.active) {
      owner.undo.record(this.open, id, old)
    }
  }

  range(options: RangeOptions): IterableIterator<readonly [Bytes, Bytes]> {
    const owner = this.#owner
    const { from, to } = options
    if ((from !== undefined && !(from instanceof Uint8Array)) || (to !== undefined && !(to instanceof Uint8Array))) {
      throw invalidKey(this.name, from instanceof Uint8Array ? to : from)
    }
    const reverse = options.reverse === true
    const lower = from === undefined ? undefined : idOf(from)
    const upper = to === undefined ? undefined : idOf(to)
    const rows = owner.database.range({
      from: from === undefined ? this.#prefix : Buffer.concat([this.#prefix, from]),
      to: to === undefined ? prefixOf(this.prefixNumber + 1) : Buffer.concat([this.#prefix, to]),
      reverse,
    })
    return new MergedRange(
      this.name,
      owner,
      this.open.size === 0 ? undefined : new SortedCursor(this.open.snapshot(), lower, upper, reverse),
      this.frozen === undefined || this.frozen.size === 0
        ? undefined
        : new SortedCursor(this.frozen.snapshot(), lower, upper, reverse),
      rows,
      reverse,
    )
  }

  /** Exact up to 1,000; above it the engine's guess for the database, but never less than was counted. */
  approximateEntries(): number {
    let counted = 0
    const rows = this.range({})
    for (;;) {
      if (rows.next().done === true) {
        return counted
      }
      if (++counted === COUNTED_ROWS) {
        rows.return?.()
        return Math.max(COUNTED_ROWS, this.#owner.database.approximateEntries())
      }
    }
  }

  /** Loads keys that will be looked up soon into the read cache in one call of the engine. */
  prefetch(keys: readonly Bytes[]): void {
    const wanted: Bytes[] = []
    const ids: string[] = []
    for (let i = 0; i < keys.length; i++) {
      const id = idOf(keys[i]!)
      if (this.open.get(id) === undefined && this.frozen?.get(id) === undefined && this.#cache.get(id) === undefined) {
        ids.push(id)
        wanted.push(Buffer.concat([this.#prefix, keys[i]!]))
      }
    }
    const values = this.#owner.database.getMany(wanted)
    for (let i = 0; i < ids.length; i++) {
      this.#cache.set(ids[i]!, values[i] ?? null)
    }
  }

  freeze(): Overlay {
    const overlay = this.open
    this.frozen = overlay
    this.open = new Overlay()
    return overlay
  }

  drop(): void {
    this.open = new Overlay()
    this.frozen = undefined
  }

  /** The frozen overlay is in the database: the cache learns it in the same turn (rule C11). */
  applied(overlay: Overlay): void {
    for (const entry of overlay.entries()) {
      this.#cache.set(entry.id, entry.value)
    }
    if (this.frozen === overlay) {
      this.frozen = undefined
    }
  }

  /** Rows were written past the overlays. */
  restored(rows: readonly Row[]): void {
    // Usually nothing was read while the store is restored; the ids would cost as much as the rows.
    if (!this.#cache.empty) {
      for (const { key } of rows) {
        this.#cache.delete(idOf(key))
      }
    }
  }

  /** The rebuilt rows take the place of the old ones. */
  swap(prefixNumber: number): void {
    this.prefixNumber = prefixNumber
    this.#prefix = prefixOf(prefixNumber)
    this.#scratch = this.#newScratch()
    this.#cache.clear()
    this.rebuilding = undefined
  }

  #newScratch(): Buffer {
    const scratch = Buffer.alloc(PREFIX_LENGTH + LONGEST_SCRATCH_KEY)
    scratch.set(this.#prefix)
    this.#lastLength = -1
    return scratch
  }

  /** `idOf(key)`, remembered by content: the caller's bytes may be a buffer that is used again. */
  #idOf(key: Bytes): string {
    const { length } = key
    const scratch = this.#scratch
    if (length === this.#lastLength) {
      let same = 0
      while (same < length && scratch[PREFIX_LENGTH + same] === key[same]) {
        same++
      }
      if (same === length) {
        return this.#lastId
      }
    }
    if (length > LONGEST_SCRATCH_KEY) {
      return idOf(key)
    }
    copyInto(scratch, key, PREFIX_LENGTH)
    this.#lastLength = length
    return (this.#lastId = idOf(key))
  }

  /** Of the key whose id was asked for last. */
  #rowKey(key: Bytes): Bytes {
    return key.length > LONGEST_SCRATCH_KEY ? Buffer.concat([this.#prefix, key]) : this.#scratch.subarray(0, PREFIX_LENGTH + key.length)
  }
}

function invalidKey(store: string, key: unknown): StateStoreError {
  return new StateStoreError(
    'KEY_INVALID',
    `store ${store}: a key must be a Uint8Array, not ${key === null ? 'null' : typeof key}; serialize it first`,
  )
}
