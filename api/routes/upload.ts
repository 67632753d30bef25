import type { FastifyInstance, FastifyRequest } from 'fastify'
import { referenceTo } from '../../content/index.ts'
import { isUnavailable, type TakenDocument } from '../../connectors/index.ts'
import { documentKey } from '../../topology/topics.ts'
import type { ApiContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { documentIdFor, idempotencyKey } from '../idempotency.ts'
import { RETRY_AFTER_SECONDS, UPLOADS } from '../limits.ts'
import { Places } from '../places.ts'
import { postDocuments } from '../schemas.ts'
import { DUPLICATE_ALLOWED, storeFiles, type Upload } from '../upload.ts'
import { takenView } from '../view.ts'

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

/**
 * Bytes to the content store, rows to PostgreSQL, records to Kafka, and only then the answer. Whatever fails in between
 * is a 503, and the same request with the same key goes on where it stopped, under the same ids.
 */
export function uploadRoute(app: FastifyInstance, context: ApiContext): void {
  const { intake, serialised } = context
  const places = new Places({ ...UPLOADS, refusal: 'OVERLOADED' })

  app.post('/v1/documents', { schema: postDocuments, config: { role: 'uploader' } }, async (request, reply) => {
    const { tenantId } = request
    const key = idempotencyKey(request.headers['idempotency-key'])
    const leave = places.take(tenantId)
    try {
      const { files, allowDuplicate } = await store(request, context)
      const receivedAt = Date.now()
      const given = files.map((file, ordinal) => ({ ...file, ordinal, receivedAt, documentId: documentIdFor(tenantId, key, ordinal) }))
      const taken = await serialised.run(key === undefined ? undefined : `${tenantId}\n${key}`, async () => {
        const rows = await intake.take(tenantId, key, given)
        if (rows === 'conflict') {
          throw new ApiError('IDEMPOTENCY_CONFLICT', { field: 'Idempotency-Key' })
        }
        await produce(request, context, rows.filter(({ produced }) => !produced), allowDuplicate)
        return rows
      })
      reply.code(202)
      return { documents: taken.map(takenView) }
    } finally {
      leave()
    }
  })
}

async function store(request: FastifyRequest, { content, tenants, rate, maximumBytes }: ApiContext): Promise<Upload> {
  const { tenantId } = request
  const tenant = tenants.get(tenantId)
  if (tenant === undefined || !tenant.active) {
    throw new ApiError(tenant === undefined ? 'TENANT_UNKNOWN' : 'TENANT_INACTIVE')
  }
  return await storeFiles(request, {
    content,
    tenantId,
    maximumBytes: Math.min(maximumBytes, tenant.maximumBytes),
    onFile: async () => {
      const retryAfterSeconds = await rate.take(tenantId, tenant.documentsPerMinute).catch((cause: unknown) => {
        throw new ApiError(isUnavailable(cause) ? 'DATABASE_UNAVAILABLE' : 'INTERNAL', { cause, ...(isUnavailable(cause) ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {}) })
      })
      if (retryAfterSeconds > 0) {
        throw new ApiError('RATE_LIMITED', { field: 'documentsPerMinute', limit: tenant.documentsPerMinute, retryAfterSeconds })
      }
    },
  })
}

/** What an earlier try has produced already is not produced again. */
async function produce(request: FastifyRequest, context: ApiContext, rows: readonly TakenDocument[], allowDuplicate: boolean): Promise<void> {
  if (rows.length === 0) {
    return
  }
  const { producer, received, rawTopic, intake, observer } = context
  const { tenantId } = request
  const attributes: { [name: string]: string } = allowDuplicate ? { duplicate: DUPLICATE_ALLOWED } : {}
  const trace = request.headers['traceparent']
  const traceparent = typeof trace === 'string' && TRACEPARENT.test(trace) ? trace : null
  await producer.send(
    rows.map(({ documentId, fileName, contentType, size, sha256, receivedAt }) => ({
      key: Buffer.from(documentKey(tenantId, documentId)),
      value: received.serialize(rawTopic, {
        tenantId, documentId, source: 'api', fileName, contentType, size, sha256, receivedAt, traceparent, content: null, reference: referenceTo(sha256), attributes, parent: null,
      }),
      timestamp: receivedAt,
    })),
  )
  await intake.markProduced(tenantId, rows.map(({ documentId }) => documentId))
  for (const { size } of rows) {
    observer?.documentTaken(tenantId, size)
  }
}
