import type { ClosingWindowStore, Windowed } from 'millrace-state-stores'
import { dropped } from '../../graph/dropped.ts'
import { type IdleReaction, type OperatorTime, operatorTime, whenIdle } from '../../graph/operator-time.ts'
import type { Processor, ValueAndTimestamp } from '../../processor.ts'
import type { Headers, Record } from '../../record.ts'
import { NO_HEADERS } from '../../record.ts'
import type { Change, OldValues } from '../change.ts'
import type { SlidingWindows } from '../windows/sliding-windows.ts'
import { Outputs } from './late-records.ts'
import { emitClosed, holdsClosed, unsharedWindow, type WindowedAggregation } from './window-aggregate.ts'

type Aggregate<VA> = ValueAndTimestamp<VA>

/** A window that exists already; its aggregate's timestamp is that of the last record in it. */
interface Found<VA> {
  readonly start: number
  readonly aggregate: Aggregate<VA>
}

/**
 * Folds records into sliding windows (KIP-450), as Kafka Streams' `KStreamSlidingWindowAggregate`. A record at `t` makes
 * at most three windows that were not there: the one that ends with it, the one that begins right behind it (if records
 * follow), and the one right behind the record before it. It is added to every other window that holds its time.
 */
export function slidingAggregate<K, V, VA>(
  node: string,
  windows: SlidingWindows,
  aggregation: WindowedAggregation<K, V, VA>,
  oldValues: OldValues
): Processor<K, V, Windowed<K>, Change<VA>> {
  let sliding: Sliding<K, V, VA>
  let drop: () => void
  return {
    init(context) {
      const outputs = new Outputs<K, V, Windowed<K>, Change<VA>>(context, node, aggregation.side)
      const times = { time: operatorTime(context, node), closed: operatorTime(context, `${node} closed`) }
      sliding = new Sliding(windows, aggregation, oldValues, context.getStateStore(aggregation.store), outputs, times)
      drop = () => dropped(context, node, 'null-key-or-value')
      if (aggregation.emit.type === 'window-close') {
        whenIdle(context, times.time, sliding.idle)
      }
    },
    process(record) {
      if (record.key === null || record.value === null) {
        drop()
        return
      }
      sliding.process(record)
    },
  }
}

class Sliding<K, V, VA> {
  readonly #difference: number
  readonly #grace: number
  readonly #aggregation: WindowedAggregation<K, V, VA>
  readonly #oldValues: OldValues
  readonly #store: ClosingWindowStore<K, Aggregate<VA>>
  readonly #outputs: Outputs<K, V, Windowed<K>, Change<VA>>
  readonly #time: OperatorTime
  readonly #closed: OperatorTime
  readonly #onClose: boolean
  #closeTime = -1
  /** Windows the record in hand was too late for. */
  #late = 0

  constructor(
    windows: SlidingWindows,
    aggregation: WindowedAggregation<K, V, VA>,
    oldValues: OldValues,
    store: ClosingWindowStore<K, Aggregate<VA>>,
    outputs: Outputs<K, V, Windowed<K>, Change<VA>>,
    times: { readonly time: OperatorTime; readonly closed: OperatorTime }
  ) {
    this.#difference = windows.timeDifferenceMs
    this.#grace = windows.graceMs
    this.#aggregation = aggregation
    this.#oldValues = oldValues
    this.#store = store
    this.#outputs = outputs
    this.#time = times.time
    this.#closed = times.closed
    this.#onClose = aggregation.emit.type === 'window-close'
  }

  process(record: Record<K, V>): void {
    const { timestamp } = record
    this.#time.advance(timestamp)
    this.#closeTime = this.#time.time - this.#grace
    if (timestamp + 1 + this.#difference <= this.#closeTime) {
      this.#outputs.late(record, 1, true)
      return
    }
    this.#late = 0
    if (timestamp < this.#difference) {
      this.#early(record)
    } else {
      this.#add(record)
    }
    if (this.#late > 0) {
      this.#outputs.late(record, this.#late, false)
    }
    if (this.#onClose) {
      this.#emit(record.headers)
    }
  }

  /** What it does when its time goes on without a record. */
  get idle(): IdleReaction {
    const at = (time: number) => {
      this.#closeTime = time - this.#grace
      return this.#closing
    }
    return {
      isDue: (time) => holdsClosed(this.#store, at(time)),
      emit: (time) => {
        at(time)
        this.#emit(NO_HEADERS)
      },
    }
  }

  #add(record: Record<K, V>): void {
    const { key, timestamp } = record
    const difference = this.#difference
    const found = this.#found(key, Math.max(0, timestamp - 2 * difference), timestamp + 1)
    const starts = new Set<number>()
    let left: Aggregate<VA> | undefined
    let right: Aggregate<VA> | undefined
    let leftExists = false
    let rightExists = false
    /** Time of the record before this one. */
    let previous: number | undefined
    for (const { start, aggregate } of found) {
      const end = start + difference
      starts.add(start)
      if (start === timestamp + 1) {
        rightExists = true
      } else if (end > timestamp) {
        right ??= this.#copy(key, start, aggregate)
        this.#update(record, start, aggregate)
      } else if (end === timestamp) {
        leftExists = true
        const before = aggregate.timestamp
        this.#update(record, start, aggregate)
        if (before >= timestamp) {
          // A record with this very time was here: it has made all the windows.
          return
        }
        previous = before
      } else {
        left = aggregate
        previous = aggregate.timestamp
        break
      }
    }
    if (previous !== undefined && !starts.has(previous + 1) && previous + 1 + difference >= timestamp) {
      this.#update(record, previous + 1, undefined)
    }
    if (!leftExists) {
      const shared = previous !== undefined && timestamp - difference <= previous
      this.#update(record, timestamp - difference, shared ? left : undefined)
    }
    if (!rightExists && right !== undefined && right.timestamp > timestamp) {
      this.#begin(record, timestamp + 1, right)
    }
  }

  /** Of records before `difference` one window from 0 on holds all. */
  #early(record: Record<K, V>): void {
    const { key, timestamp } = record
    const starts = new Set<number>()
    let combined: Aggregate<VA> | undefined
    let right: Aggregate<VA> | undefined
    let rightExists = false
    let previous: number | undefined
    for (const { start, aggregate } of this.#found(key, 0, timestamp + 1).reverse()) {
      starts.add(start)
      if (start === 0) {
        combined = aggregate
        if (aggregate.timestamp < timestamp) {
          previous = aggregate.timestamp
        }
      } else if (start <= timestamp) {
        right = this.#copy(key, start, aggregate)
        this.#update(record, start, aggregate)
      } else {
        rightExists = true
      }
    }
    if (right === undefined && combined !== undefined && combined.timestamp > timestamp) {
      // No window begins between 1 and this record: the one from 0 on holds only what follows it.
      right = this.#copy(key, 0, combined)
    }
    if (!rightExists && right !== undefined && right.timestamp > timestamp) {
      this.#begin(record, timestamp + 1, right)
    }
    if (previous !== undefined && !starts.has(previous + 1)) {
      this.#update(record, previous + 1, undefined)
    }
    this.#update(record, 0, combined)
  }

  /** Windows of the key that begin in `from` … `to`, the latest first. Collected: results may end the iterator. */
  #found(key: K, from: number, to: number): Found<VA>[] {
    return Array.from(this.#store.backwardFetch(key, from, to), ([start, aggregate]) => ({ start, aggregate }))
  }

  #copy(key: K, start: number, { value, timestamp }: Aggregate<VA>): Aggregate<VA> {
    return { value: unsharedWindow(this.#store, key, start, value), timestamp }
  }

  /** Adds the record to a window that holds `aggregate`, or to one that begins with it. */
  #update(record: Record<K, V>, start: number, aggregate: Aggregate<VA> | undefined): void {
    const { key, value, timestamp } = record
    if (start + this.#difference < this.#closeTime) {
      this.#late++
      return
    }
    const { first, next } = this.#aggregation
    const newest = aggregate === undefined ? timestamp : Math.max(timestamp, aggregate.timestamp)
    const oldValue = aggregate === undefined || !this.#oldValues.enabled ? null : (this.#store.fetch(key, start)?.value ?? null)
    const newValue = (aggregate === undefined ? first(key, value) : next(key, value, aggregate.value)) ?? null
    this.#store.put(key, newValue === null ? null : { value: newValue, timestamp: newest }, start)
    this.#result(record, start, newValue, oldValue, newest)
  }

  /** A window of records that are all in another one already. */
  #begin(record: Record<K, V>, start: number, { value, timestamp }: Aggregate<VA>): void {
    this.#store.put(record.key, { value, timestamp }, start)
    this.#result(record, start, value, null, timestamp)
  }

  #result({ key, headers }: Record<K, V>, start: number, newValue: VA | null, oldValue: VA | null, timestamp: number): void {
    if (!this.#onClose) {
      const window = { start, end: start + this.#difference }
      this.#outputs.result({ key: { key, window }, value: { newValue, oldValue }, timestamp, headers })
    }
  }

  /** Where windows begin that have closed since the last time. Both ends belong to one: its end lies before the close time. */
  get #closing(): readonly [number, number] | undefined {
    const last = this.#closed.highest
    const upper = this.#closeTime - this.#difference - 1
    return upper >= 0 && this.#closeTime > last ? [last < 0 ? 0 : Math.max(0, last - this.#difference), upper] : undefined
  }

  #emit(headers: Headers): void {
    const closing = this.#closing
    if (closing !== undefined) {
      emitClosed(closing, this.#store, headers, this.#outputs, this.#time)
      this.#closed.advance(this.#closeTime)
    }
  }
}
