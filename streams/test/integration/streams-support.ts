/** A cluster for tests of whole applications, seen through kafkajs: a client that is not ours. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Admin, Producer, RetryOptions } from 'kafkajs'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { createCluster } from '../../kafka/index.ts'
import type { FetchedRecords, KafkaCluster } from '../../kafka/index.ts'

export interface OutputRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

export class TestCluster {
  readonly bootstrapServers: string
  readonly kafka: Kafka
  readonly admin: Admin
  readonly producer: Producer
  readonly ours: KafkaCluster
  readonly #folders: string[] = []
  /** Prefix of this run's topics and application ids. */
  readonly prefix = `t${randomBytes(4).toString('hex')}`

  constructor(bootstrapServers = stackAddress(), retry: RetryOptions = { retries: 10 }) {
    this.bootstrapServers = bootstrapServers
    this.kafka = new Kafka({ clientId: 'test', brokers: [bootstrapServers], logLevel: logLevel.NOTHING, retry })
    this.admin = this.kafka.admin()
    this.ours = createCluster({ bootstrapServers: [bootstrapServers], clientId: 'test-admin' })
    this.producer = this.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true })
  }

  async connect(): Promise<void> {
    await Promise.all([this.admin.connect(), this.producer.connect()])
  }

  async close(): Promise<void> {
    await Promise.all([this.admin.disconnect(), this.producer.disconnect(), this.ours.close()])
    for (const folder of this.#folders) {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  name(what: string): string {
    return `${this.prefix}-${what}`
  }

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
    this.#folders.push(folder)
    return folder
  }

  async topic(what: string, partitions: number, config: { readonly [key: string]: string } = {}): Promise<string> {
    const topic = this.name(what)
    // Every five minutes the broker deletes what is older than a topic's retention by its own timestamp: records of 2001 too.
    await this.ours.admin().createTopics([{ name: topic, partitions, replicationFactor: 1, config: { 'retention.ms': '-1', ...config } }])
    return topic
  }

  async send(topic: string, messages: readonly { key: string | null; value: string | Buffer | null; partition?: number; timestamp?: number }[]): Promise<void> {
    for (let i = 0; i < messages.length; i += 5_000) {
      await this.producer.send({
        topic,
        acks: -1,
        messages: messages.slice(i, i + 5_000).map(({ key, value, partition, timestamp }) => ({
          key,
          value,
          ...(partition === undefined ? {} : { partition }),
          ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
        })),
      })
    }
  }

  /** Everything committed in a topic up to its high watermark at the call, per partition in order, read by our own client. */
  async committed(topic: string): Promise<OutputRecord[]> {
    const records: OutputRecord[] = []
    await this.eachCommitted(topic, (record) => records.push(record))
    return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  }

  /** As `committed`, without keeping them: records of a partition come in order. */
  async eachCommitted(topic: string, visit: (record: OutputRecord) => void): Promise<void> {
    const cluster = createCluster({ bootstrapServers: [this.bootstrapServers], clientId: 'test-reader' })
    try {
      const ends = await highWatermarks(cluster, topic)
      const left = new Set([...ends].filter(([, end]) => end > 0).map(([partition]) => partition))
      if (left.size === 0) {
        return
      }
      const done = Promise.withResolvers<void>()
      const fetcher = cluster.fetcher({
        isolation: 'read_committed',
        onError: (_partition, error) => done.reject(error),
        onRecords: (fetched: FetchedRecords) => {
          const { cursor } = fetched
          while (cursor.next()) {
            const key = cursor.key()
            const value = cursor.value()
            visit({
              topic,
              partition: fetched.partition,
              offset: cursor.offset,
              timestamp: cursor.timestamp,
              key: key === null ? null : Buffer.from(key),
              value: value === null ? null : Buffer.from(value),
            })
          }
          if (fetched.nextOffset >= ends.get(fetched.partition)!) {
            left.delete(fetched.partition)
            if (left.size === 0) {
              done.resolve()
            }
          }
        },
      })
      for (const partition of left) {
        fetcher.seek({ topic, partition }, 0)
      }
      await done.promise
    } finally {
      await cluster.close()
    }
  }

  /** As `committed`, by kafkajs (read_committed is its default), until `count` records have come. */
  async committedByPeer(topic: string, count: number): Promise<OutputRecord[]> {
    const consumer = this.kafka.consumer({ groupId: `${this.prefix}-reader-${randomBytes(3).toString('hex')}`, readUncommitted: false })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const records: OutputRecord[] = []
    const done = Promise.withResolvers<void>()
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        records.push({ topic, partition, offset: Number(message.offset), timestamp: Number(message.timestamp), key: message.key, value: message.value })
        if (records.length === count) {
          done.resolve()
        }
      },
    })
    try {
      await done.promise
    } finally {
      await consumer.disconnect()
    }
    return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  }

  /** Headers of the first record of a topic, as text. */
  async headers(topic: string): Promise<ReadonlyMap<string, string>> {
    const found = Promise.withResolvers<ReadonlyMap<string, string>>()
    const fetcher = this.ours.fetcher({
      isolation: 'read_committed',
      onError: (_partition, error) => found.reject(error),
      onRecords: ({ cursor }) => {
        if (cursor.next()) {
          found.resolve(new Map(cursor.headers().map(({ key, value }) => [key, value === null ? '' : Buffer.from(value).toString()])))
        }
      },
    })
    fetcher.seek({ topic, partition: 0 }, 0)
    try {
      return await found.promise
    } finally {
      await fetcher.close()
    }
  }

  /**
   * High watermarks of a topic's partitions. kafkajs can't tell them: the "high" of its `fetchTopicOffsets` is the last
   * stable offset, which leaves out records of a transaction whose marker is not yet written there, though its offsets are committed.
   */
  highWatermarks(topic: string): Promise<ReadonlyMap<number, number>> {
    return highWatermarks(this.ours, topic)
  }

  /** Waits until the group has committed up to the end of every partition of the topic that has records. */
  async consumed(groupId: string, topic: string, timeoutMs = 180_000): Promise<void> {
    const deadline = Date.now() + timeoutMs
    // A repartition topic may not have been created yet.
    while (!(await this.ours.metadata([topic], { fresh: true })).has(topic) && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    for (;;) {
      const ends = await this.highWatermarks(topic)
      const [committed] = await this.admin.fetchOffsets({ groupId, topics: [topic] })
      const behind = [...ends].filter(([partition, end]) => end > 0 && Number(committed?.partitions.find((p) => p.partition === partition)?.offset ?? -1) < end)
      if (behind.length === 0) {
        return
      }
      if (Date.now() > deadline) {
        throw new Error(`${groupId} is behind in ${topic}: ${behind.map(([partition, end]) => `${partition} (end ${end})`).join(', ')}; committed ${JSON.stringify(committed)}`)
      }
      // The broker has no event for this: asked again, not assumed after a pause.
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function highWatermarks(cluster: KafkaCluster, topic: string): Promise<ReadonlyMap<number, number>> {
  const metadata = (await cluster.metadata([topic], { fresh: true })).get(topic)
  if (metadata === undefined) {
    throw new Error(`The topic ${topic} does not exist.`)
  }
  const partitions = metadata.partitions.map(({ partition }) => ({ topic, partition }))
  const ends = await cluster.listOffsets(partitions, 'latest', 'read_uncommitted')
  return new Map(partitions.map(({ partition }) => [partition, ends.get(`${topic}-${partition}`)!]))
}

export function stackAddress(): string {
  const file = process.env['MILLRACE_STACK']
  if (file === undefined) {
    throw new Error('MILLRACE_STACK must name the JSON file with the addresses of the servers.')
  }
  return (JSON.parse(readFileSync(file, 'utf8')) as { kafka: string }).kafka
}

/** Longs as Kafka Streams writes them. */
export function long(bytes: Buffer | null): number | null {
  return bytes === null ? null : Number(bytes.readBigInt64BE(0))
}
