/**
 * How old the records are that an application is about to read (rule A8). What it makes of them carries their timestamps, and
 * brokers delete by timestamp: what is made of records older than a topic's retention may be gone before anybody reads it.
 */
import { upstreamSources } from '../graph/tasks.ts'
import type { Subtopology, Topology } from '../graph/topology.ts'
import type { KafkaCluster, TopicPartition } from '../kafka/contract.ts'
import { startingOffsets } from './starting-offsets.ts'
import type { TopicCatalog } from './topic-catalog.ts'

const DAY_MS = 86_400_000

interface Unread extends TopicPartition {
  readonly from: number
  readonly end: number
}

export interface InputAgeOptions {
  readonly cluster: Pick<KafkaCluster, 'group' | 'listOffsets'>
  readonly groupId: string
  readonly topology: Topology
  /** Partition counts of the source topics. */
  readonly counts: ReadonlyMap<string, number>
  readonly now: number
}

export class InputAge {
  readonly #options: InputAgeOptions
  #unread: Promise<readonly Unread[]> | undefined

  constructor(options: InputAgeOptions) {
    this.#options = options
  }

  /** Source topics of the subtopology, also those before its repartition topics, with unread records that are older than `ms`. */
  async olderThan(subtopology: Subtopology, ms: number): Promise<readonly string[]> {
    const { cluster, now, topology } = this.#options
    if (ms < 0 || now - ms <= 0) {
      return []
    }
    // With an extractor of its own a source's timestamps are not those the broker knows.
    const topics = new Set(upstreamSources(topology, subtopology).flatMap((source) => (source.timestampExtractor === undefined ? source.topics : [])))
    this.#unread ??= this.#lookUp()
    const unread = (await this.#unread).filter(({ topic, from, end }) => topics.has(topic) && from < end)
    const young = await cluster.listOffsets(unread, now - ms, 'read_uncommitted')
    const old = unread.filter(({ topic, partition, from, end }) => {
      const first = young.get(`${topic}-${partition}`) ?? -1
      return (first < 0 ? end : first) > from
    })
    return [...new Set(old.map(({ topic }) => topic))]
  }

  /**
   * What a topic's `retention.ms` must be raised to, so that nothing in it is deleted while these records are read at the
   * speed at which they came or faster: at most twice what it takes. -1: nothing is ever to be deleted.
   */
  async retention(subtopology: Subtopology, ms: number): Promise<number> {
    let enough = ms
    while ((await this.olderThan(subtopology, enough)).length > 0) {
      enough = Math.max(DAY_MS, enough) * 2
    }
    return enough >= this.#options.now ? -1 : enough
  }

  async #lookUp(): Promise<readonly Unread[]> {
    const { cluster, counts, groupId, topology } = this.#options
    const sources = topology.subtopologies.flatMap((subtopology) => subtopology.sources).filter(({ repartition }) => !repartition)
    const inputs = sources.flatMap(({ topics, offsetReset: reset }) =>
      topics.flatMap((topic) => Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition, reset }))),
    )
    const [committed, starts, ends] = await Promise.all([
      cluster.group().fetchOffsets(groupId, inputs, { requireStable: false }),
      startingOffsets(cluster, inputs, 'read_uncommitted', this.#options.now),
      cluster.listOffsets(inputs, 'latest', 'read_uncommitted'),
    ])
    const offsets = new Map(committed.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]))
    return inputs.map(({ topic, partition }) => {
      const key = `${topic}-${partition}`
      const end = ends.get(key) ?? 0
      const known = offsets.get(key) ?? -1
      return { topic, partition, end, from: known >= 0 ? known : (starts.get(key) ?? end) }
    })
  }
}

/** Which topics would lose what the application is about to write to them, and what to do about it; one message for each. */
export async function retentionWarnings(age: InputAge, topology: Topology, catalog: Pick<TopicCatalog, 'config'>): Promise<string[]> {
  const warnings: string[] = []
  for (const subtopology of topology.subtopologies) {
    const sinks = subtopology.sinks.flatMap(({ topic }) => (typeof topic === 'string' ? [topic] : []))
    const changelogs = subtopology.internalTopics.flatMap(({ name, kind }) => (kind === 'changelog' ? [name] : []))
    for (const topic of new Set([...sinks, ...changelogs])) {
      const settings = await catalog.config(topic)
      const retention = Number(settings['retention.ms'] ?? -1)
      if (settings['cleanup.policy']?.includes('delete') !== true || settings['message.timestamp.type'] === 'LogAppendTime') {
        continue
      }
      const old = await age.olderThan(subtopology, retention)
      if (old.length > 0) {
        const enough = await age.retention(subtopology, retention)
        const state = changelogs.includes(topic) ? 'a crash while they are read would lose state' : 'it may be deleted before anybody has read it'
        warnings.push(
          `${old.map((each) => `'${each}'`).join(', ')} ${old.length > 1 ? 'hold' : 'holds'} unread records older than the retention of '${topic}' (${retention} ms), and what is made of them carries their timestamps: ` +
            `${state}. Raise it first: kafka-configs.sh --alter --topic ${topic} --add-config retention.ms=${enough}`,
        )
      }
    }
  }
  return warnings
}
