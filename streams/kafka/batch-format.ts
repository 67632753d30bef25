/** Layout of a record batch, format v2 (KIP-98): byte positions from the start of the batch. */
export const BASE_OFFSET = 0
export const BATCH_LENGTH = 8
export const LEADER_EPOCH = 12
export const MAGIC = 16
export const CRC = 17
export const ATTRIBUTES = 21
export const LAST_OFFSET_DELTA = 23
export const BASE_TIMESTAMP = 27
export const MAX_TIMESTAMP = 35
export const PRODUCER_ID = 43
export const PRODUCER_EPOCH = 51
export const BASE_SEQUENCE = 53
export const RECORD_COUNT = 57
export const RECORDS = 61

/** Base offset and length, which the length does not count. */
export const LENGTH_OVERHEAD = 12
export const MAGIC_V2 = 2

export const COMPRESSION_MASK = 0x07
export const LOG_APPEND_TIME = 0x08
export const TRANSACTIONAL = 0x10
export const CONTROL = 0x20

/** Exact to 2^53, which offsets and timestamps never reach. */
export function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 4294967296 + buffer.readUInt32BE(at + 4)
}

export function writeInt64(buffer: Buffer, value: number, at: number): void {
  buffer.writeInt32BE(Math.floor(value / 4294967296), at)
  buffer.writeUInt32BE(value >>> 0, at + 4)
}

/** Bytes of the unsigned varint of a non-negative 32-bit integer. */
export function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5
}

/** Zigzag of a 31-bit signed integer. */
export function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0
}
