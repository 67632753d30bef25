import { dropped } from '../../graph/dropped.ts'
import type { Processor, ProcessorContext } from '../../processor.ts'
import { type Change, changed, type OldValues, sameKey } from '../change.ts'
import { unshared } from './stream-aggregate.ts'
import { type TableStore, tableStore } from './table-store.ts'
import type { AnySerde } from '../../graph/topology.ts'

/**
 * Gives each change of a table its new key. Old and new value go in one record when the key stays, else in two, the old
 * one first. A mapper that returns nothing, or a null key or value, leaves that side out.
 */
export function tableGroupBy<K, V, KR, VR>(
  node: string,
  mapper: (key: K, value: V) => readonly [KR, VR] | null | undefined,
  keySerde: AnySerde
): Processor<K, Change<V>, KR, Change<VR>> {
  let context: ProcessorContext<KR, Change<VR>>
  const pairOf = (key: K, value: V | null) => {
    const pair = value === null ? undefined : mapper(key, value)
    return pair === undefined || pair === null || pair[0] === null || pair[1] === null ? undefined : pair
  }
  return {
    init(given) {
      context = given
    },
    process({ key, value: change, timestamp, headers }) {
      if (change.outOfOrder === true) {
        dropped(context, node, 'out-of-order')
        return
      }
      const oldPair = pairOf(key, change.oldValue)
      const newPair = pairOf(key, change.newValue)
      if (oldPair !== undefined && newPair !== undefined && sameKey(keySerde, oldPair[0], newPair[0])) {
        context.forward({ key: newPair[0], value: { newValue: newPair[1], oldValue: oldPair[1] }, timestamp, headers })
        return
      }
      if (oldPair !== undefined) {
        context.forward({ key: oldPair[0], value: { newValue: null, oldValue: oldPair[1] }, timestamp, headers })
      }
      if (newPair !== undefined) {
        context.forward({ key: newPair[0], value: { newValue: newPair[1], oldValue: null }, timestamp, headers })
      }
    },
  }
}

export interface TableAggregation<K, V, VA> {
  readonly store: string
  /** `aggregate` is null for the first value of a key. */
  readonly add: (key: K, value: V, aggregate: VA | null) => VA | null
  readonly subtract: (key: K, value: V, aggregate: VA) => VA | null
}

/** Folds the rows of a table into an aggregate per group: the old value is subtracted before the new one is added. */
export function tableAggregate<K, V, VA>(
  aggregation: TableAggregation<K, V, VA>,
  oldValues: OldValues
): Processor<K, Change<V>, K, Change<VA>> {
  let context: ProcessorContext<K, Change<VA>>
  let store: TableStore<K, VA>
  return {
    init(given) {
      context = given
      store = tableStore(given, aggregation.store)
    },
    process({ key, value: change, timestamp, headers }) {
      const old = store.get(key)
      const newest = old === undefined ? timestamp : Math.max(timestamp, old.timestamp)
      const oldValue = old === undefined || !oldValues.enabled ? null : unshared(store, key, old.value)
      let aggregate: VA | null = old?.value ?? null
      if (change.oldValue !== null && aggregate !== null) {
        aggregate = aggregation.subtract(key, change.oldValue, aggregate) ?? null
      }
      if (change.newValue !== null) {
        aggregate = aggregation.add(key, change.newValue, aggregate) ?? null
      }
      const put = store.put(key, aggregate, newest)
      if (put !== 'expired') {
        context.forward({ key, value: changed(aggregate, oldValue, put === 'out-of-order'), timestamp: newest, headers })
      }
    },
  }
}
