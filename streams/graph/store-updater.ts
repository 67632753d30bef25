import type { KeyValueStore, ProcessingContext, Processor, TimestampedKeyValueStore } from '../processor.ts'
import { dropped } from './dropped.ts'

/** Keeps the last value of each key of a topic in the store that the topic is the changelog of; null deletes. */
export function storeUpdater<K, V>(node: string, storeName: string, timestamped: boolean): Processor<K, V | null> {
  let context: ProcessingContext
  let put: (key: K, value: V | null, timestamp: number) => void
  return {
    init(given) {
      context = given
      if (timestamped) {
        const store: TimestampedKeyValueStore<K, V> = given.getStateStore(storeName)
        put = (key, value, timestamp) => store.put(key, value === null ? null : { value, timestamp })
      } else {
        const store: KeyValueStore<K, V> = given.getStateStore(storeName)
        put = (key, value) => store.put(key, value)
      }
    },
    process({ key, value, timestamp }) {
      if (key === null) {
        dropped(context, node, 'null-key')
      } else {
        put(key, value, timestamp)
      }
    },
  }
}
