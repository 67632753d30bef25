import type { FastifyInstance } from 'fastify'
import type { ApiContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { PAGES } from '../limits.ts'
import { Places } from '../places.ts'
import { getPage } from '../schemas.ts'
import { knownId } from './documents.ts'

interface ByPage {
  readonly Params: { readonly documentId: string; readonly page: string }
}

/**
 * A page as people see it, drawn when somebody asks, by a process of its own with limits on time and memory: what is drawn is a stranger's file.
 * The picture has the proportions of the page's size in `pageSizes`, so boxes fit on it.
 */
export function pageRoute(app: FastifyInstance, { documents, content, pages }: ApiContext): void {
  const places = new Places({ ...PAGES, refusal: 'RENDERER_BUSY' })
  app.get<ByPage>('/v1/documents/:documentId/pages/:page', { schema: getPage, config: { role: 'reader' } }, async (request, reply) => {
    const { tenantId, params } = request
    const documentId = knownId(params.documentId)
    const page = /^[1-9]\d{0,3}$/.test(params.page) ? Number(params.page) : 0
    const document = await documents.get(tenantId, documentId)
    if (document === undefined) {
      throw new ApiError('DOCUMENT_NOT_FOUND', { field: 'documentId' })
    }
    if (document.content === null || document.status === 'ERASED' || (await content.has(tenantId, document.content)) === undefined) {
      throw new ApiError('CONTENT_NOT_FOUND', { field: 'documentId' })
    }
    if (page === 0 || (document.pageCount !== null && page > document.pageCount)) {
      throw new ApiError('PAGE_NOT_FOUND', { field: 'page', limit: document.pageCount ?? undefined })
    }
    const leave = places.take(tenantId)
    try {
      const turned = (document.pageSizes as readonly { readonly turned?: number }[] | null)?.[page - 1]?.turned ?? 0
      const drawn = await pages.draw({ bytes: await content.get(tenantId, document.content), page, turned })
      if (!drawn.ok) {
        throw new ApiError(drawn.failure.code === 'TYPE_UNSUPPORTED' ? 'PAGE_NOT_FOUND' : 'PAGE_UNREADABLE', { field: 'page', limit: drawn.failure.code })
      }
      reply.type('image/png').headers({
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; sandbox",
        'content-disposition': 'inline; filename="page.png"',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'private, no-store',
      })
      return reply.send(Buffer.from(drawn.value.bytes))
    } finally {
      leave()
    }
  })
}
