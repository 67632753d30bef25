import { storesOf } from './json.ts'
import type { GlobalTable, Node, Subtopology, Topology } from './topology.ts'

/**
 * The text of Kafka Streams' `TopologyDescription`, so that the tools which draw it can be used. An async operator is
 * shown as a processor with its in-flight table.
 */
export function describe(topology: Topology): string {
  const subtopologies = topology.subtopologies.map(describeSubtopology)
  const globals = topology.globalTables.map((table, index) => describeGlobalTable(table, topology.subtopologies.length + index))
  return `Topologies:\n ${[...subtopologies, ...globals].map((part) => `  ${part}`).join('')}`
}

function describeSubtopology(subtopology: Subtopology): string {
  const weights = descendants(subtopology)
  // Kafka Streams' order: the node with most beneath it first, then by name.
  const byWeight = (left: string, right: string) => weights.get(right)! - weights.get(left)! || (left < right ? -1 : 1)
  const lines = [...subtopology.nodes.keys()].sort(byWeight).map((name) => {
    const node = subtopology.nodes.get(name)!
    const parents = [...subtopology.nodes.values()]
      .filter((other) => (other.children as readonly string[]).includes(name))
      .map((other) => other.name)
    return `    ${describeNode(node, [...node.children].sort(byWeight), parents.sort(byWeight))}\n`
  })
  return `Sub-topology: ${subtopology.index}\n${lines.join('')}\n`
}

function describeNode(node: Node, children: readonly string[], parents: readonly string[]): string {
  switch (node.kind) {
    case 'source':
      return `Source: ${node.name} (topics: ${node.pattern === undefined ? `[${node.topics.join(', ')}]` : node.pattern.source})\n      --> ${names(children)}`
    case 'sink':
      return `Sink: ${node.name} (${typeof node.topic === 'string' ? `topic: ${node.topic}` : `extractor class: ${node.topic.name || 'anonymous'}`})\n      <-- ${names(parents)}`
    default:
      return `Processor: ${node.name} (stores: [${storesOf(node).join(', ')}])\n      --> ${names(children)}\n      <-- ${names(parents)}`
  }
}

function describeGlobalTable({ storeName, source }: GlobalTable, index: number): string {
  const processor = `${storeName}/global-table`
  return (
    `Sub-topology: ${index} for global store (will not generate tasks)\n` +
    `    Source: ${source.name} (topics: [${source.topics.join(', ')}])\n      --> ${processor}\n` +
    `    Processor: ${processor} (stores: [${storeName}])\n      --> none\n      <-- ${source.name}\n`
  )
}

/** Size of the tree under each node, nodes with two parents counted under both. */
function descendants(subtopology: Subtopology): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  const weigh = (name: string): number => {
    const known = weights.get(name)
    if (known !== undefined) {
      return known
    }
    const weight = subtopology.nodes.get(name)!.children.reduce<number>((sum, child) => sum + weigh(child), 1)
    weights.set(name, weight)
    return weight
  }
  for (const name of subtopology.nodes.keys()) {
    weigh(name)
  }
  return weights
}

function names(nodes: readonly string[]): string {
  return nodes.length === 0 ? 'none' : nodes.join(', ')
}
