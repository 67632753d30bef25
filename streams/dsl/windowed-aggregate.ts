import type { Windowed } from 'millrace-state-stores'
import { milliseconds } from '../duration.ts'
import { StreamsError } from '../errors.ts'
import { checkName } from '../graph/names.ts'
import type { StoreShape } from '../graph/store-builder.ts'
import type { AnyProcessor, AnySerde } from '../graph/topology.ts'
import { OldValues } from './change.ts'
import { KStream } from './k-stream.ts'
import { KTable } from './k-table.ts'
import type { SideOutput } from './operators/late-records.ts'
import { passThrough } from './operators/stateless.ts'
import type { TableView } from './operators/table-view.ts'
import type { WindowedAggregateOptions } from './options.ts'
import { requireName, type StreamState, serdeFor } from './stream-state.ts'

/** Streams that are folded into one windowed table: one, or those of a cogroup. */
export interface WindowedSource {
  /** Where names begin if there is none. */
  readonly path: StreamState
  /** The streams with every record in the partition of its key, when the name is known. */
  partitioned(what: string, name: string): readonly StreamState[]
}

/** What differs between kinds of windows. */
export interface WindowedTable<VA> {
  readonly shape: Extract<StoreShape, { readonly kind: 'window' | 'session' }>
  readonly timestamped: boolean
  /** How long after its end a window still takes records, ms. */
  readonly graceMs: number
  readonly keySerde: (key: AnySerde) => AnySerde
  readonly view: (store: string) => TableView<Windowed<unknown>, VA>
  /** The operator of the source with that index. */
  readonly operator: (index: number, node: string, store: string, side: SideOutput | undefined, oldValues: OldValues) => AnyProcessor
}

/** Adds the store and the operators of a windowed aggregate; returns its table. */
export function windowedAggregate<K, V, VA>(
  operation: string,
  source: WindowedSource,
  options: WindowedAggregateOptions<K, V, VA>,
  table: WindowedTable<VA>
): KTable<Windowed<K>, VA> {
  const name = requireName(source.path, operation, options?.name, 'keeps its result in a store')
  const what = `${operation} '${name}'`
  const streams = source.partitioned(what, name)
  const { graph } = streams[0]!
  const key = serdeFor(what, 'key', options.key, ...streams.map((stream) => stream.key))
  const value = serdeFor(what, 'value', options.value)
  addStore(graph, name, key, value, options, table, what)
  const oldValues = new OldValues()
  const late: StreamState[] = []
  const results = streams.map((stream, index) => {
    let side: SideOutput | undefined
    const node = streams.length === 1 ? name : `${name}-cogroup-agg-${index}`
    const state = graph.process([stream], operation, (own) => table.operator(index, own, name, side, oldValues), {
      name: node,
      onError: options.onError,
      stores: [name],
    })
    if (options.late === undefined) {
      return state
    }
    const result = graph.process([state], 'results', () => passThrough(), {})
    const tooLate = graph.process([state], 'late', () => passThrough(), {})
    side = { results: result.node, late: tooLate.node }
    late.push(tooLate)
    return result
  })
  const merged = results.length === 1 ? results[0]! : graph.process(results, operation, () => passThrough(), { name: `${name}-cogroup-merge` })
  if (options.late !== undefined) {
    options.late(new KStream(late.length === 1 ? late[0]! : { ...graph.process(late, 'late', () => passThrough(), {}), value: undefined }))
  }
  const state: StreamState = {
    ...merged,
    path: name,
    key: table.keySerde(key),
    value,
    keyChanged: false,
    windowGraceMs: table.graceMs,
    sources: new Set(streams.flatMap((stream) => [...stream.sources])),
    nullKeys: [...new Set(streams.flatMap((stream) => stream.nullKeys))],
  }
  return new KTable<Windowed<K>, VA>(state, table.view(name) as TableView<Windowed<K>, VA>, oldValues, name)
}

function addStore<K, V, VA>(
  graph: StreamState['graph'],
  name: string,
  key: AnySerde,
  value: AnySerde,
  options: WindowedAggregateOptions<K, V, VA>,
  { shape, timestamped }: WindowedTable<VA>,
  what: string
): void {
  checkName('store', name)
  const logged = options.logged ?? true
  const retentionMs = options.retention === undefined ? shape.retentionMs : milliseconds(`retention of ${what}`, options.retention)
  if (retentionMs < shape.retentionMs) {
    throw new StreamsError(
      'CONFIG_INVALID',
      `${what} is told to keep its windows for ${retentionMs} ms, but they take records for ${shape.retentionMs} ms: give a retention of at least that.`
    )
  }
  const topicConfig = { ...options.topicConfig }
  const common = { name, key, value, engine: options.engine, timestamped, logged, topicConfig }
  graph.topology.addStore({ ...shape, retentionMs, ...common }, { kind: logged ? 'own' : 'none' })
}
