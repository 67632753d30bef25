/** Sizes of records on the wire (record batch v2): upper bounds, so that what passes here is never refused by a broker. */
import { StreamsError } from '../errors.ts'
import type { Headers } from '../record.ts'

/** Batch header (61) plus the largest length, attributes and deltas of one record in a batch of its own. */
const BATCH_AND_RECORD_OVERHEAD = 61 + 5 + 1 + 10 + 5 + 5 + 5 + 5
/** Two length varints. */
const HEADER_OVERHEAD = 10

/** Bytes of a batch that holds only this record; compression is not counted on. */
export function recordSizeBound(keyBytes: number, valueBytes: number, headers: Headers): number {
  let size = BATCH_AND_RECORD_OVERHEAD + keyBytes + valueBytes
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i]!
    // A header's key is at most 3 UTF-8 bytes for each UTF-16 unit.
    size += HEADER_OVERHEAD + header.key.length * 3 + (header.value === null ? 0 : header.value.length)
  }
  return size
}

export function recordTooLarge(what: string, size: number, limit: number): StreamsError {
  return new StreamsError(
    'RECORD_TOO_LARGE',
    `${what}: ${size} bytes, the topic takes ${limit} (max.message.bytes). Keep large values elsewhere and pass a reference, or raise the topic's limit.`,
  )
}
