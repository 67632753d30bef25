import { type Headers, NO_HEADERS } from 'millrace'
import { type BatchWriter, type KafkaCluster, partitionFor, type TransactionalProducer } from 'millrace/kafka'
import { ApiError } from './errors.ts'
import { MAXIMUM_WAITING_RECORDS, PRODUCE_TIMEOUT_MS, RETRY_AFTER_SECONDS } from './limits.ts'

interface Waiting {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly timestamp: number
  readonly headers: Headers
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  /** Its request was told 503: not sent any more unless it is already on its way. */
  abandoned: boolean
}

export interface RawRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** ms since the epoch */
  readonly timestamp: number
}

/**
 * One idempotent producer (acks=all) for every request: while one produce call is under way the records of other
 * requests gather, and go out together in the next.
 */
export class RawProducer {
  readonly #cluster: KafkaCluster
  readonly #topic: string
  readonly #timeoutMs: number
  #waiting: Waiting[] = []
  #writers: readonly BatchWriter[] = []
  #producer: TransactionalProducer | undefined
  #running: Promise<void> | undefined
  #closed = false

  constructor(cluster: KafkaCluster, topic: string, options: { readonly timeoutMs?: number } = {}) {
    this.#cluster = cluster
    this.#topic = topic
    this.#timeoutMs = options.timeoutMs ?? PRODUCE_TIMEOUT_MS
  }

  /** Resolves when every in-sync replica has all of them. @throws ApiError KAFKA_UNAVAILABLE */
  async send(records: readonly RawRecord[]): Promise<void> {
    if (this.#closed) {
      throw new ApiError('STOPPING', { retryAfterSeconds: RETRY_AFTER_SECONDS })
    }
    if (this.#waiting.length + records.length > MAXIMUM_WAITING_RECORDS) {
      throw unavailable(new Error(`${this.#waiting.length} records wait already`))
    }
    const entries: Waiting[] = []
    const acknowledged = records.map(
      (record) => new Promise<void>((resolve, reject) => entries.push({ ...record, headers: NO_HEADERS, resolve, reject, abandoned: false })),
    )
    this.#waiting.push(...entries)
    this.#running ??= this.#run().finally(() => { this.#running = undefined })
    const timer = setTimeout(() => {
      for (const entry of entries) {
        entry.abandoned = true
        entry.reject(unavailable(new Error(`not acknowledged in ${this.#timeoutMs} ms`)))
      }
      this.#waiting = this.#waiting.filter(({ abandoned }) => !abandoned)
    }, this.#timeoutMs)
    try {
      await Promise.all(acknowledged)
    } finally {
      clearTimeout(timer)
      // of several, only the first rejection was awaited
      void Promise.allSettled(acknowledged)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const producer = this.#producer
    this.#producer = undefined
    await producer?.close()
    await this.#running
  }

  async #run(): Promise<void> {
    // what arrives in this turn of the event loop goes out together
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.filter(({ abandoned }) => !abandoned)
      this.#waiting = []
      try {
        await this.#produce(batch)
        for (const { resolve } of batch) {
          resolve()
        }
      } catch (error) {
        for (const { reject } of batch) {
          reject(unavailable(error))
        }
      }
    }
  }

  async #produce(batch: readonly Waiting[]): Promise<void> {
    if (batch.length === 0) {
      return
    }
    const producer = this.#producer ?? (await this.#open())
    try {
      for (const { key, value, timestamp, headers } of batch) {
        this.#writers[partitionFor(key, this.#writers.length)]!.append(timestamp, key, value, headers)
      }
      await producer.produce(this.#writers.filter((writer) => writer.count > 0))
      for (const writer of this.#writers) {
        writer.reset()
      }
    } catch (error) {
      // writers may hold half a batch: all is made anew
      if (this.#producer === producer) {
        this.#producer = undefined
        await producer.close()
      }
      throw error
    }
  }

  async #open(): Promise<TransactionalProducer> {
    const partitions = (await this.#cluster.metadata([this.#topic])).get(this.#topic)?.partitions.length
    if (partitions === undefined) {
      throw new Error(`the topic ${this.#topic} does not exist`)
    }
    if (this.#closed) {
      throw new Error('closed')
    }
    const producer = this.#cluster.producer({})
    this.#producer = producer
    try {
      await producer.init()
    } catch (error) {
      if (this.#producer === producer) {
        this.#producer = undefined
        await producer.close()
      }
      throw error
    }
    this.#writers = Array.from({ length: partitions }, (_, partition) => this.#cluster.writer({ topic: this.#topic, partition }))
    return producer
  }
}

function unavailable(cause: unknown): ApiError {
  return new ApiError('KAFKA_UNAVAILABLE', { retryAfterSeconds: RETRY_AFTER_SECONDS, cause })
}
