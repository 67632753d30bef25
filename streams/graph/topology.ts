/**
 * What a built topology is: plain data, made by the DSL (`dsl/`) or the Processor API, read by the runtime, the test
 * driver, `describe()` and the assignor. Nothing here knows how it was written or where it runs.
 */
import type { AsyncOperator } from '../async/operator.ts'
import type { ErrorPolicy } from '../error-policy.ts'
import type { Processor } from '../processor.ts'
import type { Headers, Record, RecordMetadata } from '../record.ts'
import type { Serde } from '../serdes.ts'
import type { OffsetReset } from './offset-reset.ts'
import type { StoreShape } from './store-builder.ts'

// biome-ignore-start lint/suspicious/noExplicitAny: nodes of unlike record types live in one graph; the DSL checks the types where they are written
export type AnySerde = Serde<any>
export type AnyProcessor = Processor<any, any, any, any>
export type AnyRecord = Record<any, any>
export type AnyAsyncOperator = AsyncOperator<any, any, any, any, any>
// biome-ignore-end lint/suspicious/noExplicitAny: see above

export type TimestampExtractor = (record: AnyRecord, metadata: RecordMetadata, partitionTime: number) => number

export type TopicNameExtractor = (record: AnyRecord, metadata: RecordMetadata | undefined) => string

/**
 * A partition, or undefined for the default: murmur2 of the serialized key, Java's producer's rule. A list: a copy in each of
 * these partitions; an empty one drops the record (KIP-837).
 */
export type StreamPartitioner = (topic: string, record: AnyRecord, partitions: number) => number | readonly number[] | undefined

/** For records that must be where their key is looked for. */
export type KeyPartitioner = (topic: string, record: AnyRecord, partitions: number) => number | undefined

export interface SourceNode {
  readonly kind: 'source'
  readonly name: string
  /** Concrete topic names; a topic is read by one source node of a topology. Of a pattern: none before `matchTopics`. */
  readonly topics: readonly string[]
  /** It reads every topic whose whole name matches. */
  readonly pattern?: RegExp
  readonly key: AnySerde
  readonly value: AnySerde
  readonly timestampExtractor?: TimestampExtractor
  readonly offsetReset: OffsetReset
  /** True for a repartition topic of this application: its records are deleted once committed. */
  readonly repartition: boolean
  /** The retry topics among `topics`, by the topics they stand beside. */
  readonly retries: ReadonlyMap<string, string>
  readonly onError?: ErrorPolicy
  readonly children: readonly string[]
}

export interface ProcessorNode {
  readonly kind: 'processor'
  readonly name: string
  readonly supplier: () => AnyProcessor
  /** Stores this node may use, global ones included. */
  readonly stores: readonly string[]
  readonly onError?: ErrorPolicy
  readonly children: readonly string[]
}

export interface AsyncNode {
  readonly kind: 'async'
  readonly name: string
  readonly operator: AnyAsyncOperator
  readonly stores: readonly string[]
  /** Name of the key-value store that holds the in-flight table; always logged. */
  readonly inFlightStore: string
  readonly children: readonly string[]
}

export interface SinkNode {
  readonly kind: 'sink'
  readonly name: string
  readonly topic: string | TopicNameExtractor
  readonly key: AnySerde
  readonly value: AnySerde
  readonly partitioner?: StreamPartitioner
  /** True when the topic is a repartition topic of this application. */
  readonly repartition: boolean
  readonly onError?: ErrorPolicy
  readonly children: readonly []
}

export type Node = SourceNode | ProcessorNode | AsyncNode | SinkNode

export type StoreDefinition = StoreShape & {
  readonly name: string
  readonly engine?: 'rocksdb' | 'leveldb' | 'memory'
  readonly key: AnySerde
  readonly value: AnySerde
  /** Values carry an 8-byte big-endian timestamp in the store; the changelog record carries it as its own. */
  readonly timestamped: boolean
  /**
   * Concrete topic that rebuilds this store: `<applicationId>-<store>-changelog`, or a source topic read as a table
   * (then `sourceIsChangelog` and nothing is ever produced to it). Absent: not logged.
   */
  readonly changelog?: string
  readonly sourceIsChangelog: boolean
  /** The only node that may write to it; the others get its reading methods. Absent: whoever is connected. */
  readonly writer?: string
  /** Settings of the changelog topic over the defaults. */
  readonly topicConfig: { readonly [key: string]: string }
}

export interface InternalTopic {
  readonly name: string
  readonly kind: 'repartition' | 'changelog' | 'retry'
  /** Of a retry topic: the source topic it stands beside, whose partition count it has. */
  readonly origin?: string
  /** Fixed by the user, or undefined: derived from the sources (Kafka Streams' rule). */
  readonly partitions?: number
  readonly config: { readonly [key: string]: string }
}

export interface Subtopology {
  /** Stable identity: never a position. Part of task ids, state folders and metrics. */
  readonly name: string
  /** Position in `describe()`, Kafka Streams' subtopology number; for display only. */
  readonly index: number
  /** Hash over everything that decides what a task of it reads, keeps and writes. */
  readonly fingerprint: string
  readonly nodes: ReadonlyMap<string, Node>
  readonly sources: readonly SourceNode[]
  readonly sinks: readonly SinkNode[]
  readonly stores: readonly StoreDefinition[]
  /** Repartition topics it reads and changelogs it writes. */
  readonly internalTopics: readonly InternalTopic[]
  /** Source topics that must have equal partition counts. */
  readonly copartitionGroups: readonly (readonly string[])[]
  /** The source nodes that read them. */
  readonly copartitionedSources: readonly (readonly string[])[]
}

export interface GlobalTable {
  readonly storeName: string
  readonly source: SourceNode
  readonly store: StoreDefinition
}

export interface Topology {
  readonly applicationId: string
  readonly subtopologies: readonly Subtopology[]
  readonly globalTables: readonly GlobalTable[]
  /** Kafka Streams' text. */
  describe(): string
}

export interface DeadLetterContext {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly rawKey: Uint8Array | null
  readonly rawValue: Uint8Array | null
  readonly headers: Headers
  readonly timestamp: number
}
