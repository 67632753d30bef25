import { dropped } from '../../graph/dropped.ts'
import type { Processor, ProcessorContext } from '../../processor.ts'
import { type Change, changed } from '../change.ts'
import { type TableStore, tableStore } from './table-store.ts'

/**
 * Keeps the last value of each key and tells what it replaced. A record older than the value it meets still replaces it:
 * the order in the topic counts, unless the table is versioned; then it is told as a change of the past, if it is not
 * older than the history.
 */
export function tableSource<K, V>(node: string, storeName: string): Processor<K, V | null, K, Change<V>> {
  let context: ProcessorContext<K, Change<V>>
  let store: TableStore<K, V>
  return {
    init(given) {
      context = given
      store = tableStore(given, storeName)
    },
    process({ key, value, timestamp, headers }) {
      if (key === null) {
        dropped(context, node, 'null-key')
        return
      }
      const oldValue = store.get(key)?.value ?? null
      const put = store.put(key, value, timestamp)
      if (put !== 'expired') {
        context.forward({ key, value: changed(value, oldValue, put === 'out-of-order'), timestamp, headers })
      }
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
