import { storesOf } from './json.ts'
import type { Node, Topology } from './topology.ts'

/** A Mermaid flow chart: topics, one box per subtopology, stores, and the edges between them. */
export function describeMermaid(topology: Topology): string {
  const ids = new Map<string, string>()
  const id = (kind: string, name: string): string => {
    const key = `${kind} ${name}`
    const known = ids.get(key) ?? `${kind}${ids.size}`
    ids.set(key, known)
    return known
  }
  const topics = new Set<string>()
  const edges: string[] = []
  const boxes: string[] = []
  for (const subtopology of topology.subtopologies) {
    const lines = [...subtopology.nodes.values()].map((node) => `    ${id('node', node.name)}${shape(node)}`)
    for (const store of subtopology.stores) {
      lines.push(`    ${id('store', store.name)}[(${quoted(store.name)})]`)
    }
    boxes.push(`  subgraph ${id('sub', subtopology.name)}[${quoted(subtopology.name)}]\n${lines.join('\n')}\n  end`)
    for (const node of subtopology.nodes.values()) {
      for (const child of node.children) {
        edges.push(`  ${id('node', node.name)} --> ${id('node', child)}`)
      }
      for (const store of storesOf(node)) {
        edges.push(`  ${id('node', node.name)} <-.-> ${id('store', store)}`)
      }
      for (const topic of node.kind === 'source' ? (node.pattern === undefined ? node.topics : [String(node.pattern)]) : []) {
        topics.add(topic)
        edges.push(`  ${id('topic', topic)} --> ${id('node', node.name)}`)
      }
      if (node.kind === 'sink' && typeof node.topic === 'string') {
        topics.add(node.topic)
        edges.push(`  ${id('node', node.name)} --> ${id('topic', node.topic)}`)
      }
    }
  }
  for (const { storeName, source } of topology.globalTables) {
    topics.add(source.topics[0]!)
    boxes.push(`  ${id('store', storeName)}[(${quoted(storeName)})]`)
    edges.push(`  ${id('topic', source.topics[0]!)} --> ${id('store', storeName)}`)
  }
  const topicLines = [...topics].map((topic) => `  ${id('topic', topic)}[/${quoted(topic)}/]`)
  return `${['flowchart LR', ...topicLines, ...boxes, ...edges].join('\n')}\n`
}

function shape(node: Node): string {
  const label = quoted(node.name)
  switch (node.kind) {
    case 'source':
      return `([${label}])`
    case 'sink':
      return `[[${label}]]`
    case 'async':
      return `{{${label}}}`
    case 'processor':
      return `[${label}]`
  }
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '#quot;')}"`
}
