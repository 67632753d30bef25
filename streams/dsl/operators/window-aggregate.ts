import type { ClosingWindowStore, Windowed } from 'millrace-state-stores'
import { dropped } from '../../graph/dropped.ts'
import { type OperatorTime, operatorTime, whenIdle } from '../../graph/operator-time.ts'
import type { Processor, ValueAndTimestamp } from '../../processor.ts'
import type { Headers } from '../../record.ts'
import { NO_HEADERS } from '../../record.ts'
import type { Change, OldValues } from '../change.ts'
import type { EmitStrategy } from '../windows/emit-strategy.ts'
import type { FixedWindows } from '../windows/time-windows.ts'
import { Outputs, type SideOutput } from './late-records.ts'
import type { StreamAggregation } from './stream-aggregate.ts'

export interface WindowedAggregation<K, V, VA> extends StreamAggregation<K, V, VA> {
  readonly emit: EmitStrategy
  readonly side: SideOutput | undefined
}

type Aggregates<K, VA> = ClosingWindowStore<K, ValueAndTimestamp<VA>>

/**
 * Folds the records of a key into one aggregate per window (tumbling, hopping, unlimited), as Kafka Streams'
 * `KStreamWindowAggregate`. A window takes records until the operator's time has reached its end and the grace.
 */
export function windowAggregate<K, V, VA>(
  node: string,
  windows: FixedWindows,
  aggregation: WindowedAggregation<K, V, VA>,
  oldValues: OldValues
): Processor<K, V, Windowed<K>, Change<VA>> {
  const onClose = aggregation.emit.type === 'window-close'
  let outputs: Outputs<K, V, Windowed<K>, Change<VA>>
  let store: Aggregates<K, VA>
  let time: OperatorTime
  let closed: ClosedWindows
  let drop: () => void
  return {
    init(context) {
      outputs = new Outputs(context, node, aggregation.side)
      store = context.getStateStore(aggregation.store)
      time = operatorTime(context, node)
      closed = new ClosedWindows(operatorTime(context, `${node} closed`), windows)
      drop = () => dropped(context, node, 'null-key-or-value')
      if (onClose) {
        whenIdle(context, time, {
          isDue: (now) => holdsClosed(store, closed.next(now - windows.graceMs)),
          emit: (now) => {
            emitClosed(closed.next(now - windows.graceMs), store, NO_HEADERS, outputs, time)
            closed.emitted(now - windows.graceMs)
          },
        })
      }
    },
    process(record) {
      const { key, value, timestamp, headers } = record
      if (key === null || value === null) {
        drop()
        return
      }
      time.advance(timestamp)
      const closeTime = time.time - windows.graceMs
      let late = 0
      const starts = windows.startsFor(timestamp)
      for (let i = 0; i < starts.length; i++) {
        const start = starts[i]!
        const end = Math.min(start + windows.sizeMs, Number.MAX_SAFE_INTEGER)
        if (end <= closeTime) {
          late++
          continue
        }
        const old = store.fetch(key, start)
        const newest = old === undefined ? timestamp : Math.max(timestamp, old.timestamp)
        const oldValue = old === undefined || !oldValues.enabled || onClose ? null : unsharedWindow(store, key, start, old.value)
        const newValue = (old === undefined ? aggregation.first(key, value) : aggregation.next(key, value, old.value)) ?? null
        store.put(key, newValue === null ? null : { value: newValue, timestamp: newest }, start)
        if (!onClose) {
          outputs.result({ key: { key, window: { start, end } }, value: { newValue, oldValue }, timestamp: newest, headers })
        }
      }
      if (late > 0) {
        outputs.late(record, late, late === starts.length)
      }
      if (onClose) {
        emitClosed(closed.next(closeTime), store, headers, outputs, time)
        closed.emitted(closeTime)
      }
    },
  }
}

/** A second copy of an object: an aggregator may change the one it is given, and another window's must stay what it is. */
export function unsharedWindow<K, VA>(store: Aggregates<K, VA>, key: K, start: number, value: VA): VA {
  return typeof value === 'object' ? store.fetch(key, start)!.value : value
}

/**
 * Hands on the results of windows that begin in `range`. A record that moves time past the retention of a window as it
 * closes it loses the window, as in Kafka Streams, but counts it; a call that ends loses none (rule A6). Collected first:
 * what comes downstream may end the iterator.
 */
export function emitClosed<K, V, VA>(
  range: readonly [number, number] | undefined,
  store: Aggregates<K, VA>,
  headers: Headers,
  outputs: Outputs<K, V, Windowed<K>, Change<VA>>,
  time: OperatorTime
): void {
  if (range === undefined) {
    return
  }
  const [first, last] = range
  const from = time.holdable ? first : Math.max(first, store.oldest)
  if (from > first) {
    outputs.lost([...store.fetchClosed(first, Math.min(last, from - 1))].length)
  }
  for (const [key, { value, timestamp }] of [...store.fetchClosed(from, last)]) {
    outputs.result({ key, value: { newValue: value, oldValue: null }, timestamp, headers })
  }
}

/** Whether a window begins in `range`. */
export function holdsClosed<K, VA>(store: Aggregates<K, VA>, range: readonly [number, number] | undefined): boolean {
  for (const _ of range === undefined ? [] : store.fetchClosed(range[0], range[1])) {
    return true
  }
  return false
}

/** Which windows have closed since the last time, each of them once. The close time is committed with the records. */
class ClosedWindows {
  readonly #last: OperatorTime
  readonly #windows: FixedWindows
  #emitting = false

  constructor(last: OperatorTime, windows: FixedWindows) {
    this.#last = last
    this.#windows = windows
  }

  /** Starts of the windows to emit now, both inclusive; undefined: none. */
  next(closeTime: number): readonly [number, number] | undefined {
    const { sizeMs, advanceMs } = this.#windows
    const last = this.#last.highest
    const upper = closeTime - sizeMs
    this.#emitting = false
    if (upper < 0 || closeTime <= last) {
      return undefined
    }
    const lower = last < 0 ? 0 : Math.max(0, last - sizeMs + 1)
    // A range costs: none is opened unless a window can begin in it.
    if (last >= 0 && Math.floor(upper / advanceMs) * advanceMs < lower) {
      return undefined
    }
    this.#emitting = true
    return [lower, upper]
  }

  emitted(closeTime: number): void {
    if (this.#emitting) {
      this.#last.advance(closeTime)
    }
  }
}
