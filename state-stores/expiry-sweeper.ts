import { Background } from './background.ts'
import type { Bytes, Database, Row } from './contract.ts'
import { compareBytes, keyAfter } from './bytes.ts'
import { prefixOf } from './layout.ts'

const ROWS = 500

/** Whose rows they are: a rebuild gives a store another prefix. */
export interface SweptStore {
  readonly prefixNumber: number
}

interface Range {
  readonly store: SweptStore
  readonly prefix: number
  from: Bytes
  to: Bytes
}

/**
 * Deletes rows that have expired, a few at a time, giving control back in between. It begins where it ended the last time:
 * a range over what was deleted before would step over every tombstone the engine has not compacted yet.
 */
export class ExpirySweeper {
  readonly #database: Database
  readonly #write: (rows: readonly Row[]) => Promise<void>
  readonly #ranges: Range[] = []
  readonly #background = new Background()

  constructor(database: Database, write: (rows: readonly Row[]) => Promise<void>) {
    this.#database = database
    this.#write = write
  }

  /** Ranges of one store that begin alike grow: only the last bound counts. */
  sweep(store: SweptStore, ranges: readonly { readonly from: Bytes; readonly to: Bytes }[]): void {
    const prefix = prefixOf(store.prefixNumber)
    let grown = false
    for (const { from, to } of ranges) {
      const lower = Buffer.concat([prefix, from])
      const upper = Buffer.concat([prefix, to])
      const known = this.#ranges.find((range) => range.prefix === store.prefixNumber && compareBytes(range.from, lower) >= 0 && compareBytes(range.to, upper) <= 0)
      if (known !== undefined && compareBytes(known.to, upper) === 0) {
        continue
      }
      grown = true
      if (known === undefined) {
        this.#ranges.push({ store, prefix: store.prefixNumber, from: lower, to: upper })
      } else {
        known.to = upper
      }
    }
    if (grown) {
      // Where it fails, what is left is asked for again when more has expired.
      this.#background.start(() => this.#run())
    }
  }

  done(): Promise<void> {
    return this.#background.done()
  }

  /** Ends after the batch it is in. */
  stop(): Promise<void> {
    return this.#background.stop()
  }

  async #run(): Promise<void> {
    for (let i = 0; i < this.#ranges.length; i++) {
      const range = this.#ranges[i]!
      for (;;) {
        await new Promise<void>((resolve) => setImmediate(resolve))
        if (this.#background.stopped) {
          return
        }
        if (range.store.prefixNumber !== range.prefix) {
          // Rebuilt since: its old rows are garbage as a whole.
          this.#ranges.splice(i--, 1)
          break
        }
        const rows = this.#first(range)
        if (rows.length > 0) {
          await this.#write(rows)
          range.from = keyAfter(rows[rows.length - 1]!.key)
        }
        if (rows.length < ROWS) {
          break
        }
      }
    }
  }

  #first({ from, to }: Range): Row[] {
    const rows: Row[] = []
    for (const [key] of this.#database.range({ from, to })) {
      rows.push({ key, value: null })
      if (rows.length === ROWS) {
        break
      }
    }
    return rows
  }
}
