/** Nodes as they are written down, before the application id turns internal topics into concrete ones. */
import type { ErrorPolicy } from '../error-policy.ts'
import type { OffsetReset } from './offset-reset.ts'
import type { StoreBuilder } from './store-builder.ts'
import type {
  AnyAsyncOperator,
  AnyProcessor,
  AnySerde,
  StreamPartitioner,
  TimestampExtractor,
  TopicNameExtractor,
} from './topology.ts'

/** A repartition topic of this application: `<applicationId>-<name its operator has>-<suffix>`. */
export interface RepartitionReference {
  readonly repartition: string
  /** `topic` for the two topics of a foreign-key join, as in Kafka Streams. */
  readonly suffix: 'repartition' | 'topic'
}

export interface SourceSettings {
  readonly key: AnySerde
  readonly value: AnySerde
  readonly timestampExtractor?: TimestampExtractor
  /** Where to begin when there is no committed offset. Default 'earliest'. */
  readonly offsetReset?: OffsetReset
  /** Reads `<application>-<topic>-retry` beside each topic, where replayed dead letters go. */
  readonly retryTopic?: boolean
  readonly onError?: ErrorPolicy
}

export interface SinkSettings {
  readonly key: AnySerde
  readonly value: AnySerde
  readonly partitioner?: StreamPartitioner
  readonly onError?: ErrorPolicy
}

export interface SourceSpec extends SourceSettings {
  readonly kind: 'source'
  readonly name: string
  readonly topics: readonly string[] | RepartitionReference
  /** Instead of topics. */
  readonly pattern?: RegExp
}

export interface ProcessorSpec {
  readonly kind: 'processor'
  readonly name: string
  readonly supplier: () => AnyProcessor
  readonly onError?: ErrorPolicy
}

export interface AsyncSpec {
  readonly kind: 'async'
  readonly name: string
  readonly operator: AnyAsyncOperator
}

export interface SinkSpec extends SinkSettings {
  readonly kind: 'sink'
  readonly name: string
  readonly topic: string | TopicNameExtractor | RepartitionReference
}

export type NodeSpec = SourceSpec | ProcessorSpec | AsyncSpec | SinkSpec

/** What rebuilds a store: a changelog of its own, a source topic read as a table, or nothing. */
export type Changelog =
  | { readonly kind: 'own' }
  | { readonly kind: 'in-flight' }
  | { readonly kind: 'source'; readonly topic: string; readonly writer?: string }
  | { readonly kind: 'none' }

export interface StoreSpec {
  readonly builder: StoreBuilder
  readonly changelog: Changelog
}

export interface GlobalSpec {
  readonly source: SourceSpec
  readonly store: StoreBuilder
}

/** All a `TopologyBuilder` has gathered; maps are in order of insertion. */
export interface GraphSpec {
  readonly nodes: ReadonlyMap<string, NodeSpec>
  readonly parents: ReadonlyMap<string, readonly string[]>
  readonly stores: ReadonlyMap<string, StoreSpec>
  /** Stores (global ones too) by the node that uses them. */
  readonly connections: ReadonlyMap<string, ReadonlySet<string>>
  readonly globals: ReadonlyMap<string, GlobalSpec>
  readonly repartitions: ReadonlyMap<string, RepartitionReference & { readonly partitions?: number }>
  /** Groups of source nodes whose topics must have equal partition counts. */
  readonly copartitioned: readonly ReadonlySet<string>[]
}
