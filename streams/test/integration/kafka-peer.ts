import { Kafka, logLevel } from 'kafkajs'
import type { IHeaders } from 'kafkajs'
import { bootstrapServers, unique, until } from './kafka-support.ts'

/** An independent client to check ours against. */
export function peer(): Kafka {
  return new Kafka({ clientId: 'peer', brokers: bootstrapServers(), logLevel: logLevel.NOTHING })
}

/** The values kafkajs shows of a topic with read_committed, until `count` have come. */
export async function peerReads(topic: string, count: number): Promise<{ partition: number; value: string | null; key: string | null; headers: IHeaders }[]> {
  const consumer = peer().consumer({ groupId: unique('peer'), readUncommitted: false })
  const records: { partition: number; value: string | null; key: string | null; headers: IHeaders }[] = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        records.push({
          partition,
          value: message.value === null ? null : message.value.toString(),
          key: message.key === null ? null : message.key.toString(),
          headers: message.headers ?? {}
        })
      }
    })
    await until(() => records.length >= count, `kafkajs has read ${count} records of ${topic}`)
  } finally {
    await consumer.disconnect()
  }
  return records
}
