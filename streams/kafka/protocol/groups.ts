import type { CommittedOffset, GroupIdentity, JoinRequest, JoinResponse, OffsetToCommit, TopicPartition } from '../contract.ts'
import type { Api, PartitionError } from './api.ts'
import { byTopic, readPartitionErrors } from './api.ts'

const NO_BYTES = new Uint8Array(0)

export const JOIN_GROUP: Api<JoinRequest, JoinResponse & { errorCode: number }> = {
  name: 'JoinGroup',
  key: 11,
  version: 9,
  since: '3.2',
  encode(writer, request) {
    writer
      .string(request.groupId)
      .int32(request.sessionTimeoutMs)
      .int32(request.rebalanceTimeoutMs)
      .string(request.memberId)
      .string(null)
      .string(request.protocolType)
      .structs(request.protocols, (w, protocol) => w.string(protocol.name).bytes(protocol.metadata))
      .string(request.reason ?? null)
      .tags()
  },
  decode(reader) {
    reader.int32()
    const errorCode = reader.int16()
    const generationId = reader.int32()
    reader.nullableString()
    const protocolName = reader.string()
    const leader = reader.string()
    reader.boolean()
    const memberId = reader.string()
    const members = reader.structs((r) => {
      const id = r.string()
      r.nullableString()
      return { memberId: id, metadata: Uint8Array.from(r.nullableBytes() ?? NO_BYTES) }
    })
    reader.skipTags()
    return { errorCode, generationId, protocolName, leader, memberId, members }
  }
}

export interface SyncGroupRequest {
  readonly identity: GroupIdentity
  readonly protocolName: string
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[]
}

export const SYNC_GROUP: Api<SyncGroupRequest, { errorCode: number; assignment: Uint8Array }> = {
  name: 'SyncGroup',
  key: 14,
  version: 5,
  since: '2.5',
  encode(writer, { identity, protocolName, assignments }) {
    writer
      .string(identity.groupId)
      .int32(identity.generationId)
      .string(identity.memberId)
      .string(null)
      .string('consumer')
      .string(protocolName)
      .structs(assignments, (w, item) => w.string(item.memberId).bytes(item.assignment))
      .tags()
  },
  decode(reader) {
    reader.int32()
    const errorCode = reader.int16()
    reader.nullableString()
    reader.nullableString()
    const assignment = Uint8Array.from(reader.nullableBytes() ?? NO_BYTES)
    reader.skipTags()
    return { errorCode, assignment }
  }
}

export const HEARTBEAT: Api<GroupIdentity, { errorCode: number }> = {
  name: 'Heartbeat',
  key: 12,
  version: 4,
  since: '2.4',
  encode(writer, identity) {
    writer.string(identity.groupId).int32(identity.generationId).string(identity.memberId).string(null).tags()
  },
  decode(reader) {
    reader.int32()
    const errorCode = reader.int16()
    reader.skipTags()
    return { errorCode }
  }
}

export interface LeaveGroupRequest {
  readonly groupId: string
  readonly memberIds: readonly string[]
  readonly reason: string | null
}

export const LEAVE_GROUP: Api<LeaveGroupRequest, { errorCode: number; members: { memberId: string; errorCode: number }[] }> = {
  name: 'LeaveGroup',
  key: 13,
  version: 5,
  since: '3.2',
  encode(writer, request) {
    writer
      .string(request.groupId)
      .structs(request.memberIds, (w, memberId) => w.string(memberId).string(null).string(request.reason))
      .tags()
  },
  decode(reader) {
    reader.int32()
    const errorCode = reader.int16()
    const members = reader.structs((r) => {
      const memberId = r.string()
      r.nullableString()
      return { memberId, errorCode: r.int16() }
    })
    reader.skipTags()
    return { errorCode, members }
  }
}

export interface OffsetFetchRequest {
  readonly groupId: string
  readonly partitions: readonly TopicPartition[]
  readonly requireStable: boolean
}

export interface OffsetFetchResponse {
  readonly errorCode: number
  readonly partitions: readonly (CommittedOffset & { readonly errorCode: number })[]
}

export const OFFSET_FETCH: Api<OffsetFetchRequest, OffsetFetchResponse> = {
  name: 'OffsetFetch',
  key: 9,
  version: 9,
  since: '3.5',
  encode(writer, request) {
    writer
      .structs([request], (w) => {
        w.string(request.groupId)
          .string(null)
          .int32(-1)
          .structs(byTopic(request.partitions), (t, { topic, items }) => {
            t.string(topic).array(items, (p, item) => p.int32(item.partition))
          })
      })
      .boolean(request.requireStable)
      .tags()
  },
  decode(reader) {
    reader.int32()
    const groups = reader.structs((r) => {
      r.string()
      const topics = r.structs((t) => {
        const topic = t.string()
        return t.structs((p) => ({
          topic,
          partition: p.int32(),
          offset: p.int64(),
          leaderEpoch: p.int32(),
          metadata: p.string(),
          errorCode: p.int16()
        }))
      })
      return { errorCode: r.int16(), partitions: topics.flat() }
    })
    reader.skipTags()
    return groups[0] ?? { errorCode: -1, partitions: [] }
  }
}

export const OFFSET_COMMIT: Api<{ identity: GroupIdentity; offsets: readonly OffsetToCommit[] }, PartitionError[]> = {
  name: 'OffsetCommit',
  key: 8,
  version: 8,
  since: '2.4',
  encode(writer, { identity, offsets }) {
    writer
      .string(identity.groupId)
      .int32(identity.generationId)
      .string(identity.memberId)
      .string(null)
      .structs(byTopic(offsets), (w, { topic, items }) => {
        w.string(topic).structs(items, (p, item) => p.int32(item.partition).int64(item.offset).int32(-1).string(item.metadata))
      })
      .tags()
  },
  decode(reader) {
    reader.int32()
    const errors = readPartitionErrors(reader)
    reader.skipTags()
    return errors
  }
}
