import type { ProcessingContext, Processor, ProcessorContext } from '../../processor.ts'
import { type Change, changed, type OldValues } from '../change.ts'
import { type TableStore, tableStore } from './table-store.ts'

/** As Kafka Streams' `ValueTransformerWithKey`: turns the values of a table with the help of stores; one instance per task. */
export interface ValueTransformer<K, V, VR> {
  init?(context: ProcessingContext): void
  /** Called for each change; `null` is a deletion, and as a result says that the key is not in the resulting table. */
  transform(key: K, value: V | null): VR | null
  close?(): void
}

/** `transformValues` of tables. A transformer may have state, so no value is ever transformed twice to know it again. */
export function tableTransform<K, V, VR>(
  supplier: () => ValueTransformer<K, V, VR>,
  storeName: string | undefined,
  oldValues: OldValues
): Processor<K, Change<V>, K, Change<VR>> {
  const transformer = supplier()
  let context: ProcessorContext<K, Change<VR>>
  let store: TableStore<K, VR> | undefined
  return {
    init(given) {
      context = given
      store = storeName === undefined ? undefined : tableStore(given, storeName)
      transformer.init?.(withoutForward(given))
    },
    process({ key, value: change, timestamp, headers }) {
      const newValue = transformer.transform(key, change.newValue) ?? null
      const oldValue = store === undefined || !oldValues.enabled ? null : (store.get(key)?.value ?? null)
      const put = store === undefined ? undefined : store.put(key, newValue, timestamp)
      if (put !== 'expired') {
        const outOfOrder = put === undefined ? change.outOfOrder === true : put === 'out-of-order'
        context.forward({ key, value: changed(newValue, oldValue, outOfOrder), timestamp, headers })
      }
    },
    close() {
      transformer.close?.()
    },
  }
}

/** What a transformer returns is its only output: a record forwarded beside it would be in no table. */
function withoutForward(context: ProcessingContext): ProcessingContext {
  return {
    applicationId: context.applicationId,
    taskId: context.taskId,
    recordMetadata: () => context.recordMetadata(),
    getStateStore: (name) => context.getStateStore(name),
    schedule: (interval, type, punctuator, startTime) => context.schedule(interval, type, punctuator, startTime),
    commit: () => context.commit(),
    currentStreamTimeMs: () => context.currentStreamTimeMs(),
    currentSystemTimeMs: () => context.currentSystemTimeMs(),
  }
}
