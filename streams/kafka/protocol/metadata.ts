import type { Api } from './api.ts'

export interface BrokerAddress {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

export interface ApiVersionsResponse {
  readonly errorCode: number
  readonly versions: ReadonlyMap<number, { readonly min: number; readonly max: number }>
  /** Finalized feature levels of the cluster: `transaction.version`, `group.version`, … */
  readonly features: ReadonlyMap<string, number>
}

/** KIP-511, KIP-584: its answer's header is not flexible, its features are tagged fields 0 to 2. */
export const API_VERSIONS: Api<{ name: string; version: string }, ApiVersionsResponse> = {
  name: 'ApiVersions',
  key: 18,
  version: 3,
  since: '2.4',
  responseHeaderVersion: 0,
  encode(writer, request) {
    writer.string(request.name).string(request.version).tags()
  },
  decode(reader) {
    const errorCode = reader.int16()
    const versions = new Map(reader.structs((r) => [r.int16(), { min: r.int16(), max: r.int16() }]))
    reader.int32()
    const features = new Map<string, number>()
    let epoch = -1
    reader.tags((tag, field) => {
      if (tag === 1) {
        epoch = field.int64()
      } else if (tag === 2) {
        field.structs((r) => {
          features.set(r.string(), r.int16())
          r.int16()
        })
      }
    })
    return { errorCode, versions, features: epoch >= 0 ? features : new Map() }
  }
}

export interface MetadataResponse {
  readonly brokers: readonly BrokerAddress[]
  readonly controllerId: number
  readonly topics: readonly {
    readonly errorCode: number
    readonly topic: string
    readonly topicId: string
    readonly internal: boolean
    readonly partitions: readonly { readonly errorCode: number; readonly partition: number; readonly leader: number; readonly leaderEpoch: number }[]
  }[]
}

const NO_TOPIC_ID = '00000000-0000-0000-0000-000000000000'

/** `topics: null` asks for all. Never creates topics. */
export const METADATA: Api<{ topics: readonly string[] | null }, MetadataResponse> = {
  name: 'Metadata',
  key: 3,
  version: 12,
  since: '3.1',
  encode(writer, request) {
    if (request.topics === null) {
      writer.unsignedVarint(0)
    } else {
      writer.structs(request.topics, (w, topic) => w.uuid(NO_TOPIC_ID).string(topic))
    }
    writer.boolean(false).boolean(false).tags()
  },
  decode(reader) {
    reader.int32()
    const brokers = reader.structs((r) => {
      const broker = { nodeId: r.int32(), host: r.string(), port: r.int32() }
      r.nullableString()
      return broker
    })
    reader.nullableString()
    const controllerId = reader.int32()
    const topics = reader.structs((r) => {
      const errorCode = r.int16()
      const topic = r.string()
      const topicId = r.uuid()
      const internal = r.boolean()
      const partitions = r.structs((p) => {
        const partition = { errorCode: p.int16(), partition: p.int32(), leader: p.int32(), leaderEpoch: p.int32() }
        p.array((x) => x.int32())
        p.array((x) => x.int32())
        p.array((x) => x.int32())
        return partition
      })
      r.int32()
      return { errorCode, topic, topicId, internal, partitions }
    })
    reader.skipTags()
    return { brokers, controllerId, topics }
  }
}

export type CoordinatorType = 'group' | 'transaction'

export interface FindCoordinatorResponse extends BrokerAddress {
  readonly errorCode: number
}

export const FIND_COORDINATOR: Api<{ type: CoordinatorType; key: string }, FindCoordinatorResponse> = {
  name: 'FindCoordinator',
  key: 10,
  version: 4,
  since: '3.0',
  encode(writer, request) {
    writer
      .int8(request.type === 'group' ? 0 : 1)
      .array([request.key], (w, key) => w.string(key))
      .tags()
  },
  decode(reader) {
    reader.int32()
    const [coordinator] = reader.structs((r) => {
      r.string()
      const found = { nodeId: r.int32(), host: r.string(), port: r.int32(), errorCode: r.int16() }
      r.nullableString()
      return found
    })
    reader.skipTags()
    return coordinator ?? { nodeId: -1, host: '', port: 0, errorCode: 15 }
  }
}
