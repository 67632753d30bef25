import { dropped } from '../../graph/dropped.ts'
import type { Processor, ProcessorContext } from '../../processor.ts'
import type { TableReader, TableView } from './table-view.ts'

export interface StreamTableJoin<K, V, KT, VT, VR> {
  readonly table: TableView<KT, VT>
  /** The stream's own key for a table, the mapper's for a global table. */
  readonly tableKey: (key: K, value: V) => KT
  readonly joiner: (value: V, tableValue: VT | null, key: K, tableKey: KT | null) => VR
  readonly left: boolean
}

/**
 * Looks each stream record up in a table; only the stream side triggers and the result has the stream record's
 * timestamp. A record without a value is dropped. Without a key to look up an inner join drops the record, a left join
 * keeps it with no partner (KIP-962). In a versioned table it finds the row that held at its own time.
 */
export function streamTableJoin<K, V, KT, VT, VR>(node: string, join: StreamTableJoin<K, V, KT, VT, VR>): Processor<K, V, K, VR> {
  const versioned = join.table.historyRetentionMs !== undefined
  let context: ProcessorContext<K, VR>
  let read: TableReader<KT, VT>
  return {
    init(given) {
      context = given
      read = join.table.open(given)
    },
    process({ key, value, timestamp, headers }) {
      if (value === null) {
        dropped(context, node, 'null-value')
        return
      }
      const tableKey = join.tableKey(key, value) ?? null
      if (tableKey === null && !join.left) {
        dropped(context, node, 'null-join-key')
        return
      }
      const found = tableKey === null ? undefined : read(tableKey, versioned ? timestamp : undefined)
      if (found !== undefined || join.left) {
        context.forward({ key, value: join.joiner(value, found === undefined ? null : found.value, key, tableKey), timestamp, headers })
      }
    },
  }
}
