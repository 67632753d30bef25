// Unpacks tar.gz and zip (also jar, wheel) without any link, device or name that leads out of the target folder.
// Both take archives whose hash was checked; they refuse what they do not understand instead of guessing.
import { createReadStream } from 'node:fs'
import { chmod, mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { crc32, createGunzip, inflateRawSync } from 'node:zlib'
import { StackError } from './errors.ts'

export interface UnpackOptions {
  /** Only what lies below this folder (with a slash at its end) is unpacked, under the rest of its name. */
  readonly from?: string
  /** Says whether a name (below `from`) is wanted; all are by default. */
  readonly wanted?: (name: string) => boolean
  /** Says whether a file becomes executable; by default the archive's own mode decides. */
  readonly executable?: (name: string) => boolean
}

function refuse(archive: string, why: string): never {
  throw new StackError('ARCHIVE_REFUSED', `${archive}: ${why}`)
}

/** The name to unpack an entry under; undefined if it is not wanted. Refuses names that could leave the folder. */
function safeName(archive: string, raw: string, options: UnpackOptions): string | undefined {
  if (raw.includes('\0') || raw.includes('\\') || raw.startsWith('/') || /^[A-Za-z]:/.test(raw)) {
    refuse(archive, `the name ${JSON.stringify(raw)} is not a plain relative path`)
  }
  const segments = raw.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (segments.includes('..')) {
    refuse(archive, `the name ${JSON.stringify(raw)} leads out of the folder`)
  }
  const whole = segments.join('/')
  const { from = '' } = options
  const name = whole.startsWith(from) ? whole.slice(from.length) : ''
  return name !== '' && (options.wanted?.(name) ?? true) ? name : undefined
}

/** Creates a file that must not exist yet, so that a name that comes twice cannot replace the first. */
async function create(target: string, name: string, executable: boolean, chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
  const path = join(target, name)
  await mkdir(dirname(path), { recursive: true })
  const file = await open(path, 'wx', 0o644)
  try {
    for await (const chunk of chunks) {
      await file.writeFile(chunk)
    }
  } finally {
    await file.close()
  }
  if (executable) {
    await chmod(path, 0o755)
  }
}

/** Takes exact byte counts from a stream of chunks. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Between 1 and `most` bytes; undefined at the end. */
  async some(most: number): Promise<Buffer | undefined> {
    if (this.#rest.length === 0) {
      const next = await this.#source.next()
      if (next.done) {
        return undefined
      }
      this.#rest = next.value
    }
    const taken = this.#rest.subarray(0, most)
    this.#rest = this.#rest.subarray(taken.length)
    return taken
  }

  async *exactly(archive: string, count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      const chunk = await this.some(left)
      if (!chunk) {
        refuse(archive, 'it ends in the middle of a file')
      }
      left -= chunk.length
      if (chunk.length > 0) {
        yield chunk
      }
    }
  }

  async all(archive: string, count: number): Promise<Buffer> {
    const chunks: Buffer[] = []
    for await (const chunk of this.exactly(archive, count)) {
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }
}

const BLOCK = 512
/** Longest name or attribute block that is read into memory. */
const MAXIMUM_ATTRIBUTES = 1024 * 1024

function text(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? length : end)
}

function octal(archive: string, header: Buffer, start: number, length: number): number {
  const digits = text(header, start, length).trim()
  if (!/^[0-7]*$/.test(digits)) {
    refuse(archive, 'a number in a header is not octal')
  }
  return digits === '' ? 0 : Number.parseInt(digits, 8)
}

/** The `path` of a pax attribute block ("length key=value\n"…), if it has one. */
function paxPath(archive: string, block: Buffer): string | undefined {
  let path: string | undefined
  for (let at = 0; at < block.length; ) {
    const space = block.indexOf(0x20, at)
    const length = Number(block.toString('latin1', at, space))
    if (space < 0 || !Number.isInteger(length) || length <= space - at || at + length > block.length) {
      refuse(archive, 'a pax header is damaged')
    }
    const [key, ...value] = block.toString('utf8', space + 1, at + length - 1).split('=')
    if (key === 'path') {
      path = value.join('=')
    } else if (key === 'size') {
      refuse(archive, 'a file of 8 GiB or more')
    }
    at += length
  }
  return path
}

/** Unpacks a gzip-compressed tar (ustar, pax and GNU long names). Throws StackError ARCHIVE_REFUSED. */
export async function untar(archive: string, target: string, options: UnpackOptions = {}): Promise<void> {
  const stream = createReadStream(archive)
  const gunzip = createGunzip()
  stream.on('error', (error) => gunzip.destroy(error))
  const reader = new ByteReader(stream.pipe(gunzip) as AsyncIterable<Buffer>)
  await mkdir(target, { recursive: true })
  let longName: string | undefined
  try {
    while (true) {
      const header = await reader.all(archive, BLOCK)
      if (header.every((byte) => byte === 0)) {
        return
      }
      const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0)
      if (sum !== octal(archive, header, 148, 8)) {
        refuse(archive, 'a header has a wrong checksum')
      }
      const type = String.fromCharCode(header[156] ?? 0)
      const size = octal(archive, header, 124, 12)
      const padding = (BLOCK - (size % BLOCK)) % BLOCK
      if (type === 'x' || type === 'L' || type === 'g') {
        if (size > MAXIMUM_ATTRIBUTES) {
          refuse(archive, 'a header of more than 1 MiB')
        }
        const block = await reader.all(archive, size)
        longName = type === 'x' ? paxPath(archive, block) : type === 'L' ? text(block, 0, block.length) : longName
        await reader.all(archive, padding)
        continue
      }
      const prefix = header.toString('latin1', 257, 262) === 'ustar' && header[263] === 0x30 ? text(header, 345, 155) : ''
      const raw = longName ?? (prefix ? `${prefix}/${text(header, 0, 100)}` : text(header, 0, 100))
      longName = undefined
      if (type === '1' || type === '2') {
        refuse(archive, `the link ${JSON.stringify(raw)}: links are not unpacked`)
      }
      if (type !== '0' && type !== '\0' && type !== '5') {
        refuse(archive, `${JSON.stringify(raw)} is of the unknown type ${JSON.stringify(type)}`)
      }
      const name = safeName(archive, raw, options)
      if (name === undefined || type === '5') {
        for await (const _ of reader.exactly(archive, size)) {
          // Not wanted: read past it.
        }
      } else {
        const executable = options.executable?.(name) ?? (octal(archive, header, 100, 8) & 0o100) !== 0
        await create(target, name, executable, reader.exactly(archive, size))
      }
      await reader.all(archive, padding)
    }
  } catch (error) {
    throw error instanceof StackError ? error : new StackError('ARCHIVE_REFUSED', `${archive}: ${(error as Error).message}`, { cause: error })
  } finally {
    stream.destroy()
    gunzip.destroy()
  }
}

const END_OF_DIRECTORY = 0x06054b50
const DIRECTORY_ENTRY = 0x02014b50
const LOCAL_ENTRY = 0x04034b50

/** Unpacks a zip, jar or wheel (stored and deflated entries; no zip64, no encryption). Throws StackError ARCHIVE_REFUSED. */
export async function unzip(archive: string, target: string, options: UnpackOptions = {}): Promise<void> {
  const bytes = await readFile(archive)
  await mkdir(target, { recursive: true })
  let end = bytes.length - 22
  while (end >= 0 && bytes.readUInt32LE(end) !== END_OF_DIRECTORY) {
    end--
  }
  if (end < 0) {
    refuse(archive, 'it is not a zip')
  }
  const count = bytes.readUInt16LE(end + 10)
  let at = bytes.readUInt32LE(end + 16)
  try {
    for (let entry = 0; entry < count; entry++) {
      if (bytes.readUInt32LE(at) !== DIRECTORY_ENTRY) {
        refuse(archive, 'its directory is damaged')
      }
      const flags = bytes.readUInt16LE(at + 8)
      const method = bytes.readUInt16LE(at + 10)
      const sum = bytes.readUInt32LE(at + 16)
      const packed = bytes.readUInt32LE(at + 20)
      const size = bytes.readUInt32LE(at + 24)
      const nameLength = bytes.readUInt16LE(at + 28)
      const mode = bytes.readUInt32LE(at + 38) >>> 16
      const local = bytes.readUInt32LE(at + 42)
      const raw = bytes.toString('utf8', at + 46, at + 46 + nameLength)
      at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32)
      const kind = mode & 0o170000
      if (kind !== 0 && kind !== 0o100000 && kind !== 0o040000) {
        refuse(archive, `${JSON.stringify(raw)} is a link or a device: those are not unpacked`)
      }
      if ((flags & 1) !== 0 || (method !== 0 && method !== 8)) {
        refuse(archive, `${JSON.stringify(raw)} is encrypted or packed in an unknown way`)
      }
      const name = safeName(archive, raw, options)
      if (name === undefined || raw.endsWith('/')) {
        continue
      }
      if (bytes.readUInt32LE(local) !== LOCAL_ENTRY) {
        refuse(archive, `${JSON.stringify(raw)} is not where the directory says`)
      }
      const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28)
      const body = bytes.subarray(start, start + packed)
      const content = method === 0 ? body : inflateRawSync(body, { maxOutputLength: Math.max(1, size) })
      if (content.length !== size || crc32(content) !== sum) {
        refuse(archive, `${JSON.stringify(raw)} is damaged`)
      }
      await create(target, name, options.executable?.(name) ?? (mode & 0o100) !== 0, [content])
    }
  } catch (error) {
    throw error instanceof StackError ? error : new StackError('ARCHIVE_REFUSED', `${archive}: ${(error as Error).message}`, { cause: error })
  }
}

/** Writes a jar (a zip of stored entries with a fixed date, so that equal content is an equal file). */
export async function writeJar(path: string, entries: readonly { readonly name: string; readonly content: Buffer }[]): Promise<void> {
  const files: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, content } of entries) {
    const encoded = Buffer.from(name)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x0800, 2)
    common.writeUInt16LE(0, 4)
    common.writeUInt16LE(0, 6)
    common.writeUInt16LE(0x21, 8)
    common.writeUInt32LE(crc32(content), 10)
    common.writeUInt32LE(content.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(encoded.length, 22)
    const local = Buffer.alloc(4)
    local.writeUInt32LE(LOCAL_ENTRY)
    files.push(local, common, encoded, content)
    const head = Buffer.alloc(6)
    head.writeUInt32LE(DIRECTORY_ENTRY)
    head.writeUInt16LE(20, 4)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    directory.push(head, common, tail, encoded)
    offset += local.length + common.length + encoded.length + content.length
  }
  const listing = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(END_OF_DIRECTORY)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(listing.length, 12)
  end.writeUInt32LE(offset, 16)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, Buffer.concat([...files, listing, end]))
}
