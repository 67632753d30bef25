import { Background } from './background.ts'
import type { Bytes, Database, Row } from './contract.ts'
import { bookRow, rowsOf } from './layout.ts'

const ROWS = 500

/** Deletes the rows of prefixes that no store has any more, a few at a time, giving control back in between. */
export class Sweeper {
  readonly #database: Database
  readonly #garbage: Set<number>
  readonly #write: (rows: readonly Row[]) => Promise<void>
  readonly #background = new Background()

  constructor(database: Database, garbage: Set<number>, write: (rows: readonly Row[]) => Promise<void>) {
    this.#database = database
    this.#garbage = garbage
    this.#write = write
  }

  /** Sweeps what is there, unless it is doing so. */
  start(): void {
    if (this.#garbage.size > 0) {
      // Where it fails the garbage stays recorded and is swept at the next open.
      this.#background.start(() => this.#sweep())
    }
  }

  done(): Promise<void> {
    return this.#background.done()
  }

  /** Ends after the batch it is in. */
  stop(): Promise<void> {
    return this.#background.stop()
  }

  async #sweep(): Promise<void> {
    for (const prefix of this.#garbage) {
      for (;;) {
        await new Promise<void>((resolve) => setImmediate(resolve))
        if (this.#background.stopped) {
          return
        }
        const keys = this.#firstKeys(prefix)
        const rows: Row[] = keys.map((key) => ({ key, value: null }))
        if (keys.length < ROWS) {
          rows.push(bookRow(`garbage/${prefix}`, undefined))
        }
        await this.#write(rows)
        if (keys.length < ROWS) {
          break
        }
      }
      this.#garbage.delete(prefix)
    }
  }

  #firstKeys(prefix: number): Bytes[] {
    const keys: Bytes[] = []
    for (const [key] of this.#database.range(rowsOf(prefix))) {
      keys.push(key)
      if (keys.length === ROWS) {
        break
      }
    }
    return keys
  }
}
