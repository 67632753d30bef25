import type { FastifyInstance } from 'fastify'
import { ConnectorError, type Hit, type SearchFilters, type SearchOptions } from '../../connectors/index.ts'
import { documentTypes } from '../../processors/types.ts'
import type { ApiContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import { SEARCH, SEARCHES } from '../limits.ts'
import { Places } from '../places.ts'
import { getSearch } from '../schemas.ts'

/** Full text and, where there are embeddings, what is alike, in one ranking. */
export function searchRoute(app: FastifyInstance, context: ApiContext): void {
  const places = new Places({ ...SEARCHES, refusal: 'OVERLOADED' })
  app.get<{ readonly Querystring: { readonly [name: string]: unknown } }>('/v1/search', { schema: getSearch, config: { role: 'reader' } }, async ({ tenantId, query }) => {
    const { q, limit, cursor, ...rest } = query
    const text = requiredText('q', q, SEARCH.textLength)
    const filters = searchFilters(rest)
    const options = { limit: pageSize(limit), cursor: optionalText('cursor', cursor, 512) }
    const leave = places.take(tenantId)
    try {
      const embedding = await embeddingOf(context, text)
      const found = await context.search.search(tenantId, { text, match: 'all', languages: languagesOf(context, tenantId), embedding, filters, ...options })
      return { ranking: embedding === null ? 'words' : 'words-and-embeddings', hits: found.hits.map(hitView), cursor: found.cursor ?? null }
    } catch (error) {
      throw error instanceof ConnectorError && error.code === 'CURSOR_INVALID' ? new ApiError('CURSOR_INVALID', { field: 'cursor' }) : error
    } finally {
      leave()
    }
  })
}

export function languagesOf({ tenants }: ApiContext, tenantId: string): readonly string[] {
  return tenants.get(tenantId)?.languages ?? []
}

/** Null where there is no model for it, or it does not answer in time: then words alone rank. */
export async function embeddingOf({ models }: ApiContext, text: string): Promise<SearchOptions['embedding']> {
  if (models.embedder === undefined) {
    return null
  }
  try {
    const [vector] = await models.embedder.embed([text])
    return vector === undefined ? null : { model: models.embedder.name, vector }
  } catch {
    return null
  }
}

const day = (value: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value))
const decimal = (value: string): boolean => /^-?\d{1,24}(?:\.\d{1,9})?$/.test(value)

interface Check {
  readonly limit: string
  holds(value: string): boolean
}

/** What each filter may be. */
const checks: { readonly [name in keyof Required<Omit<SearchFilters, 'types'>>]: Check } = {
  vendor: { limit: '1 to 200 characters', holds: (value) => value.length <= 200 },
  from: { limit: 'YYYY-MM-DD', holds: day },
  to: { limit: 'YYYY-MM-DD', holds: day },
  least: { limit: 'a decimal number', holds: decimal },
  most: { limit: 'a decimal number', holds: decimal },
  currency: { limit: 'a code of ISO 4217', holds: (value) => /^[A-Z]{3}$/.test(value) },
}

/** @throws ApiError QUERY_INVALID */
export function searchFilters({ type, ...rest }: { readonly [name: string]: unknown }): SearchFilters {
  const filters: { -readonly [name in keyof SearchFilters]: SearchFilters[name] } = {}
  for (const [name, value] of Object.entries(rest)) {
    if (value === undefined || value === null) {
      continue
    }
    if (!Object.hasOwn(checks, name)) {
      throw new ApiError('QUERY_INVALID', { field: name.slice(0, 40), limit: ['type', ...Object.keys(checks)].join(', ') })
    }
    const check = checks[name as keyof typeof checks]
    if (typeof value !== 'string' || value === '' || !check.holds(value)) {
      throw new ApiError('QUERY_INVALID', { field: name, limit: check.limit })
    }
    filters[name as keyof typeof checks] = storable(name, value)
  }
  if (type !== undefined && type !== null) {
    const types: readonly unknown[] = Array.isArray(type) ? type : [type]
    if (types.length === 0 || types.some((one) => !(documentTypes as readonly unknown[]).includes(one))) {
      throw new ApiError('QUERY_INVALID', { field: 'type', limit: documentTypes.join(', ') })
    }
    filters.types = types as readonly string[]
  }
  return filters
}

/** @throws ApiError QUERY_INVALID */
export function requiredText(field: string, value: unknown, most: number): string {
  if (typeof value !== 'string' || value.trim() === '' || value.length > most) {
    throw new ApiError('QUERY_INVALID', { field, limit: `1 to ${most} characters` })
  }
  return storable(field, value)
}

function optionalText(field: string, value: unknown, most: number): string | undefined {
  return value === undefined ? undefined : requiredText(field, value, most)
}

/** PostgreSQL takes neither NUL nor half of a surrogate pair. */
function storable(field: string, value: string): string {
  if (value.includes('\u0000') || !value.isWellFormed()) {
    throw new ApiError('QUERY_INVALID', { field, limit: 'well-formed text' })
  }
  return value
}

function pageSize(limit: unknown): number {
  const wanted = limit === undefined ? SEARCH.page : typeof limit === 'string' && /^\d{1,3}$/.test(limit) ? Number(limit) : 0
  if (wanted < 1 || wanted > SEARCH.mostHits) {
    throw new ApiError('QUERY_INVALID', { field: 'limit', limit: `1 to ${SEARCH.mostHits}` })
  }
  return wanted
}

function hitView({ receivedAt, passages, documentId, ...hit }: Hit) {
  return {
    documentId, ...hit,
    receivedAt: new Date(receivedAt).toISOString(),
    passages: passages.map(({ page, text }) => ({ page, text })),
    links: { self: `/v1/documents/${documentId}` },
  }
}
