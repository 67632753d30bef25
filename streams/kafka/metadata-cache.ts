import { setTimeout as delay } from 'node:timers/promises'
import type { Brokers, ConnectionGroup } from './brokers.ts'
import type { TopicMetadata, TopicPartition } from './contract.ts'
import { KafkaError } from './kafka-error.ts'
import type { MetadataResponse } from './protocol/metadata.ts'
import { METADATA } from './protocol/metadata.ts'
import { pauseMs, withRetries } from './retry.ts'

/** New partitions of a topic are noticed at the latest after this, as with Java's metadata.max.age.ms. */
const MAX_AGE_MS = 300_000
const UNKNOWN_TOPIC_OR_PARTITION = 3
const LEADER_NOT_AVAILABLE = 5
/** A cluster of which no broker answers for so long is an error for whoever asked. */
const METADATA_TIMEOUT_MS = 60_000

export interface Leader {
  readonly nodeId: number
  readonly epoch: number
}

/** What the client knows about topics and leaders. Old knowledge is used until somebody proves it wrong. */
export class MetadataCache {
  readonly #brokers: Brokers
  readonly #connections: ConnectionGroup
  readonly #topics = new Map<string, { readonly metadata: TopicMetadata; readonly at: number }>()

  constructor(brokers: Brokers, connections: ConnectionGroup) {
    this.#brokers = brokers
    this.#connections = connections
  }

  /** Topics that do not exist are absent from the answer. */
  async topics(names: readonly string[], fresh = false): Promise<ReadonlyMap<string, TopicMetadata>> {
    const oldest = Date.now() - MAX_AGE_MS
    const wanted = [...new Set(names)]
    const missing = fresh ? wanted : wanted.filter((name) => (this.#topics.get(name)?.at ?? 0) < oldest)
    if (missing.length > 0) {
      await this.refresh(missing)
    }
    const found = new Map<string, TopicMetadata>()
    for (const name of wanted) {
      const entry = this.#topics.get(name)
      if (entry !== undefined) {
        found.set(name, entry.metadata)
      }
    }
    return found
  }

  leader(partition: TopicPartition): Leader | undefined {
    const entry = this.#topics.get(partition.topic)?.metadata.partitions[partition.partition]
    return entry === undefined || entry.leader < 0 ? undefined : { nodeId: entry.leader, epoch: entry.leaderEpoch }
  }

  /** Asks the cluster; afterwards the leader of each partition is known, or the topic does not exist. */
  async leaders(partitions: readonly TopicPartition[]): Promise<void> {
    const unknown = partitions.filter((partition) => this.leader(partition) === undefined)
    if (unknown.length > 0) {
      await this.refresh(unknown.map((partition) => partition.topic))
    }
  }

  async refresh(names: readonly string[]): Promise<void> {
    const topics = [...new Set(names)]
    for (let failures = 1; ; failures++) {
      const response = await this.#ask(topics)
      // A topic that was created a moment ago may show before its leaders do.
      const young = response.topics.some((topic) => topic.errorCode === LEADER_NOT_AVAILABLE)
      if (!young || failures > 10) {
        return
      }
      await delay(pauseMs(undefined, failures))
    }
  }

  /** All topics the client may see, internal ones left out. */
  async list(): Promise<string[]> {
    const response = await this.#ask(null)
    return response.topics.filter((topic) => topic.errorCode === 0 && !topic.internal).map((topic) => topic.topic)
  }

  forget(topic: string): void {
    this.#topics.delete(topic)
  }

  async #ask(topics: readonly string[] | null): Promise<MetadataResponse> {
    const response = await withRetries(() => this.#connections.any(METADATA, { topics }), { timeoutMs: METADATA_TIMEOUT_MS })
    this.#brokers.replace(response.brokers)
    for (const topic of response.topics) {
      this.#store(topic)
    }
    return response
  }

  #store(topic: MetadataResponse['topics'][number]): void {
    if (topic.errorCode === UNKNOWN_TOPIC_OR_PARTITION) {
      this.#topics.delete(topic.topic)
      return
    }
    if (topic.errorCode !== 0 && topic.errorCode !== LEADER_NOT_AVAILABLE) {
      throw new KafkaError(topic.errorCode, `Metadata of topic ${topic.topic}`)
    }
    const partitions = [...topic.partitions].sort((a, b) => a.partition - b.partition)
    const known = this.#topics.get(topic.topic)?.metadata
    this.#topics.set(topic.topic, {
      at: Date.now(),
      metadata: {
        topic: topic.topic,
        topicId: topic.topicId,
        partitions: partitions.map(({ partition, leader, leaderEpoch }) => {
          // A broker that lags behind must not bring an older leader back (same topic id only: a recreated topic starts anew).
          const before = known?.topicId === topic.topicId ? known.partitions[partition] : undefined
          return before !== undefined && before.leaderEpoch > leaderEpoch ? before : { partition, leader, leaderEpoch }
        })
      }
    })
  }
}
