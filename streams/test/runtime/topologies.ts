/** Small topologies and processors that several tests share. */
import type { ErrorPolicy } from '../../error-policy.ts'
import { Stores } from '../../graph/store-builder.ts'
import { TopologyBuilder } from '../../graph/topology-builder.ts'
import type { Topology } from '../../graph/topology.ts'
import type { KeyValueStore, Processor, ProcessorContext } from '../../processor.ts'
import type { Record } from '../../record.ts'
import { Serdes } from '../../serdes.ts'

export const text = Serdes.string()
export const numbers = Serdes.json<number>()

type Text = Record<string, string>

/** A processor out of functions. */
export function processor(process: (record: Text, context: ProcessorContext<string, string>) => void, init?: (context: ProcessorContext<string, string>) => void): () => Processor<string, string, string, string> {
  return () => {
    let context: ProcessorContext<string, string>
    return {
      init(given) {
        context = given
        init?.(given)
      },
      process(record) {
        process(record, context)
      },
    }
  }
}

/** `in` → `step` → `out`, with one store. */
export function oneStep(supplier: () => Processor<string, string, string, string>, onError?: ErrorPolicy, sourceError?: ErrorPolicy): Topology {
  return new TopologyBuilder()
    .addSource('source', 'in', { key: text, value: text, onError: sourceError })
    .addProcessor('step', supplier, 'source', { onError })
    .addStateStore(Stores.keyValueStore('counts', { key: text, value: numbers }), 'step')
    .addSink('sink', 'out', 'step', { key: text, value: text })
    .build({ applicationId: 'app' })
}

/** Counts a key's records in `store`, then forwards `<value>:<count>`. */
export function count(record: Text, context: ProcessorContext<string, string>, storeName: string): void {
  const store = context.getStateStore<KeyValueStore<string, number>>(storeName)
  const next = (store.get(record.key) ?? 0) + 1
  store.put(record.key, next)
  context.forward({ ...record, value: `${record.value}:${next}` })
}
