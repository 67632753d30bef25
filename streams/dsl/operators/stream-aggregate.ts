import { dropped } from '../../graph/dropped.ts'
import type { Processor, ProcessorContext } from '../../processor.ts'
import { type Change, changed, type OldValues } from '../change.ts'
import { type TableStore, tableStore } from './table-store.ts'

export interface StreamAggregation<K, V, VA> {
  readonly store: string
  /** The first aggregate of a key. For `reduce` it is the value itself. */
  readonly first: (key: K, value: V) => VA | null
  readonly next: (key: K, value: V, aggregate: VA) => VA | null
}

/**
 * Folds the records of a key into its aggregate. The result has the greatest timestamp of its inputs. `null` as a
 * result deletes the aggregate. A key's first change has no old value, where Kafka Streams gives the initializer's:
 * a table grouped from this one must not subtract what it was never given. An aggregate that is older than the history of
 * its store is not kept, and not told.
 */
export function streamAggregate<K, V, VA>(
  node: string,
  aggregation: StreamAggregation<K, V, VA>,
  oldValues: OldValues
): Processor<K, V, K, Change<VA>> {
  let context: ProcessorContext<K, Change<VA>>
  let store: TableStore<K, VA>
  return {
    init(given) {
      context = given
      store = tableStore(given, aggregation.store)
    },
    process({ key, value, timestamp, headers }) {
      if (key === null || value === null) {
        dropped(context, node, 'null-key-or-value')
        return
      }
      const old = store.get(key)
      const newest = old === undefined ? timestamp : Math.max(timestamp, old.timestamp)
      const oldValue = old === undefined || !oldValues.enabled ? null : unshared(store, key, old.value)
      const newValue = (old === undefined ? aggregation.first(key, value) : aggregation.next(key, value, old.value)) ?? null
      const put = store.put(key, newValue, newest)
      if (put !== 'expired') {
        context.forward({ key, value: changed(newValue, oldValue, put === 'out-of-order'), timestamp: newest, headers })
      }
    },
  }
}

/** A second copy of an object: an aggregator may change the one it is given, and the old value must stay what it was. */
export function unshared<K, VA>(store: TableStore<K, VA>, key: K, value: VA): VA {
  return typeof value === 'object' ? store.get(key)!.value : value
}
