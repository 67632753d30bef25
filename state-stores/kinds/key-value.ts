import type { Bytes, RangeOptions, StoreView } from '../contract.ts'
import { keyAfter, prefixEnd } from '../bytes.ts'
import { StateStoreError } from '../errors.ts'
import { encodeTimestamped, plainValueOf, timestampOf, type ValueAndTimestamp } from './timestamped.ts'

export interface ReadOnlyKeyValueStore<K, V> {
  readonly name: string
  get(key: K): V | undefined
  /** Inclusive bounds, ordered by serialized key; inverted bounds give nothing. Lives within one turn. */
  range(from: K | undefined, to: K | undefined): IterableIterator<readonly [K, V]>
  reverseRange(from: K | undefined, to: K | undefined): IterableIterator<readonly [K, V]>
  all(): IterableIterator<readonly [K, V]>
  reverseAll(): IterableIterator<readonly [K, V]>
  /** Keys whose serialized form begins with these bytes. */
  prefixScan(prefix: Uint8Array): IterableIterator<readonly [K, V]>
  approximateNumEntries(): number
}

export interface KeyValueStore<K, V> extends ReadOnlyKeyValueStore<K, V> {
  /** `null` deletes. */
  put(key: K, value: V | null): void
  /** Returns what was there, and then changes nothing. */
  putIfAbsent(key: K, value: V): V | undefined
  putAll(entries: Iterable<readonly [K, V | null]>): void
  /** Returns what was there. Writes a tombstone even if nothing was. */
  delete(key: K): V | undefined
}

/** How keys and values become bytes. The functions may throw; what they throw reaches the caller as it is. */
export interface KeyValueFormat<K, V> {
  readonly serializeKey: (key: K) => Bytes
  readonly deserializeKey: (bytes: Bytes) => K
  readonly serializeValue: (value: V) => Bytes
  readonly deserializeValue: (bytes: Bytes) => V
}

/** A store of plain values. `now` (ms) stamps the changelog records: the timestamp of the record being processed. */
export function createKeyValueStore<K, V>(view: StoreView, format: KeyValueFormat<K, V>, now: () => number): KeyValueStore<K, V> {
  return new TypedKeyValueStore(view, format, format.serializeValue, format.deserializeValue, now, now)
}

/**
 * A store of values with their timestamps; the value's timestamp stamps its changelog record, `now` that of a delete.
 * Whoever writes the changelog strips the eight bytes (`plainValueOf`), whoever restores puts them back.
 */
export function createTimestampedKeyValueStore<K, V>(
  view: StoreView,
  format: KeyValueFormat<K, V>,
  now: () => number,
): KeyValueStore<K, ValueAndTimestamp<V>> {
  const { serializeValue, deserializeValue } = format
  return new TypedKeyValueStore<K, ValueAndTimestamp<V>>(
    view,
    format,
    (stamped) => encodeTimestamped(serializeValue(stamped.value), stamped.timestamp),
    (bytes) => ({ value: deserializeValue(plainValueOf(bytes)), timestamp: timestampOf(bytes) }),
    (stamped) => stamped.timestamp,
    now,
  )
}

class TypedKeyValueStore<K, V> implements KeyValueStore<K, V> {
  readonly name: string
  readonly #view: StoreView
  readonly #serializeKey: (key: K) => Bytes
  readonly #deserializeKey: (bytes: Bytes) => K
  readonly #encode: (value: V) => Bytes
  readonly #decode: (bytes: Bytes) => V
  readonly #stamp: (value: V) => number
  readonly #now: () => number

  constructor(
    view: StoreView,
    format: Pick<KeyValueFormat<K, unknown>, 'serializeKey' | 'deserializeKey'>,
    encode: (value: V) => Bytes,
    decode: (bytes: Bytes) => V,
    stamp: (value: V) => number,
    now: () => number,
  ) {
    this.name = view.name
    this.#view = view
    this.#serializeKey = format.serializeKey
    this.#deserializeKey = format.deserializeKey
    this.#encode = encode
    this.#decode = decode
    this.#stamp = stamp
    this.#now = now
  }

  get(key: K): V | undefined {
    const bytes = this.#view.get(this.#key(key))
    return bytes === undefined ? undefined : this.#decode(bytes)
  }

  put(key: K, value: V | null): void {
    this.#put(this.#key(key), value)
  }

  putIfAbsent(key: K, value: V): V | undefined {
    const bytes = this.#key(key)
    const old = this.#view.get(bytes)
    if (old !== undefined) {
      return this.#decode(old)
    }
    this.#put(bytes, value)
    return undefined
  }

  putAll(entries: Iterable<readonly [K, V | null]>): void {
    for (const [key, value] of entries) {
      this.put(key, value)
    }
  }

  delete(key: K): V | undefined {
    const bytes = this.#key(key)
    const old = this.#view.get(bytes)
    this.#view.put(bytes, null, this.#now())
    return old === undefined ? undefined : this.#decode(old)
  }

  range(from: K | undefined, to: K | undefined): IterableIterator<readonly [K, V]> {
    return this.#range(from, to, false)
  }

  reverseRange(from: K | undefined, to: K | undefined): IterableIterator<readonly [K, V]> {
    return this.#range(from, to, true)
  }

  all(): IterableIterator<readonly [K, V]> {
    return this.#scan({})
  }

  reverseAll(): IterableIterator<readonly [K, V]> {
    return this.#scan({ reverse: true })
  }

  prefixScan(prefix: Uint8Array): IterableIterator<readonly [K, V]> {
    const to = prefixEnd(prefix)
    return this.#scan(to === undefined ? { from: prefix } : { from: prefix, to })
  }

  approximateNumEntries(): number {
    return this.#view.approximateEntries()
  }

  #range(from: K | undefined, to: K | undefined, reverse: boolean): IterableIterator<readonly [K, V]> {
    return this.#scan({
      ...(from === undefined ? {} : { from: this.#key(from) }),
      ...(to === undefined ? {} : { to: keyAfter(this.#key(to)) }),
      reverse,
    })
  }

  #scan(options: RangeOptions): IterableIterator<readonly [K, V]> {
    return new TypedIterator(this.#view.range(options), this.#deserializeKey, this.#decode)
  }

  #put(key: Bytes, value: V | null): void {
    if (value === null || value === undefined) {
      this.#view.put(key, null, this.#now())
    } else {
      this.#view.put(key, this.#encode(value), this.#stamp(value))
    }
  }

  #key(key: K): Bytes {
    if (key === null || key === undefined) {
      throw new StateStoreError('KEY_INVALID', `store ${this.name}: a key must not be ${key}; drop such records before they reach the store`)
    }
    return this.#serializeKey(key)
  }
}

class TypedIterator<K, V> implements IterableIterator<readonly [K, V]> {
  readonly #rows: IterableIterator<readonly [Bytes, Bytes]>
  readonly #deserializeKey: (bytes: Bytes) => K
  readonly #decode: (bytes: Bytes) => V

  constructor(rows: IterableIterator<readonly [Bytes, Bytes]>, deserializeKey: (bytes: Bytes) => K, decode: (bytes: Bytes) => V) {
    this.#rows = rows
    this.#deserializeKey = deserializeKey
    this.#decode = decode
  }

  next(): IteratorResult<readonly [K, V], undefined> {
    const next = this.#rows.next()
    if (next.done === true) {
      return { done: true, value: undefined }
    }
    return { done: false, value: [this.#deserializeKey(next.value[0]), this.#decode(next.value[1])] }
  }

  return(): IteratorResult<readonly [K, V], undefined> {
    this.#rows.return?.()
    return { done: true, value: undefined }
  }

  [Symbol.iterator](): this {
    return this
  }
}
