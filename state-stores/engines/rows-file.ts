import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Bytes } from '../contract.ts'

/** Rows gathered before they are written to the file, in bytes. */
const GATHERED = 256 * 1024
const LENGTHS = 8

export interface FileRow {
  readonly key: Bytes
  readonly value: Bytes
}

/** Writes rows one after the other: length of the key and of the value (four bytes each, big-endian), key, value. */
export async function writeRows(path: string, rows: Iterable<FileRow>): Promise<void> {
  const file = await open(path, 'wx')
  try {
    let parts: Bytes[] = []
    let bytes = 0
    for (const { key, value } of rows) {
      const lengths = Buffer.allocUnsafe(LENGTHS)
      lengths.writeUInt32BE(key.length, 0)
      lengths.writeUInt32BE(value.length, 4)
      parts.push(lengths, key, value)
      bytes += LENGTHS + key.length + value.length
      if (bytes >= GATHERED) {
        await file.write(Buffer.concat(parts))
        parts = []
        bytes = 0
      }
    }
    await file.write(Buffer.concat(parts))
  } finally {
    await file.close()
  }
}

/** The rows of such a file, in its order. Throws a `RangeError` if it ends in the middle of one. */
export async function* readRows(path: string): AsyncGenerator<FileRow> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: GATHERED })) {
    rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer])
    let at = 0
    while (rest.length - at >= LENGTHS) {
      const key = at + LENGTHS
      const value = key + rest.readUInt32BE(at)
      const end = value + rest.readUInt32BE(at + 4)
      if (end > rest.length) {
        break
      }
      yield { key: rest.subarray(key, value), value: rest.subarray(value, end) }
      at = end
    }
    rest = rest.subarray(at)
  }
  if (rest.length > 0) {
    throw new RangeError(`${path} ends in the middle of a row`)
  }
}
