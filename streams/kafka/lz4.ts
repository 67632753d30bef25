/**
 * LZ4 frames, decompression only (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md), as Kafka's producers and
 * librdkafka write them. Checksums are skipped: the batch's own CRC covers every byte.
 */
import { literal, repeat } from './snappy.ts'

const MAGIC = 0x184d2204
const VERSION = 1
const INDEPENDENT = 0x20
const BLOCK_CHECKSUM = 0x10
const CONTENT_SIZE = 0x08
const DICTIONARY = 0x01
const UNCOMPRESSED = 0x80000000
const MIN_MATCH = 4

/** Throws RangeError on anything damaged, and on what would exceed `limit` bytes. */
export function lz4Decompress(data: Buffer, limit: number): Buffer {
  if (data.length < 7 || data.readUInt32LE(0) !== MAGIC) {
    throw damaged('it is no frame')
  }
  const flags = data[4]!
  const maxBlock = 2 ** (8 + 2 * ((data[5]! >>> 4) & 7))
  if (flags >>> 6 !== VERSION || (flags & DICTIONARY) !== 0 || maxBlock < 65_536) {
    throw damaged('its header is not known')
  }
  const output = new Output(Math.min(limit, Math.max(data.length * 4, 1_024)), limit)
  const trailer = (flags & BLOCK_CHECKSUM) === 0 ? 0 : 4
  let at = 7 + ((flags & CONTENT_SIZE) === 0 ? 0 : 8)
  for (;;) {
    if (at + 4 > data.length) {
      throw damaged('it has no end')
    }
    const word = data.readUInt32LE(at)
    at += 4
    if (word === 0) {
      return output.done()
    }
    const size = word % UNCOMPRESSED
    const end = at + size
    if (size > maxBlock || end + trailer > data.length) {
      throw damaged('a block is too long')
    }
    const begin = output.written
    if (word >= UNCOMPRESSED) {
      output.literal(data, at, size)
    } else {
      block(data, at, end, output, (flags & INDEPENDENT) === 0 ? 0 : begin)
    }
    if (output.written - begin > maxBlock) {
      throw damaged('a block unfolds to more than the frame allows')
    }
    at = end + trailer
  }
}

/** Sequences of literals and matches; a match may reach back to `floor`. */
function block(data: Buffer, start: number, end: number, output: Output, floor: number): void {
  let at = start
  const extended = (length: number): number => {
    let total = length
    if (length === 15) {
      let byte: number
      do {
        if (at >= end) {
          throw damaged('a length is cut off')
        }
        byte = data[at++]!
        total += byte
      } while (byte === 255)
    }
    return total
  }
  while (at < end) {
    const token = data[at++]!
    const literals = extended(token >>> 4)
    if (at + literals > end) {
      throw damaged('literals are cut off')
    }
    output.literal(data, at, literals)
    at += literals
    if (at === end) {
      return
    }
    if (at + 2 > end) {
      throw damaged('a match is cut off')
    }
    const offset = data[at]! + data[at + 1]! * 256
    at += 2
    const length = extended(token & 15) + MIN_MATCH
    if (offset === 0 || output.written - offset < floor) {
      throw damaged('a match reaches outside')
    }
    output.match(offset, length)
  }
  throw damaged('a block ends with a match')
}

/** Grows with what is really written, up to the limit. */
class Output {
  written = 0
  #buffer: Buffer
  readonly #limit: number

  constructor(size: number, limit: number) {
    this.#buffer = Buffer.allocUnsafeSlow(size)
    this.#limit = limit
  }

  literal(from: Buffer, at: number, size: number): void {
    this.#reserve(size)
    this.written = literal(from, at, this.#buffer, this.written, size)
  }

  match(offset: number, size: number): void {
    this.#reserve(size)
    this.written = repeat(this.#buffer, this.written, offset, size)
  }

  done(): Buffer {
    return this.#buffer.subarray(0, this.written)
  }

  #reserve(size: number): void {
    const needed = this.written + size
    if (needed > this.#limit) {
      throw damaged(`it unfolds to more than ${this.#limit} bytes`)
    }
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.#limit, Math.max(needed, this.#buffer.length * 2)))
      this.#buffer.copy(larger, 0, 0, this.written)
      this.#buffer = larger
    }
  }
}

function damaged(what: string): RangeError {
  return new RangeError(`lz4: ${what}`)
}
