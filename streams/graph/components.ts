import type { GraphSpec } from './node-spec.ts'

/**
 * The connected components of the graph, each the nodes of one subtopology in order of insertion. Nodes are connected
 * by an edge or by a store they share; global tables connect nothing. Components are in the order of their first source.
 */
export function nodeGroups(graph: GraphSpec): readonly (readonly string[])[] {
  const root = new Map<string, string>()
  const find = (name: string): string => {
    let current = name
    while (root.get(current) !== undefined && root.get(current) !== current) {
      current = root.get(current)!
    }
    root.set(name, current)
    return current
  }
  const unite = (left: string, right: string) => root.set(find(left), find(right))
  for (const [child, parents] of graph.parents) {
    find(child)
    for (const parent of parents) {
      unite(child, parent)
    }
  }
  const firstUser = new Map<string, string>()
  for (const [node, stores] of graph.connections) {
    for (const store of stores) {
      if (graph.globals.has(store)) {
        continue
      }
      const first = firstUser.get(store)
      if (first === undefined) {
        firstUser.set(store, node)
      } else {
        unite(node, first)
      }
    }
  }
  const groups = new Map<string, string[]>()
  for (const node of graph.nodes.values()) {
    if (node.kind === 'source' && !groups.has(find(node.name))) {
      groups.set(find(node.name), [])
    }
  }
  for (const name of graph.nodes.keys()) {
    groups.get(find(name))!.push(name)
  }
  return [...groups.values()]
}
