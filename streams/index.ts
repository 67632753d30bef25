/** The public API of millrace. Test tools are in `millrace/testing`, the client layer in `millrace/kafka`. */
export type { InFlightCounts } from './async/in-flight-table.ts'
export { CircuitBreaker, type CircuitBreakerOptions, circuitBreakerPolicy, type CircuitBreakerPolicy, type CircuitCall, type CircuitCounts, type CircuitState } from './async/circuit-breaker.ts'
export type { AsyncOperator, CallInfo, PrepareContext } from './async/operator.ts'
export type { AsyncProcessor } from './dsl/async-operator.ts'
export { BranchedKStream } from './dsl/branched-k-stream.ts'
export { CogroupedKStream } from './dsl/cogrouped-k-stream.ts'
export { GlobalKTable } from './dsl/global-k-table.ts'
export { JoinWindows } from './dsl/windows/join-windows.ts'
export { KGroupedStream } from './dsl/k-grouped-stream.ts'
export { KGroupedTable } from './dsl/k-grouped-table.ts'
export { KStream } from './dsl/k-stream.ts'
export { KTable } from './dsl/k-table.ts'
export { SessionWindowedKStream } from './dsl/session-windowed-k-stream.ts'
export { BufferConfig, Suppressed } from './dsl/suppressed.ts'
export { TimeWindowedKStream, type WindowsByTime } from './dsl/time-windowed-k-stream.ts'
export { EmitStrategy } from './dsl/windows/emit-strategy.ts'
export { SessionWindows } from './dsl/windows/session-windows.ts'
export { SlidingWindows } from './dsl/windows/sliding-windows.ts'
export { TimeWindows, UnlimitedWindows } from './dsl/windows/time-windows.ts'
export { WindowedSerdes } from './dsl/windows/windowed-serdes.ts'
export type {
  AggregateOptions,
  AsyncOptions,
  ForeignKeyJoinOptions,
  ForeignKeyOuterJoinOptions,
  GlobalTableOptions,
  GroupOptions,
  JoinOptions,
  Materialized,
  OperatorOptions,
  ProcessAsyncOptions,
  ProcessOptions,
  RepartitionOptions,
  StreamJoinOptions,
  StreamOptions,
  SuppressOptions,
  TableOperatorOptions,
  TableOptions,
  ToOptions,
  TransformValuesOptions,
  WindowedAggregateOptions,
} from './dsl/options.ts'
export type { PrintOptions } from './dsl/printed.ts'
export type { ValueTransformer } from './dsl/operators/table-transform.ts'
export { SessionWindowedCogroupedKStream, TimeWindowedCogroupedKStream } from './dsl/windowed-cogrouped-k-stream.ts'
export { buildTopology, StreamsBuilder, type TopologyFunction } from './dsl/streams-builder.ts'
export type { Duration } from './duration.ts'
export type { ErrorAction, ErrorPolicy, OperatorErrorAction, RetryPolicy } from './error-policy.ts'
export { StreamsError, type StreamsErrorCode } from './errors.ts'
export { topologyToJSON, type TopologyJSON } from './graph/json.ts'
export { describeMermaid } from './graph/mermaid.ts'
export type { OffsetReset } from './graph/offset-reset.ts'
export { resolvePartitions } from './graph/partitions.ts'
export { type KeyValueStoreSettings, type StoreBuilder, Stores, type SessionStoreSettings, type StoreSettings, type TimeToLiveSettings, type VersionedStoreSettings, type WindowStoreSettings } from './graph/store-builder.ts'
export { externalSourceTopics } from './graph/tasks.ts'
export {
  failOnInvalidTimestamp,
  usePartitionTimeOnInvalidTimestamp,
  wallclockTimestamp,
} from './graph/timestamp-extractors.ts'
export type { KeyPartitioner, StreamPartitioner, TimestampExtractor, Topology, TopicNameExtractor } from './graph/topology.ts'
export { type BuildOptions, TopologyBuilder } from './graph/topology-builder.ts'
export type { Compression, OAuthToken, SaslOptions, TokenCallback } from './kafka/contract.ts'
export { LATENCY_BOUNDS_MS, type LatencySnapshot } from './metrics/latency-histogram.ts'
export { type Measured, registerMetrics } from './metrics/register.ts'
export type {
  Cancellable,
  FixedKeyProcessor,
  FixedKeyProcessorContext,
  KeyValueStore,
  ProcessingContext,
  Processor,
  ProcessorContext,
  PunctuationType,
  Punctuator,
  ReadOnlyKeyValueStore,
  ReadOnlyTimestampedKeyValueStore,
  TimestampedKeyValueStore,
  ValueAndTimestamp,
} from './processor.ts'
export { type Header, type Headers, NO_HEADERS, type Record, type RecordMetadata } from './record.ts'
export { type Serde, SerdeNotReady, Serdes } from './serdes.ts'
export type { AppState } from './runtime/app-state.ts'
export type { ProcessingGuarantee, RuntimeConfig, StreamsConfig } from './runtime/config.ts'
export type { PeersSettings } from './runtime/peers-config.ts'
export type { RestoreEvent } from './runtime/restore-progress.ts'
export type { SnapshotsSettings } from './runtime/snapshots-config.ts'
export type { KeyQueryMetadata, StreamsMetadata } from './queries/group-metadata.ts'
export {
  KeyQuery,
  MultiVersionedKeyQuery,
  type Query,
  type QueryEntry,
  type QueryValue,
  type QueryVersion,
  RangeQuery,
  type RowsQuery,
  type SingleQuery,
  VersionedKeyQuery,
  WindowKeyQuery,
  WindowRangeQuery,
} from './queries/query.ts'
export { DEAD_LETTER_HEADERS } from './runtime/dead-letter.ts'
export { LivePage, livePageHandler, type LivePageOptions, type Shown } from './live/live-page.ts'
export { type QueryAccess, QueryServer, type QueryServerOptions } from './queries/query-server.ts'
export type { Position, QueryOptions, QueryResult, QueryRows, QuerySource } from './queries/store-queries.ts'
export type { TracingFunction } from './tracing/load.ts'
export type { OpenTelemetry, Span as TraceSpan, SpanContext, Tracer } from './tracing/open-telemetry.ts'
export { type ParkedAccess, ParkedServer, type ParkedServerOptions } from './http/parked-server.ts'
export type { StateListener } from './runtime/app-life.ts'
export type { KafkaStreamsOptions } from './runtime/application-options.ts'
export { KafkaStreams } from './runtime/kafka-streams.ts'
export type { ParkedEntry, ParkedId } from './runtime/parked-keys.ts'
export type { UncaughtErrorAction, UncaughtErrorCallback } from './runtime/uncaught-errors.ts'
export type { NodeSnapshot, StoreCounters, StoreSnapshot, TaskMeasurements } from './runtime/task-metrics.ts'
export type { TaskSnapshot, ThreadCounters, ThreadSnapshot } from './runtime/thread-counters.ts'
export type {
  ReadOnlySessionStore,
  ReadOnlyVersionedKeyValueStore,
  ReadOnlyWindowStore,
  SessionStore,
  Version,
  VersionedKeyValueStore,
  Window,
  Windowed,
  WindowStore,
} from 'millrace-state-stores'
