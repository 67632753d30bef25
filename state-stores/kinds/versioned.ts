import type { Bytes, Row, StoreView } from '../contract.ts'
import { StateStoreError } from '../errors.ts'
import type { ChangelogFormat } from './changelog-format.ts'
import type { KeyValueFormat } from './key-value.ts'
import type { Expiring, ExpiringOptions } from './store-clock.ts'
import { checkTime, readTime, TIME_BYTES, writeTime } from './time-buckets.ts'
import type { ValueAndTimestamp } from './timestamped.ts'

/**
 * Rows of a versioned store (KIP-889). Every version is a row of its own, so that the changelog (key, value, and the
 * version's time as the record's) restores it record by record, in any order.
 *
 *   00 <key>                          → <8 from> <1 live> <value>   the latest version once more: one look-up, no range
 *   01 <4 key length> <key> <8 from>  → <1 live> <value>            a version; not live: a deletion
 *   02 <8 from> <key>                 → (empty)                     once `from` has expired, what came before it may go
 *
 * The latest row may be missing (a restored record leaves it out, because it cannot know): then a range finds it.
 */
const LATEST = 0
const VERSION = 1
const BY_TIME = 2
const LIVE = 1
const DELETED = 0
/** Versions forgotten per put, at most: a burst of expiry is spread over the puts that follow. */
const FORGOTTEN_PER_PUT = 32
const EMPTY = new Uint8Array(0)

/** A version, and until when it was the one: `Infinity` for the latest. */
export interface Version<V> extends ValueAndTimestamp<V> {
  /** Time of the version that followed, exclusive. */
  readonly validTo: number
}

export interface ReadOnlyVersionedKeyValueStore<K, V> {
  readonly name: string
  /** The latest version, and the time it was put with. */
  get(key: K): ValueAndTimestamp<V> | undefined
  /**
   * The version that held at `asOf` (ms). Older than the history retention it is found only if it is the latest: the
   * others may be gone.
   */
  get(key: K, asOf: number): ValueAndTimestamp<V> | undefined
  /** What held in `from` … `to` (ms, inclusive), oldest first, as far as the history retention goes. Lives within one turn. */
  versions(key: K, from: number, to: number): IterableIterator<Version<V>>
}

export interface VersionedKeyValueStore<K, V> extends ReadOnlyVersionedKeyValueStore<K, V> {
  /**
   * The value holds from `timestamp` on; `null`: nothing does. Returns until when: `Infinity` if it is now the latest,
   * the time of the version that follows it if it came out of order, `undefined` if it was older than the history
   * retention and was not put.
   */
  put(key: K, value: V | null, timestamp: number): number | undefined
  /** Returns what held then. */
  delete(key: K, timestamp: number): ValueAndTimestamp<V> | undefined
}

export interface VersionedStoreShape {
  readonly historyRetentionMs: number
}

export const VERSIONED_LAYOUT = 'versioned'

/** Changelog of a versioned store: the plain key and value, the version's time as the record's. */
export const versionedFormat: ChangelogFormat = {
  recordKey: (row, deleted) => (row[0] === VERSION && !deleted ? row.subarray(1 + 4, row.length - TIME_BYTES) : undefined),
  recordValue: (value) => (value[0] === LIVE ? value.subarray(1) : null),
  rows: (key, value, timestamp): Row[] => [
    { key: versionRow(key, timestamp), value: content(value) },
    { key: timeRow(timestamp, key), value: EMPTY },
    { key: latestRow(key), value: null },
  ],
  // The latest version of a key must be its last record: compaction leaves no other.
  byTime: true,
}

export function createVersionedKeyValueStore<K, V>(
  view: StoreView,
  format: KeyValueFormat<K, V>,
  shape: VersionedStoreShape,
  options: ExpiringOptions,
): VersionedKeyValueStore<K, V> & Expiring {
  return new TypedVersionedStore(view, format, shape, options)
}

/** `value` undefined: a deletion. */
interface Found {
  readonly from: number
  readonly value: Bytes | undefined
}

class TypedVersionedStore<K, V> implements VersionedKeyValueStore<K, V>, Expiring {
  readonly name: string
  readonly #view: StoreView
  readonly #format: KeyValueFormat<K, V>
  readonly #historyRetentionMs: number
  readonly #options: ExpiringOptions
  /**
   * What is older than this may be forgotten: as of the last commit, because a version of the open generation must reach the
   * changelog before its row may go.
   */
  #settled = -1
  /** Versions up to this time have been looked through. Not taken back with a record: then some rows stay until the next open. */
  #forgotten = -1

  constructor(view: StoreView, format: KeyValueFormat<K, V>, shape: VersionedStoreShape, options: ExpiringOptions) {
    this.name = view.name
    this.#view = view
    this.#format = format
    this.#historyRetentionMs = shape.historyRetentionMs
    this.#options = options
  }

  get(key: K, asOf?: number): ValueAndTimestamp<V> | undefined {
    const bytes = this.#key(key)
    const latest = this.#latest(bytes)
    if (latest === undefined || asOf === undefined || latest.from <= asOf) {
      return this.#typed(latest)
    }
    return asOf < this.#oldest() ? undefined : this.#typed(this.#at(bytes, asOf))
  }

  put(key: K, value: V | null, timestamp: number): number | undefined {
    const bytes = this.#key(key)
    const { clock, onExpired } = this.#options
    clock.advance(checkTime(this.name, 'a version’s time', timestamp))
    if (timestamp < this.#oldest()) {
      onExpired?.()
      return undefined
    }
    const row = content(value === null || value === undefined ? null : this.#format.serializeValue(value))
    const latest = this.#latest(bytes)
    this.#view.put(versionRow(bytes, timestamp), row, timestamp)
    this.#view.put(timeRow(timestamp, bytes), EMPTY, timestamp)
    let validTo = Number.POSITIVE_INFINITY
    if (latest === undefined || timestamp >= latest.from) {
      this.#view.put(latestRow(bytes), stamped(timestamp, row), timestamp)
    } else {
      validTo = this.#next(bytes, timestamp) ?? latest.from
      // Logged again, behind this one: once the topic is compacted the last record of a key must be its latest version.
      this.#view.put(versionRow(bytes, latest.from), content(latest.value ?? null), latest.from)
    }
    this.#forget()
    return validTo
  }

  delete(key: K, timestamp: number): ValueAndTimestamp<V> | undefined {
    const old = this.get(key, timestamp)
    this.put(key, null, timestamp)
    return old
  }

  /** Called before a commit. Nothing is swept: what has expired lies among what has not, and goes with later puts. */
  expiredRows(): undefined {
    this.#settled = this.#oldest()
  }

  *versions(key: K, from: number, to: number): IterableIterator<Version<V>> {
    const bytes = this.#key(key)
    const first = this.#at(bytes, Math.max(from, this.#oldest()))
    const rows = this.#view.range({ from: versionRow(bytes, first?.from ?? Math.max(from, 0)), to: versionRow(bytes, Number.MAX_SAFE_INTEGER) })
    let open: Found | undefined
    for (const [row, value] of rows) {
      const version = { from: readTime(row, row.length - TIME_BYTES), value: live(value, 0) }
      if (open?.value !== undefined) {
        yield { ...this.#typed(open)!, validTo: version.from }
      }
      open = version
      if (version.from > to) {
        rows.return?.()
        return
      }
    }
    if (open?.value !== undefined) {
      yield { ...this.#typed(open)!, validTo: Number.POSITIVE_INFINITY }
    }
  }

  #latest(key: Bytes): Found | undefined {
    const row = this.#view.get(latestRow(key))
    return row === undefined ? this.#at(key, Number.MAX_SAFE_INTEGER - 1) : { from: readTime(row, 0), value: live(row, TIME_BYTES) }
  }

  /** The version with the greatest time up to `asOf`. */
  #at(key: Bytes, asOf: number): Found | undefined {
    if (asOf < 0) {
      return undefined
    }
    const rows = this.#view.range({ from: versionRow(key, 0), to: versionRow(key, Math.min(asOf, Number.MAX_SAFE_INTEGER - 1) + 1), reverse: true })
    const next = rows.next()
    rows.return?.()
    return next.done === true ? undefined : { from: readTime(next.value[0], next.value[0].length - TIME_BYTES), value: live(next.value[1], 0) }
  }

  /** Time of the first version after `time`. */
  #next(key: Bytes, time: number): number | undefined {
    const rows = this.#view.range({ from: versionRow(key, time + 1), to: versionRow(key, Number.MAX_SAFE_INTEGER) })
    const next = rows.next()
    rows.return?.()
    return next.done === true ? undefined : readTime(next.value[0], next.value[0].length - TIME_BYTES)
  }

  /** Deletes, unlogged, what nobody can ask for any more: versions whose successor has expired, and expired deletions. */
  #forget(): void {
    const last = this.#settled - 1
    // A range per put would cost more than it frees.
    if (last - this.#forgotten < Math.max(1, this.#historyRetentionMs / 8)) {
      return
    }
    const due: { readonly time: number; readonly key: Bytes }[] = []
    const rows = this.#view.range({ from: timeRow(this.#forgotten + 1, EMPTY), to: timeRow(last + 1, EMPTY) })
    for (const [row] of rows) {
      due.push({ time: readTime(row, 1), key: row.subarray(1 + TIME_BYTES) })
      if (due.length === FORGOTTEN_PER_PUT) {
        rows.return?.()
        break
      }
    }
    for (const { time, key } of due) {
      this.#forgetBefore(key, time)
    }
    // What is left has this time or a later one; time goes on from there with the next put.
    this.#forgotten = due.length === FORGOTTEN_PER_PUT ? due[due.length - 1]!.time - 1 : last
  }

  #forgetBefore(key: Bytes, time: number): void {
    const now = this.#options.now()
    const row = this.#view.get(versionRow(key, time))
    for (const [older] of this.#view.range({ from: versionRow(key, 0), to: versionRow(key, time) })) {
      this.#view.put(older, null, now)
    }
    this.#view.put(timeRow(time, key), null, now)
    if (row !== undefined && row[0] === DELETED) {
      this.#view.put(versionRow(key, time), null, now)
      const latest = this.#view.get(latestRow(key))
      if (latest !== undefined && readTime(latest, 0) === time) {
        this.#view.put(latestRow(key), null, now)
      }
    }
  }

  #typed(found: Found | undefined): ValueAndTimestamp<V> | undefined {
    return found?.value === undefined ? undefined : { value: this.#format.deserializeValue(found.value), timestamp: found.from }
  }

  #oldest(): number {
    return this.#options.clock.time - this.#historyRetentionMs
  }

  #key(key: K): Bytes {
    if (key === null || key === undefined) {
      throw new StateStoreError('KEY_INVALID', `store ${this.name}: a key must not be ${key}; drop such records before they reach the store`)
    }
    return this.#format.serializeKey(key)
  }
}

function content(value: Bytes | null): Bytes {
  const bytes = Buffer.allocUnsafe(1 + (value === null ? 0 : value.length))
  bytes[0] = value === null ? DELETED : LIVE
  if (value !== null) {
    bytes.set(value, 1)
  }
  return bytes
}

function live(bytes: Bytes, at: number): Bytes | undefined {
  return bytes[at] === LIVE ? bytes.subarray(at + 1) : undefined
}

function stamped(from: number, row: Bytes): Bytes {
  const bytes = Buffer.allocUnsafe(TIME_BYTES + row.length)
  writeTime(bytes, from, 0)
  bytes.set(row, TIME_BYTES)
  return bytes
}

function latestRow(key: Bytes): Bytes {
  const row = Buffer.allocUnsafe(1 + key.length)
  row[0] = LATEST
  row.set(key, 1)
  return row
}

/** The length of the key goes before it: no range over one key's versions meets another's. */
function versionRow(key: Bytes, from: number): Bytes {
  const row = Buffer.allocUnsafe(1 + 4 + key.length + TIME_BYTES)
  row[0] = VERSION
  row.writeUInt32BE(key.length, 1)
  row.set(key, 1 + 4)
  writeTime(row, from, 1 + 4 + key.length)
  return row
}

function timeRow(from: number, key: Bytes): Bytes {
  const row = Buffer.allocUnsafe(1 + TIME_BYTES + key.length)
  row[0] = BY_TIME
  writeTime(row, Math.max(from, 0), 1)
  row.set(key, 1 + TIME_BYTES)
  return row
}
