import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { ConnectorError, type ReviewOptions } from '../../connectors/index.ts'
import type { ApiContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { getReview } from '../schemas.ts'
import { waitingView } from '../view.ts'
import { pageSize } from './documents.ts'

type Query = { readonly [name: string]: unknown }

/** The documents that wait for a person, the one that has waited longest first. */
export function reviewRoutes(app: FastifyInstance, { documents }: ApiContext): void {
  app.get<{ readonly Querystring: Query }>('/v1/review', { schema: getReview, config: { role: 'reviewer' } }, async ({ tenantId, query }) => {
    const page = await documents.review(tenantId, reviewOptions(query)).catch((error: unknown) => {
      throw error instanceof ConnectorError && error.code === 'CURSOR_INVALID' ? new ApiError('CURSOR_INVALID', { field: 'cursor' }) : error
    })
    return { documents: page.documents.map(waitingView), cursor: page.cursor ?? null }
  })
}

const FILTERS = ['reason', 'type', 'vendor'] as const

function reviewOptions({ cursor, limit, ...filters }: Query): ReviewOptions {
  const given = (name: string): string | undefined => {
    const value = filters[name]
    // PostgreSQL takes no NUL
    if (value !== undefined && (typeof value !== 'string' || value === '' || value.length > 100 || value.includes('\u0000'))) {
      throw new ApiError('FILTER_INVALID', { field: name, limit: 100 })
    }
    return value as string | undefined
  }
  const unknown = Object.keys(filters).find((name) => !(FILTERS as readonly string[]).includes(name))
  if (unknown !== undefined) {
    throw new ApiError('FILTER_INVALID', { field: 'query', limit: [...FILTERS, 'cursor', 'limit'].join(', ') })
  }
  if (cursor !== undefined && (typeof cursor !== 'string' || cursor.length > 512)) {
    throw new ApiError('CURSOR_INVALID', { field: 'cursor' })
  }
  return { reason: given('reason'), type: given('type'), vendor: given('vendor'), cursor, limit: pageSize(limit) }
}

const WEB = new URL('../../web/review/', import.meta.url)
/** Nothing but our own files; pictures of pages are fetched with the token and shown from memory (blob:). */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const FILES = {
  '/review/': ['index.html', 'text/html; charset=utf-8'],
  '/review/review.js': ['review.js', 'text/javascript; charset=utf-8'],
  '/review/document.js': ['document.js', 'text/javascript; charset=utf-8'],
  '/review/api.js': ['api.js', 'text/javascript; charset=utf-8'],
  '/review/review.css': ['review.css', 'text/css; charset=utf-8'],
} as const

/** The page for people. It holds nothing of a tenant: what it shows it asks for with the token that is typed into it. */
export function reviewPage(app: FastifyInstance): void {
  for (const [path, [file, type]] of Object.entries(FILES)) {
    app.get(path, { schema: { hide: true } }, async (_request, reply) => {
      reply.type(type).headers({ 'content-security-policy': POLICY, 'referrer-policy': 'no-referrer', 'cross-origin-opener-policy': 'same-origin' })
      return await readFile(new URL(file, WEB), 'utf8')
    })
  }
}
