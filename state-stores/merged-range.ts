import type { Bytes } from './contract.ts'
import { copyOf, idOf } from './bytes.ts'
import { StateStoreError } from './errors.ts'
import { PREFIX_LENGTH } from './layout.ts'
import type { OverlayEntry } from './overlay.ts'
import type { SortedCursor } from './sorted-entries.ts'

/** Ends ranges when their turn does, or when what they look at changes hands. */
export interface RangeOwner {
  rangeOpened(range: MergedRange): void
  rangeClosed(range: MergedRange): void
}

/**
 * One range over a store: open overlay over frozen overlay over database, tombstones left out. All three are snapshots
 * of the moment it was made, so writing and deleting while iterating neither skips nor repeats a key (rule C12).
 */
export class MergedRange implements IterableIterator<readonly [Bytes, Bytes]> {
  readonly #store: string
  readonly #owner: RangeOwner
  readonly #open: SortedCursor<OverlayEntry> | undefined
  readonly #frozen: SortedCursor<OverlayEntry> | undefined
  readonly #rows: IterableIterator<readonly [Bytes, Bytes]>
  readonly #reverse: boolean
  #row: readonly [Bytes, Bytes] | undefined
  #rowId = ''
  #state: 'live' | 'done' | 'expired' = 'live'

  constructor(
    store: string,
    owner: RangeOwner,
    open: SortedCursor<OverlayEntry> | undefined,
    frozen: SortedCursor<OverlayEntry> | undefined,
    rows: IterableIterator<readonly [Bytes, Bytes]>,
    reverse: boolean,
  ) {
    this.#store = store
    this.#owner = owner
    this.#open = open
    this.#frozen = frozen
    this.#rows = rows
    this.#reverse = reverse
    owner.rangeOpened(this)
    this.#advanceRow()
  }

  next(): IteratorResult<readonly [Bytes, Bytes], undefined> {
    if (this.#state === 'expired') {
      throw new StateStoreError(
        'ITERATOR_EXPIRED',
        `an iterator of store ${this.#store} was used after its turn, or after a freeze, a drop or a rollback to before it; collect what you need before awaiting`,
      )
    }
    while (this.#state === 'live') {
      const open = this.#open?.current
      const frozen = this.#frozen?.current
      const row = this.#row
      let id: string | undefined
      if (open !== undefined) {
        id = open.id
      }
      if (frozen !== undefined && (id === undefined || this.#before(frozen.id, id))) {
        id = frozen.id
      }
      if (row !== undefined && (id === undefined || this.#before(this.#rowId, id))) {
        id = this.#rowId
      }
      if (id === undefined) {
        this.#end('done')
        break
      }
      // The newest layer that has the key decides; the others step over it.
      let entry: OverlayEntry | undefined
      if (frozen !== undefined && frozen.id === id) {
        entry = frozen
        this.#frozen!.advance()
      }
      if (open !== undefined && open.id === id) {
        entry = open
        this.#open!.advance()
      }
      if (row !== undefined && this.#rowId === id) {
        this.#advanceRow()
        if (entry === undefined) {
          return { done: false, value: [row[0].subarray(PREFIX_LENGTH), row[1]] }
        }
      }
      if (entry !== undefined && entry.value !== null) {
        return { done: false, value: [copyOf(entry.key.subarray(PREFIX_LENGTH)), copyOf(entry.value)] }
      }
    }
    return { done: true, value: undefined }
  }

  return(): IteratorResult<readonly [Bytes, Bytes], undefined> {
    if (this.#state === 'live') {
      this.#end('done')
    }
    return { done: true, value: undefined }
  }

  /** Called by the owner. */
  expire(): void {
    if (this.#state === 'live') {
      this.#end('expired')
    }
  }

  [Symbol.iterator](): this {
    return this
  }

  #before(a: string, b: string): boolean {
    return this.#reverse ? a > b : a < b
  }

  #advanceRow(): void {
    const next = this.#rows.next()
    if (next.done === true) {
      this.#row = undefined
    } else {
      this.#row = next.value
      this.#rowId = idOf(next.value[0].subarray(PREFIX_LENGTH))
    }
  }

  #end(state: 'done' | 'expired'): void {
    this.#state = state
    this.#row = undefined
    this.#rows.return?.()
    this.#owner.rangeClosed(this)
  }
}
