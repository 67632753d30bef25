import type { Bytes, StoreView } from '../contract.ts'
import type { ChangelogFormat } from './changelog-format.ts'
import { ENTRY, entryRow, ORDER, orderRow } from './ordered-rows.ts'
import { checkTime, readTime, TIME_BYTES, writeTime } from './time-buckets.ts'

/**
 * Entries by key that leave in the order of their times. It lies in the task's state like any other store, so it is as
 * large as the disk, not as the memory, and survives.
 *
 *   00 <key>           → <content> <8 time>   the record of the changelog, as Kafka Streams' suppress buffers write it
 *   01 <8 time> <key>  → (empty)              the order; a row whose entry has gone or moved is passed over
 *   02                 → <8 entries> <8 bytes> <8 earliest time>   missing after a restore: then it is counted
 */
const SUMS = Uint8Array.of(2)
const EMPTY = new Uint8Array(0)

export interface BufferedEntry {
  readonly key: Bytes
  readonly time: number
  readonly content: Bytes
}

export interface TimeOrderedBuffer {
  readonly name: string
  readonly entries: number
  /** Of keys and contents. */
  readonly bytes: number
  /** No entry has an earlier time; `Infinity` when there is none. */
  readonly earliest: number
  get(key: Bytes): BufferedEntry | undefined
  /** An entry that is there keeps its place in the order, whatever `time` is now. */
  put(key: Bytes, time: number, content: Bytes): void
  delete(key: Bytes): void
  /** Entries with a time up to `time`, in the order of time, then key; at most `limit`. */
  due(time: number, limit?: number): BufferedEntry[]
}

interface Sums {
  readonly entries: number
  readonly bytes: number
  readonly earliest: number
}

export const BUFFER_LAYOUT = 'buffer'

/** Header of the records of a suppress buffer: Kafka Streams' version 3 of their format. */
const VERSION_HEADER = [{ key: 'v', value: Uint8Array.of(3) }] as const

export const bufferFormat: ChangelogFormat = {
  recordKey: (row) => (row[0] === ENTRY ? row.subarray(1) : undefined),
  recordValue: (value) => value,
  rows(key, value) {
    const entry = { key: entryRow(key), value: value === null ? null : Uint8Array.from(value) }
    const order = value === null ? [] : [{ key: orderRow(timeOf(value), key), value: EMPTY }]
    return [entry, ...order, { key: SUMS, value: null }]
  },
  headers: VERSION_HEADER,
  byTime: false,
}

/** `now` (ms) stamps the changelog records. */
export function createTimeOrderedBuffer(view: StoreView, now: () => number): TimeOrderedBuffer {
  return new StoredBuffer(view, now)
}

class StoredBuffer implements TimeOrderedBuffer {
  readonly name: string
  readonly #view: StoreView
  readonly #now: () => number

  constructor(view: StoreView, now: () => number) {
    this.name = view.name
    this.#view = view
    this.#now = now
  }

  get entries(): number {
    return this.#sums().entries
  }

  get bytes(): number {
    return this.#sums().bytes
  }

  get earliest(): number {
    const { entries, earliest } = this.#sums()
    return entries === 0 ? Number.POSITIVE_INFINITY : earliest
  }

  get(key: Bytes): BufferedEntry | undefined {
    const value = this.#view.get(entryRow(key))
    return value === undefined ? undefined : { key, time: timeOf(value), content: contentOf(value) }
  }

  put(key: Bytes, time: number, content: Bytes): void {
    const row = entryRow(key)
    const old = this.#view.get(row)
    const sums = this.#sums()
    const place = old === undefined ? checkTime(this.name, 'the time of an entry', time) : timeOf(old)
    const value = Buffer.allocUnsafe(content.length + TIME_BYTES)
    value.set(content)
    writeTime(value, place, content.length)
    this.#view.put(row, value, this.#now())
    if (old === undefined) {
      this.#view.put(orderRow(place, key), EMPTY, this.#now())
      const bytes = sums.bytes + key.length + content.length
      this.#setSums({ entries: sums.entries + 1, bytes, earliest: sums.entries === 0 ? place : Math.min(sums.earliest, place) })
    } else {
      this.#setSums({ ...sums, bytes: sums.bytes + value.length - old.length })
    }
  }

  delete(key: Bytes): void {
    const row = entryRow(key)
    const old = this.#view.get(row)
    if (old === undefined) {
      return
    }
    const sums = this.#sums()
    this.#view.put(row, null, this.#now())
    this.#view.put(orderRow(timeOf(old), key), null, this.#now())
    this.#setSums({ ...sums, entries: sums.entries - 1, bytes: sums.bytes - key.length - old.length + TIME_BYTES })
  }

  due(time: number, limit = Number.POSITIVE_INFINITY): BufferedEntry[] {
    const due: BufferedEntry[] = []
    let next: number | undefined
    const rows = this.#view.range({ from: Uint8Array.of(ORDER), to: SUMS })
    const stale: Bytes[] = []
    for (const [row] of rows) {
      const place = readTime(row, 1)
      const entry = this.get(row.subarray(1 + TIME_BYTES))
      if (entry === undefined || entry.time !== place) {
        stale.push(row)
        continue
      }
      if (place > time || due.length === limit) {
        next = place
        rows.return?.()
        break
      }
      due.push(entry)
    }
    for (const row of stale) {
      this.#view.put(row, null, this.#now())
    }
    const sums = this.#sums()
    const earliest = due[0]?.time ?? next ?? sums.earliest
    if (sums.entries > 0 && earliest !== sums.earliest) {
      this.#setSums({ ...sums, earliest })
    }
    return due
  }

  #sums(): Sums {
    const row = this.#view.get(SUMS)
    if (row !== undefined) {
      return { entries: readTime(row, 0), bytes: readTime(row, TIME_BYTES), earliest: readTime(row, 2 * TIME_BYTES) }
    }
    let entries = 0
    let bytes = 0
    let earliest = Number.POSITIVE_INFINITY
    for (const [key, value] of this.#view.range({ from: Uint8Array.of(ENTRY), to: Uint8Array.of(ORDER) })) {
      entries++
      bytes += key.length - 1 + value.length - TIME_BYTES
      earliest = Math.min(earliest, timeOf(value))
    }
    const sums = { entries, bytes, earliest: entries === 0 ? 0 : earliest }
    this.#setSums(sums)
    return sums
  }

  #setSums({ entries, bytes, earliest }: Sums): void {
    const row = Buffer.allocUnsafe(3 * TIME_BYTES)
    writeTime(row, entries, 0)
    writeTime(row, bytes, TIME_BYTES)
    writeTime(row, earliest, 2 * TIME_BYTES)
    this.#view.put(SUMS, row, this.#now())
  }
}

function timeOf(value: Bytes): number {
  return readTime(value, value.length - TIME_BYTES)
}

function contentOf(value: Bytes): Bytes {
  return value.subarray(0, value.length - TIME_BYTES)
}
