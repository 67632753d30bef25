import { dropped } from '../../graph/dropped.ts'
import { type OperatorTime, operatorTime } from '../../graph/operator-time.ts'
import type { ProcessingContext, Processor, ProcessorContext } from '../../processor.ts'
import type { Record } from '../../record.ts'
import type { TableReader, TableView } from './table-view.ts'
import type { ValueWithHeaders } from './value-with-headers.ts'
import { WaitingRecords, type WaitingRecordsOptions } from './waiting-records.ts'

export interface StreamTableJoin<K, V, KT, VT, VR> {
  readonly table: TableView<KT, VT>
  /** The stream's own key for a table, the mapper's for a global table. */
  readonly tableKey: (key: K, value: V) => KT
  readonly joiner: (value: V, tableValue: VT | null, key: K, tableKey: KT | null) => VR
  readonly left: boolean
}

/** Stream records wait for the table to catch up (KIP-923). */
export interface JoinGrace {
  readonly graceMs: number
  /** Holds the stream's records, with their headers, on its left side. */
  readonly waiting: WaitingRecordsOptions
}

/**
 * Looks each stream record up in a table; only the stream side triggers and the result has the stream record's
 * timestamp. A record without a value is dropped. Without a key to look up an inner join drops the record, a left join
 * keeps it with no partner (KIP-962). In a versioned table it finds the row that held at its own time; with a grace it
 * is looked up only when the stream is so much further, in the order of time. A record later than that is at once.
 */
export function streamTableJoin<K, V, KT, VT, VR>(
  node: string,
  join: StreamTableJoin<K, V, KT, VT, VR>,
  grace?: JoinGrace
): Processor<K, V, K, VR> {
  const versioned = join.table.historyRetentionMs !== undefined
  let context: ProcessorContext<K, VR>
  let read: TableReader<KT, VT>
  let buffer: JoinBuffer<K, V> | undefined
  const lookUp = (tableKey: KT | null, { key, value, timestamp, headers }: Record<K, V>) => {
    const found = tableKey === null ? undefined : read(tableKey, versioned ? timestamp : undefined)
    if (found !== undefined || join.left) {
      context.forward({ key, value: join.joiner(value, found === undefined ? null : found.value, key, tableKey), timestamp, headers })
    }
  }
  return {
    init(given) {
      context = given
      read = join.table.open(given)
      buffer = grace === undefined ? undefined : new JoinBuffer(given, node, grace)
    },
    process(record) {
      const { key, value } = record
      if (value === null) {
        dropped(context, node, 'null-value')
        return
      }
      const tableKey = join.tableKey(key, value) ?? null
      if (tableKey === null && !join.left) {
        dropped(context, node, 'null-join-key')
        return
      }
      if (buffer === undefined || key === null || buffer.isLate(record)) {
        lookUp(tableKey, record)
        return
      }
      buffer.add(record)
      for (const due of buffer.due()) {
        lookUp(join.tableKey(due.key, due.value) ?? null, due)
      }
    },
  }
}

/** Stream records until their grace has passed, by the time of the records that were set aside. */
class JoinBuffer<K, V> {
  readonly #records: WaitingRecords
  readonly #time: OperatorTime
  readonly #graceMs: number

  constructor(context: ProcessingContext, node: string, { graceMs, waiting }: JoinGrace) {
    this.#records = new WaitingRecords(context, waiting)
    this.#time = operatorTime(context, node)
    this.#graceMs = graceMs
  }

  isLate({ timestamp }: Record<K, V>): boolean {
    return timestamp < this.#time.time - this.#graceMs
  }

  add({ key, value, timestamp, headers }: Record<K, V>): void {
    this.#time.advance(timestamp)
    this.#records.add({ side: 'left', key, value: { value, headers }, timestamp })
  }

  *due(): Generator<Record<K, V>> {
    const passed = this.#time.time - this.#graceMs
    for (const { key, value, timestamp } of this.#records.take(() => passed + 1)) {
      yield { ...(value as ValueWithHeaders<V>), key: key as K, timestamp }
    }
  }
}
