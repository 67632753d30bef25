/**
 * What the engine needs from a Kafka cluster: the seam between `kafka/` (wire, batches, transactions) and everything
 * above it. Record batches are the unit, not record objects. Offsets, timestamps and epochs are numbers (exact to 2^53);
 * BigInt lives on the wire only. One `KafkaCluster` per stream thread.
 */
import type { Headers } from '../record.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** Key of a topic-partition in maps: `<topic>-<partition>`. */
export type TopicPartitionKey = string

/** A bearer token (RFC 6750). */
export interface OAuthToken {
  readonly value: string
  /** When it ends, ms since 1970: another one is asked for at three quarters of its life. */
  readonly expiresAt: number
}

export type TokenCallback = () => OAuthToken | Promise<OAuthToken>

export interface SaslOptions {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER'
  readonly username?: string
  readonly password?: string
  /** Of OAUTHBEARER: one for the whole life of the process, or what is asked for it, and again before each ends. */
  readonly token?: string | TokenCallback
}

/** Those that Node.js has itself; all of Kafka's are read. */
export type Compression = 'gzip' | 'zstd'

export interface KafkaClientOptions {
  readonly bootstrapServers: readonly string[]
  readonly clientId: string
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string }
  readonly sasl?: SaslOptions
  /** Of written batches. Default: none. */
  readonly compression?: Compression
  /** A request without an answer for this long: the connection is taken for dead. Default 30 000 ms. */
  readonly requestTimeoutMs?: number
  /** No broker answers, and they are asked again and again: the first thing a wrong address shows. */
  readonly onWarning?: (message: string) => void
}

export interface TopicMetadata {
  readonly topic: string
  /** UUID as the broker prints it. */
  readonly topicId: string
  readonly partitions: readonly { readonly partition: number; readonly leader: number; readonly leaderEpoch: number }[]
}

export type IsolationLevel = 'read_committed' | 'read_uncommitted'

/**
 * Reads the records of one fetched partition in place. Control records, aborted transactions and records below the
 * fetch position are skipped inside; every batch's CRC is checked before its first record is shown. Fields are valid
 * until the next `next()`; byte ranges are views into `buffer`.
 */
export interface RecordCursor {
  /** False at the end. Throws `BATCH_CORRUPTED` with topic, partition and base offset. */
  next(): boolean
  readonly buffer: Uint8Array
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
  /** -1: null. */
  readonly keyStart: number
  readonly keyEnd: number
  readonly valueStart: number
  readonly valueEnd: number
  readonly headerCount: number
  key(): Uint8Array | null
  value(): Uint8Array | null
  headers(): Headers
}

/** An answer for one partition; only ever delivered for the position epoch that asked for it (rule B6). */
export interface FetchedRecords extends TopicPartition {
  readonly epoch: number
  readonly cursor: RecordCursor
  readonly bytes: number
  /** Upper bound of the records in it (markers and aborted ones included). */
  readonly maxRecords: number
  /** The position after everything in it, markers included. */
  readonly nextOffset: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly receivedAt: number
}

export interface FetcherOptions {
  readonly isolation: IsolationLevel
  /** Long poll: how long the broker may hold an empty answer. Default 500 ms. */
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly maxBytes?: number
  readonly maxBytesPerPartition?: number
  onRecords(records: FetchedRecords): void
  /** OFFSET_OUT_OF_RANGE, authorization and corruption; the partition is paused until it is sought. */
  onError(partition: TopicPartition, error: Error): void
}

/** Fetches continuously for the partitions that are assigned and not paused, one connection per broker. */
export interface Fetcher {
  /** Adds the partition or moves it: raises its epoch, so that answers to older requests are dropped. Returns it. */
  seek(partition: TopicPartition, offset: number): number
  pause(partition: TopicPartition): void
  resume(partition: TopicPartition): void
  remove(partition: TopicPartition): void
  position(partition: TopicPartition): number | undefined
  close(): Promise<void>
}

/** Writes records straight into a record batch (v2). One per output partition and generation. */
export interface BatchWriter extends TopicPartition {
  readonly count: number
  readonly bytes: number
  append(timestamp: number, key: Uint8Array | null, value: Uint8Array | null, headers: Headers): void
  mark(): number
  /** Takes back everything appended since `mark`. */
  truncate(mark: number): void
  reset(): void
}

export interface OffsetToCommit extends TopicPartition {
  readonly offset: number
  readonly metadata: string
}

/** Who commits: the group's only fence (rule A2). */
export interface GroupIdentity {
  readonly groupId: string
  readonly memberId: string
  readonly generationId: number
}

/** Outcome of one produced partition. */
export interface ProduceAck extends TopicPartition {
  /** Offset of the first record, -1 when the broker no longer knows it (a duplicate of a retried batch). */
  readonly baseOffset: number
  readonly count: number
}

/**
 * One transactional (or merely idempotent) producer. Explicit states; a call in the wrong one throws. Speaks
 * transaction.version 2 (3 requests a commit) and 1 (5), chosen by the broker's finalized features.
 *
 * Errors: `PRODUCER_FENCED` (47, 90, 48 after a time-out): never use it again. `TRANSACTION_ABORTED` (abortable):
 * call `abort()`. `RECORD_TOO_LARGE` names the partition. Retriable codes are retried inside, in sequence order.
 */
export interface TransactionalProducer {
  readonly transactionalId: string | undefined
  /** InitProducerId(-1, -1): aborts what an earlier user of the id left open. */
  init(): Promise<void>
  /** Sends every non-empty writer and awaits the acknowledgements. Writers must stay untouched until then. */
  produce(writers: readonly BatchWriter[]): Promise<readonly ProduceAck[]>
  /**
   * TxnOffsetCommit. Rejects with `KafkaError` carrying the broker's code for the group's part (22, 25, 27, 82): the
   * caller knows the membership and decides (rule C1).
   */
  sendOffsets(offsets: readonly OffsetToCommit[], group: GroupIdentity): Promise<void>
  /** EndTxn(commit). Resolves when committed; asks again on 51, 14–16 and lost connections until `signal` aborts. */
  commit(signal?: AbortSignal): Promise<void>
  /** EndTxn(abort); harmless when nothing was sent. */
  abort(): Promise<void>
  close(): Promise<void>
}

export interface ProducerOptions {
  /** Absent: an idempotent producer without transactions. */
  readonly transactionalId?: string
  /** The coordinator aborts a transaction that is open for longer. Default 10 000 ms. */
  readonly transactionTimeoutMs?: number
  /** Forces the older of the two protocols; the default is the cluster's finalized transaction.version. */
  readonly transactionVersion?: 1
}

export interface JoinRequest {
  readonly groupId: string
  /** '' at first; the broker answers 79 with the id to use. */
  readonly memberId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: 'consumer'
  readonly protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[]
  readonly reason?: string
}

export interface JoinResponse {
  readonly generationId: number
  readonly protocolName: string
  readonly leader: string
  readonly memberId: string
  /** Only for the leader. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Uint8Array }[]
}

export interface CommittedOffset extends TopicPartition {
  /** -1: none. */
  readonly offset: number
  readonly metadata: string
  readonly leaderEpoch: number
}

/** The classic group protocol as bare calls on the coordinator's own connection; `membership/` owns the states. */
export interface GroupClient {
  join(request: JoinRequest): Promise<JoinResponse>
  sync(identity: GroupIdentity, protocolName: string, assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[]): Promise<Uint8Array>
  heartbeat(identity: GroupIdentity): Promise<void>
  /** Any client may leave for any member whose id it knows. */
  leave(groupId: string, memberIds: readonly string[], reason?: string): Promise<void>
  /** require_stable; 88 UNSTABLE_OFFSET_COMMIT is thrown to the caller (rule C3). */
  fetchOffsets(groupId: string, partitions: readonly TopicPartition[], options?: { requireStable?: boolean }): Promise<readonly CommittedOffset[]>
  /** Non-transactional, for at-least-once. */
  commitOffsets(identity: GroupIdentity, offsets: readonly OffsetToCommit[]): Promise<void>
}

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  /** -1: the broker's default. */
  readonly replicationFactor: number
  readonly config: { readonly [key: string]: string }
}

export interface ListedGroup {
  readonly groupId: string
  /** 'consumer' of classic groups, ours among them; 'connect', '' of a group that only has offsets, … */
  readonly protocolType: string
  /** As the broker names it: Stable, PreparingRebalance, CompletingRebalance, Empty, Dead. */
  readonly state: string
}

export interface GroupDescription extends ListedGroup {
  /** Name of the assignor that the members agreed on; '' without members. */
  readonly protocol: string
  readonly members: readonly {
    readonly memberId: string
    readonly clientId: string
    readonly clientHost: string
    readonly metadata: Uint8Array
    readonly assignment: Uint8Array
  }[]
}

export interface AdminClient {
  /** Existing topics are not an error; resolves when every partition has a leader that answers. */
  createTopics(topics: readonly NewTopic[]): Promise<void>
  deleteTopics(names: readonly string[]): Promise<void>
  deleteRecords(offsets: readonly (TopicPartition & { readonly offset: number })[]): Promise<void>
  topicConfig(topic: string): Promise<{ readonly [key: string]: string }>
  listTopics(): Promise<readonly string[]>
  /** Of all brokers, by id. */
  listGroups(): Promise<readonly ListedGroup[]>
  /** A group that does not exist is described as Dead. */
  describeGroup(groupId: string): Promise<GroupDescription>
  /** Everything the group has committed, stable (88 while a transaction is open on it). */
  groupOffsets(groupId: string): Promise<readonly CommittedOffset[]>
  /** Takes its committed offsets with it. 68 NON_EMPTY_GROUP while it has members; one that is not there is no error. */
  deleteGroup(groupId: string): Promise<void>
}

export interface KafkaCluster {
  /** Topics that do not exist are absent from the answer. Cached; `fresh` asks the broker. */
  metadata(topics: readonly string[], options?: { fresh?: boolean }): Promise<ReadonlyMap<string, TopicMetadata>>
  /** `latest` with read_uncommitted is the high watermark, with read_committed the last stable offset (rule A1). */
  listOffsets(partitions: readonly TopicPartition[], at: 'earliest' | 'latest' | number, isolation: IsolationLevel): Promise<ReadonlyMap<TopicPartitionKey, number>>
  /** OffsetForLeaderEpoch: end offset of the epoch in the leader's log. */
  endOffsetForEpoch(partitions: readonly (TopicPartition & { readonly leaderEpoch: number })[]): Promise<ReadonlyMap<TopicPartitionKey, { readonly leaderEpoch: number; readonly endOffset: number }>>
  fetcher(options: FetcherOptions): Fetcher
  producer(options: ProducerOptions): TransactionalProducer
  group(): GroupClient
  admin(): AdminClient
  /** Aborts whatever a transactional id left open, by fencing it (InitProducerId). For ids of dead incarnations. */
  fence(transactionalId: string): Promise<void>
  /**
   * Transactional ids with this prefix whose transaction has been open for longer, of the brokers that can tell now: not
   * those that are down, nor those before 3.8. For who asks again.
   */
  ongoingTransactions(prefix: string, olderThanMs: number): Promise<readonly string[]>
  /** `maxMessageBytes`: the topic's `max.message.bytes`, above which no batch is sealed. */
  writer(partition: TopicPartition, maxMessageBytes?: number): BatchWriter
  close(): Promise<void>
}
