import type { IsolationLevel, TopicPartition } from '../contract.ts'
import type { Api } from './api.ts'
import { byTopic } from './api.ts'

export interface ListedOffset extends TopicPartition {
  readonly errorCode: number
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

/** `timestamp`: -2 earliest, -1 latest, else the first offset at or after it. */
export const LIST_OFFSETS: Api<
  { isolation: IsolationLevel; timestamp: number; partitions: readonly (TopicPartition & { leaderEpoch: number })[] },
  ListedOffset[]
> = {
  name: 'ListOffsets',
  key: 2,
  version: 7,
  since: '3.0',
  encode(writer, request) {
    writer
      .int32(-1)
      .int8(request.isolation === 'read_committed' ? 1 : 0)
      .structs(byTopic(request.partitions), (w, { topic, items }) => {
        w.string(topic).structs(items, (p, item) => p.int32(item.partition).int32(item.leaderEpoch).int64(request.timestamp))
      })
      .tags()
  },
  decode(reader) {
    reader.int32()
    const topics = reader.structs((r) => {
      const topic = r.string()
      return r.structs((p) => ({
        topic,
        partition: p.int32(),
        errorCode: p.int16(),
        timestamp: p.int64(),
        offset: p.int64(),
        leaderEpoch: p.int32()
      }))
    })
    reader.skipTags()
    return topics.flat()
  }
}

export interface EpochEndOffset extends TopicPartition {
  readonly errorCode: number
  readonly leaderEpoch: number
  readonly endOffset: number
}

/** KIP-320. */
export const OFFSET_FOR_LEADER_EPOCH: Api<
  { partitions: readonly (TopicPartition & { currentLeaderEpoch: number; leaderEpoch: number })[] },
  EpochEndOffset[]
> = {
  name: 'OffsetForLeaderEpoch',
  key: 23,
  version: 4,
  since: '2.8',
  encode(writer, request) {
    writer
      .int32(-1)
      .structs(byTopic(request.partitions), (w, { topic, items }) => {
        w.string(topic).structs(items, (p, item) => p.int32(item.partition).int32(item.currentLeaderEpoch).int32(item.leaderEpoch))
      })
      .tags()
  },
  decode(reader) {
    reader.int32()
    const topics = reader.structs((r) => {
      const topic = r.string()
      return r.structs((p) => ({ topic, errorCode: p.int16(), partition: p.int32(), leaderEpoch: p.int32(), endOffset: p.int64() }))
    })
    reader.skipTags()
    return topics.flat()
  }
}
