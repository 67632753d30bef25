import type { Bytes, Row, StoreView } from '../contract.ts'
import { copyOf, keyAfter } from '../bytes.ts'
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
import { isOfKey, keyOfSession, SESSION_SUFFIX, sessionKey, sessionOf, type Windowed } from './window-key.ts'

/** Above this many buckets one scan over all of them is cheaper than a range in each. */
const MOST_RANGES = 8
const EMPTY = new Uint8Array(0)

/** Reading never shows a session whose end lies `retentionMs` or more before the store's time. Bounds are inclusive. */
export interface ReadOnlySessionStore<K, V> {
  readonly name: string
  /** Sessions of the key that end at `earliestEnd` or later and begin at `latestStart` or earlier, by their end. */
  findSessions(key: K, earliestEnd: number, latestStart: number): IterableIterator<readonly [Windowed<K>, V]>
  backwardFindSessions(key: K, earliestEnd: number, latestStart: number): IterableIterator<readonly [Windowed<K>, V]>
  /**
   * Of all keys, those that end in `from` … `to`: in the order of their ends if the store has an index by time. Expired
   * ones too, as long as they are there: what has just closed is found, however far time has jumped.
   */
  findSessionsByEnd(from: number, to: number): IterableIterator<readonly [Windowed<K>, V]>
  fetchSession(key: K, start: number, end: number): V | undefined
  fetch(key: K): IterableIterator<readonly [Windowed<K>, V]>
  backwardFetch(key: K): IterableIterator<readonly [Windowed<K>, V]>
}

export interface SessionStore<K, V> extends ReadOnlySessionStore<K, V> {
  /** `null` removes. A session older than the retention is not written, but counted. */
  put(session: Windowed<K>, value: V | null): void
  remove(session: Windowed<K>): void
}

export interface SessionStoreShape {
  readonly retentionMs: number
  /** Keeps an index by end, so that what ends next is found without looking at every key. */
  readonly indexed: boolean
}

/** What must be equal for rows on disk to be read as this shape. */
export function sessionLayout({ retentionMs, indexed }: SessionStoreShape): string {
  return `session/${bucketMsFor(retentionMs)}${indexed ? '/by time' : ''}`
}

/** Changelog of a session store: the key of `sessionKey`, the plain value. */
export function sessionFormat({ retentionMs, indexed }: SessionStoreShape): ChangelogFormat {
  const bucketMs = bucketMsFor(retentionMs)
  return {
    recordKey: loggedKey,
    recordValue: (value) => value,
    rows(key, value) {
      const { end } = sessionOf(key)
      const row: Row = { key: bucketRow(bucketMs, end, key), value: value === null ? null : copyOf(value) }
      return indexed ? [row, { key: indexRow(end, key), value: value === null ? null : EMPTY }] : [row]
    },
    time: (key) => sessionOf(key).end,
    expiredAt: (time) => expiredRanges(bucketMs, time - retentionMs - COPY_MARGIN_MS, indexed),
    byTime: false,
  }
}

export function createSessionStore<K, V>(
  view: StoreView,
  format: KeyValueFormat<K, V>,
  shape: SessionStoreShape,
  options: ExpiringOptions,
): SessionStore<K, V> & Expiring {
  return new TypedSessionStore(view, format, shape, options)
}

class TypedSessionStore<K, V> implements SessionStore<K, V>, Expiring {
  readonly name: string
  readonly #view: StoreView
  readonly #format: KeyValueFormat<K, V>
  readonly #shape: SessionStoreShape
  readonly #options: ExpiringOptions
  readonly #bucketMs: number
  /** Bucket below which everything was reported as expired. */
  #expired = 0

  constructor(view: StoreView, format: KeyValueFormat<K, V>, shape: SessionStoreShape, options: ExpiringOptions) {
    this.name = view.name
    this.#view = view
    this.#format = format
    this.#shape = shape
    this.#options = options
    this.#bucketMs = bucketMsFor(shape.retentionMs)
  }

  put(session: Windowed<K>, value: V | null): void {
    const { clock, onExpired, now } = this.#options
    const { start, end } = session.window
    checkTime(this.name, 'a session’s start', start)
    clock.advance(checkTime(this.name, 'a session’s end', end))
    if (end < this.#oldest()) {
      onExpired?.()
      return
    }
    const logged = sessionKey(this.#key(session.key), start, end)
    const row = bucketRow(this.#bucketMs, end, logged)
    const gone = value === null || value === undefined
    if (this.#shape.indexed && (gone || this.#view.get(row) === undefined)) {
      this.#view.put(indexRow(end, logged), gone ? null : EMPTY, now())
    }
    this.#view.put(row, gone ? null : this.#format.serializeValue(value), now())
  }

  remove(session: Windowed<K>): void {
    this.put(session, null)
  }

  findSessions(key: K, earliestEnd: number, latestStart: number): IterableIterator<readonly [Windowed<K>, V]> {
    return this.#find(key, earliestEnd, latestStart, false)
  }

  backwardFindSessions(key: K, earliestEnd: number, latestStart: number): IterableIterator<readonly [Windowed<K>, V]> {
    return this.#find(key, earliestEnd, latestStart, true)
  }

  fetch(key: K): IterableIterator<readonly [Windowed<K>, V]> {
    return this.#find(key, 0, Number.MAX_SAFE_INTEGER, false)
  }

  backwardFetch(key: K): IterableIterator<readonly [Windowed<K>, V]> {
    return this.#find(key, 0, Number.MAX_SAFE_INTEGER, true)
  }

  fetchSession(key: K, start: number, end: number): V | undefined {
    if (!(end >= this.#oldest())) {
      return undefined
    }
    const row = bucketRow(this.#bucketMs, checkTime(this.name, 'a session’s end', end), sessionKey(this.#key(key), start, end))
    const value = this.#view.get(row)
    return value === undefined ? undefined : this.#format.deserializeValue(value)
  }

  findSessionsByEnd(from: number, to: number): IterableIterator<readonly [Windowed<K>, V]> {
    const first = Math.max(Math.ceil(from), 0)
    const last = Math.min(Math.floor(to), Math.max(this.#options.clock.highest, first))
    if (!(last >= first)) {
      return new SelectedRows<readonly [Windowed<K>, V]>([], () => undefined)
    }
    if (this.#shape.indexed) {
      return new SelectedRows([this.#view.range(indexRange(first, last))], (row) => {
        const logged = indexedKey(row)
        const value = this.#view.get(bucketRow(this.#bucketMs, sessionOf(logged).end, logged))
        return value === undefined ? undefined : this.#row(logged, value)
      })
    }
    const bucket = (time: number) => Math.floor(time / this.#bucketMs)
    const rows = this.#view.range({ from: bucketBound(bucket(first)), to: bucketBound(bucket(last) + 1) })
    return new SelectedRows([rows], (row, value) => {
      const logged = loggedKey(row)!
      const { end } = sessionOf(logged)
      return end < first || end > last ? undefined : this.#row(logged, value)
    })
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

  #find(key: K, earliestEnd: number, latestStart: number, reverse: boolean): IterableIterator<readonly [Windowed<K>, V]> {
    if (Number.isNaN(earliestEnd) || Number.isNaN(latestStart)) {
      throw new StateStoreError('KEY_INVALID', `store ${this.name}: the bounds ${earliestEnd} … ${latestStart} are no times; give milliseconds`)
    }
    const bytes = this.#key(key)
    const first = Math.max(Math.ceil(earliestEnd), this.#oldest())
    return new SelectedRows(this.#ranges(bytes, first, reverse), (row, value) => {
      if (!isOfKey(row, TIME_BYTES, bytes, SESSION_SUFFIX)) {
        return undefined
      }
      const logged = loggedKey(row)!
      const { start, end } = sessionOf(logged)
      return end < first || start > latestStart ? undefined : this.#row(logged, value)
    })
  }

  /** The ranges in which sessions of the key that end at `first` or later lie: no session ends after the highest end. */
  #ranges(key: Bytes, first: number, reverse: boolean): Rows[] {
    const last = this.#options.clock.highest
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
      const from = Math.max(first, bucket * this.#bucketMs)
      const to = (bucket + 1) * this.#bucketMs - 1
      ranges.push(
        this.#view.range({
          from: bucketRow(this.#bucketMs, from, sessionKey(key, 0, from)),
          to: keyAfter(bucketRow(this.#bucketMs, to, sessionKey(key, Number.MAX_SAFE_INTEGER, to))),
          reverse,
        }),
      )
    }
    return reverse ? ranges.reverse() : ranges
  }

  #row(logged: Bytes, value: Bytes): readonly [Windowed<K>, V] {
    return [{ key: this.#format.deserializeKey(keyOfSession(logged)), window: sessionOf(logged) }, this.#format.deserializeValue(value)]
  }

  /** The first end that has not expired; ordered by time a store keeps one millisecond more, as one of windows does. */
  #oldest(): number {
    return Math.max(0, this.#options.clock.time - this.#shape.retentionMs + (this.#shape.indexed ? 0 : 1))
  }

  #key(key: K): Bytes {
    if (key === null || key === undefined) {
      throw new StateStoreError('KEY_INVALID', `store ${this.name}: a key must not be ${key}; drop such records before they reach the store`)
    }
    return this.#format.serializeKey(key)
  }
}
