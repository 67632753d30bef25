import type { Headers, Record } from '../record.ts'
import { NO_HEADERS } from '../record.ts'
import type { Serde } from '../serdes.ts'
import type { StoredRecord } from './simulated-topics.ts'

export interface PipeOptions {
  /** Default: as a producer would, murmur2 of the key; partition 0 for a null key. */
  readonly partition?: number
}

/** What an input topic writes to. */
export interface InputTarget {
  now(): number
  pipe(topic: string, key: Uint8Array | null, value: Uint8Array | null, timestamp: number, headers: Headers, partition: number | undefined): void
}

/** Writes records into the topology. */
export class TestInputTopic<K, V> {
  readonly topic: string
  readonly #target: InputTarget
  readonly #key: Serde<K>
  readonly #value: Serde<V>

  constructor(target: InputTarget, topic: string, key: Serde<K>, value: Serde<V>) {
    this.#target = target
    this.topic = topic
    this.#key = key
    this.#value = value
  }

  /** `timestamp`: default the driver's wall clock. Processed when it returns, as far as no call is awaited. */
  pipeInput(key: K | null, value: V | null, timestamp?: number, headers: Headers = NO_HEADERS, options: PipeOptions = {}): void {
    const keyBytes = key === null ? null : this.#key.serialize(this.topic, key, headers)
    const valueBytes = value === null ? null : this.#value.serialize(this.topic, value, headers)
    this.pipeRaw(keyBytes, valueBytes, timestamp, headers, options)
  }

  pipeNullKey(value: V | null, timestamp?: number, headers?: Headers, options?: PipeOptions): void {
    this.pipeInput(null, value, timestamp, headers, options)
  }

  pipeTombstone(key: K, timestamp?: number, headers?: Headers, options?: PipeOptions): void {
    this.pipeInput(key, null, timestamp, headers, options)
  }

  /** Each: key, value, timestamp. */
  pipeAll(records: Iterable<readonly [K | null, V | null, number?]>): void {
    for (const [key, value, timestamp] of records) {
      this.pipeInput(key, value, timestamp)
    }
  }

  /** Bytes as they are, for what no serializer would make. */
  pipeRaw(key: Uint8Array | null, value: Uint8Array | null, timestamp?: number, headers: Headers = NO_HEADERS, options: PipeOptions = {}): void {
    this.#target.pipe(this.topic, key, value, timestamp ?? this.#target.now(), headers, options.partition)
  }
}

/** Reads what the topology has committed to a topic, from the beginning, each record once. */
export class TestOutputTopic<K, V> {
  readonly topic: string
  readonly #records: () => readonly StoredRecord[]
  readonly #key: Serde<K>
  readonly #value: Serde<V>
  #position = 0

  constructor(topic: string, key: Serde<K>, value: Serde<V>, records: () => readonly StoredRecord[]) {
    this.topic = topic
    this.#key = key
    this.#value = value
    this.#records = records
  }

  get isEmpty(): boolean {
    return this.size === 0
  }

  /** Records not yet read. */
  get size(): number {
    return this.#records().length - this.#position
  }

  /** Throws when there is none: a test that reads expects one. */
  readRecord(): Record<K | null, V | null> & { readonly partition: number } {
    const record = this.#records()[this.#position]
    if (record === undefined) {
      throw new RangeError(`Topic ${this.topic} has no more records; ${this.#position} were read.`)
    }
    this.#position++
    return {
      key: record.key === null ? null : this.#key.deserialize(this.topic, record.key, record.headers),
      value: record.value === null ? null : this.#value.deserialize(this.topic, record.value, record.headers),
      timestamp: record.timestamp,
      headers: record.headers,
      partition: record.partition,
    }
  }

  readKeyValue(): readonly [K | null, V | null] {
    const { key, value } = this.readRecord()
    return [key, value]
  }

  readValue(): V | null {
    return this.readRecord().value
  }

  readRecordsToList(): (Record<K | null, V | null> & { readonly partition: number })[] {
    return this.#drain(() => this.readRecord())
  }

  readKeyValuesToList(): (readonly [K | null, V | null])[] {
    return this.#drain(() => this.readKeyValue())
  }

  readValuesToList(): (V | null)[] {
    return this.#drain(() => this.readValue())
  }

  /** The last value of each key. */
  readKeyValuesToMap(): Map<K | null, V | null> {
    return new Map(this.readKeyValuesToList())
  }

  #drain<T>(read: () => T): T[] {
    const list: T[] = []
    while (!this.isEmpty) {
      list.push(read())
    }
    return list
  }
}
