import type { Database, Row } from './contract.ts'

/** Writes to a database, one after the other, in the order they were asked for. */
export class WriteQueue {
  readonly #database: Database
  #tail: Promise<void> | undefined

  constructor(database: Database) {
    this.#database = database
  }

  /** As `Database.write`; one that fails does not hold up those behind it. */
  write(rows: readonly Row[]): Promise<void> {
    const write = this.#tail === undefined ? this.#database.write(rows) : this.#tail.then(() => this.#database.write(rows))
    const settled = write.then(ignore, ignore).then(() => {
      if (this.#tail === settled) {
        this.#tail = undefined
      }
    })
    this.#tail = settled
    return write
  }

  /** Resolves when what was asked for until now has been tried. */
  async done(): Promise<void> {
    await this.#tail
  }
}

function ignore(): void {}
