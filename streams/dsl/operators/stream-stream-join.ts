import type { WindowStore } from 'millrace-state-stores'
import { dropped } from '../../graph/dropped.ts'
import { type OperatorTime, operatorTime, whenIdle } from '../../graph/operator-time.ts'
import type { Processor, ProcessorContext } from '../../processor.ts'
import { NO_HEADERS } from '../../record.ts'
import type { JoinWindows } from '../windows/join-windows.ts'
import { type JoinSide, WaitingRecords, type WaitingRecordsOptions } from './waiting-records.ts'

export type StreamJoiner<K, VL, VR, VO> = (left: VL | null, right: VR | null, key: K) => VO

/** Two records that belong together, or one that has no partner. */
export interface JoinedPair<VL, VR> {
  readonly left: VL | null
  readonly right: VR | null
}

/** What both sides of a join share. */
export interface StreamStreamJoin {
  /** The time of the join is that of all records which reach it, on either side. */
  readonly name: string
  readonly windows: JoinWindows
  /** Window stores with the records of each side. */
  readonly stores: { readonly [S in JoinSide]: string }
  /** Absent for an inner join. */
  readonly unmatched?: WaitingRecordsOptions
}

/** Keeps the records of one side for the other, which looks for them after `joinSide` has looked for partners. */
export function keepInWindow<K, V>(storeName: string): Processor<K, V> {
  let context: ProcessorContext<K, V>
  let store: WindowStore<K, V>
  return {
    init(given) {
      context = given
      store = given.getStateStore(storeName)
    },
    process(record) {
      // First the join, then the store: what joins a stream with itself must not find this very record on its own side.
      context.forward(record)
      if (record.key !== null && record.value !== null) {
        store.put(record.key, record.value, record.timestamp)
      }
    },
  }
}

/**
 * One side of a join of two streams; the joiner is called behind it (`joinPairs`). A record is joined with everything of the other side in its window; the result has
 * the greater timestamp of both. In a left or outer join one without partner waits until its window and grace have
 * passed, and is then joined with `null` under its own timestamp and without headers: those of the record which closed
 * the window are not its own, though Kafka Streams hands them on. There, too, a record that comes late but within grace
 * is taken for one without partner at once, and joined again when the partner comes (KAFKA-19536); here it waits.
 */
export function joinSide<K, VL, VR>(
  node: string,
  join: StreamStreamJoin,
  side: JoinSide
): Processor<K, VL | VR | null, K, JoinedPair<VL, VR>> {
  const { windows } = join
  const otherSide = side === 'left' ? 'right' : 'left'
  const outer = join.unmatched?.sides.includes(side) ?? false
  // Where partners of a record of this side lie, and how long one of each side may have to wait for the last of them.
  const before = side === 'left' ? windows.beforeMs : windows.afterMs
  const after = side === 'left' ? windows.afterMs : windows.beforeMs
  const wait = { left: windows.afterMs + windows.graceMs, right: windows.beforeMs + windows.graceMs }
  const paired = (from: JoinSide, own: unknown, other: unknown): JoinedPair<VL, VR> =>
    from === 'left' ? { left: own as VL, right: other as VR | null } : { left: other as VL | null, right: own as VR }

  let context: ProcessorContext<K, JoinedPair<VL, VR>>
  let others: WindowStore<K, unknown>
  let time: OperatorTime | undefined
  let unmatched: WaitingRecords | undefined

  const forwardUnmatched = (now: number): void => {
    for (const closed of unmatched!.take((from) => now - wait[from])) {
      const pair = paired(closed.side, closed.value, null)
      context.forward({ key: closed.key as K, value: pair, timestamp: closed.timestamp, headers: NO_HEADERS })
    }
  }

  return {
    init(given) {
      context = given
      others = given.getStateStore(join.stores[otherSide])
      if (join.unmatched !== undefined) {
        time = operatorTime(given, join.name)
        unmatched = new WaitingRecords(given, join.unmatched)
        if (side === 'left') {
          // Of both sides: the records wait in one place.
          const waiting = unmatched
          whenIdle(given, time, { isDue: (now) => waiting.isDue((from) => now - wait[from]), emit: (now) => forwardUnmatched(now) })
        }
      }
    },
    process(record) {
      const { key, value, timestamp, headers } = record
      time?.advance(timestamp)
      if (value === null || (key === null && !outer)) {
        dropped(context, node, 'null-key-or-value')
        return
      }
      if (key === null) {
        context.forward({ key, value: paired(side, value, null), timestamp, headers })
        return
      }
      const now = time?.time ?? -1
      if (unmatched !== undefined && timestamp >= now) {
        forwardUnmatched(now)
      }
      let found = false
      for (const [otherTimestamp, other] of others.fetch(key, Math.max(0, timestamp - before), timestamp + after)) {
        found = true
        unmatched?.remove(otherSide, otherTimestamp, key)
        context.forward({ key, value: paired(side, value, other), timestamp: Math.max(timestamp, otherTimestamp), headers })
      }
      if (found || !outer || unmatched === undefined) {
        return
      }
      if (timestamp + wait[side] < now) {
        context.forward({ key, value: paired(side, value, null), timestamp, headers })
      } else {
        unmatched.add({ side, key, value, timestamp })
      }
    },
  }
}

/**
 * Where both sides meet: calls the joiner. A node of its own, so that the policy for one that throws strikes its pair:
 * the record which has closed the window of another must not be lost for that one's sake.
 */
export function joinPairs<K, VL, VR, VO>(joiner: StreamJoiner<K, VL, VR, VO>): Processor<K, JoinedPair<VL, VR>, K, VO> {
  let context: ProcessorContext<K, VO>
  return {
    init(given) {
      context = given
    },
    process({ key, value: { left, right }, timestamp, headers }) {
      context.forward({ key, value: joiner(left, right, key), timestamp, headers })
    },
  }
}

export interface SelfJoin<K, V, VO> {
  readonly name: string
  readonly windows: JoinWindows
  readonly joiner: StreamJoiner<K, V, V, VO>
  readonly store: string
  readonly retentionMs: number
}

/**
 * A stream joined with itself, over one store instead of two (Kafka Streams' `single.store.self.join`): the results, and
 * their order, are those of the two sides one after the other.
 */
export function selfJoin<K, V, VO>(node: string, join: SelfJoin<K, V, VO>): Processor<K, V | null, K, VO> {
  const { windows, joiner } = join
  const { beforeMs, afterMs } = windows
  let context: ProcessorContext<K, VO>
  let store: WindowStore<K, V>
  let time: OperatorTime
  return {
    init(given) {
      context = given
      store = given.getStateStore(join.store)
      time = operatorTime(given, join.name)
    },
    process({ key, value, timestamp, headers }) {
      if (key === null || value === null) {
        dropped(context, node, 'null-key-or-value')
        return
      }
      // As that of the store, which only what it keeps moves on.
      time.advance(timestamp)
      const forward = (result: VO, other: number) => context.forward({ key, value: result, timestamp: Math.max(timestamp, other), headers })
      for (const [other, otherValue] of store.fetch(key, Math.max(0, timestamp - beforeMs), timestamp + afterMs)) {
        forward(joiner(value, otherValue, key), other)
      }
      // The right side would find this very record on the left, behind those of equal time, unless it came too late to be kept.
      let withItself = beforeMs >= 0 && afterMs >= 0 && timestamp > time.time - join.retentionMs
      for (const [other, otherValue] of store.fetch(key, Math.max(0, timestamp - afterMs), timestamp + beforeMs)) {
        if (withItself && other > timestamp) {
          withItself = false
          forward(joiner(value, value, key), timestamp)
        }
        forward(joiner(otherValue, value, key), other)
      }
      if (withItself) {
        forward(joiner(value, value, key), timestamp)
      }
    },
  }
}
