/** What a thread knows of topics without asking: partition counts and size limits, loaded before the first record. */
import { StreamsError } from '../errors.ts'
import type { AdminClient, KafkaCluster, TopicMetadata } from '../kafka/contract.ts'

/** Kafka's default of `max.message.bytes`. */
export const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588

export interface KnownTopic {
  readonly topicId: string
  readonly partitions: number
  readonly maxMessageBytes: number
}

export class TopicCatalog {
  readonly #cluster: Pick<KafkaCluster, 'metadata'>
  readonly #admin: Pick<AdminClient, 'topicConfig'>
  readonly #topics = new Map<string, KnownTopic>()
  readonly #configs = new Map<string, { readonly [key: string]: string }>()

  constructor(cluster: Pick<KafkaCluster, 'metadata'>, admin: Pick<AdminClient, 'topicConfig'>) {
    this.#cluster = cluster
    this.#admin = admin
  }

  get(topic: string): KnownTopic | undefined {
    return this.#topics.get(topic)
  }

  /** Loads what is not known yet (all of it with `fresh`). Returns the topics that do not exist. */
  async load(topics: Iterable<string>, fresh = false): Promise<readonly string[]> {
    const wanted = [...new Set(topics)].filter((topic) => fresh || !this.#topics.has(topic))
    if (wanted.length === 0) {
      return []
    }
    const found = await this.#cluster.metadata(wanted, { fresh: true })
    await Promise.all([...found.values()].map((metadata) => this.#add(metadata, fresh)))
    return wanted.filter((topic) => !found.has(topic))
  }

  /** Asks for all that is known anew, topics that records have chosen among it. */
  async refresh(): Promise<void> {
    await this.load([...this.#topics.keys()], true)
  }

  /** Topic settings; asked for once unless `fresh`. */
  async config(topic: string, fresh = false): Promise<{ readonly [key: string]: string }> {
    const known = this.#configs.get(topic)
    if (known !== undefined && !fresh) {
      return known
    }
    const config = await this.#admin.topicConfig(topic)
    this.#configs.set(topic, config)
    return config
  }

  async #add(metadata: TopicMetadata, fresh: boolean): Promise<void> {
    const config = await this.config(metadata.topic, fresh)
    this.#topics.set(metadata.topic, {
      topicId: metadata.topicId,
      partitions: metadata.partitions.length,
      maxMessageBytes: Number(config['max.message.bytes'] ?? DEFAULT_MAX_MESSAGE_BYTES),
    })
  }

  /** Of a topic that was loaded; throws `SOURCE_TOPIC_MISSING` otherwise. */
  require(topic: string): KnownTopic {
    const known = this.#topics.get(topic)
    if (known === undefined) {
      throw new StreamsError('SOURCE_TOPIC_MISSING', `The topic ${topic} does not exist: create it, or correct its name in the topology.`)
    }
    return known
  }
}
