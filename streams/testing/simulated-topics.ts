/** Topics in memory, as the test driver's tasks see them: what a committed generation wrote, in order. */
import { StreamsError } from '../errors.ts'
import type { FetchedRecords, RecordCursor } from '../kafka/contract.ts'
import { partitionFor } from '../kafka/partitioner.ts'
import type { Headers } from '../record.ts'
import type { CollectorMark, RecordCollector } from '../runtime/contract.ts'
import { recordSizeBound, recordTooLarge } from '../runtime/sizes.ts'

export interface StoredRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers: Headers
}

export type Unstored = Omit<StoredRecord, 'offset'>

interface Topic {
  /** All partitions, in the order in which they were written. */
  readonly records: StoredRecord[]
  readonly partitions: StoredRecord[][]
}

export class SimulatedTopics {
  readonly #topics = new Map<string, Topic>()
  readonly #produced = new Set<string>()
  readonly #partitionsOf: (topic: string) => number
  readonly #onProduced: (record: Unstored) => void

  /** @param onProduced sees what tasks have written: a topic may be that of a global table */
  constructor(partitionsOf: (topic: string) => number, onProduced: (record: Unstored) => void = () => undefined) {
    this.#partitionsOf = partitionsOf
    this.#onProduced = onProduced
  }

  get names(): ReadonlySet<string> {
    return this.#produced
  }

  partitions(topic: string): number {
    return this.#topic(topic).partitions.length
  }

  append(record: Unstored): void {
    const topic = this.#topic(record.topic)
    const partition = topic.partitions[record.partition]
    if (partition === undefined) {
      throw new StreamsError('CONFIG_INVALID', `Topic ${record.topic} has ${topic.partitions.length} partitions; there is no partition ${record.partition}.`)
    }
    const stored = { ...record, offset: partition.length }
    partition.push(stored)
    topic.records.push(stored)
  }

  produced(record: Unstored): void {
    this.#produced.add(record.topic)
    this.append(record)
    this.#onProduced(record)
  }

  records(topic: string): readonly StoredRecord[] {
    return this.#topic(topic).records
  }

  partition(topic: string, partition: number): readonly StoredRecord[] {
    return this.#topic(topic).partitions[partition] ?? []
  }

  /** What a fetch from `offset` brings, or undefined. */
  fetch(topic: string, partition: number, offset: number, now: number): FetchedRecords | undefined {
    const all = this.partition(topic, partition)
    if (offset >= all.length) {
      return undefined
    }
    return this.#fetched(topic, partition, all.slice(offset), all.length, now)
  }

  /** The answer to a fetch that finds nothing; what was written and not fetched yet comes with the next one. */
  nothing(topic: string, partition: number, now: number): FetchedRecords {
    return { ...this.#fetched(topic, partition, [], this.partition(topic, partition).length, now), nextOffset: 0 }
  }

  #fetched(topic: string, partition: number, records: readonly StoredRecord[], end: number, now: number): FetchedRecords {
    return {
      topic,
      partition,
      epoch: 0,
      cursor: new MemoryCursor(records),
      bytes: records.reduce((sum, record) => sum + recordSizeBound(record.key?.length ?? 0, record.value?.length ?? 0, record.headers), 0),
      maxRecords: records.length,
      nextOffset: end,
      highWatermark: end,
      lastStableOffset: end,
      logStartOffset: 0,
      receivedAt: now,
    }
  }

  #topic(name: string): Topic {
    let topic = this.#topics.get(name)
    if (topic === undefined) {
      topic = { records: [], partitions: [] }
      this.#topics.set(name, topic)
    }
    // Behind a pattern that has matched nothing yet there are none.
    for (let partition = topic.partitions.length; partition < this.#partitionsOf(name) && topic.records.length === 0; partition++) {
      topic.partitions.push([])
    }
    return topic
  }
}

/** Outputs of the open generation: in the topics once it is committed, nowhere if it is not. */
export class SimulatedCollector implements RecordCollector {
  readonly #topics: SimulatedTopics
  readonly #maxMessageBytes: (topic: string) => number | undefined
  #open: Unstored[] = []

  constructor(topics: SimulatedTopics, maxMessageBytes: (topic: string) => number | undefined) {
    this.#topics = topics
    this.#maxMessageBytes = maxMessageBytes
  }

  partitions(topic: string): number {
    return this.#topics.partitions(topic)
  }

  maxMessageBytes(topic: string): number | undefined {
    return this.#maxMessageBytes(topic)
  }

  send(topic: string, partition: number | undefined, key: Uint8Array | null, value: Uint8Array | null, timestamp: number, headers: Headers): void {
    const limit = this.#maxMessageBytes(topic)
    const size = recordSizeBound(key?.length ?? 0, value?.length ?? 0, headers)
    if (limit !== undefined && size > limit) {
      throw recordTooLarge(`A record for ${topic}`, size, limit)
    }
    const chosen = partition ?? (key === null ? 0 : partitionFor(key, this.partitions(topic)))
    this.#open.push({ topic, partition: chosen, key: copy(key), value: copy(value), timestamp, headers })
  }

  mark(): CollectorMark {
    return this.#open.length as unknown as CollectorMark
  }

  rollback(mark: CollectorMark): void {
    this.#open.length = mark as unknown as number
  }

  /** Ends the open generation; nobody sees its records until they are committed. */
  close(): readonly Unstored[] {
    const closed = this.#open
    this.#open = []
    return closed
  }

  commit(records: readonly Unstored[]): void {
    for (const record of records) {
      this.#topics.produced(record)
    }
  }
}

function copy(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : Buffer.from(bytes)
}

class MemoryCursor implements RecordCursor {
  readonly buffer = new Uint8Array(0)
  readonly leaderEpoch = 0
  readonly #records: readonly StoredRecord[]
  #at = -1

  constructor(records: readonly StoredRecord[]) {
    this.#records = records
  }

  next(): boolean {
    this.#at++
    return this.#at < this.#records.length
  }

  get offset(): number {
    return this.#current.offset
  }

  get timestamp(): number {
    return this.#current.timestamp
  }

  get keyStart(): number {
    return this.#current.key === null ? -1 : 0
  }

  get keyEnd(): number {
    return this.#current.key?.length ?? -1
  }

  get valueStart(): number {
    return this.#current.value === null ? -1 : 0
  }

  get valueEnd(): number {
    return this.#current.value?.length ?? -1
  }

  get headerCount(): number {
    return this.#current.headers.length
  }

  key(): Uint8Array | null {
    return this.#current.key
  }

  value(): Uint8Array | null {
    return this.#current.value
  }

  headers(): Headers {
    return this.#current.headers
  }

  get #current(): StoredRecord {
    return this.#records[this.#at]!
  }
}
