import { StreamsError } from '../errors.ts'
import { checkName } from '../graph/names.ts'
import { Serdes } from '../serdes.ts'
import { OldValues } from './change.ts'
import { type Suppression, suppress, suppressedView } from './operators/suppress.ts'
import type { TableView } from './operators/table-view.ts'
import type { SuppressOptions } from './options.ts'
import { requireName, type StreamState, serdeFor } from './stream-state.ts'
import type { Suppressed } from './suppressed.ts'

/** What `KTable.suppress` makes of a table. */
export interface SuppressedTable<K, V> {
  readonly state: StreamState
  readonly view: TableView<K, V>
  readonly oldValues: OldValues
}

/** Adds the buffer and the operator that holds a table's changes back. */
export function suppressTable<K, V>(
  parent: { readonly state: StreamState; readonly view: TableView<K, V>; readonly oldValues: OldValues },
  suppressed: Suppressed,
  options: SuppressOptions
): SuppressedTable<K, V> {
  const { state } = parent
  const name = checkName('store', requireName(state, 'suppress', options?.name, 'keeps what it holds back in a store'))
  const what = `suppress '${name}'`
  const suppression: Suppression = {
    store: name,
    key: serdeFor(what, 'key', state.key),
    value: serdeFor(what, 'value', state.value),
    delayMs: delayOf(what, suppressed, state),
    finalResults: suppressed.until === 'window-closes',
    buffer: suppressed.buffer,
  }
  // What is told when a key leaves, and what a join finds until then, is what it had before.
  parent.oldValues.enable()
  const logged = options.logged ?? true
  const bytes = Serdes.bytes()
  const topicConfig = { ...options.topicConfig }
  state.graph.topology.addStore(
    { kind: 'buffer', name, key: bytes, value: bytes, engine: options.engine, timestamped: false, logged, topicConfig },
    { kind: logged ? 'own' : 'none' }
  )
  const suppressedState = state.graph.process([state], 'suppress', (node) => suppress(node, suppression), {
    name,
    onError: options.onError,
    stores: [name],
  })
  return { state: suppressedState, view: suppressedView(parent.view, suppression), oldValues: new OldValues(parent.oldValues) }
}

function delayOf(what: string, suppressed: Suppressed, { windowGraceMs, path }: StreamState): number {
  switch (suppressed?.until) {
    case 'time-limit':
      return suppressed.limitMs
    case 'window-closes':
      if (windowGraceMs === undefined) {
        throw new StreamsError(
          'TOPOLOGY_INVALID',
          `${what} waits until windows close, but the table behind '${path}' has none: suppress the result of a windowed aggregation, or use untilTimeLimit.`
        )
      }
      return windowGraceMs
    default:
      throw new StreamsError('CONFIG_INVALID', `${what} takes Suppressed.untilWindowCloses(…) or Suppressed.untilTimeLimit(…).`)
  }
}
