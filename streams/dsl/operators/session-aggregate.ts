import type { SessionStore, Window, Windowed } from 'millrace-state-stores'
import { dropped } from '../../graph/dropped.ts'
import { type OperatorTime, operatorTime, whenIdle } from '../../graph/operator-time.ts'
import type { Processor } from '../../processor.ts'
import type { Headers } from '../../record.ts'
import { NO_HEADERS } from '../../record.ts'
import type { Change, OldValues } from '../change.ts'
import type { SessionWindows } from '../windows/session-windows.ts'
import { Outputs } from './late-records.ts'
import type { WindowedAggregation } from './window-aggregate.ts'

export interface SessionAggregation<K, V, VA> extends WindowedAggregation<K, V, VA> {
  /** What sessions are merged into, as in Kafka Streams; none where there is no initializer. */
  readonly initial: (() => VA) | undefined
  /** What two sessions that have become one hold together. */
  readonly merge: (key: K, aggregate: VA, next: VA) => VA | null
}

/**
 * Folds the records of a key into sessions, as Kafka Streams' `KStreamSessionWindowAggregate`: a record joins every
 * session it lies within the gap of, and what was several sessions becomes one. Those that are no more leave the table.
 */
export function sessionAggregate<K, V, VA>(
  node: string,
  windows: SessionWindows,
  aggregation: SessionAggregation<K, V, VA>,
  oldValues: OldValues
): Processor<K, V, Windowed<K>, Change<VA>> {
  const { inactivityGapMs, graceMs } = windows
  const onClose = aggregation.emit.type === 'window-close'
  let outputs: Outputs<K, V, Windowed<K>, Change<VA>>
  let store: SessionStore<K, VA>
  let time: OperatorTime
  let closed: OperatorTime
  let drop: () => void

  /** Sessions that ended before `closeTime` and were not told yet. Collected first: what comes downstream may end the iterator. */
  const emit = (closeTime: number, headers: Headers): void => {
    const last = closed.highest
    if (closeTime - 1 < 0 || closeTime <= last) {
      return
    }
    for (const [key, value] of [...store.findSessionsByEnd(Math.max(0, last), closeTime - 1)]) {
      outputs.result({ key, value: { newValue: value, oldValue: null }, timestamp: key.window.end, headers })
    }
    closed.advance(closeTime)
  }

  const holdsClosed = (closeTime: number): boolean => {
    for (const _ of closeTime > closed.highest ? store.findSessionsByEnd(Math.max(0, closed.highest), closeTime - 1) : []) {
      return true
    }
    return false
  }

  return {
    init(context) {
      outputs = new Outputs(context, node, aggregation.side)
      store = context.getStateStore(aggregation.store)
      time = operatorTime(context, node)
      closed = operatorTime(context, `${node} closed`)
      drop = () => dropped(context, node, 'null-key-or-value')
      if (onClose) {
        const wait = graceMs + inactivityGapMs
        whenIdle(context, time, { isDue: (now) => holdsClosed(now - wait), emit: (now) => emit(now - wait, NO_HEADERS) })
      }
    },
    process(record) {
      const { key, value, timestamp, headers } = record
      if (key === null || value === null) {
        drop()
        return
      }
      time.advance(timestamp)
      const closeTime = time.time - graceMs - inactivityGapMs
      const merged = [...store.findSessions(key, timestamp - inactivityGapMs, timestamp + inactivityGapMs)]
      let start = timestamp
      let end = timestamp
      for (const [{ window }] of merged) {
        start = Math.min(start, window.start)
        end = Math.max(end, window.end)
      }
      if (end < closeTime) {
        outputs.late(record, 1, true)
      } else {
        let aggregate: VA | null = merged.length === 0 ? null : (aggregation.initial?.() ?? null)
        for (const [, session] of merged) {
          aggregate = aggregate === null ? session : aggregation.merge(key, aggregate, session)
        }
        const old = (window: Window) => (oldValues.enabled && !onClose ? (store.fetchSession(key, window.start, window.end) ?? null) : null)
        // The same session, of records with this very time, is written over.
        if (start !== timestamp || end !== timestamp) {
          for (const [session] of merged) {
            const oldValue = old(session.window)
            store.remove(session)
            if (!onClose) {
              outputs.result({ key: session, value: { newValue: null, oldValue }, timestamp: session.window.end, headers })
            }
          }
        }
        const newValue = (aggregate === null ? aggregation.first(key, value) : aggregation.next(key, value, aggregate)) ?? null
        const session = { key, window: { start, end } }
        const oldValue = old(session.window)
        store.put(session, newValue)
        if (!onClose) {
          outputs.result({ key: session, value: { newValue, oldValue }, timestamp: end, headers })
        }
      }
      if (onClose) {
        emit(closeTime, headers)
      }
    },
  }
}
