import { join } from 'node:path'
import type { Bytes, Database, EngineOptions, Row, StorageEngine } from '../contract.ts'
import { copyOf, idOf } from '../bytes.ts'
import { SortedCursor, SortedEntries } from '../sorted-entries.ts'
import { BaseDatabase, type DriverCursor, openFailed } from './base.ts'
import { readRows, writeRows } from './rows-file.ts'

/** The one file of a checkpoint. */
const ROWS_FILE = 'rows'
/** Of a checkpoint, written to the database at once. */
const ROWS = 1_000

interface MemoryRow {
  readonly id: string
  readonly key: Bytes
  readonly value: Bytes
}

/** Keeps everything in the process: for tests, and for stores small enough to be restored at every start. */
export const memoryEngine: StorageEngine = {
  name: 'memory',
  async open(location: string, { checkpoint }: EngineOptions = {}): Promise<Database> {
    const database = createMemoryDatabase(location)
    if (checkpoint !== undefined) {
      try {
        await load(database, join(checkpoint, ROWS_FILE))
      } catch (error) {
        throw openFailed('memory', checkpoint, error)
      }
    }
    return database
  },
}

/** Its `write` has been applied when it returns, before its promise resolves. */
export function createMemoryDatabase(location: string): Database {
  return new MemoryDatabase(location === '' ? '(memory)' : location)
}

async function load(database: Database, file: string): Promise<void> {
  let rows: Row[] = []
  for await (const row of readRows(file)) {
    if (rows.push(row) === ROWS) {
      await database.write(rows)
      rows = []
    }
  }
  await database.write(rows)
}

class MemoryDatabase extends BaseDatabase {
  override readonly engine = 'memory'
  #rows = new Map<string, MemoryRow>()
  /** Made at the first range, maintained from then on. */
  #sorted: SortedEntries<MemoryRow> | undefined
  #bytes = 0

  protected override _get(key: Bytes): Bytes | undefined {
    const row = this.#rows.get(idOf(key))
    return row === undefined ? undefined : copyOf(row.value)
  }

  protected override _getMany(keys: readonly Bytes[]): (Bytes | undefined)[] {
    const values = new Array<Bytes | undefined>(keys.length)
    for (let i = 0; i < keys.length; i++) {
      values[i] = this._get(keys[i]!)
    }
    return values
  }

  protected override _range(from: Bytes | undefined, to: Bytes | undefined, reverse: boolean): DriverCursor {
    this.#sorted ??= SortedEntries.from(this.#rows.values())
    const lower = from === undefined ? undefined : idOf(from)
    const upper = to === undefined ? undefined : idOf(to)
    return new MemoryCursor(new SortedCursor(this.#sorted.snapshot(), lower, upper, reverse))
  }

  protected override async _write(rows: readonly Row[]): Promise<void> {
    for (let i = 0; i < rows.length; i++) {
      const { key, value } = rows[i]!
      const id = idOf(key)
      const old = this.#rows.get(id)
      if (old !== undefined) {
        this.#bytes -= old.key.length + old.value.length
      }
      if (value === null) {
        this.#rows.delete(id)
        this.#sorted?.delete(id)
      } else {
        const row = { id, key: old?.key ?? copyOf(key), value: copyOf(value) }
        this.#rows.set(id, row)
        this.#sorted?.upsert(row)
        this.#bytes += key.length + value.length
      }
    }
  }

  /** Rows are never changed, only replaced: the list is the copy. */
  protected override async _checkpoint(folder: string, betweenWrites: <T>(take: () => T) => Promise<T>): Promise<void> {
    await writeRows(join(folder, ROWS_FILE), await betweenWrites(() => [...this.#rows.values()]))
  }

  protected override _approximateBytes(): number {
    return this.#bytes
  }

  protected override _memoryBytes(): number {
    return this.#bytes
  }

  protected override _approximateEntries(): number {
    return this.#rows.size
  }

  protected override async _close(): Promise<void> {
    this.#rows = new Map()
    this.#sorted = undefined
  }
}

class MemoryCursor implements DriverCursor {
  readonly #cursor: SortedCursor<MemoryRow>

  constructor(cursor: SortedCursor<MemoryRow>) {
    this.#cursor = cursor
  }

  next(): readonly [Bytes, Bytes] | undefined {
    const row = this.#cursor.current
    if (row === undefined) {
      return undefined
    }
    this.#cursor.advance()
    return [copyOf(row.key), copyOf(row.value)]
  }

  close(): void {}
}
