import type { Multipart } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { ContentError, type ContentStore } from '../content/index.ts'
import { ApiError } from './errors.ts'
import { keptContentType, keptFileName } from './file-names.ts'
import { MAXIMUM_FILES, MULTIPART_OVERHEAD, RETRY_AFTER_SECONDS } from './limits.ts'

/** The one value of the field `duplicate`, and of the attribute that carries it to the pipeline. */
export const DUPLICATE_ALLOWED = 'allow'

/** A file whose bytes lie in the content store. */
export interface StoredFile {
  readonly fileName: string | null
  readonly contentType: string | null
  readonly sha256: string
  readonly size: number
}

/** What a request carries. */
export interface Upload {
  readonly files: readonly StoredFile[]
  /** The sender says: process them although they are duplicates. */
  readonly allowDuplicate: boolean
}

export interface UploadOptions {
  readonly content: ContentStore
  readonly tenantId: string
  /** Per file. */
  readonly maximumBytes: number
  /** Called before each file is read; may refuse with an ApiError. */
  onFile(): Promise<void>
}

/**
 * Streams every file of a multipart body into the content store, one after the other, in flat memory. All or nothing:
 * the first fault refuses the whole request (bytes that were stored before stay; they are write-once and nobody's).
 * The field `duplicate` counts for all of them, wherever it stands.
 * @throws ApiError
 */
export async function storeFiles(request: FastifyRequest, options: UploadOptions): Promise<Upload> {
  const { maximumBytes } = options
  try {
    checkLength(request, maximumBytes)
    const files: StoredFile[] = []
    let allowDuplicate = false
    const limits = {
      fileSize: Number.POSITIVE_INFINITY, files: MAXIMUM_FILES + 1, fields: 1, fieldNameSize: 100, fieldSize: 1_024, parts: MAXIMUM_FILES + 2, headerPairs: 20,
    }
    for await (const part of request.parts({ limits })) {
      if (part.type === 'field' && part.fieldname === 'duplicate') {
        if (part.value !== DUPLICATE_ALLOWED) {
          throw new ApiError('DUPLICATE_INVALID', { field: 'duplicate', limit: DUPLICATE_ALLOWED })
        }
        allowDuplicate = true
      } else {
        files.push(await storePart(part, files.length, options))
      }
    }
    if (files.length === 0) {
      throw new ApiError('FILE_MISSING', { field: 'file' })
    }
    return { files, allowDuplicate }
  } catch (error) {
    // What the client still sends is read and thrown away: one that sends everything before it reads would never see the answer.
    request.raw.unpipe()
    request.raw.resume()
    throw asApiError(error, maximumBytes)
  }
}

function checkLength(request: FastifyRequest, maximumBytes: number): void {
  const limit = maximumBytes * MAXIMUM_FILES + MULTIPART_OVERHEAD
  if (Number(request.headers['content-length'] ?? 0) > limit) {
    throw new ApiError('BODY_TOO_LARGE', { field: 'Content-Length', limit })
  }
}

async function storePart(part: Multipart, index: number, { content, tenantId, maximumBytes, onFile }: UploadOptions): Promise<StoredFile> {
  if (part.type !== 'file' || part.fieldname !== 'file' || part.filename === undefined) {
    throw new ApiError('FIELD_UNKNOWN', { field: 'file' })
  }
  if (index >= MAXIMUM_FILES) {
    throw new ApiError('TOO_MANY_FILES', { field: 'file', limit: MAXIMUM_FILES })
  }
  await onFile()
  const { sha256, size } = await content.put(tenantId, notEmpty(part.file), { maxBytes: maximumBytes })
  return { sha256, size, fileName: keptFileName(part.filename), contentType: keptContentType(part.mimetype) }
}

async function* notEmpty(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    yield chunk
  }
  if (size === 0) {
    throw new ApiError('FILE_EMPTY', { field: 'file' })
  }
}

function asApiError(error: unknown, maximumBytes: number): ApiError {
  if (error instanceof ApiError) {
    return error
  }
  if (error instanceof ContentError) {
    // the store wraps what the stream threw
    return error.cause instanceof ApiError
      ? error.cause
      : error.code === 'TOO_LARGE'
        ? new ApiError('FILE_TOO_LARGE', { field: 'file', limit: maximumBytes })
        : isMultipartError(error.cause)
          ? new ApiError('MULTIPART_INVALID', { cause: error })
          : new ApiError('STORE_UNAVAILABLE', { retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error })
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  switch (code) {
    case 'FST_INVALID_MULTIPART_CONTENT_TYPE':
      return new ApiError('MEDIA_TYPE_UNSUPPORTED', { field: 'Content-Type', limit: 'multipart/form-data' })
    case 'FST_FILES_LIMIT':
    case 'FST_PARTS_LIMIT':
      return new ApiError('TOO_MANY_FILES', { field: 'file', limit: MAXIMUM_FILES })
    case 'FST_FIELDS_LIMIT':
    case 'FST_PROTO_VIOLATION':
    case 'FST_INVALID_JSON_FIELD_ERROR':
      return new ApiError('FIELD_UNKNOWN', { field: 'file' })
    default:
      // what is left comes from the parser: a body that ends early, a boundary that is none
      return new ApiError('MULTIPART_INVALID', { field: 'Content-Type', cause: error })
  }
}

/** File system errors carry an errno; errors of the stream that came from the client do not. */
const isMultipartError = (cause: unknown): boolean => cause instanceof Error && !('errno' in cause && 'syscall' in cause)
