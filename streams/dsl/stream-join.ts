import { StreamsError } from '../errors.ts'
import type { AnySerde } from '../graph/topology.ts'
import { requireFunction } from '../graph/topology-builder.ts'
import { Serdes } from '../serdes.ts'
import { keepNullKeys } from './join.ts'
import { JoinWindows } from './windows/join-windows.ts'
import { joinPairs, joinSide, keepInWindow, type StreamJoiner, type StreamStreamJoin, selfJoin } from './operators/stream-stream-join.ts'
import type { JoinSide, WaitingRecordsOptions } from './operators/waiting-records.ts'
import type { StreamJoinOptions } from './options.ts'
import { requireName, requireSameGraph, type StreamState, serdeFor, throughRepartitionTopic } from './stream-state.ts'

export type StreamJoinOperation = 'join' | 'leftJoin' | 'outerJoin'

type Joiner = StreamJoiner<unknown, unknown, unknown, unknown>
type Options = StreamJoinOptions<unknown, unknown, unknown, unknown>

/** What `KStream.join` is given behind the other stream. */
export type StreamJoinArguments = [joiner: Joiner, windows: JoinWindows, options: Options]

/** Sides whose records are in the result without a partner. */
const UNMATCHED: { readonly [O in StreamJoinOperation]: readonly JoinSide[] } = {
  join: [],
  leftJoin: ['left'],
  outerJoin: ['left', 'right'],
}

/**
 * Joins two streams in windows. Each side is kept in a window store of its own, where records of the other find it; nodes
 * and stores have the names Kafka Streams makes of a `StreamJoined` name.
 */
export function joinStreams(
  operation: StreamJoinOperation,
  left: StreamState,
  right: StreamState,
  joiner: Joiner,
  windows: JoinWindows,
  options: Options
): StreamState {
  requireFunction(joiner, `The joiner of ${operation} behind '${left.path}'`)
  if (!(windows instanceof JoinWindows)) {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `${operation} behind '${left.path}' joins two streams and needs windows: JoinWindows.ofTimeDifferenceAndGrace('5m', '1m').`
    )
  }
  const name = requireName(left, operation, options?.name, 'keeps records in window stores')
  requireSameGraph(left, right, operation)
  const what = `${operation} '${name}'`
  const key = serdeFor(what, 'input.key', options.input?.key, left.key, options.other?.key, right.key)
  const values = {
    left: serdeFor(what, 'input.value', options.input?.value, left.value),
    right: serdeFor(what, 'other.value', options.other?.value, right.value),
  }
  const unmatched = UNMATCHED[operation]
  const isSelf = left.graph === right.graph && left.node === right.node && unmatched.length === 0
  const sideOf = (state: StreamState, side: JoinSide): StreamState => {
    // Both sides, as in Kafka Streams: repartition topics above may lead elsewhere, too.
    const keepNulls = unmatched.length > 0
    keepNullKeys(state, keepNulls)
    return state.keyChanged
      ? throughRepartitionTopic(state, { name: `${name}-${side}`, key, value: values[side], keepNullKeys: keepNulls })
      : state
  }
  const from = sideOf(left, 'left')
  const to = isSelf ? from : sideOf(right, 'right')
  const sources = new Set([...from.sources, ...to.sources])
  left.graph.topology.copartition(sources)
  const output = { key, value: options.value, keyChanged: false, sources, nullKeys: [...new Set([...from.nullKeys, ...to.nullKeys])] }
  const joined = isSelf
    ? joinWithItself(from, name, joiner, windows, { key, value: values.left }, options)
    : joinSides({ name, from, to, joiner, windows, key, values, unmatched, options })
  return { ...joined, ...output, path: name }
}

interface TwoSides {
  readonly name: string
  readonly from: StreamState
  readonly to: StreamState
  readonly joiner: Joiner
  readonly windows: JoinWindows
  readonly key: AnySerde
  readonly values: { readonly [S in JoinSide]: AnySerde }
  readonly unmatched: readonly JoinSide[]
  readonly options: Options
}

function joinSides({ name, from, to, joiner, windows, key, values, unmatched, options }: TwoSides): StreamState {
  const { graph } = from
  const thisJoin = unmatched.includes('right') ? `${name}-outer-this-join` : `${name}-this-join`
  const otherJoin = unmatched.includes('left') ? `${name}-outer-other-join` : `${name}-other-join`
  const stores = { left: `${thisJoin}-store`, right: `${otherJoin}-store` }
  addWindowStore(from, stores.left, windows, windows.afterMs, { key, value: values.left }, options)
  addWindowStore(from, stores.right, windows, windows.beforeMs, { key, value: values.right }, options)
  const waiting = unmatchedRecords(from, name, unmatched, key, values, options)
  const join: StreamStreamJoin = { name, windows, stores, unmatched: waiting }
  const shared = waiting === undefined ? [] : [waiting.store]
  const thisWindowed = graph.process([from], 'join', () => keepInWindow(stores.left), { name: `${name}-this-windowed`, stores: [stores.left] })
  const otherWindowed = graph.process([to], 'join', () => keepInWindow(stores.right), { name: `${name}-other-windowed`, stores: [stores.right] })
  const joinedThis = graph.process([thisWindowed], 'join', (node) => joinSide(node, join, 'left'), {
    name: thisJoin,
    stores: [stores.right, ...shared],
  })
  const joinedOther = graph.process([otherWindowed], 'join', (node) => joinSide(node, join, 'right'), {
    name: otherJoin,
    stores: [stores.left, ...shared],
  })
  return graph.process([joinedThis, joinedOther], 'join', () => joinPairs(joiner), { name: `${name}-merge`, onError: options.onError })
}

function joinWithItself(
  from: StreamState,
  name: string,
  joiner: Joiner,
  windows: JoinWindows,
  serdes: { readonly key: AnySerde; readonly value: AnySerde },
  options: Options
): StreamState {
  const { graph } = from
  const store = `${name}-this-join-store`
  const retentionMs = addWindowStore(from, store, windows, Math.max(windows.beforeMs, windows.afterMs), serdes, options)
  const windowed = graph.process([from], 'join', () => keepInWindow(store), { name: `${name}-this-windowed`, stores: [store] })
  return graph.process([windowed], 'join', (node) => selfJoin(node, { name, windows, joiner, store, retentionMs }), {
    name: `${name}-merge`,
    onError: options.onError,
    stores: [store],
  })
}

/**
 * Kafka Streams keeps records for window and grace. For windows that begin or end at their record that is a millisecond
 * too short, and for those that lie on one side of it far too short: `reachMs` is how much later the last partner of a
 * kept record may be. Returns the retention.
 */
function addWindowStore(
  { graph }: StreamState,
  name: string,
  windows: JoinWindows,
  reachMs: number,
  { key, value }: { readonly key: AnySerde; readonly value: AnySerde },
  { engine, logged = true, topicConfig }: Options
): number {
  const retentionMs = windows.graceMs + Math.max(windows.sizeMs, reachMs + 1, 1)
  graph.topology.addStore(
    {
      kind: 'window',
      name,
      key,
      value,
      engine,
      timestamped: false,
      logged,
      topicConfig: { ...topicConfig },
      retentionMs,
      windowSizeMs: windows.sizeMs,
      retainDuplicates: true,
      indexed: false,
    },
    { kind: logged ? 'own' : 'none' }
  )
  return retentionMs
}

/** The store both sides of a left or outer join share. */
function unmatchedRecords(
  { graph }: StreamState,
  name: string,
  sides: readonly JoinSide[],
  key: AnySerde,
  values: { readonly [S in JoinSide]: AnySerde },
  { engine, logged = true, topicConfig }: Options
): WaitingRecordsOptions | undefined {
  if (sides.length === 0) {
    return undefined
  }
  const store = `${name}-${sides.includes('right') ? 'outer' : 'left'}-shared-join-store`
  const bytes = Serdes.bytes()
  graph.topology.addStore(
    { kind: 'key-value', name: store, key: bytes, value: bytes, engine, timestamped: false, logged, topicConfig: { ...topicConfig } },
    { kind: logged ? 'own' : 'none' }
  )
  return { store, key, left: values.left, right: values.right, sides }
}
