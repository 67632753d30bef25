/** Stores of timestamped values, shown without the timestamps. */
import type { ReadOnlyWindowStore } from 'millrace-state-stores'
import type { ReadOnlyKeyValueStore, ValueAndTimestamp } from '../processor.ts'

function* values<R>(rows: Iterable<readonly [R, ValueAndTimestamp<unknown>]>): IterableIterator<readonly [R, unknown]> {
  for (const [row, { value }] of rows) {
    yield [row, value]
  }
}

export function plain(store: ReadOnlyKeyValueStore<unknown, ValueAndTimestamp<unknown>>): ReadOnlyKeyValueStore<unknown, unknown> {
  return {
    name: store.name,
    get: (key) => store.get(key)?.value,
    range: (from, to) => values(store.range(from, to)),
    reverseRange: (from, to) => values(store.reverseRange(from, to)),
    all: () => values(store.all()),
    prefixScan: (prefix) => values(store.prefixScan(prefix)),
    approximateNumEntries: () => store.approximateNumEntries(),
  }
}

export function plainWindows(store: ReadOnlyWindowStore<unknown, ValueAndTimestamp<unknown>>): ReadOnlyWindowStore<unknown, unknown> {
  const fetch = ((key: unknown, from: number, to?: number) =>
    to === undefined ? store.fetch(key, from)?.value : values(store.fetch(key, from, to))) as ReadOnlyWindowStore<unknown, unknown>['fetch']
  return {
    name: store.name,
    fetch,
    backwardFetch: (key, from, to) => values(store.backwardFetch(key, from, to)),
    fetchAll: (from, to) => values(store.fetchAll(from, to)),
    backwardFetchAll: (from, to) => values(store.backwardFetchAll(from, to)),
    fetchRange: (keyFrom, keyTo, from, to) => values(store.fetchRange(keyFrom, keyTo, from, to)),
    backwardFetchRange: (keyFrom, keyTo, from, to) => values(store.backwardFetchRange(keyFrom, keyTo, from, to)),
    all: () => values(store.all()),
    backwardAll: () => values(store.backwardAll()),
  }
}
