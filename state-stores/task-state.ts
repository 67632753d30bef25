import type {
  Bytes,
  ChangelogPosition,
  Database,
  Row,
  StateMark,
  StoreChanges,
  TaskState,
  TaskStateOptions,
} from './contract.ts'
import { idOf } from './bytes.ts'
import { CommittedView } from './committed-view.ts'
import { createMemoryDatabase, memoryEngine } from './engines/memory.ts'
import { StateStoreError } from './errors.ts'
import { type Book, bookRow, mergePosition, PREFIX_LENGTH, prefixOf, readBook, recordStores } from './layout.ts'
import type { MergedRange } from './merged-range.ts'
import { OverlayChanges } from './overlay.ts'
import { ReadCache } from './read-cache.ts'
import { ExpirySweeper } from './expiry-sweeper.ts'
import { TaskStoreView, type ViewOwner } from './store-view.ts'
import { Sweeper } from './sweeper.ts'
import { UndoLog } from './undo-log.ts'

/**
 * Opens (creates) the state of one task. Errors: `ENGINE_UNAVAILABLE`, `STATE_OPEN_FAILED` (locked, no space, no
 * permission), `STATE_CORRUPTED`, `OPTIONS_INVALID` (a store named twice).
 */
export async function openTaskState(options: TaskStateOptions): Promise<DatabaseTaskState> {
  const names = new Set<string>()
  for (const { name } of options.stores) {
    if (name === '' || names.has(name)) {
      throw new StateStoreError('OPTIONS_INVALID', `the stores of ${options.location} need a name each, all different: '${name}'`)
    }
    names.add(name)
  }
  const engineOptions = options.memoryBytes === undefined ? {} : { memoryBytes: options.memoryBytes }
  const database = await options.engine.open(options.location, engineOptions)
  try {
    const book = readBook(database, options.location)
    await recordStores(database, book, options.stores)
    return new DatabaseTaskState(database, book, options)
  } catch (error) {
    await database.close()
    throw error
  }
}

/** As `openTaskState` over the memory engine, without a promise: for a test driver, which is synchronous. */
export function openMemoryTaskState(stores: TaskStateOptions['stores']): DatabaseTaskState {
  const database = createMemoryDatabase('')
  const book = readBook(database, '(memory)')
  void recordStores(database, book, stores)
  return new DatabaseTaskState(database, book, { engine: memoryEngine, location: '(memory)', stores })
}

/** A frozen generation on its way into the database. */
interface Apply {
  readonly overlays: readonly (TaskStoreView['frozen'])[]
  readonly rows: readonly Row[]
  readonly merged: ReadonlyMap<string, ChangelogPosition>
}

interface Expired {
  readonly view: TaskStoreView
  readonly ranges: readonly { readonly from: Bytes; readonly to: Bytes }[]
}

/** `TaskState` over a `Database`. */
export class DatabaseTaskState implements TaskState, ViewOwner {
  readonly database: Database
  readonly undo = new UndoLog()
  readonly #location: string
  readonly #book: Book
  readonly #views = new Map<string, TaskStoreView>()
  readonly #list: TaskStoreView[] = []
  readonly #logged = new Set<string>()
  readonly #cache: ReadCache
  readonly #ranges = new Set<MergedRange>()
  readonly #rebuilt = new Map<number, Map<string, ChangelogPosition>>()
  #turnEnds = false
  #frozen = false
  #applying = false
  /** Writes to the database happen one after the other, in the order they were asked for. */
  #tail: Promise<void> | undefined
  readonly #sweeper: Sweeper
  readonly #expiry: ExpirySweeper
  /** Asked for by the open generation, and by the frozen one. */
  #expiring: Expired[] = []
  #frozenExpiring: Expired[] = []
  #closing: Promise<void> | undefined

  constructor(database: Database, book: Book, options: TaskStateOptions) {
    this.database = database
    this.#location = options.location
    this.#book = book
    this.#cache = new ReadCache(options.readCacheBytes ?? 0)
    for (const spec of options.stores) {
      const view = new TaskStoreView(spec.name, book.stores.get(spec.name)!.prefix, this, this.#cache.store())
      this.#views.set(spec.name, view)
      this.#list.push(view)
      if (spec.logged) {
        this.#logged.add(spec.name)
      }
    }
    this.#sweeper = new Sweeper(database, book.garbage, (rows) => this.#write(rows))
    this.#sweeper.start()
    this.#expiry = new ExpirySweeper(database, (rows) => this.#write(rows))
  }

  get closed(): boolean {
    return this.#closing !== undefined
  }

  store(name: string): TaskStoreView {
    const view = this.#views.get(name)
    if (view === undefined) {
      const known = [...this.#views.keys()].join(', ') || 'none'
      throw new StateStoreError('STORE_UNKNOWN', `the task state ${this.#location} has no store '${name}'; it has: ${known}`)
    }
    return view
  }

  committed(name: string): CommittedView {
    const view = this.store(name)
    return new CommittedView(name, this.database, () => view.prefixNumber)
  }

  get uncommittedBytes(): number {
    let bytes = 0
    for (let i = 0; i < this.#list.length; i++) {
      bytes += this.#list[i]!.open.bytes
    }
    return bytes
  }

  get dirty(): boolean {
    for (let i = 0; i < this.#list.length; i++) {
      if (this.#list[i]!.open.size > 0) {
        return true
      }
    }
    return false
  }

  mark(): StateMark {
    this.#assertOpen()
    return this.undo.mark()
  }

  rollback(mark: StateMark): void {
    this.#assertOpen()
    this.undo.rollback(mark)
    this.#expireRanges()
  }

  release(mark: StateMark): void {
    this.undo.release(mark)
  }

  expire(store: string, ranges: Expired['ranges']): void {
    this.#assertOpen()
    this.#expiring.push({ view: this.store(store), ranges })
  }

  /** The changes of the logged stores that changed; unlogged ones are frozen and applied with them. */
  freeze(): readonly StoreChanges[] {
    this.#assertOpen()
    if (this.#frozen) {
      throw new StateStoreError(
        'STATE_FROZEN_TWICE',
        `${this.#location}: the last generation was frozen and neither applied nor dropped; there is room for one`,
      )
    }
    this.undo.clear()
    this.#expireRanges()
    this.#frozen = true
    this.#frozenExpiring.push(...this.#expiring)
    this.#expiring = []
    const changes: StoreChanges[] = []
    for (const view of this.#list) {
      const overlay = view.freeze()
      if (overlay.size > 0 && this.#logged.has(view.name)) {
        changes.push(new OverlayChanges(view.name, overlay, PREFIX_LENGTH))
      }
    }
    return changes
  }

  async applyFrozen(positions: ReadonlyMap<string, Partial<ChangelogPosition>>): Promise<void> {
    const apply = this.#beginApply(positions)
    try {
      await this.#write(apply.rows)
      this.#endApply(apply)
    } finally {
      this.#applying = false
    }
  }

  /** `applyFrozen` in this turn; for a test driver, over the memory engine only. `ENGINE_UNAVAILABLE` for another. */
  applyFrozenNow(positions: ReadonlyMap<string, Partial<ChangelogPosition>>): void {
    if (this.database.engine !== 'memory') {
      throw new StateStoreError('ENGINE_UNAVAILABLE', `${this.#location}: only the memory engine writes at once; use applyFrozen with ${this.database.engine}`)
    }
    const apply = this.#beginApply(positions)
    try {
      // Applied when the call returns; it can only fail for rows that are no bytes, which the views refuse.
      void this.database.write(apply.rows)
      this.#endApply(apply)
    } finally {
      this.#applying = false
    }
  }

  #beginApply(positions: ReadonlyMap<string, Partial<ChangelogPosition>>): Apply {
    this.#assertOpen()
    if (this.#applying) {
      throw new StateStoreError('STATE_FROZEN_TWICE', `${this.#location}: the frozen generation is being applied already; await the first call`)
    }
    this.#applying = true
    const overlays = this.#list.map((view) => view.frozen)
    const rows: Row[] = []
    for (const overlay of overlays) {
      if (overlay !== undefined) {
        for (const entry of overlay.entries()) {
          rows.push(entry)
        }
      }
    }
    const merged = new Map<string, ChangelogPosition>()
    try {
      for (const [changelog, change] of positions) {
        const position = mergePosition(this.#book.positions.get(changelog), change, changelog)
        if (position !== undefined) {
          merged.set(changelog, position)
          rows.push(bookRow(`position/${changelog}`, position))
        }
      }
    } catch (error) {
      this.#applying = false
      throw error
    }
    return { overlays, rows, merged }
  }

  /** The batch is written: overlay gone, cache and positions right, all at once, nothing else runs in between. */
  #endApply({ overlays, merged }: Apply): void {
    this.#expireRanges()
    for (const [changelog, position] of merged) {
      this.#book.positions.set(changelog, position)
    }
    for (let i = 0; i < overlays.length; i++) {
      const overlay = overlays[i]
      if (overlay !== undefined) {
        this.#list[i]!.applied(overlay)
      }
    }
    this.#frozen = this.#list.some((view) => view.frozen !== undefined)
    for (const { view, ranges } of this.#frozenExpiring) {
      this.#expiry.sweep(view, ranges)
    }
    this.#frozenExpiring = []
  }

  drop(): void {
    this.#assertOpen()
    this.undo.clear()
    this.#expireRanges()
    for (const view of this.#list) {
      view.drop()
    }
    this.#expiring = []
    this.#frozenExpiring = []
    this.#frozen = false
    this.#cache.clear()
  }

  async restore(
    store: string,
    rows: readonly Row[],
    changelog: string,
    position: ChangelogPosition,
    expired: Expired['ranges'] = [],
  ): Promise<void> {
    this.#assertOpen()
    const view = this.store(store)
    const rebuilding = view.rebuilding
    const prefix = prefixOf(rebuilding ?? view.prefixNumber)
    const batch: Row[] = new Array(rows.length)
    const ids: string[] = new Array(rows.length)
    for (let i = 0; i < rows.length; i++) {
      const { key, value } = rows[i]!
      ids[i] = idOf(key)
      batch[i] = { key: Buffer.concat([prefix, key]), value }
    }
    const now = mergePosition(undefined, position, changelog)!
    batch.push(bookRow(rebuilding === undefined ? `position/${changelog}` : `rebuilt/${rebuilding}/${changelog}`, now))
    await this.#write(batch)
    if (rebuilding === undefined) {
      this.#book.positions.set(changelog, now)
      view.restored(ids)
      this.#expiry.sweep(view, expired)
    } else {
      this.#rebuilt.get(rebuilding)?.set(changelog, now)
    }
  }

  /** While a store is rebuilt, the position of the rebuild once it has one. */
  position(changelog: string): ChangelogPosition | undefined {
    for (const positions of this.#rebuilt.values()) {
      const position = positions.get(changelog)
      if (position !== undefined) {
        return position
      }
    }
    return this.#book.positions.get(changelog)
  }

  async beginRebuild(store: string): Promise<void> {
    this.#assertOpen()
    const view = this.store(store)
    if (view.rebuilding !== undefined) {
      throw new StateStoreError('STORE_REBUILDING', `store ${store} is being rebuilt already`)
    }
    if (view.open.size > 0 || view.frozen !== undefined) {
      throw new StateStoreError('STORE_REBUILDING', `store ${store} has uncommitted writes; apply or drop them before a rebuild`)
    }
    const prefix = this.#book.nextPrefix++
    view.rebuilding = prefix
    try {
      await this.#write([
        bookRow('next-prefix', this.#book.nextPrefix),
        bookRow(`store/${store}`, { prefix: view.prefixNumber, layout: this.#layout(store), rebuilding: prefix }),
      ])
    } catch (error) {
      view.rebuilding = undefined
      throw error
    }
    this.#rebuilt.set(prefix, new Map())
  }

  async finishRebuild(store: string): Promise<void> {
    this.#assertOpen()
    const view = this.store(store)
    const prefix = view.rebuilding
    const positions = prefix === undefined ? undefined : this.#rebuilt.get(prefix)
    if (prefix === undefined || positions === undefined) {
      throw new StateStoreError('STORE_REBUILDING', `store ${store} is not being rebuilt; call beginRebuild first`)
    }
    const old = view.prefixNumber
    const rows = [bookRow(`store/${store}`, { prefix, layout: this.#layout(store) }), bookRow(`garbage/${old}`, true)]
    for (const [changelog, position] of positions) {
      rows.push(bookRow(`position/${changelog}`, position), bookRow(`rebuilt/${prefix}/${changelog}`, undefined))
    }
    await this.#write(rows)
    this.#expireRanges()
    for (const [changelog, position] of positions) {
      this.#book.positions.set(changelog, position)
    }
    this.#rebuilt.delete(prefix)
    this.#book.garbage.add(old)
    view.swap(prefix)
    this.#sweeper.start()
  }

  /** Resolves when replaced prefixes and expired rows are gone; rejects never: what is left goes the next time. */
  async swept(): Promise<void> {
    await this.#sweeper.done()
    await this.#expiry.done()
  }

  #layout(store: string): string | undefined {
    return this.#book.stores.get(store)?.layout
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#shut())
  }

  async #shut(): Promise<void> {
    this.#expireRanges()
    await this.#tail
    await this.#sweeper.stop()
    await this.#expiry.stop()
    await this.database.close()
  }

  rangeOpened(range: MergedRange): void {
    this.#ranges.add(range)
    if (!this.#turnEnds) {
      // The turn of an iterator ends at the first await: a turn counted by the event loop's phases would let a range
      // survive some awaits and not others.
      this.#turnEnds = true
      queueMicrotask(() => {
        this.#turnEnds = false
        this.#expireRanges()
      })
    }
  }

  rangeClosed(range: MergedRange): void {
    this.#ranges.delete(range)
  }

  #expireRanges(): void {
    for (const range of this.#ranges) {
      range.expire()
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) {
      throw new StateStoreError('STATE_CLOSED', `the task state ${this.#location} is closed`)
    }
  }

  #write(rows: readonly Row[]): Promise<void> {
    const write = this.#tail === undefined ? this.database.write(rows) : this.#tail.then(() => this.database.write(rows))
    const settled = write.then(ignore, ignore).then(() => {
      if (this.#tail === settled) {
        this.#tail = undefined
      }
    })
    this.#tail = settled
    return write
  }
}

function ignore(): void {}
