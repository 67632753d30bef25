import type { IsolationLevel, TopicPartition } from '../contract.ts'
import type { Api } from './api.ts'
import { byTopic } from './api.ts'

export interface FetchRequest {
  readonly isolation: IsolationLevel
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly partitions: readonly FetchPartition[]
}

export interface FetchPartition extends TopicPartition {
  readonly leaderEpoch: number
  readonly offset: number
  readonly maxBytes: number
}

/** A transaction that was aborted: its records from `firstOffset` on, up to its marker, must not be shown. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export interface FetchedPartition extends TopicPartition {
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly aborted: readonly AbortedTransaction[]
  /** Raw record batches: a view into the answer. */
  readonly records: Buffer
}

export interface FetchResponse {
  readonly errorCode: number
  readonly partitions: readonly FetchedPartition[]
}

const NO_RECORDS = Buffer.alloc(0)

/** The last version with topic names; without a fetch session. */
export const FETCH: Api<FetchRequest, FetchResponse> = {
  name: 'Fetch',
  key: 1,
  version: 12,
  since: '2.7',
  encode(writer, request) {
    writer
      .int32(-1)
      .int32(request.maxWaitMs)
      .int32(request.minBytes)
      .int32(request.maxBytes)
      .int8(request.isolation === 'read_committed' ? 1 : 0)
      .int32(0)
      .int32(-1)
      .structs(byTopic(request.partitions), (w, { topic, items }) => {
        w.string(topic).structs(items, (p, item) => {
          p.int32(item.partition).int32(item.leaderEpoch).int64(item.offset).int32(-1).int64(-1).int32(item.maxBytes)
        })
      })
      .array([], () => {})
      .string('')
      .tags()
  },
  decode(reader) {
    reader.int32()
    const errorCode = reader.int16()
    reader.int32()
    const topics = reader.structs((r) => {
      const topic = r.string()
      return r.structs((p) => {
        const partition = p.int32()
        const code = p.int16()
        const highWatermark = p.int64()
        const lastStableOffset = p.int64()
        const logStartOffset = p.int64()
        const aborted = p.structs((a) => ({ producerId: a.int64(), firstOffset: a.int64() }))
        p.int32()
        const records = p.nullableBytes() ?? NO_RECORDS
        return { topic, partition, errorCode: code, highWatermark, lastStableOffset, logStartOffset, aborted, records }
      })
    })
    reader.skipTags()
    return { errorCode, partitions: topics.flat() }
  }
}
