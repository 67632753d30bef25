import type { FastifyInstance } from 'fastify'
import { ConnectorError, type OverviewOptions } from '../../connectors/index.ts'
import { documentStates } from '../../topology/states.ts'
import { isDocumentId } from '../../topology/topics.ts'
import type { ApiContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { PAGE } from '../limits.ts'
import { getDocument, getLifecycle, getParts, listDocuments } from '../schemas.ts'
import { documentView, eventView, partView, summaryView, underWayView } from '../view.ts'

interface ById {
  readonly Params: { readonly documentId: string }
}

/** Reading: lists, one document, its audit trail. */
export function documentRoutes(app: FastifyInstance, { documents, intake, archive }: ApiContext): void {
  app.get<{ readonly Querystring: { readonly [name: string]: unknown } }>('/v1/documents', { schema: listDocuments, config: { role: 'reader' } }, async (request) => {
    const page = await intake.overview(request.tenantId, overviewOptions(request.query)).catch((error: unknown) => {
      throw error instanceof ConnectorError && error.code === 'CURSOR_INVALID' ? new ApiError('CURSOR_INVALID', { field: 'cursor' }) : error
    })
    return { documents: page.documents.map(summaryView), cursor: page.cursor ?? null }
  })

  app.get<ById>('/v1/documents/:documentId', { schema: getDocument, config: { role: 'reader' } }, async ({ tenantId, params }) => {
    const documentId = knownId(params.documentId)
    const ended = await documents.get(tenantId, documentId)
    if (ended !== undefined) {
      return documentView(ended)
    }
    const taken = await intake.get(tenantId, documentId)
    if (taken !== undefined) {
      return underWayView(taken)
    }
    throw new ApiError('DOCUMENT_NOT_FOUND', { field: 'documentId' })
  })

  app.get<ById>('/v1/documents/:documentId/parts', { schema: getParts, config: { role: 'reader' } }, async ({ tenantId, params }) => {
    const documentId = knownId(params.documentId)
    const parts = await documents.parts(tenantId, documentId)
    if (parts.length === 0 && (await documents.get(tenantId, documentId)) === undefined && (await intake.get(tenantId, documentId)) === undefined) {
      throw new ApiError('DOCUMENT_NOT_FOUND', { field: 'documentId' })
    }
    return { documentId, parts: parts.map(partView) }
  })

  app.get<ById>('/v1/documents/:documentId/lifecycle', { schema: getLifecycle, config: { role: 'reader' } }, async ({ tenantId, params }) => {
    const documentId = knownId(params.documentId)
    const events = await archive.lifecycle(tenantId, documentId)
    if (events.length === 0 && (await intake.get(tenantId, documentId)) === undefined && (await documents.get(tenantId, documentId)) === undefined) {
      throw new ApiError('DOCUMENT_NOT_FOUND', { field: 'documentId' })
    }
    return { documentId, events: events.map(eventView) }
  })
}

/** Anything that is no id is simply not there. */
export function knownId(documentId: string): string {
  if (!isDocumentId(documentId)) {
    throw new ApiError('DOCUMENT_NOT_FOUND', { field: 'documentId' })
  }
  return documentId
}

function overviewOptions({ state, cursor, limit }: { readonly [name: string]: unknown }): OverviewOptions {
  if (state !== undefined && (typeof state !== 'string' || !documentStates.includes(state))) {
    throw new ApiError('STATE_INVALID', { field: 'state', limit: documentStates.join(', ') })
  }
  if (cursor !== undefined && (typeof cursor !== 'string' || cursor.length > 512)) {
    throw new ApiError('CURSOR_INVALID', { field: 'cursor' })
  }
  return { state, cursor, limit: pageSize(limit) }
}

/** Documents on one page of a list. */
export function pageSize(limit: unknown): number {
  const wanted = limit === undefined ? PAGE.default : typeof limit === 'string' && /^\d{1,4}$/.test(limit) ? Number(limit) : 0
  if (wanted < 1 || wanted > PAGE.most) {
    throw new ApiError('LIMIT_INVALID', { field: 'limit', limit: PAGE.most })
  }
  return wanted
}
