import { setTimeout as delay } from 'node:timers/promises'
import { type Serde, SerdeNotReady } from 'millrace'
import type { FetchedRecords, Fetcher, KafkaCluster, TopicPartition } from 'millrace/kafka'

export interface TopicFollowerOptions {
  readonly cluster: KafkaCluster
  readonly topic: string
  /** Everything, or about the last so many records. */
  readonly from: 'earliest' | { readonly last: number }
  /** Called in the order of each partition, one at a time. */
  onRecord(key: Uint8Array | null, value: Uint8Array | null): void | Promise<void>
  onWarning(message: string): void
}

/** A partition that cannot be read now (no authorization, corrupted) is asked again after this. */
const RETRY_MS = 5_000

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`

/** Reads a topic outside the topology, committed records only, without a group: every process sees all of it. */
export class TopicFollower {
  readonly #options: TopicFollowerOptions
  readonly #closed = new AbortController()
  /** Partitions whose records up to the end that was there at the start have not all been shown yet. */
  readonly #behind = new Map<string, number>()
  readonly #work = new Map<string, Promise<void>>()
  #caughtUp: () => void = () => undefined
  #fetcher: Fetcher | undefined

  constructor(options: TopicFollowerOptions) {
    this.#options = options
  }

  /**
   * Resolves when everything that was there at the call has been shown; goes on following until `close`.
   * @returns whether that was the whole topic
   */
  async start(): Promise<{ readonly whole: boolean }> {
    const { cluster, topic, from } = this.#options
    const metadata = await cluster.metadata([topic], { fresh: true })
    const partitions = (metadata.get(topic)?.partitions ?? []).map(({ partition }): TopicPartition => ({ topic, partition }))
    if (partitions.length === 0) {
      throw new Error(`The topic ${topic} does not exist.`)
    }
    const [earliest, latest] = await Promise.all([
      cluster.listOffsets(partitions, 'earliest', 'read_committed'),
      cluster.listOffsets(partitions, 'latest', 'read_committed'),
    ])
    const share = from === 'earliest' ? Number.POSITIVE_INFINITY : Math.ceil(from.last / partitions.length)
    let whole = true
    const begins = partitions.map((partition) => {
      const first = earliest.get(keyOf(partition)) ?? 0
      const end = latest.get(keyOf(partition)) ?? 0
      const begin = Math.max(first, end - share)
      whole &&= begin === first
      if (begin < end) {
        this.#behind.set(keyOf(partition), end)
      }
      return { partition, begin }
    })
    const caughtUp = new Promise<void>((resolve) => { this.#caughtUp = resolve })
    const fetcher = cluster.fetcher({
      isolation: 'read_committed',
      onRecords: (records) => this.#take(records),
      onError: (partition, error) => void this.#failed(partition, error),
    })
    this.#fetcher = fetcher
    for (const { partition, begin } of begins) {
      fetcher.seek(partition, begin)
    }
    if (this.#behind.size > 0) {
      await caughtUp
    }
    return { whole }
  }

  async close(): Promise<void> {
    this.#closed.abort()
    this.#caughtUp()
    await this.#fetcher?.close()
    await Promise.all(this.#work.values())
  }

  #take(records: FetchedRecords): void {
    const { topic, partition, cursor, nextOffset } = records
    const copies: (readonly [Uint8Array | null, Uint8Array | null])[] = []
    while (cursor.next()) {
      const key = cursor.key()
      const value = cursor.value()
      copies.push([key && Uint8Array.from(key), value && Uint8Array.from(value)])
    }
    // one answer at a time and partition: what is not shown yet must not pile up in memory
    this.#fetcher?.pause({ topic, partition })
    const key = keyOf(records)
    const before = this.#work.get(key) ?? Promise.resolve()
    this.#work.set(key, before.then(() => this.#show(copies)).then(() => {
      this.#reached(key, nextOffset)
      if (!this.#closed.signal.aborted) {
        this.#fetcher?.resume({ topic, partition })
      }
    }))
  }

  async #show(records: readonly (readonly [Uint8Array | null, Uint8Array | null])[]): Promise<void> {
    for (const [key, value] of records) {
      if (this.#closed.signal.aborted) {
        return
      }
      try {
        await this.#options.onRecord(key, value)
      } catch (error) {
        this.#options.onWarning(`${this.#options.topic}: a record was passed over: ${codeOf(error)}`)
      }
    }
  }

  #reached(key: string, offset: number): void {
    const end = this.#behind.get(key)
    if (end !== undefined && offset >= end) {
      this.#behind.delete(key)
      if (this.#behind.size === 0) {
        this.#caughtUp()
      }
    }
  }

  async #failed(partition: TopicPartition, error: Error): Promise<void> {
    this.#options.onWarning(`${keyOf(partition)} cannot be followed: ${codeOf(error)}`)
    await delay(RETRY_MS, undefined, { signal: this.#closed.signal, ref: false }).catch(() => undefined)
    if (this.#closed.signal.aborted) {
      return
    }
    try {
      const earliest = (await this.#options.cluster.listOffsets([partition], 'earliest', 'read_committed')).get(keyOf(partition)) ?? 0
      this.#fetcher?.seek(partition, Math.max(earliest, this.#fetcher.position(partition) ?? 0))
    } catch (again) {
      await this.#failed(partition, again as Error)
    }
  }
}

/** Waits for a writer's schema where it must. @throws what the serde throws for bytes that are no such record */
export async function decode<T>(serde: Serde<T>, topic: string, bytes: Uint8Array): Promise<T> {
  for (;;) {
    try {
      return serde.deserialize(topic, bytes, [])
    } catch (error) {
      if (!(error instanceof SerdeNotReady)) {
        throw error
      }
      await error.ready
    }
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : error instanceof Error ? error.name : 'unknown')
