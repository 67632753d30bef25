import type { CallInfo } from '../async/operator.ts'
import { StreamsError } from '../errors.ts'
import { freshProcessors, requireFunction } from '../graph/topology-builder.ts'
import type { AnyProcessor, AnySerde } from '../graph/topology.ts'
import type { FixedKeyProcessor, Processor } from '../processor.ts'
import type { Record, RecordMetadata } from '../record.ts'
import { type AsyncProcessor, asyncOperator } from './async-operator.ts'
import { BranchedKStream } from './branched-k-stream.ts'
import { OldValues } from './change.ts'
import type { GlobalKTable } from './global-k-table.ts'
import { joinTable } from './join.ts'
import type { JoinWindows } from './windows/join-windows.ts'
import { KGroupedStream } from './k-grouped-stream.ts'
import { KTable, materialize } from './k-table.ts'
import * as stateless from './operators/stateless.ts'
import { tableSource } from './operators/table-source.ts'
import type {
  AggregateOptions,
  AsyncOptions,
  GroupOptions,
  JoinOptions,
  MappedValueSerde,
  OperatorOptions,
  ProcessAsyncOptions,
  ProcessOptions,
  RepartitionOptions,
  ResultSerdes,
  StreamJoinOptions,
  ToOptions,
  ValueSerde,
} from './options.ts'
import { type PrintOptions, printed } from './printed.ts'
import { joinStreams, type StreamJoinArguments, type StreamJoinOperation } from './stream-join.ts'
import { requireName, requireSameGraph, type StreamState, serdeFor, throughRepartitionTopic } from './stream-state.ts'
import { windowedPartitioner } from './windows/windowed-serdes.ts'

/**
 * An endless sequence of records. Functions take `(key, value)` where Kafka Streams' do; those that work on values take
 * the value first. A serde is inherited while the type it belongs to is; operators that change a type take the new one's
 * in their options. Values are `null` for tombstones, whatever `V` says.
 */
export class KStream<K, V> {
  /** @internal */
  readonly state: StreamState

  /** @internal Made by the builder and by operators. */
  constructor(state: StreamState) {
    this.state = state
  }

  filter<S extends V>(predicate: (key: K, value: V) => value is S, options?: OperatorOptions): KStream<K, S>
  filter(predicate: (key: K, value: V) => boolean, options?: OperatorOptions): KStream<K, V>
  filter(predicate: (key: K, value: V) => boolean, options?: OperatorOptions): KStream<K, V> {
    return new KStream(this.#step('filter', predicate, () => stateless.filter(predicate, true), options))
  }

  filterNot(predicate: (key: K, value: V) => boolean, options?: OperatorOptions): KStream<K, V> {
    return new KStream(this.#step('filterNot', predicate, () => stateless.filter(predicate, false), options))
  }

  /** Changes key and value; a key-based operator behind it repartitions. */
  map<KR, VR>(mapper: (key: K, value: V) => readonly [KR, VR], options?: OperatorOptions & ResultSerdes<KR, VR>): KStream<KR, VR> {
    return new KStream(
      this.#step('map', mapper, () => stateless.map(mapper), options, { key: options?.key, value: options?.value, keyChanged: true })
    )
  }

  mapValues<VR>(mapper: (value: V, key: K) => VR, options?: OperatorOptions & MappedValueSerde<VR>): KStream<K, VR> {
    return new KStream(this.#step('mapValues', mapper, () => stateless.mapValues(mapper), options, { value: options?.value }))
  }

  flatMap<KR, VR>(
    mapper: (key: K, value: V) => Iterable<readonly [KR, VR]>,
    options?: OperatorOptions & ResultSerdes<KR, VR>
  ): KStream<KR, VR> {
    return new KStream(
      this.#step('flatMap', mapper, () => stateless.flatMap(mapper), options, {
        key: options?.key,
        value: options?.value,
        keyChanged: true,
      })
    )
  }

  flatMapValues<VR>(mapper: (value: V, key: K) => Iterable<VR>, options?: OperatorOptions & ValueSerde<VR>): KStream<K, VR> {
    return new KStream(this.#step('flatMapValues', mapper, () => stateless.flatMapValues(mapper), options, { value: options?.value }))
  }

  selectKey<KR>(mapper: (key: K, value: V) => KR, options?: OperatorOptions & Pick<ResultSerdes<KR, V>, 'key'>): KStream<KR, V> {
    return new KStream(this.#step('selectKey', mapper, () => stateless.selectKey(mapper), options, { key: options?.key, keyChanged: true }))
  }

  /** Looks at each record and passes it on. May run again for a record whose transaction was aborted. */
  peek(action: (key: K, value: V) => void, options?: OperatorOptions): KStream<K, V> {
    return new KStream(this.#step('peek', action, () => stateless.peek(action), options))
  }

  foreach(action: (key: K, value: V) => void, options?: OperatorOptions): void {
    this.#step('foreach', action, () => stateless.foreach(action), options)
  }

  /** Shows each record in a line: `[label]: key, value`. To look at a stream while it is written; a record may be shown again. */
  print(options: PrintOptions<K, V> = {}): void {
    const action = printed(this.state.path, options)
    this.#step('print', action, () => stateless.foreach(action), options)
  }

  /** Both streams' records, in no order between them. The serdes are kept if both have the same. */
  merge<VO>(other: KStream<K, VO>, options: OperatorOptions = {}): KStream<K, V | VO> {
    const left = this.state
    const right = other.state
    requireSameGraph(left, right, 'merge')
    const changes = {
      key: left.key === right.key ? left.key : undefined,
      value: left.value === right.value ? left.value : undefined,
      keyChanged: left.keyChanged || right.keyChanged,
      sources: new Set([...left.sources, ...right.sources]),
      nullKeys: [...new Set([...left.nullKeys, ...right.nullKeys])],
    }
    return new KStream(left.graph.process([left, right], 'merge', () => stateless.passThrough(), options, changes))
  }

  /** Begins named branches; each record goes to the first whose predicate holds. */
  split(options: { readonly name?: string } = {}): BranchedKStream<K, V> {
    return new BranchedKStream<K, V>(this.state, options.name)
  }

  /** Sends the stream through the topic `<applicationId>-<name>-repartition`. Records without a key end there. */
  repartition(options: RepartitionOptions<K, V>): KStream<K, V> {
    const name = requireName(this.state, 'repartition', options?.name, 'goes through a topic')
    const what = `repartition '${name}'`
    return new KStream(
      throughRepartitionTopic(this.state, {
        name,
        partitions: options.partitions,
        partitioner: options.partitioner,
        key: serdeFor(what, 'key', options.key, this.state.key),
        value: serdeFor(what, 'value', options.value, this.state.value),
        keepNullKeys: false,
      })
    )
  }

  /** Gathers records by their key; repartitions, under the aggregation's name, only if the key was changed before. */
  groupByKey(options: GroupOptions<K, V> = {}): KGroupedStream<NonNullable<K>, NonNullable<V>> {
    return new KGroupedStream<NonNullable<K>, NonNullable<V>>(this.state, options as GroupOptions<NonNullable<K>, NonNullable<V>>)
  }

  /** Gathers records by another key; always repartitions. A record whose new key is null takes no part. */
  groupBy<KR>(mapper: (key: K, value: V) => KR, options: GroupOptions<KR, V> = {}): KGroupedStream<NonNullable<KR>, NonNullable<V>> {
    const state = this.#step('groupBy', mapper, () => stateless.selectKey(mapper), {}, { key: options.key, keyChanged: true })
    return new KGroupedStream<NonNullable<KR>, NonNullable<V>>(state, options as GroupOptions<NonNullable<KR>, NonNullable<V>>)
  }

  /** The stream as a table: each record is the new value of its key, `null` deletes. */
  toTable(options: AggregateOptions<K, V>): KTable<NonNullable<K>, NonNullable<V>> {
    const name = requireName(this.state, 'toTable', options?.name, 'keeps its rows in a store')
    const what = `toTable '${name}'`
    const key = serdeFor(what, 'key', options.key, this.state.key)
    const value = serdeFor(what, 'value', options.value, this.state.value)
    let source = this.state
    if (source.keyChanged) {
      source = throughRepartitionTopic(source, { name, key, value, keepNullKeys: false })
    } else {
      source.graph.topology.copartition(source.sources)
    }
    const view = materialize<NonNullable<K>, NonNullable<V>>(source.graph, name, key, value, options)
    const state = source.graph.process(
      [source],
      'toTable',
      (node) => tableSource(node, name),
      { name, onError: options.onError, stores: [name] },
      { key, value }
    )
    return new KTable<NonNullable<K>, NonNullable<V>>(state, view, new OldValues(), name)
  }

  /** Only records that find a row give a result. */
  join<VT, VR>(
    table: KTable<NonNullable<K>, VT>,
    joiner: (value: NonNullable<V>, tableValue: VT, key: K) => VR,
    options?: JoinOptions<K, V, VR>
  ): KStream<K, VR>
  /** Looks up by the key that `keyMapper` returns. */
  join<KG, VT, VR>(
    table: GlobalKTable<KG, VT>,
    keyMapper: (key: K, value: NonNullable<V>) => KG | null,
    joiner: (value: NonNullable<V>, tableValue: VT, key: K, tableKey: KG) => VR,
    options?: OperatorOptions & ValueSerde<VR>
  ): KStream<K, VR>
  /** Records of two streams that lie in each other's window; see `JoinWindows`. */
  join<VO, VR>(
    other: KStream<K, VO>,
    joiner: (value: NonNullable<V>, otherValue: NonNullable<VO>, key: NonNullable<K>) => VR,
    windows: JoinWindows,
    options: StreamJoinOptions<K, V, VO, VR>
  ): KStream<K, VR>
  join<VR>(other: unknown, ...rest: readonly unknown[]): KStream<K, VR> {
    return new KStream(this.#join('join', other, rest))
  }

  /** As `join`, but a record that finds nothing is joined with `null`. */
  leftJoin<VT, VR>(
    table: KTable<NonNullable<K>, VT>,
    joiner: (value: NonNullable<V>, tableValue: VT | null, key: K) => VR,
    options?: JoinOptions<K, V, VR>
  ): KStream<K, VR>
  /** Looks up by the key that `keyMapper` returns; `null` finds nothing. */
  leftJoin<KG, VT, VR>(
    table: GlobalKTable<KG, VT>,
    keyMapper: (key: K, value: NonNullable<V>) => KG | null,
    joiner: (value: NonNullable<V>, tableValue: VT | null, key: K, tableKey: KG | null) => VR,
    options?: OperatorOptions & ValueSerde<VR>
  ): KStream<K, VR>
  /** A record that finds nothing in its window is joined with `null` once the window and its grace have passed. */
  leftJoin<VO, VR>(
    other: KStream<K, VO>,
    joiner: (value: NonNullable<V>, otherValue: NonNullable<VO> | null, key: K) => VR,
    windows: JoinWindows,
    options: StreamJoinOptions<K, V, VO, VR>
  ): KStream<K, VR>
  leftJoin<VR>(other: unknown, ...rest: readonly unknown[]): KStream<K, VR> {
    return new KStream(this.#join('leftJoin', other, rest))
  }

  /** As `leftJoin`, but records of either stream that find nothing are joined with `null`. */
  outerJoin<VO, VR>(
    other: KStream<K, VO>,
    joiner: (value: NonNullable<V> | null, otherValue: NonNullable<VO> | null, key: K) => VR,
    windows: JoinWindows,
    options: StreamJoinOptions<K, V, VO, VR>
  ): KStream<K, VR> {
    return new KStream(this.#join('outerJoin', other, [joiner, windows, options]))
  }

  /**
   * Awaits `fn` for each value without holding up the others; see `AsyncOptions` for limits, order and failure. Exactly
   * once holds for the result, not for the call: send `idempotencyKey` along.
   */
  mapAsync<VR>(fn: (value: V, info: CallInfo, record: Record<K, V>) => Promise<VR>, options: AsyncOptions<K, V, VR>): KStream<K, VR> {
    const complete: AsyncProcessor<K, V, V, VR, VR>['complete'] = (value, { key, timestamp, headers }, context) =>
      context.forward({ key, value, timestamp, headers })
    const operator = asyncOperator<K, V, V, VR, VR, VR>(this.state, 'mapAsync', { call: fn, complete }, options)
    this.state.graph.topology.addAsyncProcessor(options.name, operator, this.state.node)
    return new KStream({ ...this.state, node: options.name, path: options.name, value: options.value })
  }

  /** An async operator in its three parts, with stores. It may forward other keys, so key-based operators behind it repartition. */
  processAsync<VR = V, Input = V, Result = unknown>(
    processor: AsyncProcessor<K, V, Input, Result, VR>,
    options: ProcessAsyncOptions<K, V, VR>
  ): KStream<K, VR> {
    const operator = asyncOperator(this.state, 'processAsync', processor, options)
    const stores = this.state.graph.storeNames(options.stores)
    this.state.graph.topology.addAsyncProcessor(options.name, operator, this.state.node, stores)
    return new KStream({
      ...this.state,
      node: options.name,
      path: options.name,
      key: options.key ?? this.state.key,
      value: options.value,
      keyChanged: true,
    })
  }

  /** A processor of your own; it may change keys, so key-based operators behind it repartition. */
  process<KR = K, VR = V>(supplier: () => Processor<K, V, KR, VR>, options: ProcessOptions<KR, VR> = {}): KStream<KR, VR> {
    return new KStream(this.#process('process', supplier, options, { key: options.key, value: options.value, keyChanged: true }))
  }

  /** A processor that must not change keys: nothing is repartitioned behind it. */
  processValues<VR = V>(supplier: () => FixedKeyProcessor<K, V, VR>, options: ProcessOptions<K, VR> = {}): KStream<K, VR> {
    return new KStream(this.#process('processValues', supplier as () => AnyProcessor, options, { value: options.value }))
  }

  /** Writes to a topic, or to the one `topic` returns for each record (which must exist). */
  to(topic: string | ((record: Record<K, V>, metadata: RecordMetadata | undefined) => string), options: ToOptions<K, V> = {}): void {
    const { graph, node } = this.state
    const what = `to(${typeof topic === 'string' ? `'${topic}'` : 'by record'}) behind '${this.state.path}'`
    const name = graph.nodeName(this.state, 'to', options.name)
    const key: AnySerde = serdeFor(what, 'key', options.key, this.state.key)
    const value: AnySerde = serdeFor(what, 'value', options.value, this.state.value)
    const partitioner = options.partitioner ?? windowedPartitioner(key)
    graph.topology.addNode({ kind: 'sink', name, topic, key, value, partitioner, onError: options.onError }, node)
  }

  #join(operation: StreamJoinOperation, other: unknown, rest: readonly unknown[]): StreamState {
    if (other instanceof KStream) {
      const [joiner, windows, options] = rest as StreamJoinArguments
      return joinStreams(operation, this.state, other.state, joiner, windows, options)
    }
    if (operation === 'outerJoin') {
      throw new StreamsError('TOPOLOGY_INVALID', `outerJoin behind '${this.state.path}' takes a KStream.`)
    }
    return joinTable(this.state, operation, other, rest)
  }

  #step(
    operation: string,
    fn: unknown,
    supplier: () => AnyProcessor,
    options: OperatorOptions = {},
    changes: Partial<StreamState> = {}
  ): StreamState {
    requireFunction(fn, `The function of ${operation} behind '${this.state.path}'`)
    return this.state.graph.process([this.state], operation, supplier, options, changes)
  }

  #process(
    operation: string,
    supplier: () => AnyProcessor,
    options: Pick<ProcessOptions<never, never>, 'name' | 'onError' | 'stores'>,
    changes: Partial<StreamState>
  ): StreamState {
    const stores = this.state.graph.storeNames(options.stores)
    if (stores.length > 0) {
      requireName(this.state, operation, options.name, 'uses stores')
    }
    const fresh = freshProcessors(options.name ?? `${this.state.path}/${operation}`, supplier)
    return this.state.graph.process([this.state], operation, fresh, { name: options.name, onError: options.onError, stores }, changes)
  }
}
