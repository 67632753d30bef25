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
import { CommittedView } from './committed-view.ts'
import { StateStoreError } from './errors.ts'
import { type Book, bookRow, mergePosition, PREFIX_LENGTH, prefixedRows } from './layout.ts'
import type { MergedRange } from './merged-range.ts'
import { OpenRanges } from './open-ranges.ts'
import { OverlayChanges } from './overlay.ts'
import { ReadCache } from './read-cache.ts'
import { Rebuilds } from './rebuilds.ts'
import { ExpirySweeper } from './expiry-sweeper.ts'
import { TaskStoreView, type ViewOwner } from './store-view.ts'
import { Sweeper } from './sweeper.ts'
import { UndoLog } from './undo-log.ts'
import { WriteQueue } from './write-queue.ts'

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
  readonly #ranges = new OpenRanges()
  #frozen = false
  #applying = false
  readonly #writes: WriteQueue
  readonly #rebuilds: Rebuilds
  readonly #sweeper: Sweeper
  readonly #expiry: ExpirySweeper
  /** Asked for by the open generation, and by the frozen one. */
  #expiring: Expired[] = []
  #frozenExpiring: Expired[] = []
  readonly #memory: TaskStateOptions['memory']
  #closing: Promise<void> | undefined

  constructor(database: Database, book: Book, options: TaskStateOptions) {
    this.database = database
    this.#location = options.location
    this.#book = book
    this.#memory = options.memory
    this.#cache = new ReadCache(options.readCacheBytes ?? 0)
    for (const spec of options.stores) {
      const view = new TaskStoreView(spec.name, book.stores.get(spec.name)!.prefix, this, this.#cache.store())
      this.#views.set(spec.name, view)
      this.#list.push(view)
      if (spec.logged) {
        this.#logged.add(spec.name)
      }
    }
    this.#writes = new WriteQueue(database)
    const write = (rows: readonly Row[]) => this.#writes.write(rows)
    this.#rebuilds = new Rebuilds(book, write)
    this.#sweeper = new Sweeper(database, book.garbage, write)
    this.#sweeper.start()
    this.#expiry = new ExpirySweeper(database, write)
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

  approximateBytes(): number {
    return this.closed ? 0 : this.database.approximateBytes()
  }

  memoryBytes(): number {
    return this.closed ? 0 : this.database.memoryBytes()
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
    return this.undo.mark(this.#ranges.opened)
  }

  rollback(mark: StateMark): void {
    this.#assertOpen()
    this.#ranges.expire(this.undo.rollback(mark))
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
    this.#ranges.expire()
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
      await this.#writes.write(apply.rows)
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
    this.#ranges.expire()
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
    this.#ranges.expire()
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
    const batch = prefixedRows(rows, rebuilding ?? view.prefixNumber)
    const now = mergePosition(undefined, position, changelog)!
    batch.push(bookRow(rebuilding === undefined ? `position/${changelog}` : `rebuilt/${rebuilding}/${changelog}`, now))
    await this.#writes.write(batch)
    if (rebuilding === undefined) {
      this.#book.positions.set(changelog, now)
      view.restored(rows)
      this.#expiry.sweep(view, expired)
    } else {
      this.#rebuilds.advanced(rebuilding, changelog, now)
    }
  }

  /** While a store is rebuilt, the position of the rebuild once it has one. */
  position(changelog: string): ChangelogPosition | undefined {
    return this.#rebuilds.position(changelog) ?? this.#book.positions.get(changelog)
  }

  /** Of the rows that are in use, by changelog. */
  get positions(): ReadonlyMap<string, ChangelogPosition> {
    return this.#book.positions
  }

  async checkpoint(folder: string): Promise<ReadonlyMap<string, ChangelogPosition>> {
    this.#assertOpen()
    // Before: the positions of a batch are in the book one turn after they are in the database.
    const positions = new Map(this.positions)
    await this.database.checkpoint(folder)
    return positions
  }

  async beginRebuild(store: string): Promise<void> {
    this.#assertOpen()
    await this.#rebuilds.begin(this.store(store))
  }

  async finishRebuild(store: string): Promise<void> {
    this.#assertOpen()
    await this.#rebuilds.finish(this.store(store), () => {
      this.#ranges.expire()
      this.#sweeper.start()
    })
  }

  /** Resolves when replaced prefixes and expired rows are gone; rejects never: what is left goes the next time. */
  async swept(): Promise<void> {
    await this.#sweeper.done()
    await this.#expiry.done()
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#shut())
  }

  async #shut(): Promise<void> {
    this.#ranges.expire()
    await this.#writes.done()
    await this.#sweeper.stop()
    await this.#expiry.stop()
    try {
      await this.database.close()
    } finally {
      this.#memory?.release()
    }
  }

  rangeOpened(range: MergedRange): void {
    this.#ranges.add(range)
  }

  rangeClosed(range: MergedRange): void {
    this.#ranges.delete(range)
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) {
      throw new StateStoreError('STATE_CLOSED', `the task state ${this.#location} is closed`)
    }
  }
}
