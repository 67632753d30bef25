/**
 * The fetched records of one input partition that wait for their turn. A chunk stays bytes: of the head record only the
 * timestamp is known, key and value are deserialized when the record is chosen.
 */
import { StreamsError } from '../errors.ts'
import type { AnyRecord, SourceNode } from '../graph/topology.ts'
import type { FetchedRecords, RecordCursor, TopicPartition } from '../kafka/contract.ts'
import type { RecordMetadata } from '../record.ts'
import { NO_HEADERS } from '../record.ts'
import { SerdeNotReady } from '../serdes.ts'

export class RecordQueue implements TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly source: SourceNode
  /** Valid while `hasHead`. */
  headTimestamp = 0
  hasHead = false
  /** Why the head can't enter the topology (timestamp or deserialization), for the source's policy. */
  headError: unknown
  /** What of the head its serde has not been done with. */
  unread: 'key' | 'value' | undefined
  /** The head waits for a serde's dependency: other partitions go on. */
  waiting = false
  /** Highest timestamp chosen so far, -1: none. Survives a restart in the metadata of the committed offset. */
  partitionTime = -1
  /** End of the log by the last answer: what is below is known to be on the broker. -1: no answer yet. */
  knownEnd = -1
  /** End of the log by the last answer, what is undecided included; -1: no answer yet. */
  highWatermark = -1
  /** Wall clock, ms, of that answer. */
  answeredAt = -1
  /** Wall clock when the task first found this queue empty with nothing known to be on the broker. */
  idleSince = -1
  /** What was last committed, or the position given at the start. */
  committedOffset = -1
  committedTime = -1
  /** The offset of this start, or a later one, went into a commit. */
  announced = false
  private chunks: FetchedRecords[] = []
  private cursor: RecordCursor | undefined
  private readInHead = 0
  private bufferedRecordsInChunks = 0
  private bufferedBytesInChunks = 0
  private nextOffset = -1
  private headRecord: AnyRecord | undefined
  private serdeFailure: unknown

  constructor(topic: string, partition: number, source: SourceNode) {
    this.topic = topic
    this.partition = partition
    this.source = source
  }

  start(offset: number, partitionTime: number): void {
    this.clear()
    this.nextOffset = offset
    this.committedOffset = offset
    this.partitionTime = partitionTime
    this.committedTime = partitionTime
    this.announced = false
    this.knownEnd = -1
    this.highWatermark = -1
    this.answeredAt = -1
    this.idleSince = -1
  }

  clear(): void {
    this.chunks = []
    this.cursor = undefined
    this.readInHead = 0
    this.bufferedRecordsInChunks = 0
    this.bufferedBytesInChunks = 0
    this.hasHead = false
    this.headRecord = undefined
    this.headError = undefined
    this.serdeFailure = undefined
    this.waiting = false
  }

  /** Upper bound of the records that wait. */
  get bufferedRecords(): number {
    return this.bufferedRecordsInChunks - this.readInHead
  }

  get bufferedBytes(): number {
    return this.bufferedBytesInChunks
  }

  get bufferedChunks(): number {
    return this.chunks.length
  }

  /** What a commit says now: the next record to process, or the position behind everything fetched, markers included. */
  get position(): number {
    return this.hasHead ? this.cursor!.offset : this.nextOffset
  }

  enqueue(records: FetchedRecords): void {
    // Read uncommitted, a broker gives no last stable offset.
    this.knownEnd = Math.max(this.knownEnd, records.lastStableOffset < 0 ? records.highWatermark : records.lastStableOffset)
    this.highWatermark = records.highWatermark
    this.answeredAt = records.receivedAt
    this.chunks.push(records)
    this.bufferedRecordsInChunks += records.maxRecords
    this.bufferedBytesInChunks += records.bytes
    if (!this.hasHead) {
      this.advance()
    }
  }

  /** Goes to the next record; the one before is done with. */
  advance(): void {
    this.headRecord = undefined
    this.headError = undefined
    this.serdeFailure = undefined
    for (;;) {
      if (this.cursor === undefined) {
        if (this.chunks.length === 0) {
          this.hasHead = false
          return
        }
        this.cursor = this.chunks[0]!.cursor
        this.readInHead = 0
      }
      if (this.cursor.next()) {
        this.readInHead++
        this.hasHead = true
        this.idleSince = -1
        this.readTimestamp()
        return
      }
      const done = this.chunks.shift()!
      this.cursor = undefined
      this.readInHead = 0
      this.bufferedRecordsInChunks -= done.maxRecords
      this.bufferedBytesInChunks -= done.bytes
      this.nextOffset = Math.max(this.nextOffset, done.nextOffset)
    }
  }

  rawKey(): Uint8Array | null {
    return this.cursor!.key()
  }

  rawValue(): Uint8Array | null {
    return this.cursor!.value()
  }

  headers() {
    return this.cursor!.headerCount === 0 ? NO_HEADERS : this.cursor!.headers()
  }

  get headOffset(): number {
    return this.cursor!.offset
  }

  /**
   * The head as a record. Throws what the serde threw, `SerdeNotReady` included; `headError` must have been looked at.
   */
  record(): AnyRecord {
    const known = this.headRecord
    if (known !== undefined) {
      return known.timestamp === this.headTimestamp ? known : { ...known, timestamp: this.headTimestamp }
    }
    return this.deserialize(this.headTimestamp)
  }

  /**
   * The head waits until its serde is `ready`, and with it the queue; then `wake` is called. When it is not `current` any more (the
   * queue was started anew) nothing happens.
   */
  holdHead(ready: Promise<unknown>, current: () => boolean, wake: () => void): void {
    this.waiting = true
    const go = (failure: unknown) => {
      if (!current()) {
        return
      }
      this.waiting = false
      if (failure !== undefined) {
        this.failHead(failure)
      }
      this.retryHead()
      wake()
    }
    ready.then(
      () => go(undefined),
      (cause) => go(new StreamsError('DESERIALIZATION_FAILED', `${this.topic}-${this.partition}: a serde's dependency failed.`, { cause })),
    )
  }

  /** The dependency a serde waited for failed: the record goes to the deserialization policy. */
  private failHead(error: unknown): void {
    this.serdeFailure = error
  }

  /** Reads the timestamp again after a serde's dependency has come: an extractor needs the whole record. */
  private retryHead(): void {
    if (this.hasHead && this.headRecord === undefined) {
      this.headError = undefined
      this.readTimestamp()
    }
  }

  private deserialize(timestamp: number): AnyRecord {
    if (this.serdeFailure !== undefined) {
      throw this.serdeFailure
    }
    const cursor = this.cursor!
    const headers = cursor.headerCount === 0 ? NO_HEADERS : cursor.headers()
    this.unread = 'key'
    const key = cursor.keyStart < 0 ? null : this.source.key.deserialize(this.topic, cursor.key()!, headers)
    this.unread = 'value'
    const value = cursor.valueStart < 0 ? null : this.source.value.deserialize(this.topic, cursor.value()!, headers)
    this.unread = undefined
    return { key, value, timestamp, headers }
  }

  private readTimestamp(): void {
    const raw = this.cursor!.timestamp
    const extractor = this.source.timestampExtractor
    let timestamp = raw
    if (extractor !== undefined) {
      // An extractor sees the record, so it must be deserialized now.
      try {
        const record = this.deserialize(raw)
        this.headRecord = record
        const metadata: RecordMetadata = { topic: this.topic, partition: this.partition, offset: this.cursor!.offset }
        timestamp = extractor(record, metadata, this.partitionTime)
      } catch (error) {
        // Its place in time order is the log's until it is deserialized or given up.
        this.headTimestamp = Math.max(raw, this.partitionTime)
        this.headError = error
        if (error instanceof SerdeNotReady) {
          this.headRecord = undefined
        }
        return
      }
    }
    if (!(timestamp >= 0) || !Number.isSafeInteger(timestamp)) {
      this.headTimestamp = Math.max(this.partitionTime, 0)
      this.headError = new StreamsError(
        'TIMESTAMP_INVALID',
        `${this.topic}-${this.partition}@${this.cursor!.offset}: the record has no valid timestamp (ms since the epoch, ≥ 0). ` +
          'Give the source a timestamp extractor, or a deserialization policy that skips such records.',
      )
      return
    }
    this.headTimestamp = timestamp
  }
}
