import type { ProcessingContext } from '../processor.ts'

/** Why a record ended at an operator without a result, as Kafka Streams counts in `dropped-records`. */
export type DropReason = 'null-key' | 'null-value' | 'null-key-or-value' | 'null-join-key' | 'superseded' | 'out-of-order' | 'late' | 'expired' | 'partitioner'

/** What the engine's own contexts have beyond the public one. Absent in contexts of tests. */
export interface MeteredContext extends ProcessingContext {
  readonly metrics?: { dropped(node: string, reason: DropReason): void }
}

export function dropped(context: ProcessingContext, node: string, reason: DropReason): void {
  ;(context as MeteredContext).metrics?.dropped(node, reason)
}
