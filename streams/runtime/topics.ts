/** The topics an application needs, before it joins its group: sources must be there, internal ones are made or verified. */
import { StreamsError } from '../errors.ts'
import { acceptGrowth, type RefusedPartitions } from '../graph/growth.ts'
import { resolvePartitions } from '../graph/partitions.ts'
import { externalSourceTopics, sourceTopicsOf } from '../graph/tasks.ts'
import { matchingTopics, matchTopics, patternSources } from '../graph/topic-patterns.ts'
import type { InternalTopic, Subtopology, Topology } from '../graph/topology.ts'
import type { KafkaCluster, NewTopic } from '../kafka/contract.ts'
import type { SubtopologyDescription } from '../membership/types.ts'
import type { RuntimeConfig } from './config.ts'
import { InputAge } from './input-age.ts'
import { DEFAULT_MAX_MESSAGE_BYTES } from './topic-catalog.ts'

export interface PreparedTopics {
  /** With the topics its patterns match. */
  readonly topology: Topology
  /** Of all topics that are read or kept, as tasks are made of them. */
  readonly partitions: ReadonlyMap<string, number>
  /** As the cluster has them, of all topics the topology names. */
  readonly existing: ReadonlyMap<string, number>
  /** Those of the source topics, as they are read. */
  readonly sources: ReadonlyMap<string, number>
  /** Partitions that came while the application ran and are not read (rule C15). */
  readonly refused: readonly RefusedPartitions[]
  /** What this member tells the group. */
  readonly descriptions: readonly SubtopologyDescription[]
  /** Every source and repartition topic (rule A9). */
  readonly subscribed: readonly string[]
}

/** Topics tasks write to, as far as the topology names them. */
export function outputTopics(topology: Topology, config: RuntimeConfig): readonly string[] {
  const topics = new Set<string>()
  for (const subtopology of topology.subtopologies) {
    for (const sink of subtopology.sinks) {
      if (typeof sink.topic === 'string') {
        topics.add(sink.topic)
      }
    }
    for (const topic of subtopology.internalTopics) {
      topics.add(topic.name)
    }
  }
  if (config.deadLetterTopic !== undefined) {
    topics.add(config.deadLetterTopic)
  }
  return [...topics]
}

/**
 * Counts partitions, makes missing internal topics (or names them, with `internalTopics: 'verify'`) and checks that sinks
 * exist. Runs outside any rebalance (rule C15). Errors: `SOURCE_TOPIC_MISSING`, `COPARTITION_MISMATCH`,
 * `INTERNAL_TOPIC_MISMATCH`, `INTERNAL_TOPIC_DENIED`.
 *
 * @param running what a running application goes by: partitions that have come since are taken or refused, nothing else changes
 */
export async function prepareTopics(cluster: KafkaCluster, built: Topology, config: RuntimeConfig, running?: PreparedTopics): Promise<PreparedTopics> {
  const matching = patternSources(built).length === 0 ? [] : matchingTopics(built, await cluster.admin().listTopics()).filter((topic) => topic !== config.deadLetterTopic)
  const internal = built.subtopologies.flatMap((s) => s.internalTopics)
  const outputs = outputTopics(built, config)
  const external = new Set([...externalSourceTopics(built), ...matching])
  const metadata = await cluster.metadata([...new Set([...external, ...outputs])], { fresh: true })
  const existing = new Map([...metadata].map(([topic, { partitions }]) => [topic, partitions.length]))
  const internalNames = new Set(internal.map((topic) => topic.name))
  const found = new Map([...existing].filter(([topic]) => external.has(topic)))
  const own = new Map([...existing].filter(([topic]) => internalNames.has(topic)))
  // A topic that a pattern matched and that is gone is read no longer; one that is named stays as it was.
  const known = new Map([...(running?.sources ?? [])].filter(([topic]) => external.has(topic)))
  const { sources, refused } = running === undefined ? { sources: found, refused: [] } : acceptGrowth(built, known, found, own)
  const topology = matchTopics(built, sources.keys())
  const partitions = resolvePartitions(topology, new Map([...own, ...sources]))
  // One that was there before is never made anew: empty, it would pass for the state it has lost.
  const missing = internal.filter(({ name }) => !existing.has(name) && (running?.partitions.get(name) ?? 0) === 0 && partitions.get(name)! > 0)
  const absent = outputs.filter((topic) => !existing.has(topic) && !internalNames.has(topic))
  if (absent.length > 0 && running === undefined) {
    throw new StreamsError('SOURCE_TOPIC_MISSING', `${absent.length > 1 ? `The output topics ${absent.join(', ')} do not exist: create them` : `The output topic ${absent[0]} does not exist: create it`} before the application starts.`)
  }
  if (missing.length > 0) {
    const limit = await messageLimit(cluster, topology)
    const age = new InputAge({ cluster, groupId: config.applicationId, topology, counts: sources, now: Date.now() })
    const topics = missing.map(async (topic): Promise<NewTopic> => ({
      name: topic.name,
      partitions: partitions.get(topic.name)!,
      replicationFactor: config.replicationFactor,
      config: { ...limit, ...topic.config, ...(await longerRetention(topic, topology, age)) },
    }))
    await make(cluster, await Promise.all(topics), config)
  }
  return {
    topology,
    partitions,
    existing,
    sources,
    refused,
    descriptions: topology.subtopologies.map((subtopology) => describe(subtopology, partitions)),
    subscribed: [...new Set(topology.subtopologies.flatMap(sourceTopicsOf))],
  }
}

/** Rule A8: a changelog that forgets by time must not forget what is made of records that are old already. */
async function longerRetention(topic: InternalTopic, topology: Topology, age: InputAge): Promise<{ readonly [setting: string]: string }> {
  const retention = Number(topic.config['retention.ms'] ?? -1)
  const subtopology = topology.subtopologies.find(({ internalTopics }) => internalTopics.includes(topic))!
  return retention < 0 ? {} : { 'retention.ms': String(await age.retention(subtopology, retention)) }
}

/** What a pending entry or a state adds to the record it holds: keys, headers, attempts. */
const ENTRY_OVERHEAD_BYTES = 64 * 1024

/** Rule C5: whatever fits into a source must fit into what holds it on its way. The broker's default where that is enough. */
async function messageLimit(cluster: KafkaCluster, topology: Topology): Promise<{ readonly [setting: string]: string }> {
  const global = new Set(topology.globalTables.flatMap(({ source }) => source.topics))
  const sources = [...externalSourceTopics(topology)].filter((topic) => !global.has(topic))
  const configs = await Promise.all(sources.map((topic) => cluster.admin().topicConfig(topic)))
  const needed = Math.max(0, ...configs.map((settings) => Number(settings['max.message.bytes'] ?? 0))) + ENTRY_OVERHEAD_BYTES
  return needed > DEFAULT_MAX_MESSAGE_BYTES ? { 'max.message.bytes': String(needed) } : {}
}

async function make(cluster: KafkaCluster, missing: readonly NewTopic[], config: RuntimeConfig): Promise<void> {
  if (config.internalTopics === 'verify') {
    throw new StreamsError('INTERNAL_TOPIC_DENIED', `Internal topics are missing and internalTopics is 'verify'. Create them:\n${missing.map(command).join('\n')}`)
  }
  try {
    await cluster.admin().createTopics(missing)
  } catch (cause) {
    if (cause instanceof StreamsError && cause.code === 'AUTHORIZATION_FAILED') {
      throw new StreamsError('INTERNAL_TOPIC_DENIED', `This principal may not create the internal topics. Grant CREATE, or create them and set internalTopics to 'verify':\n${missing.map(command).join('\n')}`, { cause })
    }
    throw cause
  }
  // Another member may have made them at the same time, from another topology.
  const now = await cluster.metadata(missing.map((topic) => topic.name), { fresh: true })
  for (const topic of missing) {
    const count = now.get(topic.name)?.partitions.length
    if (count !== undefined && count !== topic.partitions) {
      throw new StreamsError('INTERNAL_TOPIC_MISMATCH', `The internal topic '${topic.name}' has ${count} partitions and needs ${topic.partitions}: another instance made it for another topology. Deploy one topology, or use another application id.`)
    }
  }
}

function command(topic: NewTopic): string {
  const configs = Object.entries(topic.config).map(([key, value]) => ` --config ${key}=${value}`)
  return `kafka-topics.sh --create --topic ${topic.name} --partitions ${topic.partitions}${configs.join('')}`
}

function describe(subtopology: Subtopology, partitions: ReadonlyMap<string, number>): SubtopologyDescription {
  const inputs = sourceTopicsOf(subtopology).map((topic) => ({ topic, partitions: partitions.get(topic) ?? 0 }))
  const own = subtopology.internalTopics.filter((topic) => topic.kind === 'changelog').map((topic) => topic.name)
  // A source topic that is read as a table rebuilds it: a copy of that is worth as much as any.
  const sources = subtopology.stores.flatMap((store) => (store.sourceIsChangelog && store.changelog !== undefined ? [store.changelog] : []))
  const changelogs = [...new Set([...own, ...sources])]
  return {
    name: subtopology.name,
    fingerprint: subtopology.fingerprint,
    inputs,
    changelogs,
    tasks: Math.max(0, ...inputs.map((input) => input.partitions)),
    // State costs memory and restores; a task with it counts twice.
    weight: changelogs.length > 0 ? 2 : 1,
  }
}
