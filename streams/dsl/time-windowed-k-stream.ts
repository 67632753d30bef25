import type { Windowed } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { AnyProcessor } from '../graph/topology.ts'
import { requireFunction } from '../graph/topology-builder.ts'
import { Serdes } from '../serdes.ts'
import type { OldValues } from './change.ts'
import type { KTable } from './k-table.ts'
import { slidingAggregate } from './operators/sliding-aggregate.ts'
import type { StreamAggregation } from './operators/stream-aggregate.ts'
import { windowView } from './operators/table-view.ts'
import { type WindowedAggregation, windowAggregate } from './operators/window-aggregate.ts'
import type { WindowedAggregateOptions } from './options.ts'
import { windowedAggregate, type WindowedSource } from './windowed-aggregate.ts'
import { EmitStrategy, requireEmitStrategy } from './windows/emit-strategy.ts'
import type { SlidingWindows } from './windows/sliding-windows.ts'
import { type TimeWindows, UnlimitedWindows } from './windows/time-windows.ts'
import { WindowedSerdes } from './windows/windowed-serdes.ts'

/** Windows in which a record's time decides: tumbling, hopping, unlimited, sliding. */
export type WindowsByTime = TimeWindows | UnlimitedWindows | SlidingWindows

export type Fold<K, V, VA> = Omit<StreamAggregation<K, V, VA>, 'store'>

/** A grouped stream whose aggregates are kept per window. A window that has expired leaves the store, not the table's stream. */
export class TimeWindowedKStream<K, V> {
  readonly #source: WindowedSource
  readonly #windows: WindowsByTime
  readonly #emit: EmitStrategy

  /** @internal Made by `KGroupedStream.windowedBy`. */
  constructor(source: WindowedSource, windows: WindowsByTime, emit = EmitStrategy.onWindowUpdate()) {
    this.#source = source
    this.#windows = windows
    this.#emit = emit
  }

  /** When results are told: with every update (default), or once when the window has closed. */
  emitStrategy(emit: EmitStrategy): TimeWindowedKStream<K, V> {
    checkEmit(emit, this.#windows)
    return new TimeWindowedKStream<K, V>(this.#source, this.#windows, emit)
  }

  /** Number of records per key and window. */
  count(options: WindowedAggregateOptions<K, V, number>): KTable<Windowed<K>, number> {
    const withSerde = { ...options, value: options?.value ?? Serdes.long() }
    return this.#aggregate('count', withSerde, { first: () => 1, next: (_key, _value, count) => count + 1 })
  }

  /** Combines the values of a key in a window; the first is taken as it is. `null` deletes. */
  reduce(reducer: (aggregate: V, value: V) => V | null, options: WindowedAggregateOptions<K, V, V>): KTable<Windowed<K>, V> {
    requireFunction(reducer, 'The reducer of reduce')
    const withSerde = { ...options, value: options?.value ?? this.#source.path.value }
    return this.#aggregate('reduce', withSerde, {
      first: (_key, value) => value,
      next: (_key, value, aggregate) => reducer(aggregate, value),
    })
  }

  /** Folds the values of a key in a window into an aggregate that begins with `initializer()`. `null` deletes. */
  aggregate<VA>(
    initializer: () => VA,
    aggregator: (key: K, value: V, aggregate: VA) => VA | null,
    options: WindowedAggregateOptions<K, V, VA>
  ): KTable<Windowed<K>, VA> {
    requireFunction(initializer, 'The initializer of aggregate')
    requireFunction(aggregator, 'The aggregator of aggregate')
    return this.#aggregate('aggregate', options, { first: (key, value) => aggregator(key, value, initializer()), next: aggregator })
  }

  #aggregate<VA>(operation: string, options: WindowedAggregateOptions<K, V, VA>, fold: Fold<K, V, VA>): KTable<Windowed<K>, VA> {
    return aggregateByTime(operation, this.#source, this.#windows, this.#emit, options, [fold])
  }
}

/** The table of an aggregate in windows by time; one fold per stream of the source. */
export function aggregateByTime<K, V, VA>(
  operation: string,
  source: WindowedSource,
  windows: WindowsByTime,
  emit: EmitStrategy,
  options: WindowedAggregateOptions<K, V, VA>,
  folds: readonly Fold<K, V, VA>[]
): KTable<Windowed<K>, VA> {
  const sliding = windows.kind === 'sliding'
  const windowSizeMs = sliding ? windows.timeDifferenceMs : windows.sizeMs
  // A sliding window is made by records up to twice the difference apart.
  const openMs = sliding ? 2 * windows.timeDifferenceMs : windows.sizeMs
  return windowedAggregate(operation, source, options, {
    shape: {
      kind: 'window',
      retentionMs: Math.max(1, Math.min(openMs + windows.graceMs, Number.MAX_SAFE_INTEGER)),
      windowSizeMs,
      retainDuplicates: false,
      indexed: emit.type === 'window-close',
    },
    timestamped: true,
    graceMs: windows.graceMs,
    keySerde: (key) => WindowedSerdes.timeWindowed(key, windowSizeMs),
    view: (store) => windowView<unknown, VA>(store),
    operator: (index, node, store, side, oldValues) => byTime(node, windows, { ...folds[index]!, store, emit, side }, oldValues),
  })
}

function byTime<K, V, VA>(node: string, windows: WindowsByTime, aggregation: WindowedAggregation<K, V, VA>, oldValues: OldValues): AnyProcessor {
  return windows.kind === 'sliding'
    ? slidingAggregate(node, windows, aggregation, oldValues)
    : windowAggregate(node, windows, aggregation, oldValues)
}

function checkEmit(emit: EmitStrategy, windows: WindowsByTime): void {
  requireEmitStrategy(emit)
  if (emit.type === 'window-close' && windows instanceof UnlimitedWindows) {
    throw new StreamsError('CONFIG_INVALID', 'UnlimitedWindows never close: with EmitStrategy.onWindowClose() nothing would ever be emitted.')
  }
}
