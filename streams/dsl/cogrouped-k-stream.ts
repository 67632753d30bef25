import { StreamsError } from '../errors.ts'
import { nameRequired } from '../graph/names.ts'
import { requireFunction } from '../graph/topology-builder.ts'
import { OldValues } from './change.ts'
import { type KGroupedStream, noWindows } from './k-grouped-stream.ts'
import { KTable, materialize } from './k-table.ts'
import { passThrough } from './operators/stateless.ts'
import { streamAggregate } from './operators/stream-aggregate.ts'
import type { AggregateOptions } from './options.ts'
import { requireName, requireSameGraph, serdeFor } from './stream-state.ts'
import type { WindowsByTime } from './time-windowed-k-stream.ts'
import { SessionWindowedCogroupedKStream, TimeWindowedCogroupedKStream } from './windowed-cogrouped-k-stream.ts'
import type { SessionWindows } from './windows/session-windows.ts'

export type Aggregator<K, V, VA> = (key: K, value: V, aggregate: VA) => VA | null

/** One of the streams that are folded together, and how its values are. */
interface Cogroup<K, VA> {
  readonly group: KGroupedStream<K, unknown>
  readonly aggregator: Aggregator<K, unknown, VA>
}

/**
 * Several grouped streams that are folded into one aggregate per key (KIP-150): one store and one result, where joins
 * of their single aggregates would keep each of them.
 */
export class CogroupedKStream<K, VA> {
  readonly #cogroups: readonly Cogroup<K, VA>[]

  /** @internal Made by `KGroupedStream.cogroup`. */
  constructor(cogroups: readonly Cogroup<K, VA>[]) {
    this.#cogroups = cogroups
  }

  /** Adds a stream with a way to fold its values. Grouped keys must be of one type and have the same bytes. */
  cogroup<V>(group: KGroupedStream<K, V>, aggregator: Aggregator<K, V, VA>): CogroupedKStream<K, VA> {
    const first = this.#cogroups[0]!.group
    requireFunction(aggregator, `An aggregator of the cogroup behind '${first.state.path}'`)
    requireSameGraph(first.state, group.state, 'cogroup')
    const added = { group, aggregator } as unknown as Cogroup<K, VA>
    if (this.#cogroups.some((known) => known.group === added.group)) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `The cogroup behind '${first.state.path}' has the group behind '${group.state.path}' twice: fold its values in one aggregator.`
      )
    }
    return new CogroupedKStream([...this.#cogroups, added])
  }

  /** Keeps an aggregate per window instead of one for all time. */
  windowedBy(windows: WindowsByTime): TimeWindowedCogroupedKStream<K, VA>
  windowedBy(windows: SessionWindows): SessionWindowedCogroupedKStream<K, VA>
  windowedBy(windows: WindowsByTime | SessionWindows): TimeWindowedCogroupedKStream<K, VA> | SessionWindowedCogroupedKStream<K, VA> {
    const { state } = this.#cogroups[0]!.group
    const source = { path: state, partitioned: (what: string, name: string) => this.#partitioned(what, name) }
    const aggregators = this.#cogroups.map(({ aggregator }) => aggregator)
    switch (windows?.kind) {
      case 'time':
      case 'sliding':
        return new TimeWindowedCogroupedKStream<K, VA>(source, aggregators, windows)
      case 'session':
        return new SessionWindowedCogroupedKStream<K, VA>(source, aggregators, windows)
      default:
        throw noWindows(state)
    }
  }

  /** The aggregate of each key, which begins with `initializer()`. An aggregator's `null` deletes it. */
  aggregate(initializer: () => VA, options: AggregateOptions<K, VA>): KTable<K, VA> {
    const first = this.#cogroups[0]!.group.state
    requireFunction(initializer, `The initializer of the cogroup behind '${first.path}'`)
    const name = requireName(first, 'cogroup', options?.name, 'keeps its result in a store')
    const what = `cogroup '${name}'`
    const sources = this.#partitioned(what, name)
    const { graph } = first
    const key = serdeFor(what, 'key', options.key, ...sources.map((source) => source.key))
    const value = serdeFor(what, 'value', options.value)
    const view = materialize<K, VA>(graph, name, key, value, options)
    const oldValues = new OldValues()
    const folded = sources.map((source, index) => {
      const { aggregator } = this.#cogroups[index]!
      const aggregation = {
        store: name,
        first: (k: K, v: unknown) => aggregator(k, v, initializer()),
        next: aggregator,
      }
      return graph.process([source], 'cogroup', (node) => streamAggregate(node, aggregation, oldValues), {
        name: `${name}-cogroup-agg-${index}`,
        onError: options.onError,
        stores: [name],
      })
    })
    const merged = graph.process(folded, 'cogroup', () => passThrough(), { name: `${name}-cogroup-merge` })
    const state = {
      ...merged,
      path: name,
      key,
      value,
      keyChanged: false,
      sources: new Set(sources.flatMap((source) => [...source.sources])),
      nullKeys: [...new Set(sources.flatMap((source) => source.nullKeys))],
    }
    return new KTable<K, VA>(state, view, oldValues, name)
  }

  /** The streams, each repartitioned if it must be, all of them with equal partitions. */
  #partitioned(what: string, name: string) {
    const unnamed = this.#cogroups.filter(({ group }) => group.state.keyChanged && group.groupName === undefined)
    if (unnamed.length > 1) {
      throw nameRequired('groupByKey', unnamed[1]!.group.state.path, 'name', `is one of ${unnamed.length} groups of ${what} that repartition`)
    }
    const sources = this.#cogroups.map(({ group }) => group.partitionedByKey(what, name))
    const { topology } = this.#cogroups[0]!.group.state.graph
    topology.copartition(new Set(sources.flatMap((source) => [...source.sources])))
    return sources
  }
}
