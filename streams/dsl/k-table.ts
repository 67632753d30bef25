import { milliseconds } from '../duration.ts'
import { StreamsError } from '../errors.ts'
import { checkName } from '../graph/names.ts'
import type { Changelog } from '../graph/node-spec.ts'
import { timeToLive } from '../graph/store-builder.ts'
import type { AnySerde } from '../graph/topology.ts'
import { requireFunction } from '../graph/topology-builder.ts'
import { OldValues } from './change.ts'
import { demandedTable } from './demanded-table.ts'
import { joinByForeignKey } from './foreign-key-join.ts'
import { KGroupedTable } from './k-grouped-table.ts'
import { KStream } from './k-stream.ts'
import { emitOnChange } from './operators/emit-on-change.ts'
import { decided } from './operators/stateless.ts'
import { tableGroupBy } from './operators/table-aggregate.ts'
import { tableCompute, tableToStream } from './operators/table-compute.ts'
import { computedView, storeView, type TableView, versionedView } from './operators/table-view.ts'
import type {
  ForeignKeyJoinOptions,
  ForeignKeyOuterJoinOptions,
  GroupOptions,
  Materialized,
  OperatorOptions,
  SuppressOptions,
  TableOperatorOptions,
  TransformValuesOptions,
  ValueSerde,
} from './options.ts'
import type { TableJoiner } from './operators/table-table-join.ts'
import { tableTransform, type ValueTransformer } from './operators/table-transform.ts'
import { type DslGraph, requireName, type StreamState, serdeFor } from './stream-state.ts'
import type { Suppressed } from './suppressed.ts'
import { suppressTable } from './suppressed-table.ts'
import { joinTables, type TableJoinOperation } from './table-join.ts'

type ForeignKeyArguments<K, V, VR> = [
  extractor: (value: V, key: K) => unknown,
  joiner: (value: V, foreignValue: unknown, key: K) => VR | null,
  options: ForeignKeyJoinOptions<K, V, unknown, unknown, VR>,
]

/**
 * The latest value of each key. Between operators flow changes (`Change`); `toStream` turns them into records. A table
 * made by `filter` or `mapValues` is computed when it is read, unless it is given a store.
 */
export class KTable<K, V> {
  /** Name of the store it is kept in; undefined for a computed table. */
  readonly queryableStoreName: string | undefined
  /** @internal */
  readonly state: StreamState
  /** @internal */
  readonly view: TableView<K, V>
  /** @internal */
  readonly oldValues: OldValues

  /** @internal Made by the builder and by operators. */
  constructor(state: StreamState, view: TableView<K, V>, oldValues: OldValues, store: string | undefined) {
    this.state = state
    this.view = view
    this.oldValues = oldValues
    this.queryableStoreName = store
  }

  filter<S extends V>(predicate: (key: K, value: V) => value is S, options?: TableOperatorOptions<K, S>): KTable<K, S>
  filter(predicate: (key: K, value: V) => boolean, options?: TableOperatorOptions<K, V>): KTable<K, V>
  filter(predicate: (key: K, value: V) => boolean, options: TableOperatorOptions<K, V> = {}): KTable<K, V> {
    requireFunction(predicate, 'The predicate of filter')
    return this.#compute('filter', (key, value) => (decided(predicate(key, value)) ? value : null), true, this.state.value, options)
  }

  filterNot(predicate: (key: K, value: V) => boolean, options: TableOperatorOptions<K, V> = {}): KTable<K, V> {
    requireFunction(predicate, 'The predicate of filterNot')
    return this.#compute('filterNot', (key, value) => (decided(predicate(key, value)) ? null : value), true, this.state.value, options)
  }

  /** A result of `null` means that the key is not in the resulting table. */
  mapValues<VR>(mapper: (value: V, key: K) => VR | null, options: TableOperatorOptions<K, VR> = {}): KTable<K, VR> {
    requireFunction(mapper, 'The mapper of mapValues')
    return this.#compute<VR>('mapValues', (key, value) => mapper(value, key), false, undefined, options)
  }

  /**
   * As `mapValues`, by a transformer that has stores and keeps state of its own. It also sees deletions. The result is kept
   * in a store of this name if an operator behind it reads it, or has to know what a value was.
   */
  transformValues<VR>(supplier: () => ValueTransformer<K, V, VR>, options: TransformValuesOptions<K, VR>): KTable<K, VR> {
    requireFunction(supplier, `The supplier of transformValues behind '${this.state.path}'`)
    const node = requireName(this.state, 'transformValues', options?.name, 'may keep its result in a store')
    return demandedTable<K, VR>(
      this.state,
      {
        what: `transformValues '${node}'`,
        operation: 'transformValues',
        node,
        stores: this.state.graph.storeNames(options.stores),
        supplier: (_node, store, oldValues) => tableTransform(supplier, store, oldValues),
      },
      options
    )
  }

  /**
   * Leaves out changes that change nothing: a value written again, a deletion of what is not there. Values that are objects
   * are compared as they are written. Takes effect with exactly once; at least once hands every change on, because a
   * repetition after a crash must not be swallowed.
   */
  emitOnChange(options: OperatorOptions & ValueSerde<V> = {}): KTable<K, V> {
    const value: AnySerde | undefined = options.value ?? this.state.value
    const { topology } = this.state.graph
    this.oldValues.enable()
    const unlogged = this.view.stores.find((store) => !topology.isLogged(store))
    if (unlogged !== undefined) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `emitOnChange behind '${this.state.path}' compares with the store '${unlogged}', which is not logged: after a crash it may lack what was sent. Log it.`
      )
    }
    const state = this.state.graph.process([this.state], 'emitOnChange', () => emitOnChange<K, V>(value), options, { value })
    return new KTable<K, V>(state, this.view, this.oldValues, this.queryableStoreName)
  }

  /** Every change as a record with the new value; `null` where a key left the table. */
  toStream(options: OperatorOptions = {}): KStream<K, V | null> {
    return new KStream<K, V | null>(this.state.graph.process([this.state], 'toStream', () => tableToStream(), options))
  }

  /**
   * Holds changes back and hands on the last of each key: once its window has closed, or a time limit has passed. Driven
   * by the time of the records, like windows. The buffer is a store of that name.
   */
  suppress(suppressed: Suppressed, options: SuppressOptions): KTable<K, V> {
    const { state, view, oldValues } = suppressTable<K, V>(this, suppressed, options)
    return new KTable<K, V>(state, view, oldValues, undefined)
  }

  /**
   * Gathers the rows under the keys `mapper` returns; always repartitions, for which the aggregation's name is used
   * unless the group has one. A mapper that returns null, or a null key or value, leaves the row out.
   */
  groupBy<KR, VR>(
    mapper: (key: K, value: V) => readonly [KR, VR] | null | undefined,
    options: GroupOptions<KR, VR>
  ): KGroupedTable<KR, VR> {
    requireFunction(mapper, 'The mapper of groupBy')
    const what = `groupBy behind '${this.state.path}'`
    const key = serdeFor(what, 'key', options?.key)
    const value = serdeFor(what, 'value', options?.value)
    if (options.name !== undefined) {
      checkName('group', options.name)
    }
    this.oldValues.enable()
    const state = this.state.graph.process([this.state], 'groupBy', (node) => tableGroupBy(node, mapper, key), {}, { key, value, keyChanged: true })
    return new KGroupedTable(state, options)
  }

  /** Rows of both tables. The joiner runs anew whenever either changes; a result of `null` means no row. */
  join<VT, VR>(
    table: KTable<K, VT>,
    joiner: (value: V, tableValue: VT, key: K) => VR | null,
    options?: TableOperatorOptions<K, VR>
  ): KTable<K, VR>
  /** Each row with the row of another table whose key `foreignKey` takes from it; a row for which it returns `null` has no result. */
  join<KT, VT, VR>(
    table: KTable<KT, VT>,
    foreignKey: (value: V, key: K) => KT | null,
    joiner: (value: V, tableValue: VT, key: K) => VR | null,
    options: ForeignKeyJoinOptions<K, V, KT, VT, VR>
  ): KTable<K, VR>
  join<VR>(table: unknown, ...rest: readonly unknown[]): KTable<K, VR> {
    return this.#join<VR>('join', table as KTable<unknown, unknown>, rest)
  }

  /** Every row of this table, joined with `null` where the other has none. */
  leftJoin<VT, VR>(
    table: KTable<K, VT>,
    joiner: (value: V, tableValue: VT | null, key: K) => VR | null,
    options?: TableOperatorOptions<K, VR>
  ): KTable<K, VR>
  /** Every row of this table, joined with `null` where `foreignKey` returns null or there is no such row. */
  leftJoin<KT, VT, VR>(
    table: KTable<KT, VT>,
    foreignKey: (value: V, key: K) => KT | null,
    joiner: (value: V, tableValue: VT | null, key: K) => VR | null,
    options: ForeignKeyJoinOptions<K, V, KT, VT, VR>
  ): KTable<K, VR>
  leftJoin<VR>(table: unknown, ...rest: readonly unknown[]): KTable<K, VR> {
    return this.#join<VR>('leftJoin', table as KTable<unknown, unknown>, rest)
  }

  /** Every row of either table, joined with `null` where the other has none. */
  outerJoin<VT, VR>(
    table: KTable<K, VT>,
    joiner: (value: V | null, tableValue: VT | null, key: K) => VR | null,
    options?: TableOperatorOptions<K, VR>
  ): KTable<K, VR>
  /** As the left join by foreign key, and each row of the other table that no row names, under a key of its own (`rightKey`). */
  outerJoin<KT, VT, VR>(
    table: KTable<KT, VT>,
    foreignKey: (value: V, key: K) => KT | null,
    joiner: (value: V | null, tableValue: VT | null, key: K) => VR | null,
    options: ForeignKeyOuterJoinOptions<K, V, KT, VT, VR>
  ): KTable<K, VR>
  outerJoin<VR>(table: unknown, ...rest: readonly unknown[]): KTable<K, VR> {
    return this.#join<VR>('outerJoin', table as KTable<unknown, unknown>, rest)
  }

  /** `rest` is what the join was given behind the table: two functions are a foreign-key join. */
  #join<VR>(operation: TableJoinOperation, table: KTable<unknown, unknown>, rest: readonly unknown[]): KTable<K, VR> {
    if (typeof rest[1] === 'function') {
      const [extractor, joiner, options] = rest as ForeignKeyArguments<K, V, VR>
      return joinByForeignKey(operation, this, table, extractor, joiner, options)
    }
    const [joiner, options] = rest as [TableJoiner<K, V, unknown, VR>, TableOperatorOptions<K, VR>?]
    return joinTables(operation, this, table as KTable<K, unknown>, joiner, options)
  }

  #compute<VR>(
    operation: string,
    compute: (key: K, value: V) => VR | null,
    silentWhenAbsent: boolean,
    inherited: AnySerde | undefined,
    options: TableOperatorOptions<K, VR>
  ): KTable<K, VR> {
    const { graph } = this.state
    const value: AnySerde | undefined = options.value ?? inherited
    const kept = keptIn(this.state, operation, this.state.key, value, options)
    const store = kept?.store
    const oldValues = kept === undefined ? new OldValues(this.oldValues) : new OldValues()
    // A versioned table also says when a key was not in it.
    const silent = silentWhenAbsent && this.view.historyRetentionMs === undefined
    if (silent) {
      // A table kept here or above tells whether the key was in it (KAFKA-10077); nothing is kept for that alone.
      oldValues.enableIfKnown()
    }
    const state = graph.process(
      [this.state],
      operation,
      () => tableCompute({ compute, store, silentWhenAbsent: silent }, oldValues),
      { name: options.name ?? store, onError: options.onError, stores: store === undefined ? [] : [store] },
      { value }
    )
    return new KTable<K, VR>(state, kept === undefined ? computedView(this.view, compute) : kept.view, oldValues, store)
  }
}

/** Adds the store an operator's result is to be kept in, if it is. */
export function keptIn<K, V>(
  behind: StreamState,
  operation: string,
  key: AnySerde | undefined,
  value: AnySerde | undefined,
  options: TableOperatorOptions<K, V>
): { readonly store: string; readonly view: TableView<K, V> } | undefined {
  if (options.store === undefined) {
    return undefined
  }
  const { name } = options.store
  if (name === undefined) {
    throw new StreamsError('NAME_REQUIRED', `${operation} behind '${behind.path}' keeps its result: give store.name.`)
  }
  const what = `${operation} '${name}'`
  const keySerde = serdeFor(what, 'store.key', options.store.key, key)
  return { store: name, view: materialize(behind.graph, name, keySerde, serdeFor(what, 'value', value), options.store) }
}

/**
 * Adds the store of a table or aggregation, and says how it is read: the latest value of each key with its timestamp, or
 * with a `historyRetention` all versions. Logged unless told otherwise, to `changelog` or a topic of its own.
 */
export function materialize<K, V>(
  graph: DslGraph,
  name: string,
  key: AnySerde,
  value: AnySerde,
  options: Materialized<K, V>,
  changelog?: Changelog
): TableView<K, V> {
  checkName('store', name)
  const { engine, logged = true, topicConfig, historyRetention } = options
  const store = { name, key, value, engine, timestamped: true, logged, topicConfig: { ...topicConfig } }
  const by: Changelog = changelog ?? { kind: logged ? 'own' : 'none' }
  const ttl = timeToLive(name, options.ttl)
  if (ttl.ttlMs !== undefined && (historyRetention !== undefined || by.kind === 'source')) {
    throw new StreamsError(
      'CONFIG_INVALID',
      `The store '${name}' cannot have a ttl: ${historyRetention === undefined ? 'its changelog is a source topic, to which the engine writes nothing' : 'versions expire by historyRetention'}.`
    )
  }
  if (historyRetention === undefined) {
    graph.topology.addStore({ kind: 'key-value', ...ttl, ...store }, by)
    return storeView(name)
  }
  const historyRetentionMs = milliseconds(`historyRetention of the store '${name}'`, historyRetention, true)
  graph.topology.addStore({ kind: 'versioned', historyRetentionMs, ...store }, by)
  return versionedView(name, historyRetentionMs)
}
