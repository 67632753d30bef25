import type { GroupIdentity, OffsetToCommit, TopicPartition } from '../contract.ts'
import type { Api, PartitionError } from './api.ts'
import { byTopic, readPartitionErrors } from './api.ts'

/** Producer id and epoch; the id is opaque and echoed exactly. */
export interface ProducerIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
}

export interface ProducerIdentityResponse extends ProducerIdentity {
  readonly errorCode: number
}

/** With (-1, -1) the coordinator takes over whatever an earlier user of the transactional id left. */
export const INIT_PRODUCER_ID: Api<ProducerIdentity & { transactionalId: string | null; transactionTimeoutMs: number }, ProducerIdentityResponse> = {
  name: 'InitProducerId',
  key: 22,
  version: 4,
  since: '2.7',
  encode(writer, request) {
    writer
      .string(request.transactionalId)
      .int32(request.transactionTimeoutMs)
      .int64(request.producerId)
      .int16(request.producerEpoch)
      .tags()
  },
  decode(reader) {
    reader.int32()
    const response = { errorCode: reader.int16(), producerId: reader.bigint64(), producerEpoch: reader.int16() }
    reader.skipTags()
    return response
  }
}

/** Not version 4: that one needs the cluster's own rights. */
export const ADD_PARTITIONS_TO_TXN: Api<ProducerIdentity & { transactionalId: string; partitions: readonly TopicPartition[] }, PartitionError[]> = {
  name: 'AddPartitionsToTxn',
  key: 24,
  version: 3,
  since: '2.8',
  encode(writer, request) {
    writer
      .string(request.transactionalId)
      .int64(request.producerId)
      .int16(request.producerEpoch)
      .structs(byTopic(request.partitions), (w, { topic, items }) => {
        w.string(topic).array(items, (p, item) => p.int32(item.partition))
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

export const ADD_OFFSETS_TO_TXN: Api<ProducerIdentity & { transactionalId: string; groupId: string }, { errorCode: number }> = {
  name: 'AddOffsetsToTxn',
  key: 25,
  version: 3,
  since: '2.8',
  encode(writer, request) {
    writer.string(request.transactionalId).int64(request.producerId).int16(request.producerEpoch).string(request.groupId).tags()
  },
  decode(reader) {
    reader.int32()
    const errorCode = reader.int16()
    reader.skipTags()
    return { errorCode }
  }
}

export interface TxnOffsetCommitRequest extends ProducerIdentity {
  readonly transactionalId: string
  readonly group: GroupIdentity
  readonly offsets: readonly OffsetToCommit[]
}

/** Version 5 adds the group to the transaction by itself (KIP-890); 3 needs AddOffsetsToTxn first. */
function txnOffsetCommit(version: 3 | 5, since: string): Api<TxnOffsetCommitRequest, PartitionError[]> {
  return {
    name: 'TxnOffsetCommit',
    key: 28,
    version,
    since,
    encode(writer, request) {
      writer
        .string(request.transactionalId)
        .string(request.group.groupId)
        .int64(request.producerId)
        .int16(request.producerEpoch)
        .int32(request.group.generationId)
        .string(request.group.memberId)
        .string(null)
        .structs(byTopic(request.offsets), (w, { topic, items }) => {
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
}

export const TXN_OFFSET_COMMIT_V3 = txnOffsetCommit(3, '2.5')
export const TXN_OFFSET_COMMIT_V5 = txnOffsetCommit(5, '4.0')

export interface EndTxnRequest extends ProducerIdentity {
  readonly transactionalId: string
  readonly commit: boolean
}

/** Version 5 answers with the epoch (and perhaps the id) of the next transaction. */
function endTxn(version: 3 | 5, since: string): Api<EndTxnRequest, ProducerIdentityResponse> {
  return {
    name: 'EndTxn',
    key: 26,
    version,
    since,
    encode(writer, request) {
      writer.string(request.transactionalId).int64(request.producerId).int16(request.producerEpoch).boolean(request.commit).tags()
    },
    decode(reader) {
      reader.int32()
      const errorCode = reader.int16()
      const producerId = version === 5 ? reader.bigint64() : -1n
      const producerEpoch = version === 5 ? reader.int16() : -1
      reader.skipTags()
      return { errorCode, producerId, producerEpoch }
    }
  }
}

export const END_TXN_V3 = endTxn(3, '2.8')
export const END_TXN_V5 = endTxn(5, '4.0')

export interface ListTransactionsRequest {
  /** Leaves out what has been open for less. */
  readonly olderThanMs: number
}

/** Of one broker: the open transactions it coordinates (KIP-664; the filter by duration is KIP-994's). */
export const LIST_TRANSACTIONS: Api<ListTransactionsRequest, { errorCode: number; transactionalIds: string[] }> = {
  name: 'ListTransactions',
  key: 66,
  version: 1,
  since: '3.8',
  encode(writer, { olderThanMs }) {
    writer
      .array(['Ongoing'], (w, state) => w.string(state))
      .array([], () => {})
      .int64(olderThanMs)
      .tags()
  },
  decode(reader) {
    reader.int32()
    const errorCode = reader.int16()
    reader.array((r) => r.string())
    const transactionalIds = reader.structs((r) => {
      const transactionalId = r.string()
      r.bigint64()
      r.string()
      return transactionalId
    })
    reader.skipTags()
    return { errorCode, transactionalIds }
  }
}
