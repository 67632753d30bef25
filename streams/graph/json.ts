import type { Node, StoreDefinition, Topology } from './topology.ts'

export interface NodeJSON {
  readonly name: string
  readonly kind: Node['kind']
  readonly children: readonly string[]
  readonly topics?: readonly string[]
  /** Of a source that reads all topics whose names match. */
  readonly pattern?: string
  /** Absent on sinks whose topic depends on the record. */
  readonly topic?: string
  readonly stores?: readonly string[]
}

export interface SubtopologyJSON {
  readonly name: string
  readonly index: number
  readonly fingerprint: string
  readonly nodes: readonly NodeJSON[]
  readonly stores: readonly {
    readonly name: string
    readonly kind: string
    readonly changelog?: string
    readonly sourceIsChangelog: boolean
    /** Values carry the timestamp of the record that made them. */
    readonly timestamped?: boolean
    /** What only stores of its kind have: sizes and retentions, ms. */
    readonly settings?: { readonly [setting: string]: number | boolean }
  }[]
  readonly internalTopics: readonly {
    readonly name: string
    readonly kind: string
    readonly partitions?: number
    readonly config: { readonly [key: string]: string }
  }[]
  readonly copartitionGroups: readonly (readonly string[])[]
}

export interface TopologyJSON {
  readonly applicationId: string
  readonly subtopologies: readonly SubtopologyJSON[]
  readonly globalTables: readonly { readonly store: string; readonly topic: string }[]
}

/** Plain data for `GET /topology`, comparisons and pictures: names and topics, no functions, no serdes. */
export function topologyToJSON(topology: Topology): TopologyJSON {
  return {
    applicationId: topology.applicationId,
    subtopologies: topology.subtopologies.map((subtopology) => ({
      name: subtopology.name,
      index: subtopology.index,
      fingerprint: subtopology.fingerprint,
      nodes: [...subtopology.nodes.values()].map(nodeJSON),
      stores: subtopology.stores.map(storeJSON),
      internalTopics: subtopology.internalTopics,
      copartitionGroups: subtopology.copartitionGroups,
    })),
    globalTables: topology.globalTables.map(({ storeName, source }) => ({ store: storeName, topic: source.topics[0]! })),
  }
}

function storeJSON({ name, kind, changelog, sourceIsChangelog, timestamped, engine: _, key: _key, value: _value, topicConfig: _config, writer: _writer, ...settings }: StoreDefinition) {
  return { name, kind, changelog, sourceIsChangelog, timestamped, settings }
}

/** Every store a node touches, an async operator's in-flight table included. */
export function storesOf(node: Node): readonly string[] {
  switch (node.kind) {
    case 'processor':
      return [...node.stores].sort()
    case 'async':
      return [...node.stores, node.inFlightStore].sort()
    default:
      return []
  }
}

function nodeJSON(node: Node): NodeJSON {
  const { name, kind, children } = node
  switch (node.kind) {
    case 'source':
      return { name, kind, children, topics: node.topics, ...(node.pattern === undefined ? {} : { pattern: String(node.pattern) }) }
    case 'sink':
      return { name, kind, children, topic: typeof node.topic === 'string' ? node.topic : undefined }
    default:
      return { name, kind, children, stores: storesOf(node) }
  }
}
