import type { ErrorPolicy } from '../error-policy.ts'
import { StreamsError } from '../errors.ts'
import { checkName, nameRequired } from '../graph/names.ts'
import { checkSerde, type StoreBuilder } from '../graph/store-builder.ts'
import type { AnyProcessor, AnySerde, StreamPartitioner } from '../graph/topology.ts'
import { TopologyBuilder } from '../graph/topology-builder.ts'
import { dropNullKeys, type NullKeys } from './operators/drop-null-keys.ts'

/** What a `KStream` or `KTable` is inside: a place in the graph, and what is known about the records there. */
export interface StreamState {
  readonly graph: DslGraph
  /** The node whose output this is. */
  readonly node: string
  /** Where names of unnamed operators begin: the last named operator, then what followed. */
  readonly path: string
  readonly key: AnySerde | undefined
  readonly value: AnySerde | undefined
  /** True when records may lie in another partition than that of their key. */
  readonly keyChanged: boolean
  /** Of a windowed table: how long after its end a window still takes records, ms. */
  readonly windowGraceMs?: number
  /** Sources whose partitions these records are still in. */
  readonly sources: ReadonlySet<string>
  /** All repartitions these records came through; a left join behind them makes them keep null keys. */
  readonly nullKeys: readonly NullKeys[]
}

export interface NodeOptions {
  readonly name?: string
  readonly onError?: ErrorPolicy
  readonly stores?: readonly string[]
}

/** The DSL's pen: adds nodes behind a state, and derives names where the user gave none. */
export class DslGraph {
  readonly topology = new TopologyBuilder()
  readonly #stores = new Set<StoreBuilder>()

  /** The name given, checked, or one from the structure. Derived names contain `/` and so never meet a given one. */
  nodeName(state: StreamState | undefined, operation: string, name: string | undefined): string {
    if (name !== undefined) {
      return checkName('operator', name)
    }
    const base = state === undefined ? operation : `${state.path}/${operation}`
    let candidate = base
    for (let copy = 2; this.topology.has(candidate); copy++) {
      candidate = `${base}-${copy}`
    }
    return candidate
  }

  /** Adds a processor behind `parents`; returns what is known of its output, as before but for `changes`. */
  process(
    parents: readonly StreamState[],
    operation: string,
    supplier: (node: string) => AnyProcessor,
    options: NodeOptions,
    changes: Partial<StreamState> = {}
  ): StreamState {
    const first = parents[0]!
    const name = this.nodeName(first, operation, options.name)
    this.topology.addNode(
      { kind: 'processor', name, supplier: () => supplier(name), onError: options.onError },
      parents.map((parent) => parent.node),
      options.stores
    )
    return { ...first, ...changes, node: name, path: name }
  }

  /** Names of stores, those given as builders added on first sight. */
  storeNames(stores: readonly (string | StoreBuilder)[] | undefined): readonly string[] {
    return (stores ?? []).map((store) => {
      if (typeof store === 'string') {
        return store
      }
      if (!this.#stores.has(store)) {
        this.#stores.add(store)
        this.topology.addStateStore(store)
      }
      return store.name
    })
  }

  addStateStore(store: StoreBuilder): void {
    this.storeNames([store])
  }
}

export interface Repartition {
  readonly name: string
  readonly partitions?: number
  readonly partitioner?: StreamPartitioner
  readonly key: AnySerde
  readonly value: AnySerde
  readonly keepNullKeys: boolean
}

/** Sends the stream through a topic of the application, after which every record is in the partition of its key. */
export function throughRepartitionTopic(state: StreamState, repartition: Repartition): StreamState {
  const { name, key, value } = repartition
  const { topology } = state.graph
  const topic = topology.addRepartitionTopic(name, repartition.partitions)
  const nullKeys: NullKeys = { keep: repartition.keepNullKeys }
  const filter = `${name}-repartition-filter`
  const source = `${name}-repartition-source`
  topology.addNode({ kind: 'processor', name: filter, supplier: () => dropNullKeys(filter, nullKeys) }, state.node)
  topology.addNode({ kind: 'sink', name: `${name}-repartition-sink`, topic, key, value, partitioner: repartition.partitioner }, filter)
  topology.addDerivedSource(source, topic, { key, value })
  return { graph: state.graph, node: source, path: name, key, value, keyChanged: false, sources: new Set([source]), nullKeys: [...state.nullKeys, nullKeys] }
}

/** The first serde that is there; `SERDE_MISSING` naming the operator and its option if none is. */
export function serdeFor(operator: string, option: string, ...candidates: readonly (AnySerde | undefined)[]): AnySerde {
  return checkSerde(
    candidates.find((candidate) => candidate !== undefined),
    operator,
    option
  )
}

/** Throws `NAME_REQUIRED` with a suggestion unless there is a (valid) name. */
export function requireName(state: StreamState, operation: string, name: string | undefined, why: string): string {
  if (name === undefined) {
    throw nameRequired(operation, state.path, 'name', why)
  }
  return checkName('operator', name)
}

/** Streams of two builders cannot meet. */
export function requireSameGraph(left: StreamState, right: StreamState, operation: string): void {
  if (left.graph !== right.graph) {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `${operation} behind '${left.path}' takes a stream or table of another StreamsBuilder: build both with one.`
    )
  }
}
