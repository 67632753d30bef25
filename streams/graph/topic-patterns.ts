/**
 * Sources that read every topic whose name matches. A built topology knows the patterns; which topics those are now is
 * known where it runs, and `matchTopics` makes a topology of it that names them.
 */
import { StreamsError } from '../errors.ts'
import { BuiltTopology } from './built-topology.ts'
import { copartitionedTopics } from './copartitioning.ts'
import type { SourceNode, Subtopology, Topology } from './topology.ts'

const whole = new WeakMap<RegExp, RegExp>()

/** Whether the pattern matches the topic's whole name, as Java's `matches()`. */
export function matchesTopic(pattern: RegExp, topic: string): boolean {
  let anchored = whole.get(pattern)
  if (anchored === undefined) {
    anchored = new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, ''))
    whole.set(pattern, anchored)
  }
  return anchored.test(topic)
}

export function patternSources(topology: Topology): readonly (SourceNode & { readonly pattern: RegExp })[] {
  return topology.subtopologies.flatMap(({ sources }) => sources.filter((source): source is SourceNode & { readonly pattern: RegExp } => source.pattern !== undefined))
}

/** Those of the topics that a pattern matches; topics of the application's own are never meant. */
export function matchingTopics(topology: Topology, topics: readonly string[]): readonly string[] {
  const own = new Set(topology.subtopologies.flatMap(({ internalTopics }) => internalTopics.map(({ name }) => name)))
  const patterns = patternSources(topology).map(({ pattern }) => pattern)
  return topics.filter((topic) => !own.has(topic) && patterns.some((pattern) => matchesTopic(pattern, topic)))
}

/**
 * The topology with the topics its patterns match among these; itself when it has none. Fingerprints stay: which topics a
 * pattern matches is no other version. Throws `TOPOLOGY_INVALID` for a topic that two patterns match.
 */
export function matchTopics(topology: Topology, topics: Iterable<string>): Topology {
  const sources = patternSources(topology)
  if (sources.length === 0) {
    return topology
  }
  const matched = new Map<string, string[]>(sources.map(({ name }) => [name, []]))
  for (const topic of matchingTopics(topology, [...new Set(topics)].sort())) {
    const readers = sources.filter(({ pattern }) => matchesTopic(pattern, topic))
    if (readers.length > 1) {
      throw new StreamsError('TOPOLOGY_INVALID', `The topic '${topic}' matches the patterns of ${readers.map(({ name, pattern }) => `'${name}' (${pattern})`).join(' and ')}: a topic is read once. Let one of them leave it out.`)
    }
    matched.get(readers[0]!.name)!.push(topic)
  }
  const subtopologies = topology.subtopologies.map((subtopology) => (subtopology.sources.some(({ pattern }) => pattern !== undefined) ? withTopics(subtopology, matched) : subtopology))
  return new BuiltTopology(topology.applicationId, subtopologies, topology.globalTables)
}

function withTopics(subtopology: Subtopology, matched: ReadonlyMap<string, readonly string[]>): Subtopology {
  const sources = subtopology.sources.map((source) => (source.pattern === undefined ? source : { ...source, topics: matched.get(source.name)! }))
  const nodes = new Map(subtopology.nodes)
  for (const source of sources) {
    nodes.set(source.name, source)
  }
  return { ...subtopology, sources, nodes, copartitionGroups: copartitionedTopics(subtopology.copartitionedSources, sources) }
}
