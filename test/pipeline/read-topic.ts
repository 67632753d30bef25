/** What a topic holds, committed only: by our own client, and by kafkajs, a client that is not ours. */
import { randomBytes } from 'node:crypto'
import type { Kafka } from 'kafkajs'
import type { FetchedRecords, KafkaCluster } from 'millrace/kafka'

export interface CommittedRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
}

/** A transaction that nobody ends holds a reader for ever; the reader says where instead. */
const STALLED_MS = 120_000

const copy = (bytes: Uint8Array | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes))
const inOrder = (a: CommittedRecord, b: CommittedRecord): number => a.partition - b.partition || a.offset - b.offset

/** Everything up to the end that each partition has at the call, in order. */
export async function readCommitted(cluster: KafkaCluster, topic: string): Promise<CommittedRecord[]> {
  const found = (await cluster.metadata([topic], { fresh: true })).get(topic)
  if (found === undefined) {
    throw new Error(`The topic ${topic} does not exist.`)
  }
  const partitions = found.partitions.map(({ partition }) => ({ topic, partition }))
  const [begins, ends] = await Promise.all([
    cluster.listOffsets(partitions, 'earliest', 'read_committed'),
    cluster.listOffsets(partitions, 'latest', 'read_uncommitted'),
  ])
  const at = (offsets: ReadonlyMap<string, number>, partition: number): number => offsets.get(`${topic}-${partition}`) ?? 0
  const left = new Set(partitions.map(({ partition }) => partition).filter((partition) => at(ends, partition) > at(begins, partition)))
  const records: CommittedRecord[] = []
  if (left.size === 0) {
    return records
  }
  const done = Promise.withResolvers<void>()
  const reached = new Map<number, number>()
  const stalled = setTimeout(() => {
    const where = [...left].map((partition) => `${topic}-${partition} is read to ${reached.get(partition) ?? at(begins, partition)} of ${at(ends, partition)}`)
    done.reject(new Error(`Nothing came for ${STALLED_MS / 1000} s: ${where.join(', ')}`))
  }, STALLED_MS)
  const fetcher = cluster.fetcher({
    isolation: 'read_committed',
    onError: (_partition, error) => done.reject(error),
    onRecords: ({ partition, cursor, nextOffset }: FetchedRecords) => {
      stalled.refresh()
      reached.set(partition, nextOffset)
      while (cursor.next()) {
        const { offset, timestamp } = cursor
        const headers = [...cursor.headers()].map(({ key, value }) => [key, copy(value)] as const)
        records.push({ partition, offset, timestamp, key: copy(cursor.key()), value: copy(cursor.value()), headers })
      }
      if (nextOffset >= at(ends, partition)) {
        left.delete(partition)
        if (left.size === 0) {
          done.resolve()
        }
      }
    },
  })
  try {
    for (const partition of left) {
      fetcher.seek({ topic, partition }, at(begins, partition))
    }
    await done.promise
  } finally {
    clearTimeout(stalled)
    await fetcher.close()
  }
  return records.sort(inOrder)
}

/** The same by kafkajs, which reads committed records only by default: until `count` records have come. */
export async function readCommittedByPeer(kafka: Kafka, topic: string, count: number): Promise<CommittedRecord[]> {
  const records: CommittedRecord[] = []
  if (count === 0) {
    return records
  }
  const consumer = kafka.consumer({ groupId: `reader-${randomBytes(6).toString('hex')}` })
  const done = Promise.withResolvers<void>()
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) {
      done.reject(payload.error)
    }
  })
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, Buffer.from((Array.isArray(value) ? value[0] : value) ?? '')] as const)
        records.push({ partition, offset: Number(message.offset), timestamp: Number(message.timestamp), key: message.key, value: message.value, headers })
        if (records.length === count) {
          done.resolve()
        }
      },
    })
    await done.promise
  } finally {
    await consumer.disconnect()
  }
  return records.sort(inOrder)
}
