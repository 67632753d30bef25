import type { SessionStore, VersionedKeyValueStore, Windowed, WindowStore } from 'millrace-state-stores'
import type { ProcessingContext, TimestampedKeyValueStore, ValueAndTimestamp } from '../../processor.ts'

/** The row of a key; of a versioned table the one that held at `asOf` (ms), if given. */
export type TableReader<K, V> = (key: K, asOf?: number) => ValueAndTimestamp<V> | undefined

/** How another operator reads a table: from its store, or computed from that of a table above it. */
export interface TableView<K, V> {
  readonly stores: readonly string[]
  /** How far back it knows what held when; absent: it knows only the latest. */
  readonly historyRetentionMs?: number
  open(context: ProcessingContext): TableReader<K, V>
}

/** The view of a versioned table: rows as they are, or as they were. */
export function versionedView<K, V>(store: string, historyRetentionMs: number): TableView<K, V> {
  return {
    stores: [store],
    historyRetentionMs,
    open(context) {
      const typed = context.getStateStore<VersionedKeyValueStore<K, V>>(store)
      return (key, asOf) => (asOf === undefined ? typed.get(key) : typed.get(key, asOf))
    },
  }
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

/** The view of a windowed table: the aggregate of one key in one window. */
export function windowView<K, V>(store: string): TableView<Windowed<K>, V> {
  return {
    stores: [store],
    open(context) {
      const typed = context.getStateStore<WindowStore<K, ValueAndTimestamp<V>>>(store)
      return ({ key, window }) => typed.fetch(key, window.start)
    },
  }
}

/** The view of a table of sessions; what a session holds has the time of its end. */
export function sessionView<K, V>(store: string): TableView<Windowed<K>, V> {
  return {
    stores: [store],
    open(context) {
      const typed = context.getStateStore<SessionStore<K, V>>(store)
      return ({ key, window }) => {
        const value = typed.fetchSession(key, window.start, window.end)
        return value === undefined ? undefined : { value, timestamp: window.end }
      }
    },
  }
}

/** The view of a table that is not kept: `compute` on the fly, `null` for a value that is not in it. */
export function computedView<K, V, VR>(parent: TableView<K, V>, compute: (key: K, value: V) => VR | null): TableView<K, VR> {
  return {
    get stores() {
      return parent.stores
    },
    historyRetentionMs: parent.historyRetentionMs,
    open(context) {
      const read = parent.open(context)
      return (key, asOf) => {
        const found = read(key, asOf)
        const value = found === undefined ? null : compute(key, found.value)
        return found === undefined || value === null ? undefined : { value, timestamp: found.timestamp }
      }
    },
  }
}

/** The view of a table that is kept only once somebody reads it: `materialize` adds its store, the first time. */
export function demandedView<K, V>(materialize: () => TableView<K, V>): TableView<K, V> {
  return {
    get stores() {
      return materialize().stores
    },
    open: (context) => materialize().open(context),
  }
}
