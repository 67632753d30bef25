import { KafkaAdminClient } from './admin.ts'
import { PartitionWriter } from './batch-writer.ts'
import { Brokers, type ConnectionGroup } from './brokers.ts'
import type {
  AdminClient,
  BatchWriter,
  Fetcher,
  FetcherOptions,
  GroupClient,
  IsolationLevel,
  KafkaClientOptions,
  KafkaCluster,
  ProducerOptions,
  TopicMetadata,
  TopicPartition,
  TopicPartitionKey
} from './contract.ts'
import { Coordinators } from './coordinators.ts'
import { ContinuousFetcher } from './fetcher.ts'
import { KafkaGroupClient } from './group.ts'
import { GroupAdmin } from './group-admin.ts'
import { MetadataCache } from './metadata-cache.ts'
import { OffsetLookup } from './offset-lookup.ts'
import { KafkaProducer } from './producer.ts'
import { LIST_TRANSACTIONS } from './protocol/transactions.ts'
import { CoordinatorClient, NO_PRODUCER } from './transaction-coordinator.ts'

/** The time-out the fenced id is left with; nobody opens a transaction under it again. */
const FENCED_TRANSACTION_TIMEOUT_MS = 10_000
const FENCE_TIMEOUT_MS = 60_000

/**
 * Connects lazily: nothing is sent before the first call. One cluster object per stream thread; every part has
 * connections of its own, because a broker answers the requests of one connection one after the other.
 */
export function createCluster(options: KafkaClientOptions): KafkaCluster {
  return new Cluster(options)
}

class Cluster implements KafkaCluster {
  readonly #brokers: Brokers
  readonly #questions: ConnectionGroup
  readonly #metadata: MetadataCache
  readonly #coordinators: Coordinators
  readonly #offsets: OffsetLookup
  readonly #admin: KafkaAdminClient
  readonly #fencing: CoordinatorClient
  readonly #closeables = new Set<{ close(): Promise<void> }>()

  constructor(options: KafkaClientOptions) {
    this.#brokers = new Brokers(options)
    const questions = this.#brokers.connections()
    this.#questions = questions
    this.#metadata = new MetadataCache(this.#brokers, questions)
    this.#coordinators = new Coordinators(this.#brokers, questions)
    this.#offsets = new OffsetLookup(questions, this.#metadata)
    const changes = this.#brokers.connections()
    const groups = new GroupAdmin(this.#brokers, changes, this.#metadata, this.#coordinators)
    this.#admin = new KafkaAdminClient(changes, this.#metadata, this.#offsets, groups)
    this.#fencing = new CoordinatorClient(questions, this.#coordinators)
  }

  metadata(topics: readonly string[], options: { fresh?: boolean } = {}): Promise<ReadonlyMap<string, TopicMetadata>> {
    return this.#metadata.topics(topics, options.fresh ?? false)
  }

  listOffsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest' | number,
    isolation: IsolationLevel
  ): Promise<ReadonlyMap<TopicPartitionKey, number>> {
    return this.#offsets.list(partitions, at, isolation)
  }

  endOffsetForEpoch(
    partitions: readonly (TopicPartition & { readonly leaderEpoch: number })[]
  ): Promise<ReadonlyMap<TopicPartitionKey, { readonly leaderEpoch: number; readonly endOffset: number }>> {
    return this.#offsets.endOfEpoch(partitions)
  }

  fetcher(options: FetcherOptions): Fetcher {
    return this.#own((onClose) => new ContinuousFetcher(this.#brokers, this.#metadata, options, onClose))
  }

  producer(options: ProducerOptions): KafkaProducer {
    return this.#own((onClose) => new KafkaProducer(this.#brokers, this.#metadata, this.#coordinators, options, onClose))
  }

  group(): GroupClient {
    return new KafkaGroupClient(this.#brokers, this.#coordinators)
  }

  admin(): AdminClient {
    return this.#admin
  }

  async fence(transactionalId: string): Promise<void> {
    await this.#fencing.initProducerId(transactionalId, NO_PRODUCER, FENCED_TRANSACTION_TIMEOUT_MS, FENCE_TIMEOUT_MS)
  }

  async ongoingTransactions(prefix: string, olderThanMs: number): Promise<readonly string[]> {
    const answers = await Promise.allSettled(this.#brokers.known().map((nodeId) => this.#questions.to(nodeId).request(LIST_TRANSACTIONS, { olderThanMs })))
    // Of a coordinator that moves an answer is incomplete, not wrong.
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.transactionalIds.filter((id) => id.startsWith(prefix)) : []))
  }

  writer(partition: TopicPartition, maxMessageBytes?: number): BatchWriter {
    return new PartitionWriter(partition, maxMessageBytes, this.#brokers.options.compression)
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#closeables].map((part) => part.close()))
    this.#brokers.close()
  }

  /** Closed with the cluster, unless it was closed before. */
  #own<T extends { close(): Promise<void> }>(make: (onClose: () => void) => T): T {
    const part: T = make(() => this.#closeables.delete(part))
    this.#closeables.add(part)
    return part
  }
}
