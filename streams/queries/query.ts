/**
 * What can be asked of a store, after KIP-796 (interactive queries v2). A query of one entry is answered as a whole; one
 * of many is read page by page.
 */
import type { Windowed } from 'millrace-state-stores'

/** One row. `timestamp` (ms): of the record that made the value, if the store keeps it. */
export interface QueryEntry<K, V> {
  readonly key: K
  readonly value: V
  readonly timestamp?: number
}

/** What a query of one key gives. */
export interface QueryValue<V> {
  readonly value: V
  readonly timestamp?: number
}

/** A version and when it held: from `timestamp`, until `validTo` (exclusive; `Infinity`: it is the latest). */
export interface QueryVersion<V> extends QueryValue<V> {
  readonly timestamp: number
  readonly validTo: number
}

/** Answered with one value, or with none. */
export type SingleQuery<K, V> = KeyQuery<K, V> | VersionedKeyQuery<K, V>

/** Answered with rows of the type `R`. */
export type RowsQuery<R> = RangeQuery<unknown, unknown, R> | WindowKeyQuery<unknown, unknown, R> | WindowRangeQuery<unknown, unknown, R> | MultiVersionedKeyQuery<unknown, unknown, R>

/** The value of a key in a key-value store; with its timestamp, where the store keeps it (KIP-992's TimestampedKeyQuery). */
export class KeyQuery<K, V> {
  readonly kind = 'key'
  declare readonly answers?: V
  readonly key: K

  private constructor(key: K) {
    this.key = key
  }

  static withKey<K, V = unknown>(key: K): KeyQuery<K, V> {
    return new KeyQuery<K, V>(key)
  }
}

/** Entries of a key-value store between two keys, both included, in the order of their serialized form. */
export class RangeQuery<K, V, R = QueryEntry<K, V>> {
  readonly kind = 'range'
  declare readonly answers?: R
  declare readonly values?: V
  readonly from: K | undefined
  readonly to: K | undefined
  readonly descending: boolean

  private constructor(from: K | undefined, to: K | undefined, descending: boolean) {
    this.from = from
    this.to = to
    this.descending = descending
  }

  static withRange<K, V = unknown>(from: K | undefined, to: K | undefined): RangeQuery<K, V> {
    return new RangeQuery<K, V>(from, to, false)
  }

  static withLowerBound<K, V = unknown>(from: K): RangeQuery<K, V> {
    return new RangeQuery<K, V>(from, undefined, false)
  }

  static withUpperBound<K, V = unknown>(to: K): RangeQuery<K, V> {
    return new RangeQuery<K, V>(undefined, to, false)
  }

  static withNoBounds<K = unknown, V = unknown>(): RangeQuery<K, V> {
    return new RangeQuery<K, V>(undefined, undefined, false)
  }

  withDescendingKeys(): RangeQuery<K, V, R> {
    return new RangeQuery<K, V, R>(this.from, this.to, true)
  }

  withAscendingKeys(): RangeQuery<K, V, R> {
    return new RangeQuery<K, V, R>(this.from, this.to, false)
  }
}

/** Windows of one key in a window store that begin in `from` … `to` (ms, included), in the order of time. */
export class WindowKeyQuery<K, V, R = QueryEntry<Windowed<K>, V>> {
  readonly kind = 'window-key'
  declare readonly answers?: R
  declare readonly values?: V
  readonly key: K
  readonly from: number
  readonly to: number

  private constructor(key: K, from: number, to: number) {
    this.key = key
    this.from = from
    this.to = to
  }

  static withKeyAndWindowStartRange<K, V = unknown>(key: K, from: number, to: number): WindowKeyQuery<K, V> {
    return new WindowKeyQuery<K, V>(key, from, to)
  }
}

/**
 * `withWindowStartRange`: windows of every key in a window store that begin in `from` … `to` (ms, included).
 * `withKey`: sessions of one key in a session store.
 */
export class WindowRangeQuery<K, V, R = QueryEntry<Windowed<K>, V>> {
  readonly kind = 'window-range'
  declare readonly answers?: R
  declare readonly values?: V
  readonly key: K | undefined
  readonly from: number | undefined
  readonly to: number | undefined

  private constructor(key: K | undefined, from: number | undefined, to: number | undefined) {
    this.key = key
    this.from = from
    this.to = to
  }

  static withKey<K, V = unknown>(key: K): WindowRangeQuery<K, V> {
    return new WindowRangeQuery<K, V>(key, undefined, undefined)
  }

  static withWindowStartRange<K = unknown, V = unknown>(from: number, to: number): WindowRangeQuery<K, V> {
    return new WindowRangeQuery<K, V>(undefined, from, to)
  }
}

/** The latest version of a key in a versioned store, or the one that held at a time (KIP-960). */
export class VersionedKeyQuery<K, V> {
  readonly kind = 'versioned-key'
  declare readonly answers?: V
  readonly key: K
  readonly at: number | undefined

  private constructor(key: K, at: number | undefined) {
    this.key = key
    this.at = at
  }

  static withKey<K, V = unknown>(key: K): VersionedKeyQuery<K, V> {
    return new VersionedKeyQuery<K, V>(key, undefined)
  }

  /** `at`: ms. Older than the store's history retention it is found only if it is the latest. */
  asOf(at: number): VersionedKeyQuery<K, V> {
    return new VersionedKeyQuery<K, V>(this.key, at)
  }
}

/** The versions of a key that held in `from` … `to` (ms, included), oldest first (KIP-968). */
export class MultiVersionedKeyQuery<K, V, R = QueryVersion<V>> {
  readonly kind = 'multi-versioned-key'
  declare readonly answers?: R
  declare readonly values?: V
  readonly key: K
  readonly from: number
  readonly to: number

  private constructor(key: K, from: number, to: number) {
    this.key = key
    this.from = from
    this.to = to
  }

  static withKey<K, V = unknown>(key: K): MultiVersionedKeyQuery<K, V> {
    return new MultiVersionedKeyQuery<K, V>(key, 0, Number.MAX_SAFE_INTEGER)
  }

  fromTime(from: number): MultiVersionedKeyQuery<K, V> {
    return new MultiVersionedKeyQuery<K, V>(this.key, from, this.to)
  }

  toTime(to: number): MultiVersionedKeyQuery<K, V> {
    return new MultiVersionedKeyQuery<K, V>(this.key, this.from, to)
  }
}

export type Query =
  | KeyQuery<unknown, unknown>
  | RangeQuery<unknown, unknown, unknown>
  | WindowKeyQuery<unknown, unknown, unknown>
  | WindowRangeQuery<unknown, unknown, unknown>
  | VersionedKeyQuery<unknown, unknown>
  | MultiVersionedKeyQuery<unknown, unknown, unknown>
