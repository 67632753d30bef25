import { mkdir } from 'node:fs/promises'
import type { Bytes, Database, EngineName, RangeOptions, Row } from '../contract.ts'
import { compareBytes } from '../bytes.ts'
import { StateStoreError } from '../errors.ts'

/** Rows of a range as a driver hands them out: pulled one by one, closed exactly once. */
export interface DriverCursor {
  /** The next row in order, undefined at the end. The bytes are the caller's. */
  next(): readonly [Bytes, Bytes] | undefined
  /** Frees what the engine holds; may be called at any time. */
  close(): void
}

/**
 * The half of a `Database` that is the same for all engines: checking arguments, the closed state, error codes, and the
 * iterators that are still open when the database closes. A driver implements the methods with an underscore, which see
 * only valid arguments of an open database.
 */
export abstract class BaseDatabase implements Database {
  abstract readonly engine: EngineName
  readonly location: string
  #closed: Promise<void> | undefined
  #writes = 0
  /** Called when no write is under way any more. */
  #idle: (() => void)[] = []
  /** The copies that were asked for, one after the other; never rejects. */
  #copies: Promise<void> = Promise.resolve()
  readonly #open = new Set<DatabaseIterator>()

  constructor(location: string) {
    this.location = location
  }

  get(key: Bytes): Bytes | undefined {
    if (this.#closed !== undefined) {
      throw this.#closedError()
    }
    if (!(key instanceof Uint8Array)) {
      throw invalidKey(key)
    }
    try {
      return this._get(key)
    } catch (error) {
      throw this.#readError(error)
    }
  }

  getMany(keys: readonly Bytes[]): (Bytes | undefined)[] {
    this.#assertOpen()
    for (let i = 0; i < keys.length; i++) {
      if (!(keys[i] instanceof Uint8Array)) {
        throw invalidKey(keys[i])
      }
    }
    try {
      return keys.length === 0 ? [] : this._getMany(keys)
    } catch (error) {
      throw this.#readError(error)
    }
  }

  range(options: RangeOptions): IterableIterator<readonly [Bytes, Bytes]> {
    this.#assertOpen()
    const { from, to } = options
    if (from !== undefined && !(from instanceof Uint8Array)) {
      throw invalidKey(from)
    }
    if (to !== undefined && !(to instanceof Uint8Array)) {
      throw invalidKey(to)
    }
    let cursor = EMPTY
    // Inverted bounds are an empty range; a driver need not think about what its engine makes of them.
    if (from === undefined || to === undefined || compareBytes(from, to) < 0) {
      try {
        cursor = this._range(from, to, options.reverse === true)
      } catch (error) {
        throw this.#readError(error)
      }
    }
    const iterator = new DatabaseIterator(cursor, this.#open, this.location)
    this.#open.add(iterator)
    return iterator
  }

  async write(rows: readonly Row[]): Promise<void> {
    this.#assertOpen()
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!
      if (!(row.key instanceof Uint8Array)) {
        throw invalidKey(row.key)
      }
      if (row.value !== null && !(row.value instanceof Uint8Array)) {
        throw new StateStoreError('VALUE_INVALID', 'a row\'s value must be a Uint8Array, or null to delete; serialize it first')
      }
    }
    if (rows.length === 0) {
      return
    }
    this.#writes++
    try {
      await this._write(rows)
    } catch (error) {
      throw new StateStoreError(
        'STATE_WRITE_FAILED',
        `writing ${rows.length} rows to ${this.location} failed and changed nothing: ${reason(error)}. Check free space and permissions of the folder`,
        { cause: error },
      )
    } finally {
      this.#writes--
      if (this.#writes === 0) {
        for (const idle of this.#idle.splice(0)) {
          idle()
        }
      }
    }
  }

  async checkpoint(folder: string): Promise<void> {
    this.#assertOpen()
    const copy = this.#copies.then(() => this.#copy(folder))
    this.#copies = copy.catch(() => {})
    await copy
  }

  async #copy(folder: string): Promise<void> {
    this.#assertOpen()
    try {
      await mkdir(folder, { recursive: true })
      await this._checkpoint(folder, (take) => this.#betweenWrites(take))
    } catch (error) {
      throw new StateStoreError('SNAPSHOT_FAILED', `${this.location} could not be copied to ${folder}: ${reason(error)}. Check free space and permissions`, { cause: error })
    }
  }

  async #betweenWrites<T>(take: () => T): Promise<T> {
    while (this.#writes > 0) {
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    }
    return take()
  }

  approximateBytes(): number {
    this.#assertOpen()
    return this._approximateBytes()
  }

  get openIterators(): number {
    return this.#open.size
  }

  memoryBytes(): number {
    this.#assertOpen()
    return this._memoryBytes()
  }

  approximateEntries(): number {
    this.#assertOpen()
    return this._approximateEntries()
  }

  /** Waits for writes and copies that are under way, then frees everything; a second call waits for the first. */
  close(): Promise<void> {
    return (this.#closed ??= this.#shut())
  }

  async #shut(): Promise<void> {
    for (const iterator of this.#open) {
      iterator.abandon()
    }
    await this.#betweenWrites(() => {})
    await this.#copies
    await this._close()
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) {
      throw this.#closedError()
    }
  }

  #closedError(): StateStoreError {
    return new StateStoreError('STATE_CLOSED', `the database ${this.location} is closed`)
  }

  #readError(error: unknown): StateStoreError {
    if (error instanceof StateStoreError) {
      return error
    }
    const corrupted = (error as { code?: unknown } | null)?.code === 'LEVEL_CORRUPTION'
    return new StateStoreError(
      corrupted ? 'STATE_CORRUPTED' : 'STATE_READ_FAILED',
      `reading ${this.location} failed: ${reason(error)}.${corrupted ? ' Delete the folder: the state is restored from its changelog' : ''}`,
      { cause: error },
    )
  }

  protected abstract _get(key: Bytes): Bytes | undefined
  protected abstract _getMany(keys: readonly Bytes[]): (Bytes | undefined)[]
  /** `from` < `to` if both are given. The cursor sees the database as of this call. */
  protected abstract _range(from: Bytes | undefined, to: Bytes | undefined, reverse: boolean): DriverCursor
  /** All rows, in order (the last of a key wins), or none. */
  protected abstract _write(rows: readonly Row[]): Promise<void>
  /** Into a folder that is there and empty; `betweenWrites` runs its argument when no write is under way. */
  protected abstract _checkpoint(folder: string, betweenWrites: <T>(take: () => T) => Promise<T>): Promise<void>
  protected abstract _approximateBytes(): number
  protected abstract _memoryBytes(): number
  protected abstract _approximateEntries(): number
  protected abstract _close(): Promise<void>
}

const EMPTY: DriverCursor = {
  next() {
    return undefined
  },
  close() {},
}

class DatabaseIterator implements IterableIterator<readonly [Bytes, Bytes]> {
  #cursor: DriverCursor | undefined
  readonly #open: Set<DatabaseIterator>
  readonly #location: string
  #abandoned = false

  constructor(cursor: DriverCursor, open: Set<DatabaseIterator>, location: string) {
    this.#cursor = cursor
    this.#open = open
    this.#location = location
  }

  next(): IteratorResult<readonly [Bytes, Bytes], undefined> {
    const cursor = this.#cursor
    if (cursor === undefined) {
      if (this.#abandoned) {
        throw new StateStoreError('STATE_CLOSED', `the database ${this.#location} was closed while it was iterated`)
      }
      return { done: true, value: undefined }
    }
    let row: readonly [Bytes, Bytes] | undefined
    try {
      row = cursor.next()
    } catch (error) {
      this.#release()
      throw error instanceof StateStoreError
        ? error
        : new StateStoreError('STATE_READ_FAILED', `iterating ${this.#location} failed: ${reason(error)}`, { cause: error })
    }
    if (row === undefined) {
      this.#release()
      return { done: true, value: undefined }
    }
    return { done: false, value: row }
  }

  return(): IteratorResult<readonly [Bytes, Bytes], undefined> {
    this.#release()
    return { done: true, value: undefined }
  }

  /** The database closes under it. */
  abandon(): void {
    this.#abandoned = this.#cursor !== undefined
    this.#release()
  }

  [Symbol.iterator](): this {
    return this
  }

  #release(): void {
    const cursor = this.#cursor
    if (cursor !== undefined) {
      this.#cursor = undefined
      this.#open.delete(this)
      cursor.close()
    }
  }
}

function invalidKey(key: unknown): StateStoreError {
  return new StateStoreError('KEY_INVALID', `a key must be a Uint8Array, not ${key === null ? 'null' : typeof key}; serialize it first`)
}

/** What went wrong, with the reason below it if the binding wrapped one. */
export function reason(error: unknown): string {
  const outer = error instanceof Error ? error : undefined
  const inner = outer?.cause instanceof Error ? `: ${outer.cause.message}` : ''
  return outer === undefined ? String(error) : outer.message + inner
}

/** The error of an engine whose native package cannot be loaded on this machine. */
export function unavailable(engine: EngineName, packageName: string, error: unknown): StateStoreError {
  return new StateStoreError(
    'ENGINE_UNAVAILABLE',
    `the state engine '${engine}' needs the package ${packageName}, which cannot be loaded on ${process.platform}-${process.arch}: ${reason(error)}. ` +
      `Run 'npm install ${packageName}', or choose another engine (leveldb has the most prebuilt platforms, memory needs none)`,
    { cause: error },
  )
}

/** The error of a database that does not open. */
export function openFailed(engine: EngineName, location: string, error: unknown): StateStoreError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = (cause as { code?: unknown } | null)?.code
  const fix =
    code === 'LEVEL_LOCKED'
      ? 'Another process or thread has it open: give each its own state directory'
      : code === 'LEVEL_CORRUPTION'
        ? 'Delete the folder: the state is restored from its changelog'
        : 'Check that the folder exists, may be written and has free space'
  return new StateStoreError(
    code === 'LEVEL_CORRUPTION' ? 'STATE_CORRUPTED' : 'STATE_OPEN_FAILED',
    `the ${engine} database ${location} cannot be opened: ${reason(error)}. ${fix}`,
    { cause: error },
  )
}
