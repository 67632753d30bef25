import type { Topology } from '../graph/topology.ts'

/** Opens every serde of the topology once, before the thread's first record: they may fetch schemas. */
export async function openSerdes(topology: Topology): Promise<void> {
  const serdes = new Set<{ open?(): Promise<void> }>()
  for (const subtopology of topology.subtopologies) {
    for (const node of subtopology.nodes.values()) {
      if (node.kind === 'source' || node.kind === 'sink') {
        serdes.add(node.key).add(node.value)
      } else if (node.kind === 'async') {
        serdes.add(node.operator.key).add(node.operator.value)
      }
    }
    for (const store of subtopology.stores) {
      serdes.add(store.key).add(store.value)
    }
  }
  for (const { source, store } of topology.globalTables) {
    serdes.add(source.key).add(source.value).add(store.key).add(store.value)
  }
  await Promise.all([...serdes].map((serde) => serde.open?.()))
}
