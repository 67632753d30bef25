import { milliseconds } from '../duration.ts'
import { StreamsError } from '../errors.ts'
import { requireFunction } from '../graph/topology-builder.ts'
import { Serdes } from '../serdes.ts'
import { GlobalKTable } from './global-k-table.ts'
import { KTable } from './k-table.ts'
import { type StreamTableJoin, streamTableJoin } from './operators/stream-table-join.ts'
import { valueWithHeaders } from './operators/value-with-headers.ts'
import { type WaitForTable, waitForTable } from './operators/wait-for-table.ts'
import type { JoinOptions, OperatorOptions, ValueSerde } from './options.ts'
import { requireName, requireSameGraph, type StreamState, serdeFor, throughRepartitionTopic } from './stream-state.ts'

type Joiner = StreamTableJoin<unknown, unknown, unknown, unknown, unknown>['joiner']
type KeyMapper = StreamTableJoin<unknown, unknown, unknown, unknown, unknown>['tableKey']

/** Both joins of a stream with both kinds of table; `rest` is what `KStream.join` was given behind the table. */
export function joinTable(stream: StreamState, operation: 'join' | 'leftJoin', table: unknown, rest: readonly unknown[]): StreamState {
  if (table instanceof GlobalKTable) {
    return joinGlobalTable(
      stream,
      operation,
      table,
      rest[0] as KeyMapper,
      rest[1] as Joiner,
      rest[2] as OperatorOptions & ValueSerde<unknown>
    )
  }
  if (table instanceof KTable) {
    return joinKTable(stream, operation, table, rest[0] as Joiner, rest[1] as JoinOptions<unknown, unknown, unknown>)
  }
  throw new StreamsError(
    'TOPOLOGY_INVALID',
    `${operation} behind '${stream.path}' takes a KStream, a KTable or a GlobalKTable.`
  )
}

function joinKTable(
  stream: StreamState,
  operation: 'join' | 'leftJoin',
  table: KTable<unknown, unknown>,
  joiner: Joiner,
  options: JoinOptions<unknown, unknown, unknown> = {}
): StreamState {
  requireFunction(joiner, `The joiner of ${operation} behind '${stream.path}'`)
  requireSameGraph(stream, table.state, operation)
  const left = operation === 'leftJoin'
  let source = stream
  if (stream.keyChanged) {
    const name = requireName(stream, operation, options.name, 'repartitions, because the key was changed,')
    const what = `${operation} '${name}'`
    source = throughRepartitionTopic(stream, {
      name,
      // Stream and table keys are compared by their bytes, so the table's serde is the right one when the stream has none.
      key: serdeFor(what, 'input.key', options.input?.key, stream.key, table.state.key),
      value: serdeFor(what, 'input.value', options.input?.value, stream.value),
      keepNullKeys: left,
    })
  }
  keepNullKeys(source, left)
  source.graph.topology.copartition(new Set([...source.sources, ...table.state.sources]))
  const join = { table: table.view, tableKey: (key: unknown) => key, joiner, left }
  return source.graph.process(
    [options.grace === undefined ? source : afterGrace(source, operation, table, options)],
    operation,
    (node) => streamTableJoin(node, join),
    { name: options.name, onError: options.onError, stores: table.view.stores },
    { value: options.value }
  )
}

/** The stream behind a node, and a store, in which its records wait for the table: `<name>-buffer`. */
function afterGrace(
  stream: StreamState,
  operation: 'join' | 'leftJoin',
  table: KTable<unknown, unknown>,
  options: JoinOptions<unknown, unknown, unknown>
): StreamState {
  const name = requireName(stream, operation, options.name, 'keeps records for its grace')
  const what = `${operation} '${name}'`
  const graceMs = milliseconds(`grace of ${what}`, options.grace!, true)
  const history = table.view.historyRetentionMs
  if (history === undefined || history < graceMs) {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `${what} has a grace of ${graceMs} ms, but its table ${history === undefined ? 'keeps no history' : `keeps a history of ${history} ms`}: ` +
        'give the table a historyRetention of at least the grace.'
    )
  }
  const key = serdeFor(what, 'input.key', options.input?.key, stream.key, table.state.key)
  const value = valueWithHeaders(serdeFor(what, 'input.value', options.input?.value, stream.value))
  const node = `${name}-buffer`
  const bytes = Serdes.bytes()
  stream.graph.topology.addStore(
    { kind: 'key-value', name: node, key: bytes, value: bytes, timestamped: false, logged: true, topicConfig: {} },
    { kind: 'own' }
  )
  const waiting: WaitForTable = { graceMs, waiting: { store: node, key, left: value, right: value, sides: ['left'] } }
  return stream.graph.process([stream], operation, (own) => waitForTable(own, waiting), { name: node, stores: [node] })
}

function joinGlobalTable(
  stream: StreamState,
  operation: 'join' | 'leftJoin',
  table: GlobalKTable<unknown, unknown>,
  tableKey: KeyMapper,
  joiner: Joiner,
  options: OperatorOptions & ValueSerde<unknown> = {}
): StreamState {
  requireFunction(tableKey, `The key mapper of ${operation} with '${table.storeName}' behind '${stream.path}'`)
  requireFunction(joiner, `The joiner of ${operation} with '${table.storeName}' behind '${stream.path}'`)
  if (stream.graph !== table.graph) {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `${operation} behind '${stream.path}' takes a global table of another StreamsBuilder: build both with one.`
    )
  }
  const left = operation === 'leftJoin'
  keepNullKeys(stream, left)
  const join = { table: table.view, tableKey, joiner, left }
  return stream.graph.process(
    [stream],
    operation,
    (node) => streamTableJoin(node, join),
    { name: options.name, onError: options.onError, stores: table.view.stores },
    { value: options.value }
  )
}

/** A left join gives a result for every record, so a repartition before it must let those without a key through (KIP-962). */
export function keepNullKeys(stream: StreamState, left: boolean): void {
  for (const nullKeys of left ? stream.nullKeys : []) {
    nullKeys.keep = true
  }
}
