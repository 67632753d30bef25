import type { VersionedKeyValueStore } from 'millrace-state-stores'
import type { ProcessingContext, TimestampedKeyValueStore, ValueAndTimestamp } from '../../processor.ts'

/** `latest`: the row is what was put. `out-of-order`: a later version holds. `expired`: too old even to be history. */
export type PutResult = 'latest' | 'out-of-order' | 'expired'

/** What keeps the rows of a table, the latest of each key, or all versions as far as its history goes. */
export interface TableStore<K, V> {
  readonly versioned: boolean
  get(key: K): ValueAndTimestamp<V> | undefined
  /** `null` deletes. */
  put(key: K, value: V | null, timestamp: number): PutResult
}

/** The store `name` of the operator whose context it is, of whichever kind its table was given. */
export function tableStore<K, V>(context: ProcessingContext, name: string): TableStore<K, V> {
  const store = context.getStateStore<TimestampedKeyValueStore<K, V> | VersionedKeyValueStore<K, V>>(name)
  if ('versions' in store) {
    return {
      versioned: true,
      get: (key) => store.get(key),
      put(key, value, timestamp) {
        const validTo = store.put(key, value, timestamp)
        return validTo === undefined ? 'expired' : validTo === Number.POSITIVE_INFINITY ? 'latest' : 'out-of-order'
      },
    }
  }
  return {
    versioned: false,
    get: (key) => store.get(key),
    put(key, value, timestamp) {
      store.put(key, value === null ? null : { value, timestamp })
      return 'latest'
    },
  }
}
