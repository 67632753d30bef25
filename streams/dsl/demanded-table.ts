import type { AnyProcessor } from '../graph/topology.ts'
import { OldValues } from './change.ts'
import { KTable, materialize } from './k-table.ts'
import { demandedView, type TableView } from './operators/table-view.ts'
import type { TableOperatorOptions } from './options.ts'
import { type StreamState, serdeFor } from './stream-state.ts'

/** The old values of a table that knows them only from its store. */
class DemandedOldValues extends OldValues {
  readonly #demand: () => unknown
  readonly #isKept: () => boolean

  constructor(demand: () => unknown, isKept: () => boolean) {
    super()
    this.#demand = demand
    this.#isKept = isKept
  }

  override enableIfKnown(): boolean {
    return this.#isKept() && super.enableIfKnown()
  }

  override enable(): void {
    this.#demand()
    super.enable()
  }
}

export interface DemandedTable {
  /** For errors: the operation and its name. */
  readonly what: string
  readonly operation: string
  /** Name of the node, and of the store unless the options give another. */
  readonly node: string
  /** Stores of the node beside that of the table. */
  readonly stores?: readonly string[]
  /** `store`: the one the result is kept in, if it is. */
  readonly supplier: (node: string, store: string | undefined, oldValues: OldValues) => AnyProcessor
}

/**
 * A table whose rows nobody can compute again from others. It is kept if its options give it a store, else only once an
 * operator behind it reads it or must know what a row was.
 */
export function demandedTable<K, V>(behind: StreamState, table: DemandedTable, options: TableOperatorOptions<K, V>): KTable<K, V> {
  const { what, node } = table
  const { graph } = behind
  const store = options.store?.name ?? node
  let view: TableView<K, V> | undefined
  const demand = (): TableView<K, V> => {
    if (view === undefined) {
      const key = serdeFor(what, 'store.key', options.store?.key, behind.key)
      view = materialize<K, V>(graph, store, key, serdeFor(what, 'value', options.value), { ...options.store })
      graph.topology.connectProcessorAndStateStores(node, store)
    }
    return view
  }
  const oldValues = new DemandedOldValues(demand, () => view !== undefined)
  const state = graph.process(
    [behind],
    table.operation,
    () => table.supplier(node, view === undefined ? undefined : store, oldValues),
    { name: node, onError: options.onError, stores: table.stores },
    { value: options.value }
  )
  if (options.store !== undefined) {
    return new KTable<K, V>(state, demand(), oldValues, store)
  }
  return new KTable<K, V>(state, demandedView(demand), oldValues, undefined)
}
