import { dropped } from '../../graph/dropped.ts'
import type { Processor, ProcessorContext } from '../../processor.ts'

/** Stands before a repartition topic: a record without a key has no place in it, unless a left join behind keeps it (KIP-962). */
export interface NullKeys {
  keep: boolean
}

export function dropNullKeys<K, V>(node: string, nullKeys: NullKeys): Processor<K, V> {
  let context: ProcessorContext<K, V>
  return {
    init(given) {
      context = given
    },
    process(record) {
      if (record.key === null && !nullKeys.keep) {
        dropped(context, node, 'null-key')
        return
      }
      context.forward(record)
    },
  }
}
