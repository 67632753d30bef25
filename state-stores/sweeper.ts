import type { Bytes, Database, Row } from './contract.ts'
import { bookRow, rowsOf } from './layout.ts'

const ROWS = 500

/** Deletes the rows of prefixes that no store has any more, a few at a time, giving control back in between. */
export class Sweeper {
  readonly #database: Database
  readonly #garbage: Set<number>
  readonly #write: (rows: readonly Row[]) => Promise<void>
  #sweeping: Promise<void> | undefined
  #stopped = false

  constructor(database: Database, garbage: Set<number>, write: (rows: readonly Row[]) => Promise<void>) {
    this.#database = database
    this.#garbage = garbage
    this.#write = write
  }

  /** Sweeps what is there, unless it is doing so. */
  start(): void {
    if (this.#garbage.size > 0 && this.#sweeping === undefined && !this.#stopped) {
      this.#sweeping = this.#sweep()
        // A full disk may refuse even deletes; the garbage stays recorded and is swept at the next open.
        .catch(() => {})
        .finally(() => {
          this.#sweeping = undefined
        })
    }
  }

  async done(): Promise<void> {
    await this.#sweeping
  }

  /** Ends after the batch it is in. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#sweeping
  }

  async #sweep(): Promise<void> {
    for (const prefix of this.#garbage) {
      for (;;) {
        await new Promise<void>((resolve) => setImmediate(resolve))
        if (this.#stopped) {
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
