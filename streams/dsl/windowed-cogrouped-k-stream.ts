import type { Windowed } from 'millrace-state-stores'
import { requireFunction } from '../graph/topology-builder.ts'
import type { Aggregator } from './cogrouped-k-stream.ts'
import type { KTable } from './k-table.ts'
import type { WindowedAggregateOptions } from './options.ts'
import { aggregateSessions } from './session-windowed-k-stream.ts'
import { aggregateByTime, type WindowsByTime } from './time-windowed-k-stream.ts'
import type { WindowedSource } from './windowed-aggregate.ts'
import { EmitStrategy } from './windows/emit-strategy.ts'
import type { SessionWindows } from './windows/session-windows.ts'

/** Streams that are folded together per key and window. Results are told with every update, as in Kafka Streams. */
export class TimeWindowedCogroupedKStream<K, VA> {
  readonly #source: WindowedSource
  readonly #aggregators: readonly Aggregator<K, unknown, VA>[]
  readonly #windows: WindowsByTime

  /** @internal Made by `CogroupedKStream.windowedBy`. */
  constructor(source: WindowedSource, aggregators: readonly Aggregator<K, unknown, VA>[], windows: WindowsByTime) {
    this.#source = source
    this.#aggregators = aggregators
    this.#windows = windows
  }

  /** The aggregate of each key and window, which begins with `initializer()`. An aggregator's `null` deletes it. */
  aggregate(initializer: () => VA, options: WindowedAggregateOptions<K, unknown, VA>): KTable<Windowed<K>, VA> {
    requireFunction(initializer, `The initializer of the cogroup behind '${this.#source.path.path}'`)
    const folds = this.#aggregators.map((aggregator) => ({
      first: (key: K, value: unknown) => aggregator(key, value, initializer()),
      next: aggregator,
    }))
    return aggregateByTime('cogroup', this.#source, this.#windows, EmitStrategy.onWindowUpdate(), options, folds)
  }
}

/** Streams that are folded together per key and session. Results are told with every update, as in Kafka Streams. */
export class SessionWindowedCogroupedKStream<K, VA> {
  readonly #source: WindowedSource
  readonly #aggregators: readonly Aggregator<K, unknown, VA>[]
  readonly #windows: SessionWindows

  /** @internal Made by `CogroupedKStream.windowedBy`. */
  constructor(source: WindowedSource, aggregators: readonly Aggregator<K, unknown, VA>[], windows: SessionWindows) {
    this.#source = source
    this.#aggregators = aggregators
    this.#windows = windows
  }

  /** As for time windows; `merger` joins the aggregates of sessions that have become one. */
  aggregate(
    initializer: () => VA,
    merger: (key: K, one: VA, other: VA) => VA | null,
    options: WindowedAggregateOptions<K, unknown, VA>
  ): KTable<Windowed<K>, VA> {
    requireFunction(initializer, `The initializer of the cogroup behind '${this.#source.path.path}'`)
    requireFunction(merger, `The merger of the cogroup behind '${this.#source.path.path}'`)
    const folds = this.#aggregators.map((aggregator) => ({
      first: (key: K, value: unknown) => aggregator(key, value, initializer()),
      next: aggregator,
      initial: initializer,
      merge: merger,
    }))
    return aggregateSessions('cogroup', this.#source, this.#windows, EmitStrategy.onWindowUpdate(), options, folds)
  }
}
