import { storeView, type TableView } from './operators/table-view.ts'
import type { DslGraph } from './stream-state.ts'

/** A table every stream thread holds whole, so that it can be joined by any key. Loaded before the first record is processed. */
export class GlobalKTable<K, V> {
  readonly storeName: string
  /** @internal */
  readonly graph: DslGraph
  /** @internal */
  readonly view: TableView<K, V>

  /** @internal Made by `StreamsBuilder.globalTable`. */
  constructor(graph: DslGraph, storeName: string) {
    this.graph = graph
    this.storeName = storeName
    this.view = storeView(storeName)
  }
}
