import { scanBatches } from './batch-scan.ts'
import type { FetchedRecords, IsolationLevel, RecordCursor, TopicPartition } from './contract.ts'
import { KafkaError } from './kafka-error.ts'
import type { FetchedPartition } from './protocol/fetch.ts'
import { BatchCursor } from './record-cursor.ts'

/** Tells the runtime about high watermarks of quiet partitions (idle detection) without a call for each poll. */
const QUIET_REPORT_MS = 100

/**
 * Where one partition's reading stands. A seek makes a new object: an answer to a request that holds the old one is
 * recognised by that and dropped (rule B6), whatever happened in between.
 */
export class FetchPosition {
  readonly topic: string
  readonly partition: number
  readonly epoch: number
  /** Where the next request starts. */
  offset: number
  /** Where the last delivered answer ended. */
  delivered: number
  paused: boolean
  /** Damaged, out of range or not allowed: nothing is asked until it is sought. */
  failed = false
  inFlight = false
  /** Answers that came after the pause, two at most; delivered first when the partition is resumed. */
  held: FetchedRecords[] = []
  /** Not before this (performance.now()), after an error. */
  retryAt = 0
  failures = 0
  maxBytes: number
  readonly #reported = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, at: 0 }

  constructor({ topic, partition }: TopicPartition, offset: number, epoch: number, paused: boolean, maxBytes: number) {
    this.topic = topic
    this.partition = partition
    this.epoch = epoch
    this.offset = offset
    this.delivered = offset
    this.paused = paused
    this.maxBytes = maxBytes
  }

  /**
   * Takes an answer without an error: moves the position behind it. Undefined when there is nothing to tell. Throws
   * BATCH_CORRUPTED when not even the first batch's header makes sense.
   */
  accept(answer: FetchedPartition, isolation: IsolationLevel): FetchedRecords | undefined {
    this.failures = 0
    const scan = scanBatches(answer.records)
    if (scan.bytes === 0 && scan.damage !== undefined) {
      throw new KafkaError(2, `${this.topic}-${this.partition} at offset ${this.offset}: ${scan.damage}`)
    }
    if (scan.bytes === 0 && answer.records.length > 0) {
      // Not one whole batch fits: only old brokers cut the first one.
      this.maxBytes = Math.min(this.maxBytes * 2, 2 ** 30)
    }
    const fetchOffset = this.offset
    this.offset = Math.max(this.offset, scan.nextOffset)
    const now = performance.now()
    if (scan.bytes === 0 && !this.#worthReporting(answer, now)) {
      return undefined
    }
    Object.assign(this.#reported, {
      highWatermark: answer.highWatermark,
      lastStableOffset: answer.lastStableOffset,
      logStartOffset: answer.logStartOffset,
      at: now
    })
    return {
      topic: this.topic,
      partition: this.partition,
      epoch: this.epoch,
      cursor: scan.bytes === 0 ? EMPTY : this.#cursor(answer, fetchOffset, isolation),
      bytes: scan.bytes,
      maxRecords: scan.records,
      nextOffset: this.offset,
      highWatermark: answer.highWatermark,
      lastStableOffset: answer.lastStableOffset,
      logStartOffset: answer.logStartOffset,
      receivedAt: Date.now()
    }
  }

  #cursor(answer: FetchedPartition, fetchOffset: number, isolation: IsolationLevel): RecordCursor {
    return new BatchCursor({
      topic: this.topic,
      partition: this.partition,
      data: answer.records,
      fetchOffset,
      aborted: isolation === 'read_committed' ? answer.aborted : null
    })
  }

  #worthReporting(answer: FetchedPartition, now: number): boolean {
    const before = this.#reported
    return (
      before.highWatermark !== answer.highWatermark ||
      before.lastStableOffset !== answer.lastStableOffset ||
      before.logStartOffset !== answer.logStartOffset ||
      now - before.at >= QUIET_REPORT_MS
    )
  }
}

/** No records; one for all, because it has no state. */
const EMPTY: RecordCursor = new BatchCursor({ topic: '', partition: -1, data: Buffer.alloc(0), fetchOffset: 0, aborted: null })
