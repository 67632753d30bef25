import type { Windowed } from 'millrace-state-stores'
import { requireFunction } from '../graph/topology-builder.ts'
import { Serdes } from '../serdes.ts'
import type { KTable } from './k-table.ts'
import { type SessionAggregation, sessionAggregate } from './operators/session-aggregate.ts'
import { sessionView } from './operators/table-view.ts'
import type { WindowedAggregateOptions } from './options.ts'
import { windowedAggregate, type WindowedSource } from './windowed-aggregate.ts'
import { EmitStrategy, requireEmitStrategy } from './windows/emit-strategy.ts'
import type { SessionWindows } from './windows/session-windows.ts'
import { WindowedSerdes } from './windows/windowed-serdes.ts'

export type SessionFold<K, V, VA> = Pick<SessionAggregation<K, V, VA>, 'first' | 'next' | 'initial' | 'merge'>

/** A grouped stream whose aggregates are kept per session. Sessions that become one leave the table, each with a `null`. */
export class SessionWindowedKStream<K, V> {
  readonly #source: WindowedSource
  readonly #windows: SessionWindows
  readonly #emit: EmitStrategy

  /** @internal Made by `KGroupedStream.windowedBy`. */
  constructor(source: WindowedSource, windows: SessionWindows, emit = EmitStrategy.onWindowUpdate()) {
    this.#source = source
    this.#windows = windows
    this.#emit = emit
  }

  /** When results are told: with every update (default), or once when the session has closed. */
  emitStrategy(emit: EmitStrategy): SessionWindowedKStream<K, V> {
    requireEmitStrategy(emit)
    return new SessionWindowedKStream<K, V>(this.#source, this.#windows, emit)
  }

  /** Number of records per key and session. */
  count(options: WindowedAggregateOptions<K, V, number>): KTable<Windowed<K>, number> {
    const withSerde = { ...options, value: options?.value ?? Serdes.long() }
    return this.#aggregate('count', withSerde, {
      first: () => 1,
      next: (_key, _value, count) => count + 1,
      initial: undefined,
      merge: (_key, one, other) => one + other,
    })
  }

  /** Combines the values of a session; the first is taken as it is. `null` deletes. */
  reduce(reducer: (aggregate: V, value: V) => V | null, options: WindowedAggregateOptions<K, V, V>): KTable<Windowed<K>, V> {
    requireFunction(reducer, 'The reducer of reduce')
    const withSerde = { ...options, value: options?.value ?? this.#source.path.value }
    return this.#aggregate('reduce', withSerde, {
      first: (_key, value) => value,
      next: (_key, value, aggregate) => reducer(aggregate, value),
      initial: undefined,
      merge: (_key, one, other) => reducer(one, other),
    })
  }

  /**
   * Folds the values of a session into an aggregate that begins with `initializer()`; `merger` joins the aggregates of
   * sessions that have become one. `null` deletes.
   */
  aggregate<VA>(
    initializer: () => VA,
    aggregator: (key: K, value: V, aggregate: VA) => VA | null,
    merger: (key: K, one: VA, other: VA) => VA | null,
    options: WindowedAggregateOptions<K, V, VA>
  ): KTable<Windowed<K>, VA> {
    requireFunction(initializer, 'The initializer of aggregate')
    requireFunction(aggregator, 'The aggregator of aggregate')
    requireFunction(merger, 'The merger of aggregate')
    return this.#aggregate('aggregate', options, {
      first: (key, value) => aggregator(key, value, initializer()),
      next: aggregator,
      initial: initializer,
      merge: merger,
    })
  }

  #aggregate<VA>(operation: string, options: WindowedAggregateOptions<K, V, VA>, fold: SessionFold<K, V, VA>): KTable<Windowed<K>, VA> {
    return aggregateSessions(operation, this.#source, this.#windows, this.#emit, options, [fold])
  }
}

/** The table of an aggregate in sessions; one fold per stream of the source. */
export function aggregateSessions<K, V, VA>(
  operation: string,
  source: WindowedSource,
  windows: SessionWindows,
  emit: EmitStrategy,
  options: WindowedAggregateOptions<K, V, VA>,
  folds: readonly SessionFold<K, V, VA>[]
): KTable<Windowed<K>, VA> {
  return windowedAggregate(operation, source, options, {
    shape: { kind: 'session', retentionMs: windows.inactivityGapMs + windows.graceMs, indexed: emit.type === 'window-close' },
    timestamped: false,
    graceMs: windows.inactivityGapMs + windows.graceMs,
    keySerde: (key) => WindowedSerdes.sessionWindowed(key),
    view: (store) => sessionView<unknown, VA>(store),
    operator: (index, node, store, side, oldValues) => sessionAggregate(node, windows, { ...folds[index]!, store, emit, side }, oldValues),
  })
}
