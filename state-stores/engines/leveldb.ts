import type { ClassicLevel } from 'classic-level'
import { join } from 'node:path'
import type { Bytes, Database, EngineOptions, Row, StorageEngine } from '../contract.ts'
import { copyOf } from '../bytes.ts'
import { BaseDatabase, type DriverCursor, openFailed, unavailable } from './base.ts'
import { adoptCopy, copyOpenDatabase, type DatabaseFiles } from './checkpoint.ts'
import { RangeReader } from './leveldb-range-reader.ts'

const PACKAGE = 'classic-level'
const MEGABYTE = 1024 * 1024
/** Rows of the first and of later chunks: waking the reader costs about as much as reading a hundred rows. */
const FIRST_ROWS = 64
const MORE_ROWS = 1024

/** kTableMagicNumber, little-endian. */
const FILES: DatabaseFiles = { table: /^\d+\.(ldb|sst)$/, magic: Buffer.from('57fb808b247547db', 'hex'), log: /^\d+\.log$/ }

type Level = ClassicLevel<Bytes, Bytes>

/** Runs wherever Node runs. Writes happen off the thread; ranges cost a thread hop (docs/decisions/0002). */
export const leveldbEngine: StorageEngine = {
  name: 'leveldb',
  async open(location: string, options: EngineOptions = {}): Promise<Database> {
    let make: typeof ClassicLevel
    try {
      make = (await import(PACKAGE)).ClassicLevel
    } catch (error) {
      throw unavailable('leveldb', PACKAGE, error)
    }
    if (options.checkpoint !== undefined) {
      try {
        await adoptCopy(options.checkpoint, location)
      } catch (error) {
        throw openFailed('leveldb', location, error)
      }
    }
    const memory = options.memoryBytes ?? 24 * MEGABYTE
    const level: Level = new make(location, {
      keyEncoding: 'view',
      valueEncoding: 'view',
      compression: false,
      // Two write buffers may be alive at once.
      writeBufferSize: Math.min(32 * MEGABYTE, Math.max(MEGABYTE, Math.floor(memory / 4))),
      cacheSize: Math.min(64 * MEGABYTE, Math.max(MEGABYTE, Math.floor(memory / 2))),
      // The reader thread shares the handle.
      multithreading: true,
    })
    // A handle that is shared with the reader would be shared with anybody in this process who opens the same folder;
    // two stream threads on one task must fail instead. So the folder is held by a lock of its own.
    const lock: Level = new make(join(location, '.lock'))
    try {
      await lock.open()
      const reader = await RangeReader.shared()
      await level.open()
      const database = reader.name()
      await reader.call({ kind: 'open', database, location })
      return new LevelDatabase(location, level, lock, reader, database)
    } catch (error) {
      await level.close().catch(() => {})
      await lock.close().catch(() => {})
      throw openFailed('leveldb', location, error)
    }
  },
}

class LevelDatabase extends BaseDatabase {
  override readonly engine = 'leveldb'
  readonly #level: Level
  readonly #lock: Level
  readonly #reader: RangeReader
  readonly #database: number
  /** Of the first batch that could not be written: half of it may lie in the log, and opening reads the log up to there. */
  #failure: unknown

  constructor(location: string, level: Level, lock: Level, reader: RangeReader, database: number) {
    super(location)
    this.#level = level
    this.#lock = lock
    this.#reader = reader
    this.#database = database
  }

  protected override _get(key: Bytes): Bytes | undefined {
    return this.#level.getSync(key)
  }

  protected override _getMany(keys: readonly Bytes[]): (Bytes | undefined)[] {
    const values = new Array<Bytes | undefined>(keys.length)
    for (let i = 0; i < keys.length; i++) {
      values[i] = this.#level.getSync(keys[i]!)
    }
    return values
  }

  protected override _range(from: Bytes | undefined, to: Bytes | undefined, reverse: boolean): DriverCursor {
    return new LevelCursor(this.#reader, this.#database, from, to, reverse)
  }

  protected override async _write(rows: readonly Row[]): Promise<void> {
    if (this.#failure !== undefined) {
      throw this.#failure
    }
    const batch = this.#level.batch()
    try {
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]!
        if (row.value === null) {
          batch.del(row.key)
        } else {
          batch.put(row.key, row.value)
        }
      }
    } catch (error) {
      await batch.close()
      throw error
    }
    try {
      await batch.write()
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  protected override _checkpoint(folder: string, betweenWrites: <T>(take: () => T) => Promise<T>): Promise<void> {
    return copyOpenDatabase(this.location, folder, FILES, betweenWrites)
  }

  protected override _approximateBytes(): number {
    let bytes = this._memoryBytes()
    // "level files size(MB) time read write" per level: the only synchronous account of the disk.
    for (const line of this.#level.getProperty('leveldb.stats').split('\n')) {
      const columns = /^\s*\d+\s+\d+\s+(\d+)/.exec(line)
      bytes += columns === null ? 0 : Number(columns[1]) * MEGABYTE
    }
    return bytes
  }

  /** Write buffers and block cache; LevelDB keeps the indexes of its open files besides, a thousand files at most. */
  protected override _memoryBytes(): number {
    return Number(this.#level.getProperty('leveldb.approximate-memory-usage')) || 0
  }

  /** Bytes over the mean size of the first rows: LevelDB keeps no count. */
  protected override _approximateEntries(): number {
    const cursor = this._range(undefined, undefined, false)
    let rows = 0
    let bytes = 0
    for (let row = cursor.next(); row !== undefined && rows < FIRST_ROWS; row = cursor.next()) {
      rows++
      bytes += row[0].length + row[1].length
    }
    cursor.close()
    return rows < FIRST_ROWS ? rows : Math.max(rows, Math.round(this._approximateBytes() / (bytes / rows)))
  }

  protected override async _close(): Promise<void> {
    try {
      await this.#reader.call({ kind: 'close', database: this.#database })
    } finally {
      await this.#level.close()
      await this.#lock.close()
    }
  }
}

class LevelCursor implements DriverCursor {
  readonly #reader: RangeReader
  readonly #name: number
  #chunk: Uint8Array
  #view: DataView
  #at = 0
  #finished: boolean

  constructor(reader: RangeReader, database: number, from: Bytes | undefined, to: Bytes | undefined, reverse: boolean) {
    this.#reader = reader
    this.#name = reader.name()
    // The iterator, and with it the snapshot, is made before this returns.
    const answer = reader.ask({ kind: 'range', database, cursor: this.#name, from, to, reverse, rows: FIRST_ROWS })
    this.#chunk = answer.rows!
    this.#view = viewOf(this.#chunk)
    this.#finished = answer.finished === true
  }

  next(): readonly [Bytes, Bytes] | undefined {
    if (this.#at === this.#chunk.length) {
      if (this.#finished) {
        return undefined
      }
      const answer = this.#reader.ask({ kind: 'next', cursor: this.#name, rows: MORE_ROWS })
      this.#chunk = answer.rows!
      this.#view = viewOf(this.#chunk)
      this.#at = 0
      this.#finished = answer.finished === true
      if (this.#chunk.length === 0) {
        return undefined
      }
    }
    const keyLength = this.#view.getUint32(this.#at)
    const valueLength = this.#view.getUint32(this.#at + 4)
    const key = this.#at + 8
    const value = key + keyLength
    this.#at = value + valueLength
    return [copyOf(this.#chunk.subarray(key, value)), copyOf(this.#chunk.subarray(value, this.#at))]
  }

  close(): void {
    if (!this.#finished) {
      this.#finished = true
      this.#reader.tell({ kind: 'end', cursor: this.#name })
    }
    this.#at = this.#chunk.length
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
