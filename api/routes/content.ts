import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { referenceTo } from '../../content/index.ts'
import type { ApiContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { contentDisposition, servedContentType } from '../file-names.ts'
import { getContent } from '../schemas.ts'
import { knownId } from './documents.ts'

interface Held {
  readonly reference: string
  readonly fileName: string | null
  readonly contentType: string | null
}

/** The bytes, so that no browser ever runs them: an attachment, not sniffed, in a sandbox without origin. */
export function contentRoute(app: FastifyInstance, context: ApiContext): void {
  app.get<{ readonly Params: { readonly documentId: string } }>('/v1/documents/:documentId/content', { schema: getContent, config: { role: 'reader' } }, async (request, reply) => {
    const { tenantId, headers } = request
    const documentId = knownId(request.params.documentId)
    const held = await find(context, tenantId, documentId)
    const size = held === undefined ? undefined : await context.content.has(tenantId, held.reference)
    if (held === undefined || size === undefined) {
      throw new ApiError('CONTENT_NOT_FOUND', { field: 'documentId' })
    }
    const etag = `"${held.reference.slice('content:'.length)}"`
    reply.headers({
      'content-type': servedContentType(held.contentType),
      'content-disposition': contentDisposition(held.fileName, documentId),
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'private, no-store',
      'accept-ranges': 'bytes',
      etag,
    })
    const ifRange = headers['if-range']
    const range = ifRange === undefined || ifRange === etag ? rangeOf(headers.range, size) : undefined
    if (range === 'unsatisfiable') {
      reply.header('content-range', `bytes */${size}`)
      throw new ApiError('RANGE_INVALID', { field: 'Range', limit: size })
    }
    if (range !== undefined) {
      reply.code(206).header('content-range', `bytes ${range.start}-${range.end - 1}/${size}`)
    }
    reply.header('content-length', range === undefined ? size : range.end - range.start)
    if (request.method === 'HEAD') {
      return reply.send()
    }
    return reply.send(Readable.from(await context.content.range(tenantId, held.reference, range), { objectMode: false }))
  })
}

/** What was taken in knows the bytes even of a document that was rejected; an erased one has neither. */
async function find({ documents, intake }: ApiContext, tenantId: string, documentId: string): Promise<Held | undefined> {
  const ended = await documents.get(tenantId, documentId)
  if (ended?.status === 'ERASED') {
    return undefined
  }
  if (ended?.content != null) {
    return { reference: ended.content, fileName: ended.fileName, contentType: ended.contentType }
  }
  const taken = await intake.get(tenantId, documentId)
  if (taken !== undefined) {
    return { reference: referenceTo(taken.sha256), fileName: taken.fileName, contentType: taken.contentType }
  }
  if (ended === undefined) {
    throw new ApiError('DOCUMENT_NOT_FOUND', { field: 'documentId' })
  }
  return undefined
}

/** One range (RFC 9110 §14); several, or another unit, are ignored as the RFC allows: the whole content is sent. */
export function rangeOf(header: string | undefined, size: number): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) {
    return undefined
  }
  if (first === '') {
    return Number(last) === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - Number(last)), end: size }
  }
  if (last !== '' && Number(last) < Number(first)) {
    return undefined
  }
  return Number(first) >= size ? 'unsatisfiable' : { start: Number(first), end: last === '' ? size : Math.min(Number(last) + 1, size) }
}
