import type { KafkaCluster, TopicPartition } from 'millrace/kafka'
import { ConnectorError } from './errors.ts'
import type { SinkOffset } from './rest.ts'

/** A broker that does not answer would hold the runbook for ever. */
const READ_TIMEOUT_MS = 30_000

interface RawRecord {
  offset: number
  timestamp: number
  key: Uint8Array | null
  value: Uint8Array | null
  headers: readonly { readonly key: string; readonly value: Uint8Array | null }[]
}

/** Every partition of some topics with its first and its last offset (of committed records). */
export async function partitionBounds(cluster: KafkaCluster, topics: readonly string[]): Promise<(TopicPartition & { begin: number; end: number })[]> {
  const metadata = await cluster.metadata(topics, { fresh: true })
  const partitions = [...metadata.values()].flatMap(({ topic, partitions }) => partitions.map(({ partition }) => ({ topic, partition })))
  const begins = await cluster.listOffsets(partitions, 'earliest', 'read_committed')
  const ends = await cluster.listOffsets(partitions, 'latest', 'read_committed')
  return partitions.map(({ topic, partition }) => ({
    topic,
    partition,
    begin: begins.get(`${topic}-${partition}`) ?? 0,
    end: ends.get(`${topic}-${partition}`) ?? 0
  }))
}

/** The first record at or after an offset, as the bytes it is: offsets of transaction markers lie between records. */
export async function readRawRecord(cluster: KafkaCluster, at: SinkOffset): Promise<RawRecord> {
  let done: (record: RawRecord) => void = () => {}
  let fail: (error: Error) => void = () => {}
  const found = new Promise<RawRecord>((resolve, reject) => {
    done = resolve
    fail = reject
  })
  const fetcher = cluster.fetcher({
    isolation: 'read_committed',
    onRecords: ({ cursor }) => {
      if (cursor.next()) {
        const copy = (bytes: Uint8Array | null) => (bytes === null ? null : Uint8Array.from(bytes))
        done({
          offset: cursor.offset,
          timestamp: cursor.timestamp,
          key: copy(cursor.key()),
          value: copy(cursor.value()),
          headers: cursor.headers().map(({ key, value }) => ({ key, value: copy(value) }))
        })
      }
    },
    onError: (_partition, error) => fail(error)
  })
  const timer = setTimeout(
    () => fail(new ConnectorError('SKIP_FAILED', `The record ${at.topic}-${at.partition} at ${at.offset} could not be read in ${READ_TIMEOUT_MS / 1000} s.`)),
    READ_TIMEOUT_MS
  )
  try {
    fetcher.seek({ topic: at.topic, partition: at.partition }, at.offset)
    return await found
  } finally {
    clearTimeout(timer)
    await fetcher.close()
  }
}

/** Writes a record as it is to a dead-letter topic, with headers behind its own that say why. */
export async function copyToDeadLetters(cluster: KafkaCluster, topic: string, record: RawRecord, why: { [header: string]: string }): Promise<void> {
  const producer = cluster.producer({})
  try {
    await producer.init()
    const writer = cluster.writer({ topic, partition: 0 })
    const reasons = Object.entries(why).map(([key, value]) => ({ key, value: new TextEncoder().encode(value) }))
    writer.append(record.timestamp, record.key, record.value, [...record.headers, ...reasons])
    await producer.produce([writer])
  } finally {
    await producer.close()
  }
}
