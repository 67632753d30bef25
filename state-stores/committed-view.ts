import type { Bytes, Database, RangeOptions, StoreView } from './contract.ts'
import { StateStoreError } from './errors.ts'
import { PREFIX_LENGTH, prefixOf } from './layout.ts'

/**
 * One store as the database has it: what is committed, and nothing of any open generation. For who is not the task
 * (queries). Each range is a snapshot of the moment it was opened, outlives turns, and must be exhausted or returned.
 */
export class CommittedView implements StoreView {
  readonly name: string
  readonly #database: Database
  /** Of the store's rows now: a rebuild gives it another. */
  readonly #prefix: () => number

  constructor(name: string, database: Database, prefix: () => number) {
    this.name = name
    this.#database = database
    this.#prefix = prefix
  }

  get(key: Bytes): Bytes | undefined {
    return this.#database.get(Buffer.concat([prefixOf(this.#prefix()), key]))
  }

  put(): never {
    throw new StateStoreError('VALUE_INVALID', `store ${this.name}: its committed rows are read here, never written`)
  }

  range({ from, to, reverse }: RangeOptions): IterableIterator<readonly [Bytes, Bytes]> {
    const number = this.#prefix()
    const prefix = prefixOf(number)
    const rows = this.#database.range({
      from: from === undefined ? prefix : Buffer.concat([prefix, from]),
      to: to === undefined ? prefixOf(number + 1) : Buffer.concat([prefix, to]),
      reverse: reverse === true,
    })
    return new StrippedRows(rows)
  }

  approximateEntries(): number {
    return this.#database.approximateEntries()
  }
}

/** Rows without the prefix of their store. */
class StrippedRows implements IterableIterator<readonly [Bytes, Bytes]> {
  readonly #rows: IterableIterator<readonly [Bytes, Bytes]>

  constructor(rows: IterableIterator<readonly [Bytes, Bytes]>) {
    this.#rows = rows
  }

  next(): IteratorResult<readonly [Bytes, Bytes], undefined> {
    const next = this.#rows.next()
    return next.done === true ? { done: true, value: undefined } : { done: false, value: [next.value[0].subarray(PREFIX_LENGTH), next.value[1]] }
  }

  return(): IteratorResult<readonly [Bytes, Bytes], undefined> {
    this.#rows.return?.()
    return { done: true, value: undefined }
  }

  [Symbol.iterator](): this {
    return this
  }
}
