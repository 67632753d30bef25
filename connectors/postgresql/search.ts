import { createHash } from 'node:crypto'
import type pg from 'pg'
import { ConnectorError } from '../errors.ts'
import { fuse, type Ranked } from './rank-fusion.ts'
import { TenantPool, type TenantPoolOptions } from './tenant-pool.ts'

export interface SearchFilters {
  readonly types?: readonly string[] | undefined
  /** A vendor's id, or a part of its name. */
  readonly vendor?: string | undefined
  /** Document dates, YYYY-MM-DD, both included. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  /** Totals as decimal strings, both included. */
  readonly least?: string | undefined
  readonly most?: string | undefined
  /** ISO 4217 */
  readonly currency?: string | undefined
}

export interface SearchOptions {
  readonly text: string
  /**
   * `all`: every word, "phrases", -exclusions, `or`, as search engines read them. `any`: words that mean something, the more of
   * them the better: a question.
   */
  readonly match: 'all' | 'any'
  /** ISO 639-1: how words of the query are brought to their stems. */
  readonly languages: readonly string[]
  /** Of the text; null ranks by words alone. */
  readonly embedding: { readonly model: string; readonly vector: readonly number[] } | null
  readonly filters: SearchFilters
  /** From the page before. */
  readonly cursor?: string | undefined
  /** Documents of a page. */
  readonly limit: number
}

export interface Passage {
  /** From 0. */
  readonly chunk: number
  /** From 1; null where the document has no pages. */
  readonly page: number | null
  readonly text: string
  /** 0 to 1: how many of the words that mean something stand in it; 1 with `all`, 0 where the embedding alone found it. */
  readonly coverage: number
}

/** A document that was found. Times are ms since the epoch, money decimal strings. */
export interface Hit {
  readonly documentId: string
  readonly score: number
  readonly state: string
  readonly fileName: string | null
  readonly type: string | null
  readonly vendor: string | null
  readonly number: string | null
  readonly date: string | null
  readonly total: string | null
  readonly currency: string | null
  readonly receivedAt: number
  /** Best first. */
  readonly passages: readonly Passage[]
}

/** Chunks of one ranking: deeper nobody pages, and a ranking's work is bounded. */
const DEPTH = 200
const PASSAGES = 3
/** Words of a question: more are somebody's text, not a question. */
const MOST_WORDS = 32
const MOST_LANGUAGES = 5

/**
 * Search over one tenant's chunks as `millrace_api`: by words, and by embeddings where both the query and the chunks have
 * one of the same model, fused by rank. Row-level security keeps tenants apart; a chunk is found only through its document's row, and
 * not when that is a duplicate or erased.
 */
export class PostgresqlSearch {
  readonly #pool: TenantPool

  constructor(options: TenantPoolOptions) {
    this.#pool = new TenantPool({ connections: 4, ...options })
  }

  /** @throws ConnectorError CURSOR_INVALID a cursor of another query */
  async search(tenantId: string, options: SearchOptions): Promise<{ readonly hits: readonly Hit[]; readonly cursor: string | undefined }> {
    const digest = digestOf(tenantId, options)
    const offset = options.cursor === undefined ? 0 : decodeOffset(options.cursor, digest)
    return await this.#pool.transaction(tenantId, 'READ ONLY', async (client) => {
      const words = await byWords(client, tenantId, options)
      const near = options.embedding === null ? [] : await byEmbedding(client, tenantId, options.embedding, options.filters)
      const found = fuse([words, near])
      const page = found.slice(offset, offset + options.limit)
      const wanted = page.flatMap(({ documentId, chunks }) => chunks.slice(0, PASSAGES).map(({ chunk }) => ({ documentId, chunk })))
      const coverage = new Map(words.map((one) => [`${one.documentId} ${one.chunk}`, one.coverage]))
      const rows = await passages(client, tenantId, wanted)
      const hits = page.flatMap(({ documentId, score }): Hit[] => {
        const own = rows.filter((row) => row.documentId === documentId)
        const { chunk: _chunk, page: _page, text: _text, receivedAt, ...document } = own[0] ?? {}
        if (receivedAt === undefined) {
          return []
        }
        const found = own.map(({ chunk, page: number, text }) => ({ chunk, page: number, text, coverage: coverage.get(`${documentId} ${chunk}`) ?? 0 }))
        return [{ ...(document as Omit<Hit, 'score' | 'receivedAt' | 'passages'>), score, receivedAt: receivedAt.getTime(), passages: found }]
      })
      return { hits, cursor: found.length > offset + options.limit ? encodeOffset(offset + options.limit, digest) : undefined }
    })
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }
}

/** Conditions on `d`, the document; parameters are appended to `values`. */
function conditions(filters: SearchFilters, values: unknown[]): string {
  const parts = ["d.status IN ('ARCHIVED', 'IN_REVIEW')"]
  const add = (condition: (parameter: string) => string, value: unknown): void => {
    if (value !== undefined) {
      values.push(value)
      parts.push(condition(`$${values.length}`))
    }
  }
  add((at) => `d.type = ANY(${at}::text[])`, filters.types)
  add((at) => `(d.vendor_id = ${at} OR position(lower(${at}) IN lower(d.vendor)) > 0)`, filters.vendor)
  add((at) => `d.date >= ${at}`, filters.from)
  add((at) => `d.date <= ${at}`, filters.to)
  add((at) => `d.total_amount >= ${at}::numeric`, filters.least)
  add((at) => `d.total_amount <= ${at}::numeric`, filters.most)
  add((at) => `d.currency = ${at}`, filters.currency)
  return parts.join(' AND ')
}

const CHUNKS = 'millrace.chunks c JOIN millrace.documents d USING (tenant_id, document_id)'

async function byWords(client: pg.ClientBase, tenantId: string, options: SearchOptions): Promise<readonly (Ranked & { readonly coverage: number })[]> {
  const values: unknown[] = [tenantId, options.text, options.languages.slice(0, MOST_LANGUAGES)]
  const where = conditions(options.filters, values)
  const { rows } = await client.query<Ranked & { readonly coverage: number }>(
    `${options.match === 'all' ? ALL : ANY}
      SELECT c.document_id AS "documentId", c.chunk, ${options.match === 'all' ? '1' : COVERAGE}::double precision AS coverage
      FROM query, ${CHUNKS}
      WHERE c.tenant_id = $1 AND ${where} AND c.words @@ query.words
      ORDER BY coverage DESC, ts_rank_cd(c.words, query.words, 1) DESC, c.document_id, c.chunk LIMIT ${DEPTH}`,
    values
  )
  return rows
}

/** The exact words, or their stems in one of the languages. */
const ALL = `
  WITH query AS (
    SELECT websearch_to_tsquery('pg_catalog.simple', $2) || coalesce(
      (SELECT string_agg('(' || stems || ')', ' | ') FROM (
        SELECT DISTINCT websearch_to_tsquery(millrace.text_search_configuration(language), $2)::text AS stems FROM unnest($3::text[]) AS language
      ) AS one WHERE stems <> ''), '')::tsquery AS words
  )`

/** Words that are a stop word in none of the languages, each with its stems. */
const ANY = `
  WITH configurations AS (
    SELECT DISTINCT millrace.text_search_configuration(language) AS configuration FROM unnest($3::text[]) AS language
  ), terms AS (
    SELECT word, array(SELECT word UNION SELECT unnest(tsvector_to_array(to_tsvector(configuration, word))) FROM configurations) AS lexemes
    FROM unnest(tsvector_to_array(to_tsvector('pg_catalog.simple', $2))) AS word
    WHERE NOT EXISTS (SELECT FROM configurations WHERE length(to_tsvector(configuration, word)) = 0)
    LIMIT ${MOST_WORDS}
  ), query AS (
    SELECT coalesce(string_agg('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''', ' | '), '')::tsquery AS words
    FROM (SELECT DISTINCT unnest(lexemes) AS lexeme FROM terms) AS every
  )`

const COVERAGE = `(SELECT count(*) FILTER (WHERE terms.lexemes && tsvector_to_array(c.words))::double precision / greatest(count(*), 1) FROM terms)`

async function byEmbedding(client: pg.ClientBase, tenantId: string, { model, vector }: NonNullable<SearchOptions['embedding']>, filters: SearchFilters): Promise<readonly Ranked[]> {
  const values: unknown[] = [tenantId, model, vector.length, JSON.stringify(vector)]
  const where = conditions(filters, values)
  const { rows } = await client.query<Ranked>(
    `SELECT c.document_id AS "documentId", c.chunk FROM ${CHUNKS}
      WHERE c.tenant_id = $1 AND ${where} AND c.embedding_model = $2 AND public.vector_dims(c.vector) = $3
      ORDER BY c.vector OPERATOR(public.<=>) $4::public.vector, c.document_id, c.chunk LIMIT ${DEPTH}`,
    values
  )
  return rows
}

type PassageRow = Omit<Hit, 'score' | 'receivedAt' | 'passages'> & Omit<Passage, 'coverage'> & { readonly receivedAt: Date }

async function passages(client: pg.ClientBase, tenantId: string, wanted: readonly Ranked[]): Promise<readonly PassageRow[]> {
  const { rows } = await client.query<PassageRow>(
    `SELECT d.document_id AS "documentId", d.status AS state, d.file_name AS "fileName", d.type, d.vendor, d.number, d.date, d.total, d.currency,
        d.received_at AS "receivedAt", c.chunk, c.page, c.text
      FROM unnest($2::text[], $3::integer[]) WITH ORDINALITY AS wanted (document_id, chunk, place)
      JOIN millrace.chunks c USING (document_id, chunk) JOIN millrace.documents d USING (tenant_id, document_id)
      WHERE c.tenant_id = $1 ORDER BY wanted.place`,
    [tenantId, wanted.map(({ documentId }) => documentId), wanted.map(({ chunk }) => chunk)]
  )
  return rows
}

/** What a cursor belongs to. */
function digestOf(tenantId: string, { text, match, filters }: SearchOptions): string {
  return createHash('sha256').update(JSON.stringify([tenantId, text, match, Object.entries(filters).sort()])).digest('base64url').slice(0, 16)
}

const encodeOffset = (offset: number, digest: string): string => Buffer.from(JSON.stringify([offset, digest])).toString('base64url')

function decodeOffset(cursor: string, digest: string): number {
  try {
    const [offset, of] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown]
    if (of === digest && Number.isSafeInteger(offset) && (offset as number) >= 0) {
      return offset as number
    }
  } catch {
    // told below
  }
  throw new ConnectorError('CURSOR_INVALID', 'The cursor is not one this search gave out: leave it away to begin at the best.')
}
