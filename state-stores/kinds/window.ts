import type { Bytes, Row, StoreView } from '../contract.ts'
import { compareBytes, copyOf, keyAfter } from '../bytes.ts'
import { StateStoreError } from '../errors.ts'
import type { ChangelogFormat } from './changelog-format.ts'
import type { KeyValueFormat } from './key-value.ts'
import { type Rows, SelectedRows } from './selected-rows.ts'
import type { ExpiredRange, Expiring, ExpiringOptions } from './store-clock.ts'
import {
  bucketBound,
  bucketMsFor,
  bucketRow,
  checkTime,
  COPY_MARGIN_MS,
  expiredRanges,
  indexedKey,
  indexRange,
  indexRow,
  loggedKey,
  TIME_BYTES,
} from './time-buckets.ts'
import { encodeTimestamped, plainValueOf, timestampOf, type ValueAndTimestamp } from './timestamped.ts'
import { isOfKey, keyOfWindow, WINDOW_SUFFIX, type Windowed, windowStartOf, windowStoreKey } from './window-key.ts'

/** Above this many buckets one scan over all of them is cheaper than a range in each. */
const MOST_RANGES = 8
const SEQUENCES = 2 ** 31
const EMPTY = new Uint8Array(0)

/** Reading never shows a window whose start lies `retentionMs` or more before the store's time. Bounds are inclusive. */
export interface ReadOnlyWindowStore<K, V> {
  readonly name: string
  /** The value of the window that begins at `time`. */
  fetch(key: K, time: number): V | undefined
  /** Starts and values of the key's windows that begin in `from` … `to` (ms), in the order of time. Lives within one turn. */
  fetch(key: K, from: number, to: number): IterableIterator<readonly [number, V]>
  backwardFetch(key: K, from: number, to: number): IterableIterator<readonly [number, V]>
  /** Of all keys; in the order of time if the store has an index by it, else of no order to rely on. */
  fetchAll(from: number, to: number): IterableIterator<readonly [Windowed<K>, V]>
  backwardFetchAll(from: number, to: number): IterableIterator<readonly [Windowed<K>, V]>
  /** Keys by their serialized form; `undefined` is no bound. */
  fetchRange(keyFrom: K | undefined, keyTo: K | undefined, from: number, to: number): IterableIterator<readonly [Windowed<K>, V]>
  backwardFetchRange(keyFrom: K | undefined, keyTo: K | undefined, from: number, to: number): IterableIterator<readonly [Windowed<K>, V]>
  all(): IterableIterator<readonly [Windowed<K>, V]>
  backwardAll(): IterableIterator<readonly [Windowed<K>, V]>
}

export interface WindowStore<K, V> extends ReadOnlyWindowStore<K, V> {
  /**
   * `null` deletes, except in a store that retains duplicates, where it does nothing. A window older than the retention is
   * not written, but counted.
   */
  put(key: K, value: V | null, windowStart: number): void
}

/** What an operator that tells windows when they close needs of its store. */
export interface ClosingWindowStore<K, V> extends WindowStore<K, V> {
  /** The first window start that has not expired (ms). */
  readonly oldest: number
  /** As `fetchAll`, with what has expired since the last commit: time may jump over a window as it closes. */
  fetchClosed(from: number, to: number): IterableIterator<readonly [Windowed<K>, V]>
}

export interface WindowStoreShape {
  readonly retentionMs: number
  /** Only for the end of the windows it returns. */
  readonly windowSizeMs: number
  /** Every put is a row of its own, with a sequence number: what stream–stream joins keep. */
  readonly retainDuplicates: boolean
  /** Keeps an index by time, so that what ends next is found without looking at every key. */
  readonly indexed: boolean
}

export interface WindowStoreOptions extends ExpiringOptions {
  /** The next number for a store that retains duplicates; never one that was given before, also after a restart. */
  readonly sequence?: () => number
}

/** What must be equal for rows on disk to be read as this shape. */
export function windowLayout({ retentionMs, retainDuplicates, indexed }: WindowStoreShape, timestamped: boolean): string {
  const kind = `${timestamped ? 'timestamped ' : ''}window${retainDuplicates ? 's with duplicates' : ''}`
  return `${kind}/${bucketMsFor(retentionMs)}${indexed ? '/by time' : ''}`
}

/** Changelog of a window store: the key of `windowStoreKey`, and the value without its timestamp. */
export function windowFormat({ retentionMs, indexed }: WindowStoreShape, timestamped: boolean): ChangelogFormat {
  const bucketMs = bucketMsFor(retentionMs)
  return {
    recordKey: loggedKey,
    recordValue: timestamped ? plainValueOf : (value) => value,
    rows(key, value, timestamp) {
      const start = windowStartOf(key)
      const own = value === null ? null : timestamped ? encodeTimestamped(value, timestamp) : copyOf(value)
      const row: Row = { key: bucketRow(bucketMs, start, key), value: own }
      return indexed ? [row, { key: indexRow(start, key), value: value === null ? null : EMPTY }] : [row]
    },
    time: windowStartOf,
    expiredAt: (time) => expiredRanges(bucketMs, time - retentionMs - COPY_MARGIN_MS, indexed),
    byTime: false,
  }
}

/** A window store of plain values. */
export function createWindowStore<K, V>(
  view: StoreView,
  format: KeyValueFormat<K, V>,
  shape: WindowStoreShape,
  options: WindowStoreOptions,
): WindowStore<K, V> & Expiring {
  return new TypedWindowStore(view, format, format.serializeValue, format.deserializeValue, options.now, shape, options)
}

/** A window store of values with their timestamps; as of `createTimestampedKeyValueStore`. */
export function createTimestampedWindowStore<K, V>(
  view: StoreView,
  format: KeyValueFormat<K, V>,
  shape: WindowStoreShape,
  options: WindowStoreOptions,
): WindowStore<K, ValueAndTimestamp<V>> & Expiring {
  const { serializeValue, deserializeValue } = format
  return new TypedWindowStore<K, ValueAndTimestamp<V>>(
    view,
    format,
    (stamped) => encodeTimestamped(serializeValue(stamped.value), stamped.timestamp),
    (bytes) => ({ value: deserializeValue(plainValueOf(bytes)), timestamp: timestampOf(bytes) }),
    (stamped) => stamped.timestamp,
    shape,
    options,
  )
}

class TypedWindowStore<K, V> implements ClosingWindowStore<K, V>, Expiring {
  readonly name: string
  readonly #view: StoreView
  readonly #serializeKey: (key: K) => Bytes
  readonly #deserializeKey: (bytes: Bytes) => K
  readonly #encode: (value: V) => Bytes
  readonly #decode: (bytes: Bytes) => V
  readonly #stamp: (value: V) => number
  readonly #shape: WindowStoreShape
  readonly #options: WindowStoreOptions
  readonly #bucketMs: number
  /** Bucket below which everything was reported as expired. */
  #expired = 0
  /** Row of the window that was asked for last: most writes are of the one that was read just before. */
  #lastKey: K | undefined
  #lastStart = -1
  #lastRow: Bytes | undefined

  constructor(
    view: StoreView,
    format: Pick<KeyValueFormat<K, unknown>, 'serializeKey' | 'deserializeKey'>,
    encode: (value: V) => Bytes,
    decode: (bytes: Bytes) => V,
    stamp: (value: V) => number,
    shape: WindowStoreShape,
    options: WindowStoreOptions,
  ) {
    this.name = view.name
    this.#view = view
    this.#serializeKey = format.serializeKey
    this.#deserializeKey = format.deserializeKey
    this.#encode = encode
    this.#decode = decode
    this.#stamp = stamp
    this.#shape = shape
    this.#options = options
    this.#bucketMs = bucketMsFor(shape.retentionMs)
  }

  put(key: K, value: V | null, windowStart: number): void {
    const { clock, onExpired } = this.#options
    this.#check(key)
    clock.advance(checkTime(this.name, 'a window’s start', windowStart))
    const { retainDuplicates, indexed } = this.#shape
    if (retainDuplicates && (value === null || value === undefined)) {
      return
    }
    if (windowStart < this.#oldest()) {
      onExpired?.()
      return
    }
    const row = retainDuplicates
      ? bucketRow(this.#bucketMs, windowStart, windowStoreKey(this.#key(key), windowStart, this.#sequence()))
      : this.#rowOf(key, windowStart)
    if (value === null || value === undefined) {
      const now = this.#options.now()
      this.#view.put(row, null, now)
      if (indexed) {
        this.#view.put(indexRow(windowStart, loggedKey(row)!), null, now)
      }
      return
    }
    const stamp = this.#stamp(value)
    if (indexed && (retainDuplicates || this.#view.get(row) === undefined)) {
      this.#view.put(indexRow(windowStart, loggedKey(row)!), EMPTY, stamp)
    }
    this.#view.put(row, this.#encode(value), stamp)
  }

  fetch(key: K, time: number): V | undefined
  fetch(key: K, from: number, to: number): IterableIterator<readonly [number, V]>
  fetch(key: K, from: number, to?: number): V | undefined | IterableIterator<readonly [number, V]> {
    if (to !== undefined) {
      return this.#fetch(key, from, to, false)
    }
    this.#check(key)
    if (!(from >= this.#oldest())) {
      return undefined
    }
    if (this.#shape.retainDuplicates) {
      return this.#fetch(key, from, from, false).next().value?.[1]
    }
    const value = this.#view.get(this.#rowOf(key, checkTime(this.name, 'a time', from)))
    return value === undefined ? undefined : this.#decode(value)
  }

  backwardFetch(key: K, from: number, to: number): IterableIterator<readonly [number, V]> {
    return this.#fetch(key, from, to, true)
  }

  fetchAll(from: number, to: number): IterableIterator<readonly [Windowed<K>, V]> {
    return this.#scan(undefined, undefined, from, to, false)
  }

  backwardFetchAll(from: number, to: number): IterableIterator<readonly [Windowed<K>, V]> {
    return this.#scan(undefined, undefined, from, to, true)
  }

  get oldest(): number {
    return this.#oldest()
  }

  fetchClosed(from: number, to: number): IterableIterator<readonly [Windowed<K>, V]> {
    return this.#scan(undefined, undefined, from, to, false, 0)
  }

  fetchRange(keyFrom: K | undefined, keyTo: K | undefined, from: number, to: number): IterableIterator<readonly [Windowed<K>, V]> {
    return this.#scan(keyFrom, keyTo, from, to, false)
  }

  backwardFetchRange(keyFrom: K | undefined, keyTo: K | undefined, from: number, to: number): IterableIterator<readonly [Windowed<K>, V]> {
    return this.#scan(keyFrom, keyTo, from, to, true)
  }

  all(): IterableIterator<readonly [Windowed<K>, V]> {
    return this.#scan(undefined, undefined, 0, Number.MAX_SAFE_INTEGER, false)
  }

  backwardAll(): IterableIterator<readonly [Windowed<K>, V]> {
    return this.#scan(undefined, undefined, 0, Number.MAX_SAFE_INTEGER, true)
  }

  expiredRows(): readonly ExpiredRange[] | undefined {
    const expired = this.#oldest() - 1
    const bucket = Math.floor((expired + 1) / this.#bucketMs)
    if (bucket <= this.#expired) {
      return undefined
    }
    this.#expired = bucket
    return expiredRanges(this.#bucketMs, expired, this.#shape.indexed)
  }

  #fetch(key: K, from: number, to: number, reverse: boolean): IterableIterator<readonly [number, V]> {
    const bytes = this.#key(key)
    const [first, last] = this.#span(from, to)
    return new SelectedRows(this.#ranges(bytes, first, last, reverse), (row, value) => {
      if (!isOfKey(row, TIME_BYTES, bytes, WINDOW_SUFFIX)) {
        return undefined
      }
      const start = windowStartOf(row)
      return start < first || start > last ? undefined : [start, this.#decode(value)]
    })
  }

  /** The ranges in which rows of the key lie; rows of others may, too. */
  #ranges(key: Bytes, first: number, last: number, reverse: boolean): Rows[] {
    if (last < first) {
      return []
    }
    const low = Math.floor(first / this.#bucketMs)
    const high = Math.floor(last / this.#bucketMs)
    if (high - low >= MOST_RANGES) {
      return [this.#view.range({ from: bucketBound(low), to: bucketBound(high + 1), reverse })]
    }
    const ranges: Rows[] = []
    for (let bucket = low; bucket <= high; bucket++) {
      const start = Math.max(first, bucket * this.#bucketMs)
      const end = Math.min(last, (bucket + 1) * this.#bucketMs - 1)
      const from = bucketRow(this.#bucketMs, start, windowStoreKey(key, start, 0))
      const to = keyAfter(bucketRow(this.#bucketMs, end, windowStoreKey(key, end, 0xffff_ffff)))
      ranges.push(this.#view.range({ from, to, reverse }))
    }
    return reverse ? ranges.reverse() : ranges
  }

  #scan(
    keyFrom: K | undefined,
    keyTo: K | undefined,
    from: number,
    to: number,
    reverse: boolean,
    oldest = this.#oldest()
  ): IterableIterator<readonly [Windowed<K>, V]> {
    const lower = keyFrom === undefined ? undefined : this.#key(keyFrom)
    const upper = keyTo === undefined ? undefined : this.#key(keyTo)
    const [first, last] = this.#span(from, to, oldest)
    if (last < first) {
      return new SelectedRows<readonly [Windowed<K>, V]>([], () => undefined)
    }
    const pick = (logged: Bytes, value: () => Bytes | undefined): readonly [Windowed<K>, V] | undefined => {
      const start = windowStartOf(logged)
      const key = keyOfWindow(logged)
      if (start < first || start > last || (lower !== undefined && compareBytes(key, lower) < 0) || (upper !== undefined && compareBytes(key, upper) > 0)) {
        return undefined
      }
      const bytes = value()
      return bytes === undefined
        ? undefined
        : [{ key: this.#deserializeKey(key), window: { start, end: Math.min(start + this.#shape.windowSizeMs, Number.MAX_SAFE_INTEGER) } }, this.#decode(bytes)]
    }
    if (this.#shape.indexed) {
      const rows = this.#view.range({ ...indexRange(first, last), reverse })
      return new SelectedRows([rows], (row) => {
        const logged = indexedKey(row)
        return pick(logged, () => this.#view.get(bucketRow(this.#bucketMs, windowStartOf(logged), logged)))
      })
    }
    const bucket = (time: number) => Math.floor(time / this.#bucketMs)
    const rows = this.#view.range({ from: bucketBound(bucket(first)), to: bucketBound(bucket(last) + 1), reverse })
    return new SelectedRows([rows], (row, value) => pick(loggedKey(row)!, () => value))
  }

  /**
   * The first window start that has not expired. Ordered by time a store keeps one millisecond more: what is told when
   * windows close depends on it, and so it is in Kafka Streams.
   */
  #oldest(): number {
    return Math.max(0, this.#options.clock.time - this.#shape.retentionMs + (this.#shape.indexed ? 0 : 1))
  }

  #span(from: number, to: number, oldest = this.#oldest()): readonly [number, number] {
    if (Number.isNaN(from) || Number.isNaN(to)) {
      throw new StateStoreError('KEY_INVALID', `store ${this.name}: the bounds ${from} … ${to} are no times; give milliseconds`)
    }
    return [Math.max(Math.ceil(from), oldest), Math.min(Math.floor(to), Number.MAX_SAFE_INTEGER)]
  }

  #sequence(): number {
    const { sequence } = this.#options
    if (sequence === undefined) {
      throw new StateStoreError('OPTIONS_INVALID', `store ${this.name} retains duplicates and needs a \`sequence\` for them`)
    }
    return sequence() % SEQUENCES
  }

  #rowOf(key: K, start: number): Bytes {
    // An object may have changed since.
    if (this.#lastRow !== undefined && start === this.#lastStart && key === this.#lastKey && typeof key !== 'object') {
      return this.#lastRow
    }
    this.#lastKey = key
    this.#lastStart = start
    return (this.#lastRow = bucketRow(this.#bucketMs, start, windowStoreKey(this.#key(key), start, 0)))
  }

  #key(key: K): Bytes {
    this.#check(key)
    return this.#serializeKey(key)
  }

  #check(key: K): void {
    if (key === null || key === undefined) {
      throw new StateStoreError('KEY_INVALID', `store ${this.name}: a key must not be ${key}; drop such records before they reach the store`)
    }
  }
}
