import { StreamsError } from 'millrace'
import type { FastifyInstance } from 'fastify'
import { erasuresOf, type VendorGroup } from '../../topology/vendor-memories.ts'
import type { ApiContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { RETRY_AFTER_SECONDS, VENDOR_MEMORIES } from '../limits.ts'
import { Places } from '../places.ts'
import { deleteVendorMemory, getVendorMemory } from '../schemas.ts'
import { vendorMemoryView } from '../view.ts'
import { pageSize } from './documents.ts'

type Query = { readonly cursor?: unknown; readonly limit?: unknown }

/** A digest: the first key of the last vendor of the page before. */
const CURSOR = /^[0-9a-f]{64}$/

/** What corrections taught about each vendor, and having it forgotten: a record to Kafka, which the pipeline carries out. */
export function vendorMemoryRoutes(app: FastifyInstance, { vendorMemories, erasureProducer, erasure, erasuresTopic }: ApiContext): void {
  const places = new Places({ ...VENDOR_MEMORIES, refusal: 'OVERLOADED' })
  const vendorsOf = async (tenantId: string): Promise<VendorGroup[]> => {
    const leave = places.take(tenantId)
    try {
      return await vendorMemories.of(tenantId)
    } catch (error) {
      throw error instanceof StreamsError ? new ApiError('MEMORY_UNAVAILABLE', { retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error }) : error
    } finally {
      leave()
    }
  }

  app.get<{ readonly Querystring: Query }>('/v1/vendor-memory', { schema: getVendorMemory, config: { role: 'reviewer' } }, async ({ tenantId, query: { cursor, limit } }) => {
    if (cursor !== undefined && (typeof cursor !== 'string' || !CURSOR.test(cursor))) {
      throw new ApiError('CURSOR_INVALID', { field: 'cursor' })
    }
    const size = pageSize(limit)
    const rest = (await vendorsOf(tenantId)).filter(({ keys }) => cursor === undefined || keys[0]! > cursor)
    const vendors = rest.slice(0, size)
    return { vendors: vendors.map(vendorMemoryView), cursor: rest.length > size ? vendors.at(-1)!.keys[0]! : null }
  })

  app.delete<{ readonly Params: { readonly vendor: string } }>('/v1/vendor-memory/:vendor', { schema: deleteVendorMemory, config: { role: 'reviewer' } }, async ({ tenantId, user, params }, reply) => {
    const group = (await vendorsOf(tenantId)).find(({ keys }) => keys.includes(params.vendor))
    if (group === undefined) {
      throw new ApiError('VENDOR_NOT_FOUND', { field: 'vendor' })
    }
    const at = Date.now()
    const records = erasuresOf({ tenantId, keys: [...group.keys], by: user, at })
    await erasureProducer.send(records.map(({ key, value }) => ({ key: Buffer.from(key), value: erasure.serialize(erasuresTopic, value), timestamp: at })))
    reply.code(202)
    return { vendor: group.keys[0]!, keys: group.keys.length }
  })
}
