/** The benchmark's side of Kafka: topics, the input, and the outputs as a read_committed reader sees them. */
import { setTimeout as pause } from 'node:timers/promises'
import type { KafkaCluster } from 'millrace/kafka'
import { createCluster } from 'millrace/kafka'
import { type DocumentFactor, EventSequence, encodeEvent, factorOf, keyOf, PARTITIONS, partitionOf } from './events.ts'

const CLIENT_ID = 'millrace-benchmark'
const LOAD_CHUNK = 10_000
/** Without any progress: prevents that a broken run is waited for without end. */
const READ_LIMIT_MILLISECONDS = 120_000
const GROUP_POLL_MILLISECONDS = 250

/** End offsets, by partition. */
export type EndOffsets = readonly number[]

export interface InputRecord {
  readonly id: string
  readonly value: Buffer
  /** ms since the epoch */
  readonly timestamp: number
}

export interface InputWriter {
  write(records: readonly InputRecord[]): Promise<void>
  close(): Promise<void>
}

export class BenchmarkTopics {
  readonly cluster: KafkaCluster
  readonly #partitions: number

  /** `partitions`: of every topic it makes. */
  constructor(bootstrapServers: string, partitions = PARTITIONS) {
    this.#partitions = partitions
    this.cluster = createCluster({ bootstrapServers: [bootstrapServers], clientId: CLIENT_ID })
  }

  async create(name: string): Promise<void> {
    await this.cluster.admin().createTopics([{ name, partitions: this.#partitions, replicationFactor: -1, config: {} }])
  }

  /** Deletes the topics of these names and those that begin with one of these prefixes. */
  async delete(names: readonly string[], prefixes: readonly string[] = []): Promise<void> {
    const admin = this.cluster.admin()
    const all = await admin.listTopics()
    await admin.deleteTopics(all.filter((topic) => names.includes(topic) || prefixes.some((prefix) => topic.startsWith(prefix))))
  }

  /** Writes the first `records` events; their own clock is their number, their timestamp now unless one is given. */
  async load(topic: string, records: number, keys: number, timestamp?: (n: number) => number): Promise<void> {
    const events = new EventSequence(keys)
    const now = Date.now()
    await this.writeAll(topic, records, (n) => {
      const event = events.next(n)
      return { id: event.id, value: encodeEvent(event), timestamp: timestamp?.(n) ?? now }
    })
  }

  /** Writes a row for each key, an hour older than any event. */
  async loadFactors(topic: string, keys: number): Promise<void> {
    const timestamp = Date.now() - 3_600_000
    await this.writeAll(topic, keys, (n) => {
      const row: DocumentFactor = { id: keyOf(n), factor: factorOf(keyOf(n)) }
      return { id: row.id, value: Buffer.from(JSON.stringify(row)), timestamp }
    })
  }

  /** Writes records as they come; each call is one request to a partition. */
  async writer(topic: string): Promise<InputWriter> {
    const producer = this.cluster.producer({})
    await producer.init()
    const partitions = this.#partitions
    const writers = Array.from({ length: partitions }, (_, partition) => this.cluster.writer({ topic, partition }))
    return {
      async write(records) {
        for (const { id, value, timestamp } of records) {
          writers[partitionOf(id, partitions)]!.append(timestamp, Buffer.from(id, 'latin1'), value, [])
        }
        const filled = writers.filter((writer) => writer.count > 0)
        if (filled.length > 0) {
          await producer.produce(filled)
        }
        for (const writer of filled) {
          writer.reset()
        }
      },
      close: () => producer.close(),
    }
  }

  /** Writes the records that `make` gives for 0, 1, 2 …, so many at once. */
  async writeAll(topic: string, records: number, make: (n: number) => InputRecord, chunk = LOAD_CHUNK): Promise<void> {
    const writer = await this.writer(topic)
    for (let from = 0; from < records; from += chunk) {
      await writer.write(Array.from({ length: Math.min(chunk, records - from) }, (_, i) => make(from + i)))
    }
    await writer.close()
  }

  /** Where a read_committed reader would have to stop now. */
  async committedEnds(topic: string): Promise<EndOffsets> {
    const partitions = Array.from({ length: this.#partitions }, (_, partition) => ({ topic, partition }))
    const ends = await this.cluster.listOffsets(partitions, 'latest', 'read_committed')
    return partitions.map(({ partition }) => ends.get(`${topic}-${partition}`) ?? 0)
  }

  /** Everything committed below `ends`, in offset order within each partition. */
  async read(topic: string, ends: EndOffsets, take: (partition: number, offset: number, key: string, value: string) => void): Promise<void> {
    const left = new Set(ends.flatMap((end, partition) => (end > 0 ? [partition] : [])))
    if (left.size === 0) {
      return
    }
    const done = Promise.withResolvers<void>()
    const fetcher = this.cluster.fetcher({
      isolation: 'read_committed',
      onError: (_partition, error) => done.reject(error),
      onRecords: ({ cursor, partition, nextOffset }) => {
        limit.refresh()
        while (cursor.next()) {
          if (cursor.offset < ends[partition]!) {
            take(partition, cursor.offset, text(cursor.key()), text(cursor.value()))
          }
        }
        if (nextOffset >= ends[partition]!) {
          fetcher.pause({ topic, partition })
          left.delete(partition)
          if (left.size === 0) {
            done.resolve()
          }
        }
      },
    })
    const limit = setTimeout(() => done.reject(new Error(`nothing of ${topic} came for ${READ_LIMIT_MILLISECONDS / 1000} s, and its end is not reached`)), READ_LIMIT_MILLISECONDS)
    try {
      for (const partition of left) {
        fetcher.seek({ topic, partition }, 0)
      }
      await done.promise
    } finally {
      clearTimeout(limit)
      await fetcher.close()
    }
  }

  /** Resolves when nobody is a member: Kafka Streams does not leave on a clean stop, its session ends 45 s later. */
  async groupEmpties(groupId: string): Promise<void> {
    const until = performance.now() + READ_LIMIT_MILLISECONDS
    while ((await this.cluster.admin().describeGroup(groupId)).members.length > 0) {
      if (performance.now() > until) {
        throw new Error(`${groupId} still has members after ${READ_LIMIT_MILLISECONDS / 1000} s`)
      }
      await pause(GROUP_POLL_MILLISECONDS)
    }
  }

  /** Records of the topics behind what the group has committed. */
  async lag(groupId: string, names: readonly string[]): Promise<number> {
    const partitions = names.flatMap((topic) => Array.from({ length: this.#partitions }, (_, partition) => ({ topic, partition })))
    // first what is committed: a lag is then never below zero
    const committed = await this.cluster.group().fetchOffsets(groupId, partitions, { requireStable: false })
    const ends = await this.cluster.listOffsets(partitions, 'latest', 'read_committed')
    return committed.reduce((lag, { topic, partition, offset }) => lag + (ends.get(`${topic}-${partition}`) ?? 0) - Math.max(0, offset), 0)
  }

  async close(): Promise<void> {
    await this.cluster.close()
  }
}

/** Neither engine writes null here: one is a wrong output, and as an empty text it is found to be one. */
function text(bytes: Uint8Array | null): string {
  return bytes === null ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
