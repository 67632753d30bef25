import type { Record, RecordMetadata } from './record.ts'

/** A stateful step of a topology; one instance per task. After an abort it is closed and made anew (rule B6). */
export interface Processor<KIn, VIn, KOut = KIn, VOut = VIn> {
  init?(context: ProcessorContext<KOut, VOut>): void
  process(record: Record<KIn, VIn>): void
  close?(): void
}

/** As `Processor`, but may not change the key: no repartitioning is needed behind it. */
export interface FixedKeyProcessor<K, VIn, VOut = VIn> {
  init?(context: FixedKeyProcessorContext<K, VOut>): void
  process(record: Record<K, VIn>): void
  close?(): void
}

export type PunctuationType = 'stream-time' | 'wall-clock-time'

/** Called with the time (ms) it fires for. */
export type Punctuator = (timestamp: number) => void

export interface Cancellable {
  cancel(): void
}

export interface ProcessingContext {
  readonly applicationId: string
  /** `<subtopology>_<partition>` */
  readonly taskId: string
  /** Absent while a punctuator runs. */
  recordMetadata(): RecordMetadata | undefined
  /** Throws `STORE_NOT_CONNECTED` unless the store was connected to this processor. */
  getStateStore<S>(name: string): S
  /**
   * At most one firing after a gap, then aligned to multiples of the first schedule, as in Kafka Streams. `startTime` (ms since 1970)
   * anchors it (KIP-1146): every task fires at `startTime` and multiples of the interval after it, whenever the task began.
   */
  schedule(intervalMs: number, type: PunctuationType, punctuator: Punctuator, startTime?: number): Cancellable
  /** Asks for an early commit; returns at once. */
  commit(): void
  currentStreamTimeMs(): number
  currentSystemTimeMs(): number
}

export interface ProcessorContext<KOut, VOut> extends ProcessingContext {
  /** Hands the record to every child, or to the child named. Depth first, synchronous. */
  forward(record: Record<KOut, VOut>, child?: string): void
}

export interface FixedKeyProcessorContext<K, VOut> extends ProcessingContext {
  forward(record: Record<K, VOut>, child?: string): void
}

export interface ReadOnlyKeyValueStore<K, V> {
  readonly name: string
  get(key: K): V | undefined
  /** Inclusive bounds, ordered by serialized key. Lives within one turn. */
  range(from: K | undefined, to: K | undefined): IterableIterator<readonly [K, V]>
  reverseRange(from: K | undefined, to: K | undefined): IterableIterator<readonly [K, V]>
  all(): IterableIterator<readonly [K, V]>
  /** Keys whose serialized form begins with these bytes. */
  prefixScan(prefix: Uint8Array): IterableIterator<readonly [K, V]>
  approximateNumEntries(): number
}

export interface KeyValueStore<K, V> extends ReadOnlyKeyValueStore<K, V> {
  put(key: K, value: V | null): void
  putIfAbsent(key: K, value: V): V | undefined
  putAll(entries: Iterable<readonly [K, V | null]>): void
  delete(key: K): V | undefined
}

export interface ValueAndTimestamp<V> {
  readonly value: V
  readonly timestamp: number
}

/** What DSL tables and aggregations keep: each value with the timestamp of the record that made it. */
export interface ReadOnlyTimestampedKeyValueStore<K, V> extends ReadOnlyKeyValueStore<K, ValueAndTimestamp<V>> {}

/** The changelog record's timestamp is the value's own; a deletion takes that of the record being processed. */
export interface TimestampedKeyValueStore<K, V> extends KeyValueStore<K, ValueAndTimestamp<V>> {}
