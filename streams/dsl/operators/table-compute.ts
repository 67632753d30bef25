import type { Processor, ProcessorContext } from '../../processor.ts'
import { type Change, changed, type OldValues } from '../change.ts'
import { type TableStore, tableStore } from './table-store.ts'

export interface TableComputation<K, V, VR> {
  /** `null`: the key is not in the resulting table. Never called with `null`. */
  readonly compute: (key: K, value: V) => VR | null
  /** Name of the store the result is kept in, if it is. */
  readonly store: string | undefined
  /** A filter says nothing about keys that neither were nor are in its table. */
  readonly silentWhenAbsent: boolean
}

/** `filter`, `filterNot` and `mapValues` of tables. */
export function tableCompute<K, V, VR>(
  computation: TableComputation<K, V, VR>,
  oldValues: OldValues
): Processor<K, Change<V>, K, Change<VR>> {
  let context: ProcessorContext<K, Change<VR>>
  let store: TableStore<K, VR> | undefined
  const apply = (key: K, value: V | null) => (value === null ? null : computation.compute(key, value))
  return {
    init(given) {
      context = given
      store = computation.store === undefined ? undefined : tableStore(given, computation.store)
    },
    process({ key, value: change, timestamp, headers }) {
      const newValue = apply(key, change.newValue)
      let oldValue: VR | null = null
      if (oldValues.enabled) {
        oldValue = store === undefined ? apply(key, change.oldValue) : (store.get(key)?.value ?? null)
        if (computation.silentWhenAbsent && newValue === null && oldValue === null) {
          return
        }
      }
      const put = store === undefined ? undefined : store.put(key, newValue, timestamp)
      if (put !== 'expired') {
        const outOfOrder = put === undefined ? change.outOfOrder === true : put === 'out-of-order'
        context.forward({ key, value: changed(newValue, oldValue, outOfOrder), timestamp, headers })
      }
    },
  }
}

/** From changes back to a stream of records: the new values, `null` where a key left the table. */
export function tableToStream<K, V>(): Processor<K, Change<V>, K, V | null> {
  let context: ProcessorContext<K, V | null>
  return {
    init(given) {
      context = given
    },
    process({ key, value, timestamp, headers }) {
      context.forward({ key, value: value.newValue, timestamp, headers })
    },
  }
}
