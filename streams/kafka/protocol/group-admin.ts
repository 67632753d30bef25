/** What operators ask about groups: which there are, who is in one, what it has committed; and how one is ended. */
import type { GroupDescription, ListedGroup } from '../contract.ts'
import type { Api } from './api.ts'
import { OFFSET_FETCH, type OffsetFetchResponse } from './groups.ts'

/** Of one broker: the groups it coordinates. */
export const LIST_GROUPS: Api<Record<string, never>, { errorCode: number; groups: ListedGroup[] }> = {
  name: 'ListGroups',
  key: 16,
  version: 4,
  since: '2.6',
  encode(writer) {
    writer.array([], () => {}).tags()
  },
  decode(reader) {
    reader.int32()
    const errorCode = reader.int16()
    const groups = reader.structs((r) => ({ groupId: r.string(), protocolType: r.string(), state: r.string() }))
    reader.skipTags()
    return { errorCode, groups }
  }
}

export const DESCRIBE_GROUP: Api<{ groupId: string }, GroupDescription & { errorCode: number }> = {
  name: 'DescribeGroups',
  key: 15,
  version: 5,
  since: '2.4',
  encode(writer, { groupId }) {
    writer
      .array([groupId], (w, id) => w.string(id))
      .boolean(false)
      .tags()
  },
  decode(reader) {
    reader.int32()
    const groups = reader.structs((r) => {
      const errorCode = r.int16()
      const groupId = r.string()
      const state = r.string()
      const protocolType = r.string()
      const protocol = r.string()
      const members = r.structs((m) => {
        const memberId = m.string()
        m.nullableString()
        const clientId = m.string()
        const clientHost = m.string()
        const metadata = Uint8Array.from(m.nullableBytes() ?? [])
        const assignment = Uint8Array.from(m.nullableBytes() ?? [])
        return { memberId, clientId, clientHost, metadata, assignment }
      })
      r.int32()
      return { errorCode, groupId, state, protocolType, protocol, members }
    })
    reader.skipTags()
    return groups[0] ?? { errorCode: -1, groupId: '', state: '', protocolType: '', protocol: '', members: [] }
  }
}

/** Only a group without members can be deleted; its committed offsets go with it. */
export const DELETE_GROUP: Api<{ groupId: string }, { errorCode: number }> = {
  name: 'DeleteGroups',
  key: 42,
  version: 2,
  since: '2.4',
  encode(writer, { groupId }) {
    writer.array([groupId], (w, id) => w.string(id)).tags()
  },
  decode(reader) {
    reader.int32()
    const results = reader.structs((r) => {
      r.string()
      return { errorCode: r.int16() }
    })
    reader.skipTags()
    return results[0] ?? { errorCode: -1 }
  }
}

/** OffsetFetch without a list of partitions: everything the group has committed. */
export const OFFSET_FETCH_ALL: Api<{ groupId: string }, OffsetFetchResponse> = {
  ...OFFSET_FETCH,
  encode(writer, { groupId }) {
    writer
      .structs([groupId], (w, id) => w.string(id).string(null).int32(-1).unsignedVarint(0))
      .boolean(true)
      .tags()
  }
}
