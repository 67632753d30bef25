/**
 * The contract between the stream engine and local state.
 *
 * Three layers, each behind the next:
 * 1. `StorageEngine` / `Database`: an ordered byte map on disk (RocksDB, LevelDB) or in memory. Only committed data
 *    ever reaches it, in one atomic batch per transaction together with the changelog offsets that made it.
 * 2. `TaskState`: one database per task; every store is a key prefix in it. Uncommitted writes live in an overlay,
 *    the generation that is being committed in a frozen overlay, so that a crash or an abort never touches the disk.
 * 3. typed stores (`KeyValueStore`, `WindowStore` …), which see `StoreView`s of a `TaskState`.
 *
 * Everything on the record path is synchronous: a processor may not await.
 */

import type { MemoryShare } from './memory-budget.ts'

export type Bytes = Uint8Array

export type EngineName = 'rocksdb' | 'leveldb' | 'memory'

export interface EngineOptions {
  /** Upper bound of the memory this database may take for caches and write buffers, in bytes. */
  readonly memoryBytes?: number
  /**
   * Folder with a copy that `Database.checkpoint` of this engine wrote: the new database begins as that. There must be none
   * in `location` yet. Engines that keep files take the folder over, in one step.
   */
  readonly checkpoint?: string
}

/** A storage engine opens databases. Drivers are stateless; every method of a closed database throws. */
export interface StorageEngine {
  readonly name: EngineName
  /** Opens (creates) the database in the folder `location`, which nobody else has open. */
  open(location: string, options?: EngineOptions): Promise<Database>
}

/** One row of an atomic batch; `value === null` deletes. */
export interface Row {
  readonly key: Bytes
  readonly value: Bytes | null
}

export interface RangeOptions {
  /** Inclusive lower bound; absent: from the first key. */
  readonly from?: Bytes
  /** Exclusive upper bound; absent: to the last key. */
  readonly to?: Bytes
  readonly reverse?: boolean
}

/** Ordered (unsigned bytes) map. Returned bytes are the caller's own: no view of an engine's buffer that may change. */
export interface Database {
  readonly engine: EngineName
  get(key: Bytes): Bytes | undefined
  getMany(keys: readonly Bytes[]): (Bytes | undefined)[]
  /** Synchronous, lazily read, in key order; the iterator must be exhausted, returned or the database closed. */
  range(options: RangeOptions): IterableIterator<readonly [Bytes, Bytes]>
  /**
   * Applies all rows or none; durable against a crash of the process (not of the machine: the changelog is). Resolves
   * when later `get`s see it; rejects with `STATE_WRITE_FAILED` (the disk is full …) and has then changed nothing.
   */
  write(rows: readonly Row[]): Promise<void>
  /**
   * Writes a copy of the database as it is at one moment between two writes into the folder `folder`, which is made; reads
   * and writes go on meanwhile. The folder must be on the database's file system. `SNAPSHOT_FAILED` if it cannot be written.
   */
  checkpoint(folder: string): Promise<void>
  approximateBytes(): number
  /** What the engine holds in memory now, as far as it says: write buffers, block cache, indexes and filters. */
  memoryBytes(): number
  /** Ranges that are neither exhausted nor returned; each holds back what the engine would let go. */
  readonly openIterators: number
  /** The engine's own guess of its live rows, over all stores; overwritten rows may count twice until compaction. */
  approximateEntries(): number
  close(): Promise<void>
}

/** How far one changelog partition has been applied; stored in the same batch as the rows it made (rule A3). */
export interface ChangelogPosition {
  /** Next offset to read. */
  readonly offset: number
  /** Kafka topic id (UUID) of the changelog: a recreated topic has another one. */
  readonly topicId: string
  /** Leader epoch of the last applied record, -1 unknown. */
  readonly leaderEpoch: number
  /** Wall clock (ms) at which the copy last had all that its changelog had; one that is older than the tombstones must not be used. */
  readonly appliedAt: number
}

/** What an uncommitted generation changed in one store: last value per key, in first-write order. */
export interface StoreChanges {
  readonly store: string
  readonly size: number
  /** `value === null` is a tombstone. `timestamp` is the changelog record's timestamp. */
  entries(): IterableIterator<{ readonly key: Bytes; readonly value: Bytes | null; readonly timestamp: number }>
}

/** A point to which uncommitted work of a task can be taken back (rule B1). Opaque. */
export type StateMark = { readonly __stateMark: unique symbol }

/** Byte view of one store of a task: overlay → frozen overlay → read cache → database. */
export interface StoreView {
  readonly name: string
  get(key: Bytes): Bytes | undefined
  /** `timestamp` (ms) becomes the changelog record's timestamp. `null` deletes and is logged as a tombstone. */
  put(key: Bytes, value: Bytes | null, timestamp: number): void
  /** As the store was when called; use after the turn in which it was opened throws `ITERATOR_EXPIRED` (rule C12). */
  range(options: RangeOptions): IterableIterator<readonly [Bytes, Bytes]>
  approximateEntries(): number
}

/** All local state of one task: one database, many stores, two overlays. */
export interface TaskState {
  store(name: string): StoreView
  /** The store as the database has it, without any overlay, to read only; its ranges are not bound to a turn (rule C12). */
  committed(name: string): StoreView
  /** Bytes held by the open overlay; the engine commits early above `uncommitted.max.bytes`. */
  readonly uncommittedBytes: number
  /** What the database takes on disk and in its write buffers, as its engine says. */
  approximateBytes(): number
  /** What its database holds in memory, see `Database.memoryBytes`; the read cache is not in it. 0 when closed. */
  memoryBytes(): number
  /** True when the open generation wrote anything. */
  readonly dirty: boolean
  mark(): StateMark
  rollback(mark: StateMark): void
  /**
   * The open generation makes these rows of a store unreadable (their time has expired, see `Expiring`). Once it has been
   * applied they are deleted from the database, a few at a time and unlogged: the changelog forgets by its own retention.
   */
  expire(store: string, ranges: readonly { readonly from: Bytes; readonly to: Bytes }[]): void
  /** Forgets the undo log of a mark that is no longer needed. */
  release(mark: StateMark): void
  /** Closes the open generation: its overlay is frozen and a new one opened. At most one frozen overlay exists. */
  freeze(): readonly StoreChanges[]
  /**
   * Step 5 of the commit: writes the frozen overlay and the positions (by changelog topic-partition key) in one batch,
   * then drops it. If the write fails nothing is dropped and the error is `STATE_WRITE_FAILED`.
   */
  applyFrozen(positions: ReadonlyMap<string, Partial<ChangelogPosition>>): Promise<void>
  /** Throws away both overlays and the read cache: the state is what the database holds. */
  drop(): void
  /** Writes restored changelog records (last value wins in the batch) and their position, past the overlays. */
  restore(
    store: string,
    rows: readonly Row[],
    changelog: string,
    position: ChangelogPosition,
    /** Rows that have expired; deleted as by `expire`. */
    expired?: readonly { readonly from: Bytes; readonly to: Bytes }[],
  ): Promise<void>
  position(changelog: string): ChangelogPosition | undefined
  /**
   * Copies the database, with all that is committed and nothing else, into `folder` (`Database.checkpoint`). Resolves with
   * positions the copy has reached; it may be further, as its own book says when it is opened.
   */
  checkpoint(folder: string): Promise<ReadonlyMap<string, ChangelogPosition>>
  /** Starts to rebuild one store under a new prefix; its old rows are deleted once `finishRebuild` has swapped it in. */
  beginRebuild(store: string): Promise<void>
  finishRebuild(store: string): Promise<void>
  close(): Promise<void>
}

export type StoreKind = 'key-value' | 'window' | 'session' | 'versioned' | 'buffer'

export interface StoreSpec {
  readonly name: string
  readonly kind: StoreKind
  /** false: nothing is written to a changelog and nothing restored. */
  readonly logged: boolean
  /**
   * What must be equal for rows on disk to be read by this version. When it is not, the store begins empty, without a
   * position, and its changelog fills it again. Absent for key-value stores: their rows are as they always were.
   */
  readonly layout?: string
  /** Topic whose positions (`<changelog>-<partition>`) go with the rows of a store whose layout has changed. */
  readonly changelog?: string
}

export interface TaskStateOptions {
  readonly engine: StorageEngine
  /** Folder of this task's database. Ignored by the memory engine. */
  readonly location: string
  readonly stores: readonly StoreSpec[]
  /** Entries the read cache may hold over all stores of the task, in bytes; 0 turns it off. */
  readonly readCacheBytes?: number
  /** What the state may take in memory, given back when it is closed; read cache included. Absent: the engine's default. */
  readonly memory?: MemoryShare
  /** Folder with a copy of a state (`TaskState.checkpoint`) to begin with; see `EngineOptions`. */
  readonly checkpoint?: string
}
