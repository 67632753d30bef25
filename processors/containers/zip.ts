import { crc32, inflateRawSync } from 'node:zlib'
import { fail, succeed } from '../failure.ts'
import type { Outcome } from '../types.ts'
import type { ContainerBounds } from './part.ts'

/** An entry of a ZIP's central directory (PKWARE APPNOTE 6.3, 4.3.12). */
export interface ZipEntry {
  /** From 1, in the order of the directory. */
  readonly index: number
  readonly name: string
  readonly directory: boolean
  /** Packed bytes: where they are. */
  readonly start: number
  readonly end: number
  readonly method: number
  /** Unfolded bytes, as declared; unfolding holds it to that. */
  readonly size: number
  readonly crc: number
}

export type ZipBounds = Pick<ContainerBounds, 'maxParts' | 'maxUnfoldedBytes' | 'maxExpansion'>

const endOfDirectory = 0x06054b50
const zip64Locator = 0x07064b50
const zip64End = 0x06064b50
const directoryEntry = 0x02014b50
const localEntry = 0x04034b50
const endLength = 22
const maxComment = 0xffff
const stored = 0
const deflated = 8
/** Small files of one letter shrink further than any bomb's bound; so little hurts nobody. */
const alwaysAllowed = 16 * 1024 * 1024

const corrupt = (what: string): Outcome<never> => fail('CORRUPT', 'content', `a ZIP ${what}`)

/**
 * The directory of a ZIP, and nothing unfolded yet: entries are counted, their sizes added up and their places checked first. Entries that
 * share bytes (the quickest bombs), encryption, several disks and data before the first entry are refused.
 */
export function readZipDirectory(bytes: Uint8Array, bounds: ZipBounds): Outcome<ZipEntry[]> {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    const end = findEnd(data)
    return end === undefined ? corrupt('without a directory') : readEntries(data, end, bounds)
  } catch (error) {
    // an offset or a length that leads out of the file
    if (error instanceof RangeError) {
      return corrupt('whose directory leads out of it')
    }
    throw error
  }
}

interface Directory {
  readonly count: number
  readonly offset: number
  readonly size: number
  /** Where the record of its end is. */
  readonly at: number
}

function findEnd(data: Buffer): Directory | undefined {
  for (let at = data.length - endLength; at >= Math.max(0, data.length - endLength - maxComment); at -= 1) {
    if (data.readUInt32LE(at) === endOfDirectory && at + endLength + data.readUInt16LE(at + 20) === data.length) {
      return withZip64(data, at)
    }
  }
  return undefined
}

function withZip64(data: Buffer, at: number): Directory | undefined {
  const plain = { count: data.readUInt16LE(at + 10), size: data.readUInt32LE(at + 12), offset: data.readUInt32LE(at + 16), at }
  const locator = at - 20
  const has64 = locator >= 0 && data.readUInt32LE(locator) === zip64Locator
  const oneDisk = data.readUInt16LE(at + 4) === 0 && data.readUInt16LE(at + 8) === plain.count
  if (!has64) {
    return oneDisk ? plain : undefined
  }
  const record = number64(data, locator + 8)
  if (data.readUInt32LE(record) !== zip64End || data.readUInt32LE(record + 16) !== 0) {
    return undefined
  }
  return { count: number64(data, record + 32), size: number64(data, record + 40), offset: number64(data, record + 48), at: record }
}

/** @throws RangeError of a number that no file here can have */
function number64(data: Buffer, at: number): number {
  const value = data.readBigUInt64LE(at)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new RangeError('beyond 2^53')
  }
  return Number(value)
}

function readEntries(data: Buffer, directory: Directory, bounds: ZipBounds): Outcome<ZipEntry[]> {
  const { count, offset, size, at: end } = directory
  if (count > bounds.maxParts) {
    return fail('TOO_MANY_PARTS', 'content', `a ZIP of ${count} entries`, bounds.maxParts)
  }
  if (offset + size !== end) {
    return corrupt('whose directory is not where it says')
  }
  const entries: ZipEntry[] = []
  const taken: { from: number; to: number }[] = []
  let unfolded = 0
  let at = offset
  for (let index = 1; index <= count; index += 1) {
    if (data.readUInt32LE(at) !== directoryEntry) {
      return corrupt('with a damaged directory')
    }
    const flags = data.readUInt16LE(at + 8)
    if ((flags & 1) !== 0) {
      return fail('ENCRYPTED', 'content', 'a ZIP that needs a password')
    }
    const nameLength = data.readUInt16LE(at + 28)
    const extraLength = data.readUInt16LE(at + 30)
    const rawName = data.subarray(at + 46, at + 46 + nameLength)
    const { packed, size: full, local } = sizesOf(data, at, nameLength, extraLength)
    if (data.readUInt32LE(local) !== localEntry) {
      return corrupt('with an entry that is not where the directory says')
    }
    const start = local + 30 + data.readUInt16LE(local + 26) + data.readUInt16LE(local + 28)
    if (start + packed > offset) {
      return corrupt('with an entry that is longer than the file')
    }
    taken.push({ from: local, to: start + packed })
    unfolded += full
    if (unfolded > bounds.maxUnfoldedBytes) {
      return fail('EXPANDS_TOO_MUCH', 'content', 'a ZIP that unfolds to too many bytes', bounds.maxUnfoldedBytes)
    }
    const name = nameOf(rawName)
    entries.push({
      index, name, directory: name.endsWith('/'), start, end: start + packed, method: data.readUInt16LE(at + 10), size: full, crc: data.readUInt32LE(at + 16),
    })
    at += 46 + nameLength + extraLength + data.readUInt16LE(at + 32)
  }
  if (unfolded > Math.max(alwaysAllowed, bounds.maxExpansion * data.length)) {
    return fail('EXPANDS_TOO_MUCH', 'content', `a ZIP that unfolds to more than ${bounds.maxExpansion} times its size`, bounds.maxExpansion)
  }
  taken.sort((a, b) => a.from - b.from)
  const overlapping = taken.some(({ from }, n) => n > 0 && from < taken[n - 1]!.to)
  return overlapping ? corrupt('whose entries share bytes') : succeed(entries)
}

interface Sizes {
  readonly packed: number
  readonly size: number
  /** Where the entry's own head is. */
  readonly local: number
}

/** Where sizes and place do not fit into 32 bits they stand in the extra field 1, in this order. */
function sizesOf(data: Buffer, at: number, nameLength: number, extraLength: number): Sizes {
  const none = 0xffffffff
  let packed = data.readUInt32LE(at + 20)
  let size = data.readUInt32LE(at + 24)
  let local = data.readUInt32LE(at + 42)
  if (packed !== none && size !== none && local !== none) {
    return { packed, size, local }
  }
  const end = at + 46 + nameLength + extraLength
  for (let field = at + 46 + nameLength; field + 4 <= end; field += 4 + data.readUInt16LE(field + 2)) {
    if (data.readUInt16LE(field) === 1) {
      let value = field + 4
      const next = (): number => {
        value += 8
        return number64(data, value - 8)
      }
      size = size === none ? next() : size
      packed = packed === none ? next() : packed
      local = local === none ? next() : local
      break
    }
  }
  return { packed, size, local }
}

/** UTF-8 says so by a flag that many forget; what is none is taken for Windows'. */
function nameOf(raw: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(raw)
  } catch {
    return new TextDecoder('windows-1252').decode(raw)
  }
}

/** The bytes of an entry, never more than its directory declares; a checksum that differs is an entry that is damaged. */
export function unzipEntry(bytes: Uint8Array, entry: ZipEntry): Outcome<Buffer> {
  const packed = Buffer.from(bytes.buffer, bytes.byteOffset + entry.start, entry.end - entry.start)
  if (entry.method !== stored && entry.method !== deflated) {
    return fail('TYPE_UNSUPPORTED', 'content', 'a ZIP entry packed in a way that is not read: deflate expected')
  }
  try {
    const content = entry.method === stored ? packed : inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.size) })
    if (content.length === entry.size && crc32(content) === entry.crc) {
      return succeed(content)
    }
  } catch {
    // said below: zlib's own words may quote the bytes
  }
  return fail('CORRUPT', 'content', 'a ZIP entry that is damaged')
}
