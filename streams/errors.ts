/**
 * The error catalogue of the stream engine. Codes are stable and documented in docs/reference/errors.md, which a test
 * holds against this file. Messages carry names, ids, offsets and codes, never a record's key or value.
 */
export type StreamsErrorCode =
  // building a topology
  | 'NAME_REQUIRED'
  | 'NAME_INVALID'
  | 'NAME_DUPLICATE'
  | 'TOPOLOGY_INVALID'
  | 'STORE_NOT_CONNECTED'
  | 'COPARTITION_MISMATCH'
  | 'CONFIG_INVALID'
  | 'SERDE_MISSING'
  // running it
  | 'SOURCE_TOPIC_MISSING'
  | 'INTERNAL_TOPIC_MISMATCH'
  | 'INTERNAL_TOPIC_DENIED'
  | 'TIMESTAMP_INVALID'
  | 'DESERIALIZATION_FAILED'
  | 'SERIALIZATION_FAILED'
  | 'PROCESSING_FAILED'
  | 'BUFFER_FULL'
  | 'PRODUCTION_FAILED'
  | 'RECORD_TOO_LARGE'
  | 'CALL_FAILED'
  | 'CALL_TIMEOUT'
  | 'CONTEXT_OUT_OF_TURN'
  | 'ORPHANED_ENTRIES'
  | 'OFFSET_OUT_OF_RANGE'
  | 'OFFSETS_MISSING'
  | 'CHANGELOG_MISMATCH'
  | 'STATE_DIRECTORY_LOCKED'
  | 'STATE_DIRECTORY_INVALID'
  | 'NOT_RUNNING'
  | 'ALREADY_STARTED'
  | 'MEMBERSHIP_LOST'
  | 'PRODUCER_FENCED'
  | 'TRANSACTION_ABORTED'
  | 'PRODUCER_STATE_INVALID'
  | 'THREAD_DIED'
  | 'APPLICATION_STOPPED'
  | 'RECORD_ENDED_THREAD'
  | 'PEER_REFUSED'
  | 'TIMEOUT'
  // queries
  | 'QUERY_INVALID'
  | 'QUERY_STORE_UNKNOWN'
  | 'QUERY_TYPE_UNKNOWN'
  | 'QUERY_NOT_PRESENT'
  | 'QUERY_NOT_ACTIVE'
  | 'QUERY_NOT_UP_TO_BOUND'
  | 'QUERY_REBALANCING'
  | 'QUERY_OWNER_UNREACHABLE'
  | 'QUERY_REFUSED'
  | 'QUERY_FAILED'
  // operators' commands
  | 'GROUP_ACTIVE'
  | 'REPLAY_REFUSED'
  // the wire
  | 'CONNECTION_FAILED'
  | 'PROTOCOL_ERROR'
  | 'RESPONSE_INVALID'
  | 'BATCH_CORRUPTED'
  | 'UNSUPPORTED_BROKER'
  | 'AUTHORIZATION_FAILED'

export class StreamsError extends Error {
  readonly code: StreamsErrorCode

  constructor(code: StreamsErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StreamsError'
    this.code = code
  }
}
