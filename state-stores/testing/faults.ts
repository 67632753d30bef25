import type { Database, EngineOptions, RangeOptions, Row, StorageEngine } from '../contract.ts'
import { StateStoreError } from '../errors.ts'

/** An engine around another one whose writes can be made to fail or to wait: what a full disk or a slow one does. */
export interface FaultyEngine extends StorageEngine {
  /** The next write changes nothing and rejects with `STATE_WRITE_FAILED`, caused by an `ENOSPC`. */
  failNextWrite(): void
  /** Writes wait, before they change anything, until the returned function is called. */
  holdWrites(): () => void
}

/** Wraps the engine; all databases opened through it share the faults. */
export function faultyEngine(inner: StorageEngine): FaultyEngine {
  let failures = 0
  let held: Promise<void> | undefined
  return {
    name: inner.name,
    failNextWrite() {
      failures++
    },
    holdWrites() {
      let free = (): void => {}
      held = new Promise<void>((resolve) => {
        free = resolve
      })
      return () => {
        held = undefined
        free()
      }
    },
    async open(location: string, options?: EngineOptions): Promise<Database> {
      const database = await inner.open(location, options)
      return {
        engine: database.engine,
        get: (key) => database.get(key),
        getMany: (keys) => database.getMany(keys),
        range: (range: RangeOptions) => database.range(range),
        async write(rows: readonly Row[]): Promise<void> {
          await held
          if (failures > 0) {
            failures--
            const cause = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
            throw new StateStoreError('STATE_WRITE_FAILED', `writing ${rows.length} rows failed and changed nothing`, { cause })
          }
          await database.write(rows)
        },
        checkpoint: (folder) => database.checkpoint(folder),
        approximateBytes: () => database.approximateBytes(),
        memoryBytes: () => database.memoryBytes(),
        get openIterators() {
          return database.openIterators
        },
        approximateEntries: () => database.approximateEntries(),
        close: () => database.close(),
      }
    },
  }
}
