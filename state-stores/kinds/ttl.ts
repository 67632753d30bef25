import type { Bytes, RangeOptions, Row, StoreView } from '../contract.ts'
import type { ChangelogFormat } from './changelog-format.ts'
import { ENTRY, entryRow, ORDER, orderRow } from './ordered-rows.ts'
import type { StoreClock } from './store-clock.ts'
import { readTime, TIME_BYTES, writeTime } from './time-buckets.ts'
import { encodeTimestamped, plainValueOf } from './timestamped.ts'

/**
 * A key-value store that forgets: an entry expires when the clock has passed its timestamp, which is that of its changelog
 * record, by the time to live. From then on nobody sees it; a tombstone in the changelog follows soon (`purge`).
 *
 *   00 <key>           → <8 timestamp> <value>
 *   01 <8 time> <key>  → (empty)   in the order of expiry; a row whose entry was written again or deleted is passed over
 */
const EMPTY = new Uint8Array(0)
const ENTRIES = { from: Uint8Array.of(ENTRY), to: Uint8Array.of(ORDER) }

export const TTL_LAYOUT = 'ttl'

/** Changelog of such a store: the plain key and value, as of a key-value store without one. */
export function ttlFormat(timestamped: boolean): ChangelogFormat {
  return {
    recordKey: (row) => (row[0] === ENTRY ? row.subarray(1) : undefined),
    recordValue: (value) => (timestamped ? plainValueOf(value.subarray(TIME_BYTES)) : value.subarray(TIME_BYTES)),
    rows(key, value, timestamp): Row[] {
      if (value === null) {
        return [{ key: entryRow(key), value: null }]
      }
      const stored = timestamped ? encodeTimestamped(value, timestamp) : value
      return [
        { key: entryRow(key), value: stamped(timestamp, stored) },
        { key: orderRow(timestamp, key), value: EMPTY },
      ]
    },
    byTime: false,
  }
}

/** The view of a key-value store with a time to live: what has expired is not there. */
export class TtlView implements StoreView {
  readonly name: string
  readonly #view: StoreView
  readonly #ttlMs: number
  readonly #clock: StoreClock

  /** `clock`: the time of the records, or the wall clock. It is told the timestamp of every put. */
  constructor(view: StoreView, ttlMs: number, clock: StoreClock) {
    this.name = view.name
    this.#view = view
    this.#ttlMs = ttlMs
    this.#clock = clock
  }

  get(key: Bytes): Bytes | undefined {
    const row = this.#view.get(entryRow(key))
    return row === undefined || readTime(row, 0) < this.#oldest() ? undefined : row.subarray(TIME_BYTES)
  }

  put(key: Bytes, value: Bytes | null, timestamp: number): void {
    this.#clock.advance(timestamp)
    if (value === null) {
      this.#view.put(entryRow(key), null, timestamp)
      return
    }
    this.#view.put(entryRow(key), stamped(timestamp, value), timestamp)
    this.#view.put(orderRow(timestamp, key), EMPTY, timestamp)
  }

  range({ from, to, reverse }: RangeOptions): IterableIterator<readonly [Bytes, Bytes]> {
    const rows = this.#view.range({
      from: from === undefined ? ENTRIES.from : entryRow(from),
      to: to === undefined ? ENTRIES.to : entryRow(to),
      reverse: reverse === true,
    })
    return new LiveRows(rows, this.#oldest())
  }

  /** Of entries, the expired ones included until they are purged. */
  approximateEntries(): number {
    return Math.ceil(this.#view.approximateEntries() / 2)
  }

  /** Writes tombstones for at most `limit` expired entries; returns for how many. `now` (ms) is their records' timestamp. */
  purge(limit: number, now: number): number {
    const due: { readonly row: Bytes; readonly key: Bytes; readonly time: number }[] = []
    const rows = this.#view.range({ from: Uint8Array.of(ORDER), to: orderRow(Math.max(0, this.#oldest()), EMPTY) })
    for (const [row] of rows) {
      due.push({ row, key: row.subarray(1 + TIME_BYTES), time: readTime(row, 1) })
      if (due.length === limit) {
        rows.return?.()
        break
      }
    }
    for (const { row, key, time } of due) {
      this.#view.put(row, null, now)
      const entry = this.#view.get(entryRow(key))
      if (entry !== undefined && readTime(entry, 0) === time) {
        this.#view.put(entryRow(key), null, now)
      }
    }
    return due.length
  }

  /** When the next entry expires by the clock, ms; undefined: there is none. Costs a range. */
  nextExpiry(): number | undefined {
    const rows = this.#view.range({ from: Uint8Array.of(ORDER) })
    const next = rows.next()
    rows.return?.()
    return next.done === true ? undefined : readTime(next.value[0], 1) + this.#ttlMs + 1
  }

  #oldest(): number {
    return this.#clock.time - this.#ttlMs
  }
}

class LiveRows implements IterableIterator<readonly [Bytes, Bytes]> {
  readonly #rows: IterableIterator<readonly [Bytes, Bytes]>
  readonly #oldest: number

  constructor(rows: IterableIterator<readonly [Bytes, Bytes]>, oldest: number) {
    this.#rows = rows
    this.#oldest = oldest
  }

  next(): IteratorResult<readonly [Bytes, Bytes], undefined> {
    for (;;) {
      const next = this.#rows.next()
      if (next.done === true) {
        return { done: true, value: undefined }
      }
      const [row, value] = next.value
      if (readTime(value, 0) >= this.#oldest) {
        return { done: false, value: [row.subarray(1), value.subarray(TIME_BYTES)] }
      }
    }
  }

  return(): IteratorResult<readonly [Bytes, Bytes], undefined> {
    this.#rows.return?.()
    return { done: true, value: undefined }
  }

  [Symbol.iterator](): this {
    return this
  }
}

function stamped(time: number, value: Bytes): Bytes {
  const bytes = Buffer.allocUnsafe(TIME_BYTES + value.length)
  writeTime(bytes, time, 0)
  bytes.set(value, TIME_BYTES)
  return bytes
}
