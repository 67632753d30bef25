import type { ProcessingContext, TimestampedKeyValueStore, ValueAndTimestamp } from '../../processor.ts'

export type TableReader<K, V> = (key: K) => ValueAndTimestamp<V> | undefined

/** How another operator reads a table: from its store, or computed from that of a table above it. */
export interface TableView<K, V> {
  readonly stores: readonly string[]
  open(context: ProcessingContext): TableReader<K, V>
}

export function storeView<K, V>(store: string): TableView<K, V> {
  return {
    stores: [store],
    open(context) {
      const typed = context.getStateStore<TimestampedKeyValueStore<K, V>>(store)
      return (key) => typed.get(key)
    },
  }
}

/** The view of a table that is not kept: `compute` on the fly, `null` for a value that is not in it. */
export function computedView<K, V, VR>(parent: TableView<K, V>, compute: (key: K, value: V) => VR | null): TableView<K, VR> {
  return {
    get stores() {
      return parent.stores
    },
    open(context) {
      const read = parent.open(context)
      return (key) => {
        const found = read(key)
        const value = found === undefined ? null : compute(key, found.value)
        return found === undefined || value === null ? undefined : { value, timestamp: found.timestamp }
      }
    },
  }
}

/** The view of a table that is kept only once somebody reads it: `materialize` adds its store, the first time, and names it. */
export function demandedView<K, V>(materialize: () => string): TableView<K, V> {
  return {
    get stores() {
      return [materialize()]
    },
    open: (context) => storeView<K, V>(materialize()).open(context),
  }
}
