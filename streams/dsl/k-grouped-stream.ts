import { StreamsError } from '../errors.ts'
import { requireFunction } from '../graph/topology-builder.ts'
import { Serdes } from '../serdes.ts'
import { OldValues } from './change.ts'
import { type Aggregator, CogroupedKStream } from './cogrouped-k-stream.ts'
import { KTable, materialize } from './k-table.ts'
import { type StreamAggregation, streamAggregate } from './operators/stream-aggregate.ts'
import type { AggregateOptions, GroupOptions } from './options.ts'
import { SessionWindowedKStream } from './session-windowed-k-stream.ts'
import { requireName, type StreamState, serdeFor, throughRepartitionTopic } from './stream-state.ts'
import { TimeWindowedKStream, type WindowsByTime } from './time-windowed-k-stream.ts'
import type { SessionWindows } from './windows/session-windows.ts'

/** A stream whose records are gathered by key. Records without key or value take no part in aggregations. */
export class KGroupedStream<K, V> {
  /** @internal */
  readonly state: StreamState
  readonly #options: GroupOptions<K, V>
  /** The repartitioned stream of a named group, shared by all its aggregations. */
  #shared: StreamState | undefined

  /** @internal Made by `KStream.groupBy` and `groupByKey`. */
  constructor(state: StreamState, options: GroupOptions<K, V>) {
    this.state = { ...state, key: options.key ?? state.key, value: options.value ?? state.value }
    this.#options = options
  }

  /** Number of records per key. */
  count(options: AggregateOptions<K, number>): KTable<K, number> {
    const withSerde = { ...options, value: options?.value ?? Serdes.long() }
    return this.#aggregate('count', withSerde, { first: () => 1, next: (_key, _value, count) => count + 1 })
  }

  /** Combines the values of a key; the first is taken as it is. `null` deletes. */
  reduce(reducer: (aggregate: V, value: V) => V | null, options: AggregateOptions<K, V>): KTable<K, V> {
    requireFunction(reducer, 'The reducer of reduce')
    const withSerde = { ...options, value: options?.value ?? this.state.value }
    return this.#aggregate('reduce', withSerde, {
      first: (_key, value) => value,
      next: (_key, value, aggregate) => reducer(aggregate, value),
    })
  }

  /** Folds the values of a key into an aggregate that begins with `initializer()`. `null` deletes. */
  aggregate<VA>(
    initializer: () => VA,
    aggregator: (key: K, value: V, aggregate: VA) => VA | null,
    options: AggregateOptions<K, VA>
  ): KTable<K, VA> {
    requireFunction(initializer, 'The initializer of aggregate')
    requireFunction(aggregator, 'The aggregator of aggregate')
    return this.#aggregate('aggregate', options, { first: (key, value) => aggregator(key, value, initializer()), next: aggregator })
  }

  /**
   * Begins an aggregate of several streams: `a.cogroup(foldA).cogroup(b, foldB).aggregate(initializer, { name })`, with
   * one store and one result per key.
   */
  cogroup<VA>(aggregator: Aggregator<K, V, VA>): CogroupedKStream<K, VA> {
    requireFunction(aggregator, `The aggregator of the cogroup behind '${this.state.path}'`)
    return new CogroupedKStream<K, VA>([{ group: this as KGroupedStream<K, unknown>, aggregator: aggregator as Aggregator<K, unknown, VA> }])
  }

  /** Keeps an aggregate per window instead of one for all time. */
  windowedBy(windows: WindowsByTime): TimeWindowedKStream<K, V>
  windowedBy(windows: SessionWindows): SessionWindowedKStream<K, V>
  windowedBy(windows: WindowsByTime | SessionWindows): TimeWindowedKStream<K, V> | SessionWindowedKStream<K, V> {
    const source = { path: this.state, partitioned: (what: string, name: string) => [this.partitionedByKey(what, name)] }
    switch (windows?.kind) {
      case 'time':
      case 'sliding':
        return new TimeWindowedKStream<K, V>(source, windows)
      case 'session':
        return new SessionWindowedKStream<K, V>(source, windows)
      default:
        throw noWindows(this.state)
    }
  }

  #aggregate<VA>(operation: string, options: AggregateOptions<K, VA>, folds: Omit<StreamAggregation<K, V, VA>, 'store'>): KTable<K, VA> {
    const name = requireName(this.state, operation, options?.name, 'keeps its result in a store')
    const what = `${operation} '${name}'`
    const source = this.partitionedByKey(what, name)
    const key = serdeFor(what, 'key', options.key, source.key)
    const value = serdeFor(what, 'value', options.value)
    const view = materialize<K, VA>(source.graph, name, key, value, options)
    const oldValues = new OldValues()
    const state = source.graph.process(
      [source],
      operation,
      (node) => streamAggregate(node, { store: name, ...folds }, oldValues),
      { name, onError: options.onError, stores: [name] },
      { key, value }
    )
    return new KTable<K, VA>(state, view, oldValues, name)
  }

  /** @internal Name of the repartition topic, if it was given one. */
  get groupName(): string | undefined {
    return this.#options.name
  }

  /** @internal The stream with every record in the partition of its key. */
  partitionedByKey(what: string, aggregation: string): StreamState {
    if (!this.state.keyChanged) {
      // One key must lie in one partition, also when the stream was merged from several topics.
      this.state.graph.topology.copartition(this.state.sources)
      return this.state
    }
    if (this.#shared !== undefined) {
      return this.#shared
    }
    const repartitioned = throughRepartitionTopic(this.state, {
      name: this.#options.name ?? aggregation,
      partitions: this.#options.partitions,
      key: serdeFor(`The group of ${what}`, 'key', this.state.key),
      value: serdeFor(`The group of ${what}`, 'value', this.state.value),
      keepNullKeys: false,
    })
    if (this.#options.name !== undefined) {
      this.#shared = repartitioned
    }
    return repartitioned
  }
}

/** @internal */
export function noWindows(state: StreamState): StreamsError {
  return new StreamsError(
    'TOPOLOGY_INVALID',
    `windowedBy behind '${state.path}' takes TimeWindows, UnlimitedWindows, SlidingWindows or SessionWindows.`
  )
}
