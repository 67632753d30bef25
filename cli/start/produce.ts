import type { KafkaCluster } from 'millrace/kafka'
import { NO_HEADERS } from 'millrace'
import { partitionFor } from 'millrace/kafka'

export interface Outgoing {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  /** Decides the partition in place of the key. */
  readonly partitionKey?: Uint8Array
}

/** Large records go out in requests of about this size, so that one request never holds a whole intake. */
const REQUEST_BYTES = 4 * 1024 * 1024

/** Writes records to a topic, partitioned by key as any Java producer would, and resolves when the broker has them. */
export async function produce(cluster: KafkaCluster, topic: string, records: Iterable<Outgoing>): Promise<void> {
  const partitions = (await cluster.metadata([topic])).get(topic)?.partitions.length
  if (partitions === undefined) {
    throw new Error(`The topic ${topic} does not exist.`)
  }
  const producer = cluster.producer({})
  await producer.init()
  try {
    const writers = Array.from({ length: partitions }, (_, partition) => cluster.writer({ topic, partition }))
    const flush = async (): Promise<void> => {
      await producer.produce(writers.filter((writer) => writer.count > 0))
      writers.forEach((writer) => { writer.reset() })
    }
    for (const { key, value, partitionKey = key } of records) {
      writers[partitionFor(partitionKey, partitions)]!.append(Date.now(), key, value, NO_HEADERS)
      if (writers.reduce((bytes, writer) => bytes + writer.bytes, 0) > REQUEST_BYTES) {
        await flush()
      }
    }
    await flush()
  } finally {
    await producer.close()
  }
}
