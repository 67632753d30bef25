import type { TopicPartition } from '../contract.ts'
import type { Api } from './api.ts'
import { byTopic } from './api.ts'

export interface ProduceRequest {
  readonly transactionalId: string | null
  readonly timeoutMs: number
  /** One sealed record batch per partition: the broker takes no more. */
  readonly batches: readonly (TopicPartition & { readonly records: Buffer })[]
}

export interface ProducedPartition extends TopicPartition {
  readonly errorCode: number
  readonly baseOffset: number
  readonly errorMessage: string | null
}

/**
 * Acks are always "all". Version 12 adds partitions to the transaction by itself (KIP-890); 9 to 11 share one layout
 * and need AddPartitionsToTxn first.
 */
function produce(version: 9 | 10 | 11 | 12, since: string): Api<ProduceRequest, ProducedPartition[]> {
  return {
    name: 'Produce',
    key: 0,
    version,
    since,
    encode(writer, request) {
      writer
        .string(request.transactionalId)
        .int16(-1)
        .int32(request.timeoutMs)
        .structs(byTopic(request.batches), (w, { topic, items }) => {
          w.string(topic).structs(items, (p, item) => p.int32(item.partition).reference(item.records))
        })
        .tags()
    },
    decode(reader) {
      const topics = reader.structs((r) => {
        const topic = r.string()
        return r.structs((p) => {
          const partition = p.int32()
          const errorCode = p.int16()
          const baseOffset = p.int64()
          p.int64()
          p.int64()
          p.structs((e) => {
            e.int32()
            e.nullableString()
          })
          return { topic, partition, errorCode, baseOffset, errorMessage: p.nullableString() }
        })
      })
      reader.int32()
      reader.skipTags()
      return topics.flat()
    }
  }
}

export const PRODUCE_V9 = produce(9, '2.8')
export const PRODUCE_V12 = produce(12, '4.0')
