import { dropped } from '../../graph/dropped.ts'
import type { Processor, ProcessorContext, TimestampedKeyValueStore } from '../../processor.ts'
import type { Change } from '../change.ts'

/**
 * Keeps the last value of each key and tells what it replaced. A record older than the value it meets still replaces it:
 * the order in the topic counts, as for every table that is not versioned.
 */
export function tableSource<K, V>(node: string, storeName: string): Processor<K, V | null, K, Change<V>> {
  let context: ProcessorContext<K, Change<V>>
  let store: TimestampedKeyValueStore<K, V>
  return {
    init(given) {
      context = given
      store = given.getStateStore(storeName)
    },
    process({ key, value, timestamp, headers }) {
      if (key === null) {
        dropped(context, node, 'null-key')
        return
      }
      const oldValue = store.get(key)?.value ?? null
      store.put(key, value === null ? null : { value, timestamp })
      context.forward({ key, value: { newValue: value, oldValue }, timestamp, headers })
    },
  }
}

/** Records as changes of a table that is not kept: nobody knows what they replaced. */
export function recordsToChanges<K, V>(node: string): Processor<K, V | null, K, Change<V>> {
  let context: ProcessorContext<K, Change<V>>
  return {
    init(given) {
      context = given
    },
    process({ key, value, timestamp, headers }) {
      if (key === null) {
        dropped(context, node, 'null-key')
        return
      }
      context.forward({ key, value: { newValue: value, oldValue: null }, timestamp, headers })
    },
  }
}
