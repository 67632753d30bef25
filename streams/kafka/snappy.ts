/**
 * Snappy, decompression only: raw blocks (https://github.com/google/snappy/blob/main/format_description.txt) and the
 * chunks of snappy-java that Kafka's producers write. Of our own, because a decoder of batches must bound what it
 * allocates by what it was given, whatever the batch claims.
 */

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
/** Magic, version, compatible version. */
const XERIAL_HEADER = 16
/** The most that one byte can unfold to: a copy of three bytes stands for 64. */
const MAX_RATIO = 22

/** Throws RangeError on anything damaged, and on what would exceed `limit` bytes. */
export function snappyDecompress(data: Buffer, limit: number): Buffer {
  if (data.length < XERIAL_MAGIC.length || !data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
    return block(data, limit)
  }
  const chunks: Buffer[] = []
  let left = limit
  for (let at = XERIAL_HEADER; at < data.length; ) {
    if (at + 4 > data.length) {
      throw damaged('a chunk has no length')
    }
    const end = at + 4 + data.readUInt32BE(at)
    if (end > data.length) {
      throw damaged('a chunk is cut off')
    }
    const chunk = block(data.subarray(at + 4, end), left)
    left -= chunk.length
    chunks.push(chunk)
    at = end
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

/** One raw block: the length it unfolds to as a varint, then literals and copies. */
function block(data: Buffer, limit: number): Buffer {
  let at = 0
  let length = 0
  for (let shift = 0; ; shift += 7) {
    if (at >= data.length || shift > 28) {
      throw damaged('it has no length')
    }
    const byte = data[at++]!
    length += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) {
      break
    }
  }
  if (length > limit || length > data.length * MAX_RATIO) {
    throw damaged(`${data.length} bytes claim to unfold to ${length}`)
  }
  const output = Buffer.allocUnsafeSlow(length)
  let written = 0
  while (at < data.length) {
    const tag = data[at++]!
    let size = tag >>> 2
    if ((tag & 3) === 0) {
      if (size >= 60) {
        const bytes = size - 59
        if (at + bytes > data.length) {
          throw damaged('a literal has no length')
        }
        size = data.readUIntLE(at, bytes)
        at += bytes
      }
      size++
      if (at + size > data.length || written + size > length) {
        throw damaged('a literal is too long')
      }
      written = literal(data, at, output, written, size)
      at += size
      continue
    }
    const offsetBytes = (tag & 3) === 3 ? 4 : tag & 3
    if (at + offsetBytes > data.length) {
      throw damaged('a copy is cut off')
    }
    let offset = data[at]!
    if (offsetBytes === 1) {
      offset += (tag >>> 5) << 8
      size = (size & 7) + 3
    } else {
      offset = offsetBytes === 2 ? offset + data[at + 1]! * 256 : data.readUInt32LE(at)
    }
    at += offsetBytes
    size++
    if (offset === 0 || offset > written || written + size > length) {
      throw damaged('a copy reaches outside')
    }
    written = repeat(output, written, offset, size)
  }
  if (written !== length) {
    throw damaged(`it unfolds to ${written} bytes instead of ${length}`)
  }
  return output
}

/** Below it a native copy costs more than a loop. */
const SHORT = 48

/** Copies literals; returns where the output ends. */
export function literal(from: Buffer, at: number, output: Buffer, written: number, size: number): number {
  if (size > SHORT) {
    from.copy(output, written, at, at + size)
  } else {
    for (let i = 0; i < size; i++) {
      output[written + i] = from[at + i]!
    }
  }
  return written + size
}

/** Copies `size` bytes from `offset` bytes back; where they overlap, what was just written is read again. */
export function repeat(output: Buffer, written: number, offset: number, size: number): number {
  const end = written + size
  if (size > SHORT && offset >= size) {
    output.copyWithin(written, written - offset, end - offset)
  } else {
    for (let to = written; to < end; to++) {
      output[to] = output[to - offset]!
    }
  }
  return end
}

function damaged(what: string): RangeError {
  return new RangeError(`snappy: ${what}`)
}
