import { type OperatorTime, operatorTime, whenIdle } from '../../graph/operator-time.ts'
import type { Processor, ProcessorContext } from '../../processor.ts'
import type { ValueWithHeaders } from './value-with-headers.ts'
import { WaitingRecords, type WaitingRecordsOptions } from './waiting-records.ts'

/** Stream records wait for the table they will be joined with (KIP-923). */
export interface WaitForTable {
  readonly graceMs: number
  /** Holds the stream's records, with their headers, on its left side. */
  readonly waiting: WaitingRecordsOptions
}

/**
 * Hands stream records on when the stream is further than they are by the grace, in the order of time; one that comes
 * later than that at once. A node before the join, so that the policy for a joiner that throws strikes the record that
 * waited, not the one whose time had it looked up.
 */
export function waitForTable<K, V>(node: string, { graceMs, waiting }: WaitForTable): Processor<K, V> {
  let context: ProcessorContext<K, V>
  let records: WaitingRecords
  /** Of the records that were set aside. */
  let time: OperatorTime
  const handOn = (now: number): void => {
    for (const due of records.take(() => now - graceMs + 1)) {
      const own = due.value as ValueWithHeaders<V>
      context.forward({ key: due.key as K, value: own.value, timestamp: due.timestamp, headers: own.headers })
    }
  }

  return {
    init(given) {
      context = given
      records = new WaitingRecords(given, waiting)
      time = operatorTime(given, node)
      whenIdle(given, time, { isDue: (now) => records.isDue(() => now - graceMs + 1), emit: handOn })
    },
    process(record) {
      const { key, value, timestamp, headers } = record
      if (key === null || value === null || timestamp < time.time - graceMs) {
        context.forward(record)
        return
      }
      time.advance(timestamp)
      records.add({ side: 'left', key, value: { value, headers }, timestamp })
      handOn(time.time)
    },
  }
}
