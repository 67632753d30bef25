/** From the written graph to the built topology: concrete topics, subtopologies, fingerprints. Pure. */
import { StreamsError } from '../errors.ts'
import { BuiltTopology } from './built-topology.ts'
import { nodeGroups } from './components.ts'
import { copartitionedTopics, mergedGroups } from './copartitioning.ts'
import { fingerprint } from './fingerprint.ts'
import {
  changelogTopic,
  changelogTopicName,
  inFlightStoreName,
  inFlightTopic,
  repartitionTopic,
  repartitionTopicName,
} from './internal-topics.ts'
import { checkTopicLength } from './names.ts'
import { ownTopics, retryTopics, retryTopicsOf } from './retry-topics.ts'
import type { GraphSpec, NodeSpec, SourceSpec, StoreSpec } from './node-spec.ts'
import type { GlobalTable, InternalTopic, Node, SinkNode, SourceNode, StoreDefinition, Subtopology, Topology } from './topology.ts'

export function assemble(applicationId: string, graph: GraphSpec): Topology {
  if (graph.nodes.size === 0) {
    throw new StreamsError('TOPOLOGY_INVALID', 'The topology reads no topic: begin with stream() or table().')
  }
  checkStores(graph)
  const stores = new Map([...graph.stores.values()].map((spec) => [spec.builder.name, storeDefinition(applicationId, spec)]))
  checkTopics(applicationId, graph, stores)
  const nodes = new Map([...graph.nodes.values()].map((spec) => [spec.name, builtNode(applicationId, graph, spec)]))
  const subtopologies = nodeGroups(graph).map((names, index) =>
    subtopology(
      applicationId,
      graph,
      index,
      names.map((name) => nodes.get(name)!),
      stores
    )
  )
  checkSubtopologyNames(subtopologies)
  return new BuiltTopology(applicationId, subtopologies, globalTables(graph))
}

function builtNode(applicationId: string, graph: GraphSpec, spec: NodeSpec): Node {
  const children = [...graph.parents].filter(([, parents]) => parents.includes(spec.name)).map(([child]) => child)
  const used = [...(graph.connections.get(spec.name) ?? [])]
  switch (spec.kind) {
    case 'source':
      return sourceNode(applicationId, spec, children)
    case 'processor':
      return { kind: 'processor', name: spec.name, supplier: spec.supplier, stores: used, onError: spec.onError, children }
    case 'async': {
      const inFlightStore = inFlightStoreName(spec.name)
      return {
        kind: 'async',
        name: spec.name,
        operator: spec.operator,
        stores: used.filter((store) => store !== inFlightStore),
        inFlightStore,
        children,
      }
    }
    case 'sink': {
      const repartition = typeof spec.topic === 'object'
      const topic = typeof spec.topic === 'object' ? repartitionTopicName(applicationId, spec.topic) : spec.topic
      return {
        kind: 'sink',
        name: spec.name,
        topic,
        key: spec.key,
        value: spec.value,
        partitioner: spec.partitioner,
        repartition,
        onError: spec.onError,
        children: [],
      }
    }
  }
}

function sourceNode(applicationId: string, spec: SourceSpec, children: readonly string[]): SourceNode {
  const repartition = 'repartition' in spec.topics
  const retries = retryTopicsOf(applicationId, spec)
  return {
    kind: 'source',
    name: spec.name,
    topics: [...sourceTopics(applicationId, spec), ...retries.values()],
    ...(spec.pattern === undefined ? {} : { pattern: spec.pattern }),
    key: spec.key,
    value: spec.value,
    timestampExtractor: spec.timestampExtractor,
    offsetReset: spec.offsetReset ?? 'earliest',
    repartition,
    retries,
    onError: spec.onError,
    children,
  }
}

function sourceTopics(applicationId: string, spec: SourceSpec): readonly string[] {
  return 'repartition' in spec.topics ? [repartitionTopicName(applicationId, spec.topics)] : spec.topics
}

function storeDefinition(applicationId: string, { builder, changelog }: StoreSpec): StoreDefinition {
  const { logged: _, ...described } = builder
  const definition = { ...described, sourceIsChangelog: changelog.kind === 'source' }
  switch (changelog.kind) {
    case 'none':
      return definition
    case 'source':
      return { ...definition, changelog: changelog.topic, ...(changelog.writer === undefined ? {} : { writer: changelog.writer }) }
    case 'own':
      return { ...definition, changelog: changelogTopicName(applicationId, builder.name) }
    case 'in-flight': {
      const name = changelogTopicName(applicationId, builder.name)
      return { ...definition, changelog: name, topicConfig: inFlightTopic(name, builder.topicConfig).config }
    }
  }
}

function subtopology(
  applicationId: string,
  graph: GraphSpec,
  index: number,
  nodes: readonly Node[],
  definitions: ReadonlyMap<string, StoreDefinition>
): Subtopology {
  const sources = nodes.filter((node): node is SourceNode => node.kind === 'source')
  const sinks = nodes.filter((node): node is SinkNode => node.kind === 'sink')
  const used = new Set(nodes.flatMap((node) => [...(graph.connections.get(node.name) ?? [])]))
  const stores = [...definitions.values()].filter((store) => used.has(store.name))
  const internalTopics: InternalTopic[] = []
  for (const node of sources.filter((source) => source.repartition)) {
    const spec = graph.nodes.get(node.name) as SourceSpec
    const reference = 'repartition' in spec.topics ? spec.topics.repartition : ''
    internalTopics.push(repartitionTopic(node.topics[0]!, graph.repartitions.get(reference)?.partitions))
  }
  for (const store of stores) {
    if (store.changelog !== undefined && !store.sourceIsChangelog) {
      internalTopics.push(changelogTopic(store.changelog, store.topicConfig, store))
    }
  }
  internalTopics.push(...retryTopics(sources))
  const names = new Set(sources.map((source) => source.name))
  const copartitionedSources = mergedGroups(graph.copartitioned.filter((group) => [...group].some((name) => names.has(name)))).map((group) => sources.flatMap(({ name }) => (group.has(name) ? [name] : [])))
  const copartitionGroups = copartitionedTopics(copartitionedSources, sources)
  const description = { nodes, sources, sinks, stores, internalTopics, copartitionGroups }
  return {
    name: subtopologyName(applicationId, sources),
    index,
    fingerprint: fingerprint(description),
    nodes: new Map(nodes.map((node) => [node.name, node])),
    sources,
    sinks,
    stores,
    internalTopics,
    copartitionGroups,
    copartitionedSources,
  }
}

/** The smallest of its source topics, repartition topics without the application's prefix, patterns by the names of their sources: every topic has one reader. */
function subtopologyName(applicationId: string, sources: readonly SourceNode[]): string {
  const names = sources.flatMap((source) =>
    source.pattern !== undefined ? [source.name] : ownTopics(source).map((topic) => (source.repartition ? topic.slice(applicationId.length + 1) : topic))
  )
  return names.sort()[0]!
}

function globalTables(graph: GraphSpec): GlobalTable[] {
  return [...graph.globals.values()].map(({ source, store }) => ({
    storeName: store.name,
    source: sourceNode('', source, []),
    store: storeDefinition('', { builder: store, changelog: { kind: 'source', topic: (source.topics as readonly string[])[0]! } }),
  }))
}

function checkStores(graph: GraphSpec): void {
  const connected = new Set<string>()
  for (const [node, stores] of graph.connections) {
    for (const store of stores) {
      if (!graph.stores.has(store) && !graph.globals.has(store)) {
        const known = [...graph.stores.keys(), ...graph.globals.keys()].filter((name) => !name.endsWith('-in-flight'))
        throw new StreamsError(
          'TOPOLOGY_INVALID',
          `'${node}' uses a store '${store}' that does not exist: add it with addStateStore() or globalTable(). There ${known.length === 0 ? 'are no stores' : `are ${known.join(', ')}`}.`
        )
      }
      connected.add(store)
    }
  }
  for (const store of graph.stores.keys()) {
    if (!connected.has(store)) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `The store '${store}' is connected to no processor: name it in the \`stores\` of the one that uses it, or leave it out.`
      )
    }
  }
}

/** Internal topics belong to the engine: nobody else's source or sink may name one. */
function checkTopics(applicationId: string, graph: GraphSpec, stores: ReadonlyMap<string, StoreDefinition>): void {
  const internal = new Map<string, string>()
  for (const [name, reference] of graph.repartitions) {
    internal.set(checkTopicLength(repartitionTopicName(applicationId, reference), name), `the repartition topic of '${name}'`)
  }
  for (const store of stores.values()) {
    if (store.changelog !== undefined && !store.sourceIsChangelog) {
      internal.set(checkTopicLength(store.changelog, store.name), `the changelog of the store '${store.name}'`)
    }
  }
  for (const node of graph.nodes.values()) {
    for (const [origin, name] of node.kind === 'source' ? retryTopicsOf(applicationId, node) : []) {
      internal.set(name, `the retry topic of '${origin}'`)
    }
  }
  const refuse = (node: string, topic: string, verb: string) => {
    const owner = internal.get(topic)
    if (owner !== undefined) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `'${node}' ${verb} '${topic}', which is ${owner} and the engine's own: use repartition() to go through a topic, or another name.`
      )
    }
  }
  for (const node of graph.nodes.values()) {
    if (node.kind === 'source' && !('repartition' in node.topics)) {
      for (const topic of node.topics) {
        refuse(node.name, topic, 'reads')
      }
    }
    if (node.kind === 'sink' && typeof node.topic === 'string') {
      refuse(node.name, node.topic, 'writes to')
    }
  }
  for (const { source } of graph.globals.values()) {
    refuse(source.name, (source.topics as readonly string[])[0]!, 'reads')
  }
}

function checkSubtopologyNames(subtopologies: readonly Subtopology[]): void {
  const names = new Set<string>()
  for (const { name } of subtopologies) {
    if (names.has(name)) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `Two subtopologies would be named '${name}': a source topic is called like a repartition topic. Rename the repartition.`
      )
    }
    names.add(name)
  }
}
