import type { Bytes, Database, EngineOptions, Row, StorageEngine } from '../contract.ts'
import { BaseDatabase, type DriverCursor, openFailed, unavailable } from './base.ts'
import { adoptCopy, copyOpenDatabase, type DatabaseFiles } from './checkpoint.ts'

const PACKAGE = '@nxtedition/rocksdb'

/** What we use of the binding; it ships no types. */
interface RocksIterator {
  _nextvSync(size: number): { rows: Bytes[]; finished: boolean }
  close(callback: (error?: Error) => void): void
}

interface RocksBatch {
  _put(key: Bytes, value: Bytes): void
  _del(key: Bytes): void
  _writeSync(options: object): void
  close(callback: (error?: Error) => void): void
}

interface RocksLevel {
  open(options: object): Promise<void>
  close(): Promise<void>
  getProperty(name: string): string
  iterator(options: object): RocksIterator
  _getManySync(keys: readonly Bytes[], options: object): (Bytes | undefined)[]
  _chainedBatch(): RocksBatch
}

/** kBlockBasedTableMagicNumber, little-endian. */
const FILES: DatabaseFiles = { table: /^\d+\.sst$/, magic: Buffer.from('f7cff485b741e288', 'hex'), log: /^\d+\.log$/ }
const NONE = Object.freeze({})
const MEGABYTE = 1024 * 1024

/** The binding makes a write buffer a quarter of the budget it is given, and lets six of them live. */
const WRITE_BUFFERS_PER_BUDGET = 4
const WRITE_BUFFERS = 6

/**
 * 9/16 of the memory for write buffers, the rest is block cache. A buffer is full when a batch has gone beyond it: one such
 * as restoring writes is allowed for in each. A larger one, of a very large generation, is held whole all the same.
 */
function writeBuffer(memory: number): number {
  return Math.floor((memory * 9) / 16 / WRITE_BUFFERS) - MEGABYTE
}

/** The default engine: least disk, steadiest writes. Prebuilt for linux-x64 and darwin-arm64. */
export const rocksdbEngine: StorageEngine = {
  name: 'rocksdb',
  async open(location: string, options: EngineOptions = {}): Promise<Database> {
    let make: new (location: string, options: object) => RocksLevel
    try {
      const binding: { RocksLevel: typeof make } = (await import(PACKAGE)).default
      make = binding.RocksLevel
    } catch (error) {
      throw unavailable('rocksdb', PACKAGE, error)
    }
    const memory = options.memoryBytes ?? 48 * MEGABYTE
    try {
      if (options.checkpoint !== undefined) {
        await adoptCopy(options.checkpoint, location)
      }
      const db = new make(location, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
      await db.open({
        createIfMissing: true,
        // Level compaction: the default style keeps no bound on read amplification. It compresses levels >= 2 with ZSTD
        // whatever we say; above them compression only costs the record path.
        compaction: 'level',
        compression: false,
        walCompression: false,
        memtableMemoryBudget: clamp(WRITE_BUFFERS_PER_BUDGET * writeBuffer(memory), MEGABYTE, 64 * MEGABYTE),
        cacheSize: clamp(Math.floor((memory * 7) / 16), MEGABYTE, 256 * MEGABYTE),
        // Outside of the cache they would be held for all files, and grow with the state.
        cacheIndexAndFilterBlocks: true,
      })
      return new RocksDatabase(location, db)
    } catch (error) {
      throw openFailed('rocksdb', location, error)
    }
  },
}

class RocksDatabase extends BaseDatabase {
  override readonly engine = 'rocksdb'
  readonly #db: RocksLevel
  /** The binding has no single get; one array for all of them spares an allocation per call. */
  readonly #one: Bytes[] = [new Uint8Array(0)]

  constructor(location: string, db: RocksLevel) {
    super(location)
    this.#db = db
  }

  protected override _get(key: Bytes): Bytes | undefined {
    this.#one[0] = key
    return this.#db._getManySync(this.#one, NONE)[0]
  }

  protected override _getMany(keys: readonly Bytes[]): (Bytes | undefined)[] {
    return this.#db._getManySync(keys, NONE)
  }

  protected override _range(from: Bytes | undefined, to: Bytes | undefined, reverse: boolean): DriverCursor {
    // An absent bound must be absent: the binding takes `undefined` for a key.
    const options: { gte?: Bytes; lt?: Bytes; [option: string]: unknown } = {
      reverse,
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      fillCache: true,
    }
    if (from !== undefined) {
      options.gte = from
    }
    if (to !== undefined) {
      options.lt = to
    }
    return new RocksCursor(this.#db.iterator(options))
  }

  /** Synchronous on this thread (the binding has no other write); a write stall of the engine blocks the loop. */
  protected override async _write(rows: readonly Row[]): Promise<void> {
    const batch = this.#db._chainedBatch()
    try {
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i]!
        if (row.value === null) {
          batch._del(row.key)
        } else {
          batch._put(row.key, row.value)
        }
      }
      batch._writeSync(NONE)
    } finally {
      batch.close(ignore)
    }
  }

  protected override _checkpoint(folder: string, betweenWrites: <T>(take: () => T) => Promise<T>): Promise<void> {
    return copyOpenDatabase(this.location, folder, FILES, betweenWrites)
  }

  protected override _approximateBytes(): number {
    return this.#number('rocksdb.total-sst-files-size') + this.#number('rocksdb.cur-size-all-mem-tables')
  }

  protected override _memoryBytes(): number {
    return this.#number('rocksdb.size-all-mem-tables') + this.#number('rocksdb.block-cache-usage') + this.#number('rocksdb.estimate-table-readers-mem')
  }

  protected override _approximateEntries(): number {
    return this.#number('rocksdb.estimate-num-keys')
  }

  protected override async _close(): Promise<void> {
    // After a write that failed it says so once more, when everything is freed already: whoever wrote knows.
    await this.#db.close().catch(ignore)
  }

  #number(property: string): number {
    const value = Number(this.#db.getProperty(property))
    return Number.isFinite(value) ? value : 0
  }
}

/** Reads ahead by half of what was read: a row costs the binding 3 µs, more than the call that fetches it. */
class RocksCursor implements DriverCursor {
  readonly #iterator: RocksIterator
  #rows: Bytes[] = []
  #at = 0
  #read = 0
  #finished = false

  constructor(iterator: RocksIterator) {
    this.#iterator = iterator
  }

  next(): readonly [Bytes, Bytes] | undefined {
    if (this.#at === this.#rows.length) {
      if (this.#finished) {
        return undefined
      }
      const { rows, finished } = this.#iterator._nextvSync(Math.min(256, 8 + (this.#read >> 1)))
      this.#rows = rows
      this.#at = 0
      this.#finished = finished
      this.#read += rows.length >> 1
      if (rows.length === 0) {
        return undefined
      }
    }
    const row = [this.#rows[this.#at]!, this.#rows[this.#at + 1]!] as const
    this.#at += 2
    return row
  }

  close(): void {
    this.#rows = []
    this.#at = 0
    this.#finished = true
    // The native iterator, and the snapshot it pins, is freed within this call; only the callback comes later.
    this.#iterator.close(ignore)
  }
}

function ignore(): void {}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}
