import { createHash } from 'node:crypto'
import type { InternalTopic, Node, SinkNode, SourceNode, StoreDefinition } from './topology.ts'

export interface SubtopologyParts {
  readonly nodes: readonly Node[]
  readonly sources: readonly SourceNode[]
  readonly sinks: readonly SinkNode[]
  readonly stores: readonly StoreDefinition[]
  readonly internalTopics: readonly InternalTopic[]
  readonly copartitionGroups: readonly (readonly string[])[]
}

/**
 * SHA-256 over all that decides what a task reads, keeps and writes, in an order that does not depend on the order of
 * the code. Names of stateless nodes and the code inside operators do not count: such an edit rolls out in place.
 */
export function fingerprint(parts: SubtopologyParts): string {
  const description = {
    sources: parts.sources.map((source) => (source.pattern === undefined ? [...source.topics].sort().join(',') + (source.repartition ? ' repartition' : '') : String(source.pattern))).sort(),
    sinks: [...new Set(parts.sinks.map((sink) => (typeof sink.topic === 'string' ? sink.topic : '(by record)')))].sort(),
    internalTopics: parts.internalTopics.map((topic) => `${topic.kind} ${topic.name} ${topic.partitions ?? 'derived'}`).sort(),
    stores: parts.stores
      .map((store) => `${store.kind} ${store.name} ${store.timestamped ? 'timestamped' : 'plain'} ${store.changelog ?? 'not logged'}`)
      .sort(),
    async: parts.nodes.flatMap((node) => (node.kind === 'async' ? [`${node.name} ${node.inFlightStore}`] : [])).sort(),
    stateful: parts.nodes
      .flatMap((node) =>
        node.kind === 'processor' && node.stores.length > 0 ? [`${givenName(node)} ${[...node.stores].sort().join(',')}`] : []
      )
      .sort(),
    copartitioned: parts.copartitionGroups.map((group) => [...group].sort().join(',')).sort(),
  }
  return createHash('sha256').update(JSON.stringify(description)).digest('hex')
}

/** Names that contain `/` were derived from the structure above the node: an edit there is none of this node's business. */
function givenName(node: Node): string {
  return node.name.includes('/') ? '' : node.name
}
