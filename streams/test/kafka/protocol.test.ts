import * as pk from '@platformatic/kafka'
import fc, { SEED } from '../../../state-stores/test/seeded.ts'
import t from 'tap'
import type { StreamsError } from '../../errors.ts'
import { brokerError } from '../../kafka/broker-errors.ts'
import { isDisconnect, isRetriable, KafkaError } from '../../kafka/kafka-error.ts'
import { murmur2, partitionFor } from '../../kafka/partitioner.ts'
import type { Api } from '../../kafka/protocol/api.ts'
import { ByteReader } from '../../kafka/protocol/byte-reader.ts'
import { ByteWriter } from '../../kafka/protocol/byte-writer.ts'
import { FETCH } from '../../kafka/protocol/fetch.ts'
import { DELETE_GROUP, DESCRIBE_GROUP, LIST_GROUPS, OFFSET_FETCH_ALL } from '../../kafka/protocol/group-admin.ts'
import { HEARTBEAT, JOIN_GROUP, LEAVE_GROUP, OFFSET_COMMIT, OFFSET_FETCH, SYNC_GROUP } from '../../kafka/protocol/groups.ts'
import { API_VERSIONS, FIND_COORDINATOR, METADATA } from '../../kafka/protocol/metadata.ts'
import { LIST_OFFSETS, OFFSET_FOR_LEADER_EPOCH } from '../../kafka/protocol/offsets.ts'
import { PRODUCE_V12, PRODUCE_V9 } from '../../kafka/protocol/produce.ts'
import { CREATE_TOPICS, DELETE_RECORDS, DELETE_TOPICS, DESCRIBE_TOPIC_CONFIG } from '../../kafka/protocol/topics.ts'
import { SASL_AUTHENTICATE, SASL_HANDSHAKE } from '../../kafka/protocol/sasl.ts'
import {
  ADD_OFFSETS_TO_TXN,
  ADD_PARTITIONS_TO_TXN,
  END_TXN_V3,
  END_TXN_V5,
  INIT_PRODUCER_ID,
  TXN_OFFSET_COMMIT_V3,
  TXN_OFFSET_COMMIT_V5
} from '../../kafka/protocol/transactions.ts'

const identity = { groupId: 'g', memberId: 'm', generationId: 4 }
const producer = { producerId: 77n, producerEpoch: 3 }

function bytesOf<Request>(api: Api<Request, unknown>, request: Request): string {
  const writer = new ByteWriter()
  api.encode(writer, request)
  return Buffer.concat(writer.finish()).toString('hex')
}

t.test('requests are byte for byte those of an independent implementation', async (t) => {
  const hex = (writer: pk.Writer): string => writer.buffer.toString('hex')
  const rows: [string, string, pk.Writer][] = [
    ['Metadata', bytesOf(METADATA, { topics: ['a', 'bä'] }), pk.metadataV12.createRequest(['a', 'bä'], false, false)],
    ['FindCoordinator', bytesOf(FIND_COORDINATOR, { type: 'transaction', key: 'id' }), pk.findCoordinatorV4.createRequest(1, ['id'])],
    [
      'InitProducerId',
      bytesOf(INIT_PRODUCER_ID, { transactionalId: 'id', transactionTimeoutMs: 10_000, producerId: -1n, producerEpoch: -1 }),
      pk.initProducerIdV4.createRequest('id', 10_000, -1n, -1)
    ],
    [
      'AddPartitionsToTxn',
      bytesOf(ADD_PARTITIONS_TO_TXN, { transactionalId: 'id', ...producer, partitions: [{ topic: 'a', partition: 1 }, { topic: 'b', partition: 2 }, { topic: 'a', partition: 3 }] }),
      pk.addPartitionsToTxnV3.createRequest([
        {
          transactionalId: 'id',
          producerId: 77n,
          producerEpoch: 3,
          verifyOnly: false,
          topics: [
            { name: 'a', partitions: [1, 3] },
            { name: 'b', partitions: [2] }
          ]
        }
      ])
    ],
    ['AddOffsetsToTxn', bytesOf(ADD_OFFSETS_TO_TXN, { transactionalId: 'id', ...producer, groupId: 'g' }), pk.addOffsetsToTxnV3.createRequest('id', 77n, 3, 'g')],
    ['EndTxn', bytesOf(END_TXN_V3, { transactionalId: 'id', ...producer, commit: true }), pk.endTxnV3.createRequest('id', 77n, 3, true)],
    [
      'TxnOffsetCommit',
      bytesOf(TXN_OFFSET_COMMIT_V3, { transactionalId: 'id', ...producer, group: identity, offsets: [{ topic: 'a', partition: 1, offset: 2 ** 40, metadata: 'x' }] }),
      pk.txnOffsetCommitV3.createRequest('id', 'g', 77n, 3, 4, 'm', null, [
        { name: 'a', partitions: [{ partitionIndex: 1, committedOffset: 2n ** 40n, committedLeaderEpoch: -1, committedMetadata: 'x' }] }
      ])
    ],
    [
      'JoinGroup',
      bytesOf(JOIN_GROUP, { groupId: 'g', memberId: '', sessionTimeoutMs: 1, rebalanceTimeoutMs: 2, protocolType: 'consumer', protocols: [{ name: 'p', metadata: Buffer.from('x') }], reason: 'r' }),
      pk.joinGroupV9.createRequest('g', 1, 2, '', null, 'consumer', [{ name: 'p', metadata: Buffer.from('x') }], 'r')
    ],
    [
      'SyncGroup',
      bytesOf(SYNC_GROUP, { identity, protocolName: 'p', assignments: [{ memberId: 'm', assignment: Buffer.from('x') }] }),
      pk.syncGroupV5.createRequest('g', 4, 'm', null, 'consumer', 'p', [{ memberId: 'm', assignment: Buffer.from('x') }])
    ],
    ['Heartbeat', bytesOf(HEARTBEAT, identity), pk.heartbeatV4.createRequest('g', 4, 'm', null)],
    [
      'LeaveGroup',
      bytesOf(LEAVE_GROUP, { groupId: 'g', memberIds: ['a', 'b'], reason: 'r' }),
      pk.leaveGroupV5.createRequest('g', [
        { memberId: 'a', groupInstanceId: null, reason: 'r' },
        { memberId: 'b', groupInstanceId: null, reason: 'r' }
      ])
    ],
    [
      'OffsetFetch',
      bytesOf(OFFSET_FETCH, { groupId: 'g', partitions: [{ topic: 'a', partition: 1 }], requireStable: true }),
      pk.offsetFetchV9.createRequest([{ groupId: 'g', memberId: null, memberEpoch: -1, topics: [{ name: 'a', partitionIndexes: [1] }] }], true)
    ],
    [
      'OffsetCommit',
      bytesOf(OFFSET_COMMIT, { identity, offsets: [{ topic: 'a', partition: 1, offset: 5, metadata: 'x' }] }),
      pk.offsetCommitV8.createRequest('g', 4, 'm', null, [
        { name: 'a', partitions: [{ partitionIndex: 1, committedOffset: 5n, committedLeaderEpoch: -1, committedMetadata: 'x' }] }
      ])
    ],
    [
      'Fetch',
      bytesOf(FETCH, { isolation: 'read_committed', maxWaitMs: 500, minBytes: 1, maxBytes: 100, partitions: [{ topic: 'a', partition: 1, offset: 9, leaderEpoch: 2, maxBytes: 50 }] }),
      pk.fetchV12.createRequest(500, 1, 100, 1, 0, -1, [
        // Its field for the name in versions before 13 is called topicId too.
        { topicId: 'a', partitions: [{ partition: 1, currentLeaderEpoch: 2, fetchOffset: 9n, lastFetchedEpoch: -1, partitionMaxBytes: 50 }] }
      ], [], '')
    ],
    [
      'ListOffsets',
      bytesOf(LIST_OFFSETS, { isolation: 'read_uncommitted', timestamp: -1, partitions: [{ topic: 'a', partition: 1, leaderEpoch: 7 }] }),
      pk.listOffsetsV7.createRequest(-1, 0, [{ name: 'a', partitions: [{ partitionIndex: 1, currentLeaderEpoch: 7, timestamp: -1n }] }])
    ],
    [
      'CreateTopics',
      bytesOf(CREATE_TOPICS, { topics: [{ name: 'a', partitions: 2, replicationFactor: -1, config: { k: 'v' } }], timeoutMs: 5 }),
      pk.createTopicsV7.createRequest([{ name: 'a', numPartitions: 2, replicationFactor: -1, assignments: [], configs: [{ name: 'k', value: 'v' }] }], 5, false)
    ],
    [
      'DeleteRecords',
      bytesOf(DELETE_RECORDS, { offsets: [{ topic: 'a', partition: 1, offset: 5 }], timeoutMs: 5 }),
      pk.deleteRecordsV2.createRequest([{ name: 'a', partitions: [{ partitionIndex: 1, offset: 5n }] }], 5)
    ],
    ['ListGroups', bytesOf(LIST_GROUPS, {}), pk.listGroupsV4.createRequest([], [])],
    ['DescribeGroups', bytesOf(DESCRIBE_GROUP, { groupId: 'g' }), pk.describeGroupsV5.createRequest(['g'], false)],
    ['DeleteGroups', bytesOf(DELETE_GROUP, { groupId: 'g' }), pk.deleteGroupsV2.createRequest(['g'])],
    ['SaslHandshake', bytesOf(SASL_HANDSHAKE, { mechanism: 'PLAIN' }), pk.saslHandshakeV1.createRequest('PLAIN')],
    ['SaslAuthenticate', bytesOf(SASL_AUTHENTICATE, { bytes: Buffer.from('x') }), pk.saslAuthenticateV2.createRequest(Buffer.from('x'))]
  ]
  for (const [name, ours, theirs] of rows) {
    t.equal(ours, hex(theirs), name)
  }
})

t.test('no answer makes a decoder read over its end or fail with anything but RESPONSE_INVALID', async (t) => {
  t.comment(`seed ${SEED}`)
  const apis: readonly Api<never, unknown>[] = [
    API_VERSIONS, METADATA, FIND_COORDINATOR, LIST_OFFSETS, OFFSET_FOR_LEADER_EPOCH, FETCH, PRODUCE_V9, PRODUCE_V12, INIT_PRODUCER_ID,
    ADD_PARTITIONS_TO_TXN, ADD_OFFSETS_TO_TXN, TXN_OFFSET_COMMIT_V5, END_TXN_V3, END_TXN_V5, JOIN_GROUP, SYNC_GROUP, HEARTBEAT, LEAVE_GROUP,
    OFFSET_FETCH, OFFSET_COMMIT, CREATE_TOPICS, DELETE_TOPICS, DELETE_RECORDS, DESCRIBE_TOPIC_CONFIG,
    LIST_GROUPS, DESCRIBE_GROUP, DELETE_GROUP, OFFSET_FETCH_ALL, SASL_HANDSHAKE, SASL_AUTHENTICATE
  ]
  // Small bytes make plausible lengths, so that decoders get further than the first field.
  const noise = fc.array(fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 4 }) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) }), { maxLength: 200 })
  fc.assert(
    fc.property(noise, (bytes) => {
      for (const api of apis) {
        try {
          api.decode(new ByteReader(Buffer.from(bytes)))
        } catch (error) {
          if ((error as StreamsError).code !== 'RESPONSE_INVALID') {
            throw error
          }
        }
      }
    }),
    { numRuns: 1_000 }
  )
  t.pass('survived')
})

t.test('every code of the protocol has a row; codes above it have a name', async (t) => {
  for (const [code, name] of Object.entries(pk.protocolErrorsCodesById)) {
    t.equal(brokerError(Number(code)).name, name, `code ${code}`)
  }
  t.equal(brokerError(-1).name, 'UNKNOWN_SERVER_ERROR')
  t.equal(brokerError(129).name, 'REBOOTSTRAP_REQUIRED')
  t.equal(brokerError(130).name, 'STREAMS_INVALID_TOPOLOGY')
  t.equal(brokerError(133).name, 'SHARE_SESSION_LIMIT_REACHED')
  t.equal(brokerError(135).name, 'STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED')
  t.match(brokerError(999), { name: 'ERROR_999', kind: 'fatal', retriable: false })
})

t.test('codes that decide about a transaction', async (t) => {
  for (const code of [47, 48, 90]) {
    t.match(new KafkaError(code, 'x'), { code: 'PRODUCER_FENCED', retriable: false, brokerCode: code })
  }
  for (const code of [45, 49, 59, 120]) {
    t.match(new KafkaError(code, 'x'), { code: 'TRANSACTION_ABORTED', retriable: false })
  }
  for (const code of [22, 25, 27, 82]) {
    t.match(new KafkaError(code, 'x'), { code: 'MEMBERSHIP_LOST', retriable: false })
  }
  for (const code of [3, 6, 7, 14, 15, 16, 51]) {
    t.ok(isRetriable(new KafkaError(code, 'x')), `${code}`)
  }
  t.notOk(isRetriable(new Error('x')))
  t.notOk(isDisconnect(new KafkaError(13, 'x')))
  t.equal(new KafkaError(10, 'orders-3').message, 'orders-3: MESSAGE_TOO_LARGE (10)')
})

t.test('murmur2 and the default partitioner agree with Java', async (t) => {
  // The vectors of apache/kafka UtilsTest.testMurmur2.
  const vectors: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107]
  ]
  for (const [text, hash] of vectors) {
    t.equal(murmur2(Buffer.from(text)), hash, text)
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (key) => murmur2(key) === pk.murmur2(Buffer.from(key))))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 1, max: 1_000 }), (key, partitions) => {
      const partition = partitionFor(key, partitions)
      return partition >= 0 && partition < partitions
    })
  )
})

t.test('finalized features are read from their tagged fields', async (t) => {
  const writer = new ByteWriter()
  writer.int16(0).structs([0, 12], (w, max) => w.int16(max).int16(0).int16(max)).int32(0)
  const features = new ByteWriter().structs(['group.version', 'transaction.version'], (w, name) => w.string(name).int16(2).int16(0))
  const supported = new ByteWriter().structs(['transaction.version'], (w, name) => w.string(name).int16(0).int16(2))
  const epoch = new ByteWriter().int64(5)
  writer.unsignedVarint(3)
  for (const [tag, field] of [supported, epoch, features].entries()) {
    const bytes = Buffer.concat(field.finish())
    writer.unsignedVarint(tag).unsignedVarint(bytes.length)
    for (const byte of bytes) {
      writer.int8((byte << 24) >> 24)
    }
  }
  const answer = API_VERSIONS.decode(new ByteReader(Buffer.concat(writer.finish())))
  t.equal(answer.features.get('transaction.version'), 2)
  t.same(answer.versions.get(12), { min: 0, max: 12 })
})
