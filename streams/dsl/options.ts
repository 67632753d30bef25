/**
 * Options of the DSL's operators. One rule for serdes: `key` and `value` are those of the operator's *result*, `input`
 * holds those of the records it takes, needed only where these are written down (a repartition topic, a pending call).
 */
import type { CircuitBreakerOptions } from '../async/circuit-breaker.ts'
import type { Duration } from '../duration.ts'
import type { ErrorPolicy, RetryPolicy } from '../error-policy.ts'
import type { OffsetReset } from '../graph/offset-reset.ts'
import type { StoreBuilder, TimeToLiveSettings } from '../graph/store-builder.ts'
import type { KeyPartitioner, StreamPartitioner, TimestampExtractor } from '../graph/topology.ts'
import type { Serde } from '../serdes.ts'
import type { KStream } from './k-stream.ts'

export interface OperatorOptions {
  /** Shown in descriptions, metrics and errors. Never part of a topic or store unless the operator says so. */
  readonly name?: string
  readonly onError?: ErrorPolicy
}

/** Operators that keep, repartition or await: the name becomes a store or a topic. */
export interface NamedOptions extends OperatorOptions {
  readonly name: string
}

/** Types come from the functions given, never from the serdes: these are held against them. */
export interface KeySerde<K> {
  readonly key?: Serde<NoInfer<NonNullable<K>>>
}

export interface ValueSerde<V> {
  readonly value?: Serde<NoInfer<NonNullable<V>>>
}

/** No serde has this property, so that none fits a promise: its name is what the compiler then says. */
interface NotAwaited {
  readonly 'this is a promise: await it in mapAsync': never
}

/** Of what a mapper gives, which is easily made async; `never` and `any` are no promises. */
export interface MappedValueSerde<V> {
  readonly value?: Serde<NoInfer<NonNullable<V>>> & ([V] extends [never] ? unknown : [V] extends [PromiseLike<unknown>] ? (0 extends 1 & V ? unknown : NotAwaited) : unknown)
}

export interface ResultSerdes<K, V> extends KeySerde<K>, ValueSerde<V> {}

export interface StreamOptions<K, V> extends OperatorOptions {
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly timestampExtractor?: TimestampExtractor
  /** Where to begin without a committed offset; `by_duration:7d`: with the first record that is no older. Default 'earliest'. */
  readonly offsetReset?: OffsetReset
  /** Reads `<applicationId>-<topic>-retry`, too, where `millrace dead-letters replay` puts its records. Default false. */
  readonly retryTopic?: boolean
}

export interface TableOptions<K, V> extends OperatorOptions {
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** With one, the table gets a changelog of its own: what it extracts is not in the source topic's timestamps. */
  readonly timestampExtractor?: TimestampExtractor
  readonly engine?: 'rocksdb' | 'leveldb' | 'memory'
  /** As of `Materialized`. With one, the table gets a changelog of its own: compaction of the source topic forgets versions. */
  readonly historyRetention?: Duration
}

export interface GlobalTableOptions<K, V> extends OperatorOptions {
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly timestampExtractor?: TimestampExtractor
  readonly engine?: 'rocksdb' | 'leveldb' | 'memory'
}

/** How a result is kept; its serdes default to those that came down the stream. */
export interface Materialized<K, V> extends ResultSerdes<K, V> {
  readonly engine?: 'rocksdb' | 'leveldb' | 'memory'
  /** false: no changelog; the store begins empty wherever its disk is not. Default true. */
  readonly logged?: boolean
  /** Settings of the changelog topic over the defaults. */
  readonly topicConfig?: { readonly [key: string]: string }
  /**
   * Keeps all versions of a key, so long after a later one took its place: joins then find the one that held at their
   * record's time, and changes that come out of order overwrite nothing newer (KIP-889, KIP-914). Default: the latest only.
   */
  readonly historyRetention?: Duration
  /**
   * Rows expire: the store does not show them any more, and a tombstone goes to its changelog. Nothing is told downstream.
   * Not together with `historyRetention`. Default: they stay.
   */
  readonly ttl?: TimeToLiveSettings
}

export interface AggregateOptions<K, VA> extends NamedOptions, Materialized<K, VA> {}

export interface WindowedAggregateOptions<K, V, VA> extends Omit<AggregateOptions<K, VA>, 'historyRetention' | 'ttl'> {
  /** How long windows are kept, by the time of the records. Default, and least: as long as they take records. */
  readonly retention?: Duration
  /** Is given the records that came too late for all of their windows, as a stream. Default: they are counted and dropped. */
  readonly late?: (records: KStream<K, V>) => void
}

export interface SuppressOptions extends NamedOptions {
  readonly engine?: 'rocksdb' | 'leveldb' | 'memory'
  /** false: no changelog; what is held back is lost wherever its disk is not. Default true. */
  readonly logged?: boolean
  /** Settings of the changelog topic over the defaults. */
  readonly topicConfig?: { readonly [key: string]: string }
}

export interface GroupOptions<K, V> extends ResultSerdes<K, V> {
  /** Name of the repartition topic, should one be needed. Default: that of the aggregation. */
  readonly name?: string
  readonly partitions?: number
}

export interface RepartitionOptions<K, V> extends ResultSerdes<K, V> {
  /** The topic is `<applicationId>-<name>-repartition`. */
  readonly name: string
  /** Default: the largest count among the sources that lead to it. */
  readonly partitions?: number
  readonly partitioner?: StreamPartitioner
}

export interface ToOptions<K, V> extends OperatorOptions, ResultSerdes<K, V> {
  readonly partitioner?: StreamPartitioner
}

export interface JoinOptions<K, V, VR> extends OperatorOptions, ValueSerde<VR> {
  /** Used if the stream's key was changed, so that the join must repartition, or with a grace; `name` is then required. */
  readonly input?: ResultSerdes<K, V>
  /**
   * Stream records wait until the stream is so much further, so that rows of their time which the table gets late are
   * found. The table must be versioned, with a `historyRetention` of at least this.
   */
  readonly grace?: Duration
}

export interface StreamJoinOptions<K, V, VO, VR> extends NamedOptions, ValueSerde<VR> {
  /** Serdes of this stream's records, which are kept in a window store. Default: those that came down. */
  readonly input?: ResultSerdes<K, V>
  /** Serdes of the other stream's records. Keys of both are compared by their bytes. */
  readonly other?: ResultSerdes<K, VO>
  readonly engine?: 'rocksdb' | 'leveldb' | 'memory'
  /** false: no changelogs; what waits for a partner is lost with the disk. Default true. */
  readonly logged?: boolean
  /** Settings of the changelog topics over the defaults. */
  readonly topicConfig?: { readonly [key: string]: string }
}

export interface TableOperatorOptions<K, V> extends OperatorOptions, ValueSerde<V> {
  /** Keeps the result in a store of this name, to be queried or joined without computing it again. */
  readonly store?: { readonly name: string } & Omit<Materialized<K, V>, 'value'>
}

export interface TransformValuesOptions<K, VR> extends TableOperatorOptions<K, VR> {
  readonly name: string
  /** Stores the transformer uses, by name or as built by `Stores`. */
  readonly stores?: readonly (string | StoreBuilder)[]
}

export interface ForeignKeyJoinOptions<K, V, KO, VO, VR> extends TableOperatorOptions<K, VR> {
  /** Names its topics `<name>-subscription-registration-topic` and `<name>-subscription-response-topic`, and its store. */
  readonly name: string
  /** Serdes of this table's rows: keys travel to the other table, values are hashed. Default: those that came down. */
  readonly input?: ResultSerdes<K, V>
  /** Serdes of the other table's rows, which travel here. Default: those that came down. */
  readonly other?: ResultSerdes<KO, VO>
  /** If this table's keys are not where Kafka's default partitioner puts them. It is given keys, never values. */
  readonly partitioner?: KeyPartitioner
  /** The same for the other table. */
  readonly otherPartitioner?: KeyPartitioner
}

export interface ForeignKeyOuterJoinOptions<K, V, KO, VO, VR> extends ForeignKeyJoinOptions<K, V, KO, VO, VR> {
  /**
   * The result has this table's keys, which a row of the other table that no row names does not have: the key under which
   * it is in the result instead, always the same for the same row, and never one of this table's.
   */
  readonly rightKey: (foreignKey: KO) => K
}

export interface ProcessOptions<K, V> extends OperatorOptions, ResultSerdes<K, V> {
  /** Stores it uses, by name (also of tables and global tables) or as built by `Stores`; needs a `name`. */
  readonly stores?: readonly (string | StoreBuilder)[]
}

export interface AsyncOptions<K, V, VR> extends ValueSerde<VR> {
  /** Names the in-flight table and its changelog `<applicationId>-<name>-in-flight-changelog`. */
  readonly name: string
  /** Serdes of pending records, which are kept in the in-flight table. Default: those that came down the stream. */
  readonly input?: ResultSerdes<K, V>
  /** Calls running at once per task. Default 8. */
  readonly concurrency?: number
  /** Records waiting or running per task, above which its sources pause. Default 10,000. */
  readonly maxPending?: number
  /** Bytes of the same. Default 64 MiB. */
  readonly maxPendingBytes?: number
  /** Limit of one try; without one a call that never settles would hold its key for ever. Default '30s'. */
  readonly timeout?: Duration
  /** Tries after the first, or a policy. Default 3. */
  readonly retry?: number | RetryPolicy
  /** 'key' (default): results of a key in input order. 'input': of the task. 'none': as they come. */
  readonly order?: 'key' | 'input' | 'none'
  /** Fair turns: calls are taken lane by lane, so that one lane's flood delays no other. */
  readonly lane?: (value: V, key: K) => string
  readonly laneWeight?: (lane: string) => number
  /** When all tries have failed. 'park': only that key waits. Default 'fail'. */
  readonly onFailure?: 'fail' | 'skip' | 'dead-letter' | 'park'
  /** Errors for which no further try makes sense. They say nothing of the service: no circuit breaker opens for them. */
  readonly isPermanent?: (error: unknown) => boolean
  /** Calls nothing while the service is down: records wait, no try is used up. `{}`: the defaults. Default: none. */
  readonly circuitBreaker?: CircuitBreakerOptions
}

export interface ProcessAsyncOptions<K, V, VR> extends AsyncOptions<K, V, VR>, KeySerde<K> {
  /** Stores that `prepare` reads and `complete` uses. */
  readonly stores?: readonly (string | StoreBuilder)[]
}
