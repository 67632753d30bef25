import { StreamsError } from '../errors.ts'
import type { RecordMetadata } from '../record.ts'
import type { AnyRecord, TimestampExtractor } from './topology.ts'

/** Kafka Streams' default: the record's own timestamp. A negative one goes to the source's deserialization policy, which fails, skips or sets aside. */
export const failOnInvalidTimestamp: TimestampExtractor = (record: AnyRecord, metadata: RecordMetadata) => {
  if (record.timestamp < 0) {
    throw new StreamsError(
      'TIMESTAMP_INVALID',
      `The record at ${metadata.topic}-${metadata.partition} offset ${metadata.offset} has the timestamp ${record.timestamp}: ` +
        'its producer sets none. Give the source a timestampExtractor that takes it from elsewhere.'
    )
  }
  return record.timestamp
}

/** The record's own timestamp; for a negative one the highest seen in its partition. */
export const usePartitionTimeOnInvalidTimestamp: TimestampExtractor = (
  record: AnyRecord,
  metadata: RecordMetadata,
  partitionTime: number
) => {
  const timestamp = record.timestamp < 0 ? partitionTime : record.timestamp
  if (timestamp < 0) {
    throw new StreamsError(
      'TIMESTAMP_INVALID',
      `The record at ${metadata.topic}-${metadata.partition} offset ${metadata.offset} has no timestamp and none was seen before it in this partition.`
    )
  }
  return timestamp
}

/** The time at which the record is processed. Results then differ between a first run and a repetition. */
export const wallclockTimestamp: TimestampExtractor = () => Date.now()
