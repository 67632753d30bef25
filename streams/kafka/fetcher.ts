import type { Brokers } from './brokers.ts'
import { BrokerFetches } from './broker-fetches.ts'
import type { FetchedRecords, Fetcher, FetcherOptions, TopicPartition } from './contract.ts'
import { FetchPosition } from './fetch-position.ts'
import { isRetriable, KafkaError } from './kafka-error.ts'
import type { MetadataCache } from './metadata-cache.ts'
import type { FetchResponse } from './protocol/fetch.ts'
import { pauseMs } from './retry.ts'

const DEFAULTS = { maxWaitMs: 500, minBytes: 1, maxBytes: 16 * 1024 * 1024, maxBytesPerPartition: 1024 * 1024 }
const METADATA_RETRY_MS = 500

/**
 * Fetches continuously. The loop per broker is: answer in → positions moved by looking at batch headers → next request
 * out → records delivered. A partition whose leader is unknown, or which met an error, waits without holding up others.
 */
export class ContinuousFetcher implements Fetcher {
  readonly #options: FetcherOptions & typeof DEFAULTS
  readonly #brokers: Brokers
  readonly #metadata: MetadataCache
  readonly #onClose: () => void
  readonly #positions = new Map<string, FetchPosition>()
  readonly #fetches = new Map<number, BrokerFetches>()
  #lastEpoch = 0
  #pumpQueued = false
  #refreshing = false
  readonly #stale = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #timerAt = 0
  #closed = false

  constructor(brokers: Brokers, metadata: MetadataCache, options: FetcherOptions, onClose: () => void) {
    this.#brokers = brokers
    this.#metadata = metadata
    this.#onClose = onClose
    this.#options = { ...DEFAULTS, ...definedOnly(options) }
  }

  seek(partition: TopicPartition, offset: number): number {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new RangeError(`${keyOf(partition)} cannot be read from offset ${offset}.`)
    }
    const key = keyOf(partition)
    const before = this.#positions.get(key)
    const epoch = ++this.#lastEpoch
    const position = new FetchPosition(partition, offset, epoch, before?.paused ?? false, this.#options.maxBytesPerPartition)
    this.#positions.set(key, position)
    this.#queuePump()
    return epoch
  }

  pause(partition: TopicPartition): void {
    const position = this.#positions.get(keyOf(partition))
    if (position !== undefined) {
      position.paused = true
    }
  }

  resume(partition: TopicPartition): void {
    const position = this.#positions.get(keyOf(partition))
    if (position?.paused) {
      position.paused = false
      this.#queuePump()
    }
  }

  remove(partition: TopicPartition): void {
    this.#positions.delete(keyOf(partition))
  }

  position(partition: TopicPartition): number | undefined {
    return this.#positions.get(keyOf(partition))?.delivered
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#positions.clear()
    for (const fetches of this.#fetches.values()) {
      fetches.close()
    }
    this.#onClose()
  }

  /** Several calls of one turn make one request. */
  #queuePump(): void {
    if (!this.#pumpQueued) {
      this.#pumpQueued = true
      queueMicrotask(() => {
        this.#pumpQueued = false
        this.#pump()
      })
    }
  }

  /** Sends whatever can be sent, then delivers what was held while paused. */
  #pump(): void {
    if (this.#closed) {
      return
    }
    const now = performance.now()
    const ready = new Map<number, FetchPosition[]>()
    const held: FetchedRecords[] = []
    for (const position of this.#positions.values()) {
      if (position.paused || position.failed) {
        continue
      }
      if (position.held.length > 0) {
        held.push(...position.held)
        position.held = []
      }
      if (position.inFlight) {
        continue
      }
      if (position.retryAt > now) {
        this.#wakeAt(position.retryAt)
        continue
      }
      const leader = this.#metadata.leader(position)
      if (leader === undefined) {
        this.#stale.add(position.topic)
        continue
      }
      const list = ready.get(leader.nodeId)
      if (list === undefined) {
        ready.set(leader.nodeId, [position])
      } else {
        list.push(position)
      }
    }
    for (const [nodeId, positions] of ready) {
      this.#fetchesOf(nodeId).send(positions)
    }
    if (this.#stale.size > 0) {
      this.#refreshMetadata()
    }
    for (const records of held) {
      this.#deliver(records)
    }
  }

  #fetchesOf(nodeId: number): BrokerFetches {
    let fetches = this.#fetches.get(nodeId)
    if (fetches === undefined) {
      fetches = new BrokerFetches(this.#brokers, nodeId, this.#options, {
        leaderEpoch: (position) => this.#metadata.leader(position)?.epoch ?? -1,
        onAnswer: (positions, answer) => this.#take(positions, answer),
        onFailure: (positions, error) => this.#failed(positions, error)
      })
      this.#fetches.set(nodeId, fetches)
    }
    return fetches
  }

  #take(positions: readonly FetchPosition[], answer: FetchResponse): void {
    for (const position of positions) {
      position.inFlight = false
    }
    if (this.#closed) {
      return
    }
    if (answer.errorCode !== 0) {
      this.#postpone(positions, new KafkaError(answer.errorCode, 'Fetch'))
      return
    }
    const delivered: FetchedRecords[] = []
    const refused: [FetchPosition, Error][] = []
    const asked = new Map(positions.map((position) => [keyOf(position), position]))
    for (const partition of answer.partitions) {
      const key = keyOf(partition)
      const position = asked.get(key)
      if (position === undefined || this.#positions.get(key) !== position) {
        continue
      }
      try {
        if (partition.errorCode !== 0) {
          throw new KafkaError(partition.errorCode, `Fetch of ${key} at offset ${position.offset}`)
        }
        const records = position.accept(partition, this.#options.isolation)
        if (records !== undefined) {
          this.#accepted(position, records, delivered)
        }
      } catch (error) {
        this.#refused(position, error as Error, refused)
      }
    }
    this.#pump()
    for (const [position, error] of refused) {
      this.#options.onError({ topic: position.topic, partition: position.partition }, error)
    }
    for (const records of delivered) {
      this.#deliver(records)
    }
  }

  #accepted(position: FetchPosition, records: FetchedRecords, delivered: FetchedRecords[]): void {
    if (records.bytes > 0) {
      // Brokers fill an answer in the order of the request: whoever was served goes to the end of the line.
      const key = keyOf(position)
      this.#positions.delete(key)
      this.#positions.set(key, position)
    }
    delivered.push(records)
  }

  #refused(position: FetchPosition, error: Error, refused: [FetchPosition, Error][]): void {
    // The fetch of a damaged batch would be answered with the same bytes: code 2 is retriable for producers only.
    const final = !(error instanceof KafkaError) || error.kind === 'corrupt' || !(error.retriable || error.brokerCode === -1)
    if (final) {
      position.failed = true
      refused.push([position, error])
    } else {
      this.#postpone([position], error)
    }
  }

  /** No answer at all: a lost connection is tried again, refused credentials or an old broker are the caller's to know. */
  #failed(positions: readonly FetchPosition[], error: Error): void {
    if (this.#closed || isRetriable(error)) {
      this.#postpone(positions, error)
      return
    }
    for (const position of positions) {
      position.inFlight = false
      if (this.#positions.get(keyOf(position)) === position) {
        position.failed = true
        this.#options.onError({ topic: position.topic, partition: position.partition }, error)
      }
    }
  }

  #postpone(positions: readonly FetchPosition[], error: Error): void {
    for (const position of positions) {
      position.inFlight = false
      position.failures++
      position.retryAt = performance.now() + pauseMs(error, position.failures)
      if (!(error instanceof KafkaError) || error.kind === 'metadata') {
        this.#stale.add(position.topic)
      }
    }
    this.#queuePump()
  }

  #refreshMetadata(): void {
    if (this.#refreshing) {
      return
    }
    this.#refreshing = true
    const topics = [...this.#stale]
    this.#stale.clear()
    this.#metadata.refresh(topics).then(
      () => {
        this.#refreshing = false
        const unknown = [...this.#positions.values()].some((p) => topics.includes(p.topic) && this.#metadata.leader(p) === undefined)
        if (unknown) {
          this.#wakeAt(performance.now() + METADATA_RETRY_MS)
        }
        if (!unknown || this.#stale.size > 0) {
          this.#queuePump()
        }
      },
      (error: unknown) => {
        this.#refreshing = false
        this.#metadataFailed(topics, error)
      }
    )
  }

  #metadataFailed(topics: readonly string[], error: unknown): void {
    if (this.#closed) {
      return
    }
    if (error instanceof KafkaError && error.kind === 'authorization') {
      for (const position of this.#positions.values()) {
        if (topics.includes(position.topic) && !position.failed) {
          position.failed = true
          this.#options.onError({ topic: position.topic, partition: position.partition }, error)
        }
      }
      return
    }
    this.#wakeAt(performance.now() + METADATA_RETRY_MS)
  }

  #wakeAt(at: number): void {
    if (this.#closed || (this.#timer !== undefined && this.#timerAt <= at)) {
      return
    }
    clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#pump()
      },
      Math.max(1, at - performance.now())
    )
  }

  #deliver(records: FetchedRecords): void {
    const position = this.#positions.get(keyOf(records))
    if (position === undefined || position.epoch !== records.epoch) {
      return
    }
    if (position.paused) {
      position.held.push(records)
      return
    }
    position.delivered = records.nextOffset
    this.#options.onRecords(records)
  }
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

function definedOnly(options: FetcherOptions): FetcherOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as unknown as FetcherOptions
}
