import { dropped } from '../../graph/dropped.ts'
import type { Processor, ProcessorContext } from '../../processor.ts'
import { type Change, changed, type OldValues } from '../change.ts'
import { type TableStore, tableStore } from './table-store.ts'
import type { TableReader, TableView } from './table-view.ts'

/** Which rows without a partner are in the result: none (inner), the left table's, or both tables'. */
export interface JoinKeeps {
  readonly left: boolean
  readonly right: boolean
}

export type TableJoiner<K, VL, VR, VO> = (left: VL | null, right: VR | null, key: K) => VO | null

/** One half of a join of two tables: what a change of this table does to the result. */
export interface TableJoinHalf<K, V, VOther, VO> {
  readonly other: TableView<K, VOther>
  readonly joiner: (value: V | null, other: VOther | null, key: K) => VO | null
  /** A row of this table is in the result without a partner. */
  readonly keepsOwn: boolean
  /** So is one of the other table, which then changes when its partner leaves. */
  readonly keepsOther: boolean
}

/**
 * Kafka Streams' rules (KTableKTable{Inner,Left,Right,Outer}Join): a change is joined with the row the other table has
 * now, under the greater timestamp of both; where no result can have been and none is, nothing is said. A deletion that
 * may have ended a result is handed on, though there may have been none: an inner join does not know. What a versioned
 * table says of the past is passed over (KIP-914).
 */
export function tableJoinHalf<K, V, VOther, VO>(
  node: string,
  half: TableJoinHalf<K, V, VOther, VO>,
  oldValues: OldValues
): Processor<K, Change<V>, K, Change<VO>> {
  const { joiner, keepsOwn, keepsOther } = half
  let context: ProcessorContext<K, Change<VO>>
  let read: TableReader<K, VOther>
  const joined = (own: V | null, other: VOther | null, key: K): VO | null => {
    const inResult = own === null ? other !== null && keepsOther : other !== null || keepsOwn
    return inResult ? (joiner(own, other, key) ?? null) : null
  }
  return {
    init(given) {
      context = given
      read = half.other.open(given)
    },
    process({ key, value: change, timestamp, headers }) {
      if (change.outOfOrder === true) {
        dropped(context, node, 'out-of-order')
        return
      }
      const found = read(key)
      if (found === undefined && (!keepsOwn || (change.newValue === null && change.oldValue === null))) {
        return
      }
      const other = found === undefined ? null : found.value
      context.forward({
        key,
        value: {
          newValue: joined(change.newValue, other, key),
          oldValue: oldValues.enabled ? joined(change.oldValue, other, key) : null,
        },
        timestamp: found === undefined ? timestamp : Math.max(timestamp, found.timestamp),
        headers,
      })
    },
  }
}

/** Where both halves meet; keeps the result if it has a store. */
export function tableJoinMerge<K, V>(storeName: string | undefined): Processor<K, Change<V>> {
  let context: ProcessorContext<K, Change<V>>
  let store: TableStore<K, V> | undefined
  return {
    init(given) {
      context = given
      store = storeName === undefined ? undefined : tableStore(given, storeName)
    },
    process(record) {
      if (store === undefined) {
        context.forward(record)
        return
      }
      const { key, value, timestamp, headers } = record
      const put = store.put(key, value.newValue, timestamp)
      if (put !== 'expired') {
        context.forward({ key, value: changed(value.newValue, value.oldValue, put === 'out-of-order'), timestamp, headers })
      }
    },
  }
}

/** A join that is not kept, read by joining the rows of both tables. */
export function joinedView<K, VL, VR, VO>(
  left: TableView<K, VL>,
  right: TableView<K, VR>,
  joiner: TableJoiner<K, VL, VR, VO>,
  keeps: JoinKeeps
): TableView<K, VO> {
  return {
    get stores() {
      return [...new Set([...left.stores, ...right.stores])]
    },
    open(context) {
      const readLeft = left.open(context)
      const readRight = right.open(context)
      return (key) => {
        const l = readLeft(key)
        const r = readRight(key)
        if ((l === undefined && !(keeps.right && r !== undefined)) || (r === undefined && !(keeps.left && l !== undefined))) {
          return undefined
        }
        const value = joiner(l === undefined ? null : l.value, r === undefined ? null : r.value, key) ?? null
        const timestamp = Math.max(l === undefined ? 0 : l.timestamp, r === undefined ? 0 : r.timestamp)
        return value === null ? undefined : { value, timestamp }
      }
    },
  }
}
