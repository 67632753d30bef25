import { requireFunction } from '../graph/topology-builder.ts'
import { Serdes } from '../serdes.ts'
import { changeSerde, OldValues } from './change.ts'
import { KTable, materialize } from './k-table.ts'
import { type TableAggregation, tableAggregate } from './operators/table-aggregate.ts'
import type { AggregateOptions, GroupOptions } from './options.ts'
import { requireName, type StreamState, serdeFor, throughRepartitionTopic } from './stream-state.ts'

/**
 * A table whose rows are gathered under another key. When a row changes, its old value is subtracted from its old group
 * before its new value is added to its new one, so subtractors must undo what adders did.
 */
export class KGroupedTable<K, V> {
  readonly #state: StreamState
  readonly #options: GroupOptions<K, V>
  #shared: StreamState | undefined

  /** @internal Made by `KTable.groupBy`. */
  constructor(state: StreamState, options: GroupOptions<K, V>) {
    this.#state = state
    this.#options = options
  }

  /** Number of rows per group. */
  count(options: AggregateOptions<K, number>): KTable<K, number> {
    const withSerde = { ...options, value: options?.value ?? Serdes.long() }
    return this.#aggregate('count', withSerde, {
      add: (_key, _value, count) => (count ?? 0) + 1,
      subtract: (_key, _value, count) => count - 1,
    })
  }

  /** Combines the rows of a group; the first is taken as it is. */
  reduce(
    adder: (aggregate: V, value: V) => V | null,
    subtractor: (aggregate: V, value: V) => V | null,
    options: AggregateOptions<K, V>
  ): KTable<K, V> {
    requireFunction(adder, 'The adder of reduce')
    requireFunction(subtractor, 'The subtractor of reduce')
    const withSerde = { ...options, value: options?.value ?? this.#state.value }
    return this.#aggregate('reduce', withSerde, {
      add: (_key, value, aggregate) => (aggregate === null ? value : adder(aggregate, value)),
      subtract: (_key, value, aggregate) => subtractor(aggregate, value),
    })
  }

  /** Folds the rows of a group into an aggregate that begins with `initializer()`. */
  aggregate<VA>(
    initializer: () => VA,
    adder: (key: K, value: V, aggregate: VA) => VA | null,
    subtractor: (key: K, value: V, aggregate: VA) => VA | null,
    options: AggregateOptions<K, VA>
  ): KTable<K, VA> {
    requireFunction(initializer, 'The initializer of aggregate')
    requireFunction(adder, 'The adder of aggregate')
    requireFunction(subtractor, 'The subtractor of aggregate')
    return this.#aggregate('aggregate', options, {
      add: (key, value, aggregate) => adder(key, value, aggregate === null ? initializer() : aggregate),
      subtract: subtractor,
    })
  }

  #aggregate<VA>(operation: string, options: AggregateOptions<K, VA>, folds: Omit<TableAggregation<K, V, VA>, 'store'>): KTable<K, VA> {
    const name = requireName(this.#state, operation, options?.name, 'keeps its result in a store and repartitions')
    const what = `${operation} '${name}'`
    const value = serdeFor(what, 'value', options.value)
    const source = this.#repartitioned(name)
    const key = serdeFor(what, 'key', options.key, source.key)
    const view = materialize<K, VA>(source.graph, name, key, value, options)
    const oldValues = new OldValues()
    const state = source.graph.process(
      [source],
      operation,
      () => tableAggregate({ store: name, ...folds }, oldValues),
      { name, onError: options.onError, stores: [name] },
      { key, value }
    )
    return new KTable<K, VA>(state, view, oldValues, name)
  }

  /** The topic carries changes, old and new value together, whatever the rows' own serde is. */
  #repartitioned(aggregation: string): StreamState {
    if (this.#shared !== undefined) {
      return this.#shared
    }
    const repartitioned = throughRepartitionTopic(this.#state, {
      name: this.#options.name ?? aggregation,
      partitions: this.#options.partitions,
      key: this.#state.key!,
      value: changeSerde(this.#state.value!),
      keepNullKeys: false,
    })
    if (this.#options.name !== undefined) {
      this.#shared = repartitioned
    }
    return repartitioned
  }
}
