// As a whole: a name that an older Node.js lacks would end the program before `requireNode` says why.
import zlib from 'node:zlib'
import type { Compression } from './contract.ts'
import { lz4Decompress } from './lz4.ts'
import { snappyDecompress } from './snappy.ts'

/** No batch unfolds to more: a damaged or hostile one must not take the process's memory. */
const MAX_UNCOMPRESSED_BYTES = 256 * 1024 * 1024
/** Any batch may: large records of one repeated byte shrink to nearly nothing. */
const ALWAYS_ALLOWED_BYTES = 16 * 1024 * 1024
/** What one byte of gzip unfolds to at most; real batches are far below, with every codec. */
const MAX_RATIO = 1_032

/** How many bytes a compressed batch of `size` bytes may unfold to. */
export function uncompressedLimit(size: number): number {
  return Math.min(MAX_UNCOMPRESSED_BYTES, ALWAYS_ALLOWED_BYTES + size * MAX_RATIO)
}

/** Packs the records of a batch; `type` is what goes to its attributes. */
export function compress(compression: Compression, data: Buffer): { readonly type: number; readonly data: Buffer } {
  return compression === 'gzip' ? { type: 1, data: zlib.gzipSync(data) } : { type: 4, data: zlib.zstdCompressSync(data) }
}

/** Unpacks the records of a batch. `type` is the batch's attribute bits 0 to 2. Throws on anything damaged or beyond the limit. */
export function decompress(type: number, data: Buffer): Buffer {
  const limit = uncompressedLimit(data.length)
  switch (type) {
    case 1:
      return zlib.gunzipSync(data, { maxOutputLength: limit })
    case 2:
      return snappyDecompress(data, limit)
    case 3:
      return lz4Decompress(data, limit)
    case 4:
      return zlib.zstdDecompressSync(data, { maxOutputLength: limit })
    default:
      throw new RangeError(`compression type ${type} is not known`)
  }
}
