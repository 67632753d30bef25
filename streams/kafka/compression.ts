import { compressionsAlgorithms } from '@platformatic/kafka'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'

/**
 * A batch may not unfold to more than this: a damaged or hostile one must not take the process's memory.
 * Brokers refuse batches over message.max.bytes (1 MB by default), so real ones are far below.
 */
const MAX_UNCOMPRESSED_BYTES = 256 * 1024 * 1024

/** Unpacks the records of a batch. `type` is the batch's attribute bits 0 to 2. Throws on anything damaged. */
export function decompress(type: number, data: Buffer): Buffer {
  switch (type) {
    case 1:
      return gunzipSync(data, { maxOutputLength: MAX_UNCOMPRESSED_BYTES })
    case 2:
      return compressionsAlgorithms.snappy.decompressSync(data)
    case 3:
      return compressionsAlgorithms.lz4.decompressSync(data)
    case 4:
      return zstdDecompressSync(data, { maxOutputLength: MAX_UNCOMPRESSED_BYTES })
    default:
      throw new RangeError(`compression type ${type} is not known`)
  }
}
