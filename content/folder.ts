import { createHash, randomUUID } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { link, lstat, mkdir, open, readdir, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContentStore, PutExpectation, StoredContent } from './contract.ts'
import { ContentError } from './errors.ts'
import { checkTenantId, referenceTo, sha256Of } from './reference.ts'

/** Unfinished puts older than this are a dead process's: removed at open. Longer than any upload's time-out. */
const abandonedAfterMs = 24 * 60 * 60 * 1000
const incoming = '.incoming'

export interface FolderContentStoreOptions {
  readonly path: string
  /** Off only in tests on slow disks. Default true. */
  readonly fsync?: boolean
}

/**
 * A content store in a folder: `<path>/<tenant>/<first two hex digits>/<sha256>`. A put writes to a temporary file, syncs it and
 * links it into place, so a reader sees all of it or nothing, and the loser of a race finds the winner's equal file.
 */
export async function openFolderContentStore(options: FolderContentStoreOptions): Promise<ContentStore> {
  await mkdir(join(options.path, incoming), { recursive: true, mode: 0o700 })
  const store = new FolderContentStore(options.path, options.fsync ?? true)
  await store.removeAbandoned()
  return store
}

class FolderContentStore implements ContentStore {
  readonly #root: string
  readonly #fsync: boolean

  constructor(root: string, fsync: boolean) {
    this.#root = root
    this.#fsync = fsync
  }

  async removeAbandoned(): Promise<void> {
    const folder = join(this.#root, incoming)
    for (const name of await readdir(folder)) {
      const path = join(folder, name)
      const stats = await lstat(path).catch(() => undefined)
      if (stats?.isFile() && Date.now() - stats.mtimeMs > abandonedAfterMs) {
        await unlink(path).catch(ignoreMissing)
      }
    }
  }

  async put(tenantId: string, source: Uint8Array | AsyncIterable<Uint8Array>, expect: PutExpectation = {}): Promise<StoredContent> {
    checkTenantId(tenantId)
    const temporary = join(this.#root, incoming, randomUUID())
    const file = await open(temporary, 'wx', 0o600)
    try {
      const { sha256, size } = await this.#write(file, source, expect)
      if (expect.size !== undefined && size !== expect.size) {
        throw new ContentError('SIZE_MISMATCH', `size: ${expect.size} bytes announced, ${size} came`)
      }
      if (expect.sha256 !== undefined && sha256 !== expect.sha256) {
        throw new ContentError('SHA256_MISMATCH', `sha256: the bytes that came have another digest (${sha256})`)
      }
      const created = await this.#place(temporary, tenantId, sha256, size)
      return { tenantId, sha256, size, reference: referenceTo(sha256), created }
    } catch (error) {
      throw asContentError(error)
    } finally {
      await file.close()
      await unlink(temporary).catch(ignoreMissing)
    }
  }

  async #write(file: FileHandle, source: Uint8Array | AsyncIterable<Uint8Array>, expect: PutExpectation): Promise<{ sha256: string; size: number }> {
    const hash = createHash('sha256')
    const limit = expect.maxBytes ?? Number.POSITIVE_INFINITY
    let size = 0
    const append = async (chunk: Uint8Array): Promise<void> => {
      expect.signal?.throwIfAborted()
      size += chunk.byteLength
      if (size > limit) {
        throw new ContentError('TOO_LARGE', `content: more than ${limit} bytes`)
      }
      hash.update(chunk)
      await file.writeFile(chunk)
    }
    if (source instanceof Uint8Array) {
      await append(source)
    } else {
      for await (const chunk of source) {
        await append(chunk)
      }
    }
    if (this.#fsync) {
      await file.sync()
    }
    return { sha256: hash.digest('hex'), size }
  }

  async #place(temporary: string, tenantId: string, sha256: string, size: number): Promise<boolean> {
    const folder = join(this.#root, tenantId, sha256.slice(0, 2))
    const final = join(folder, sha256)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    let created = true
    try {
      await link(temporary, final)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') {
        throw error
      }
      const present = await lstat(final)
      if (!present.isFile() || present.size !== size) {
        throw new ContentError('DAMAGED', `content ${sha256} of ${tenantId}: stored with ${present.size} bytes, should be ${size}`)
      }
      created = false
    }
    if (this.#fsync) {
      // The name has to survive a power cut as well, also when another put made it a moment ago: its folder, and the folders
      // that may have been made for it.
      for (const path of [folder, join(this.#root, tenantId), this.#root]) {
        await syncFolder(path)
      }
    }
    return created
  }

  async #open(tenantId: string, reference: string): Promise<{ file: FileHandle; size: number; sha256: string }> {
    checkTenantId(tenantId)
    const sha256 = sha256Of(reference)
    const path = join(this.#root, tenantId, sha256.slice(0, 2), sha256)
    try {
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
      const stats = await file.stat()
      return { file, size: stats.size, sha256 }
    } catch (error) {
      if (codeOf(error) === 'ENOENT') {
        throw new ContentError('NOT_FOUND', `content ${sha256}: tenant ${tenantId} does not hold it`)
      }
      throw asContentError(error)
    }
  }

  async get(tenantId: string, reference: string, options: { readonly maxBytes?: number } = {}): Promise<Uint8Array> {
    const { file, size, sha256 } = await this.#open(tenantId, reference)
    try {
      if (options.maxBytes !== undefined && size > options.maxBytes) {
        throw new ContentError('TOO_LARGE', `content ${sha256}: ${size} bytes, at most ${options.maxBytes} asked for`)
      }
      const bytes = await file.readFile()
      if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
        throw new ContentError('DAMAGED', `content ${sha256} of ${tenantId}: its bytes have another digest`)
      }
      return bytes
    } catch (error) {
      throw asContentError(error)
    } finally {
      await file.close()
    }
  }

  async range(tenantId: string, reference: string, range?: { readonly start: number; readonly end: number }): Promise<AsyncIterable<Uint8Array>> {
    const { file, size, sha256 } = await this.#open(tenantId, reference)
    const start = range?.start ?? 0
    const end = range?.end ?? size
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start || end > size) {
      await file.close()
      throw new ContentError('RANGE_INVALID', `range: 0 <= start <= end <= ${size} expected`)
    }
    if (start === end) {
      await file.close()
      return readNothing()
    }
    const stream = createReadStream('', { fd: file, start, end: end - 1, highWaterMark: 64 * 1024 })
    return start === 0 && end === size ? verified(stream, sha256) : (stream as AsyncIterable<Uint8Array>)
  }

  async has(tenantId: string, reference: string): Promise<number | undefined> {
    checkTenantId(tenantId)
    const sha256 = sha256Of(reference)
    const stats = await lstat(join(this.#root, tenantId, sha256.slice(0, 2), sha256)).catch(ignoreMissing)
    return stats?.isFile() ? stats.size : undefined
  }

  async delete(tenantId: string, reference: string): Promise<boolean> {
    checkTenantId(tenantId)
    const sha256 = sha256Of(reference)
    const folder = join(this.#root, tenantId, sha256.slice(0, 2))
    try {
      await unlink(join(folder, sha256))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') {
        return false
      }
      throw asContentError(error)
    }
    if (this.#fsync) {
      await syncFolder(folder)
    }
    return true
  }

  async close(): Promise<void> {}
}

async function* verified(stream: AsyncIterable<Uint8Array>, sha256: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  for await (const chunk of stream) {
    hash.update(chunk)
    yield chunk
  }
  if (hash.digest('hex') !== sha256) {
    throw new ContentError('DAMAGED', `content ${sha256}: its bytes have another digest`)
  }
}

async function* readNothing(): AsyncGenerator<Uint8Array> {}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') {
    throw asContentError(error)
  }
  return undefined
}

function asContentError(error: unknown): Error {
  if (error instanceof ContentError || (error instanceof Error && error.name === 'AbortError')) {
    return error
  }
  return new ContentError('STORE_FAILED', `content store: ${codeOf(error) ?? 'failed'}`, { cause: error })
}
