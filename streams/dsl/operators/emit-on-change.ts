import { exactlyOnce } from '../../graph/guarantee.ts'
import type { AnySerde } from '../../graph/topology.ts'
import type { Processor, ProcessorContext } from '../../processor.ts'
import { type Change, sameBytes } from '../change.ts'

/**
 * Hands on only changes that change something, by the bytes of the values. With exactly once this is safe: what the table
 * remembers has been sent, too. Without, a crash may come between the changelog and the output, and the record which is
 * then processed again would find its own change and be swallowed (why Kafka Streams took KIP-557 back, KAFKA-12508): so
 * there every change is handed on.
 */
export function emitOnChange<K, V>(value: AnySerde | undefined): Processor<K, Change<V>> {
  let context: ProcessorContext<K, Change<V>>
  let safe = false
  return {
    init(given) {
      context = given
      safe = exactlyOnce(given)
    },
    process(record) {
      const { newValue, oldValue } = record.value
      if (!safe || !same(value, newValue, oldValue)) {
        context.forward(record)
      }
    },
  }
}

function same<V>(serde: AnySerde | undefined, left: V | null, right: V | null): boolean {
  if (left === right) {
    return true
  }
  return left !== null && right !== null && serde !== undefined && sameBytes(serde, left, right)
}
