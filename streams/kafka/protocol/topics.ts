import type { NewTopic, TopicPartition } from '../contract.ts'
import type { Api, PartitionError } from './api.ts'
import { byTopic } from './api.ts'

export interface TopicOutcome {
  readonly topic: string
  readonly errorCode: number
  readonly errorMessage: string | null
}

export const CREATE_TOPICS: Api<{ topics: readonly NewTopic[]; timeoutMs: number }, TopicOutcome[]> = {
  name: 'CreateTopics',
  key: 19,
  version: 7,
  since: '2.8',
  encode(writer, request) {
    writer
      .structs(request.topics, (w, topic) => {
        w.string(topic.name)
          .int32(topic.partitions)
          .int16(topic.replicationFactor)
          .array([], () => {})
          .structs(Object.entries(topic.config), (c, [name, value]) => c.string(name).string(value))
      })
      .int32(request.timeoutMs)
      .boolean(false)
      .tags()
  },
  decode(reader) {
    reader.int32()
    const outcomes = reader.structs((r) => {
      const topic = r.string()
      r.uuid()
      const errorCode = r.int16()
      const errorMessage = r.nullableString()
      r.int32()
      r.int16()
      r.structs((c) => {
        c.string()
        c.nullableString()
        c.boolean()
        c.int8()
        c.boolean()
      })
      return { topic, errorCode, errorMessage }
    })
    reader.skipTags()
    return outcomes
  }
}

const NO_TOPIC_ID = '00000000-0000-0000-0000-000000000000'

export const DELETE_TOPICS: Api<{ names: readonly string[]; timeoutMs: number }, TopicOutcome[]> = {
  name: 'DeleteTopics',
  key: 20,
  version: 6,
  since: '2.8',
  encode(writer, request) {
    writer
      .structs(request.names, (w, name) => w.string(name).uuid(NO_TOPIC_ID))
      .int32(request.timeoutMs)
      .tags()
  },
  decode(reader) {
    reader.int32()
    const outcomes = reader.structs((r) => {
      const topic = r.string()
      r.uuid()
      return { topic, errorCode: r.int16(), errorMessage: r.nullableString() }
    })
    reader.skipTags()
    return outcomes
  }
}

export const DELETE_RECORDS: Api<{ offsets: readonly (TopicPartition & { offset: number })[]; timeoutMs: number }, PartitionError[]> = {
  name: 'DeleteRecords',
  key: 21,
  version: 2,
  since: '2.6',
  encode(writer, request) {
    writer
      .structs(byTopic(request.offsets), (w, { topic, items }) => {
        w.string(topic).structs(items, (p, item) => p.int32(item.partition).int64(item.offset))
      })
      .int32(request.timeoutMs)
      .tags()
  },
  decode(reader) {
    reader.int32()
    const topics = reader.structs((r) => {
      const topic = r.string()
      return r.structs((p) => {
        const partition = p.int32()
        p.int64()
        return { topic, partition, errorCode: p.int16() }
      })
    })
    reader.skipTags()
    return topics.flat()
  }
}

const RESOURCE_TOPIC = 2

export interface DescribedConfig {
  readonly errorCode: number
  readonly entries: readonly (readonly [string, string | null])[]
}

export const DESCRIBE_TOPIC_CONFIG: Api<{ topic: string }, DescribedConfig> = {
  name: 'DescribeConfigs',
  key: 32,
  version: 4,
  since: '2.8',
  encode(writer, request) {
    writer
      .structs([request.topic], (w, topic) => w.int8(RESOURCE_TOPIC).string(topic).unsignedVarint(0))
      .boolean(false)
      .boolean(false)
      .tags()
  },
  decode(reader) {
    reader.int32()
    const results = reader.structs((r) => {
      const errorCode = r.int16()
      r.nullableString()
      r.int8()
      r.string()
      const entries = r.structs((c) => {
        const entry = [c.string(), c.nullableString()] as const
        c.boolean()
        c.int8()
        c.boolean()
        c.structs((s) => {
          s.string()
          s.nullableString()
          s.int8()
        })
        c.int8()
        c.nullableString()
        return entry
      })
      return { errorCode, entries }
    })
    reader.skipTags()
    return results[0] ?? { errorCode: -1, entries: [] }
  }
}
