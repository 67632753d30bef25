import pg from 'pg'
import { ConnectorError } from '../errors.ts'
import type { PostgresqlAddress } from './migrate.ts'

/** A document as the API gives it out. Times are ms since the epoch, money decimal strings. */
export interface StoredDocument {
  tenantId: string
  documentId: string
  revision: number
  receivedAt: number
  processedAt: number
  status: string
  source: string
  fileName: string | null
  contentType: string | null
  size: number
  sha256: string | null
  content: string | null
  language: string | null
  route: string | null
  pageCount: number | null
  type: string | null
  probability: number | null
  vendor: string | null
  vendorId: string | null
  number: string | null
  date: string | null
  dueDate: string | null
  currency: string | null
  subtotal: string | null
  tax: string | null
  total: string | null
  fields: unknown
  lineItems: unknown
  validation: unknown
  enrichment: unknown
  duplicateOf: string | null
  reasonCode: string | null
  reason: string | null
  pipelineVersion: string | null
  versions: unknown
}

export interface ListOptions {
  state?: string | undefined
  /** From the page before. */
  cursor?: string | undefined
  /** 1 to 500. */
  limit: number
}

export interface PostgresqlReaderOptions extends PostgresqlAddress {
  /** Of `millrace_api`. */
  password: string
  /** Connections at most. Default 8. */
  connections?: number
}

/** A query that hangs would hold one of few connections. */
const STATEMENT_TIMEOUT_MS = 15_000

const COLUMNS = `tenant_id AS "tenantId", document_id AS "documentId", revision, received_at AS "receivedAt", processed_at AS "processedAt",
  status, source, file_name AS "fileName", content_type AS "contentType", size, sha256, content, language, route, page_count AS "pageCount",
  type, probability, vendor, vendor_id AS "vendorId", number, date, due_date AS "dueDate", currency, subtotal, tax, total, fields,
  line_items AS "lineItems", validation, enrichment, duplicate_of AS "duplicateOf", reason_code AS "reasonCode", reason,
  pipeline_version AS "pipelineVersion", versions`

/**
 * Reads one tenant's documents as `millrace_api`. Row-level security does the separating: each query runs in a
 * transaction of its own that names the tenant with SET LOCAL, so a pooled connection keeps nothing of it.
 */
export class PostgresqlReader {
  readonly #pool: pg.Pool

  constructor(options: PostgresqlReaderOptions) {
    const { host, port, database, password } = options
    this.#pool = new pg.Pool({
      host,
      port,
      database,
      user: 'millrace_api',
      password,
      max: options.connections ?? 8,
      connectionTimeoutMillis: 5_000,
      statement_timeout: STATEMENT_TIMEOUT_MS
    })
    // an idle connection that breaks is replaced by the pool; without a listener it would end the process
    this.#pool.on('error', () => {})
  }

  async get(tenantId: string, documentId: string): Promise<StoredDocument | undefined> {
    const rows = await this.#query<RawRow>(tenantId, `SELECT ${COLUMNS} FROM millrace.documents WHERE tenant_id = $1 AND document_id = $2`, [tenantId, documentId])
    return rows.map(document)[0]
  }

  /** Newest first. @throws ConnectorError CURSOR_INVALID */
  async list(tenantId: string, options: ListOptions): Promise<{ documents: StoredDocument[]; cursor: string | undefined }> {
    const limit = Math.min(Math.max(Math.trunc(options.limit) || 1, 1), 500)
    const after = options.cursor === undefined ? undefined : decodeCursor(options.cursor)
    const rows = await this.#query<RawRow>(
      tenantId,
      `SELECT ${COLUMNS} FROM millrace.documents WHERE tenant_id = $1
        AND ($2::text IS NULL OR status = $2)
        AND ($3::double precision IS NULL OR (received_at, document_id) < (to_timestamp($3 / 1000), $4))
        ORDER BY received_at DESC, document_id DESC LIMIT $5`,
      [tenantId, options.state ?? null, after?.receivedAt ?? null, after?.documentId ?? null, limit + 1]
    )
    const documents = rows.slice(0, limit).map(document)
    return { documents, cursor: rows.length > limit ? encodeCursor(documents.at(-1)!) : undefined }
  }

  async count(tenantId: string, options: { state?: string } = {}): Promise<number> {
    const rows = await this.#query<{ count: string }>(
      tenantId,
      'SELECT count(*) FROM millrace.documents WHERE tenant_id = $1 AND ($2::text IS NULL OR status = $2)',
      [tenantId, options.state ?? null]
    )
    return Number(rows[0]!.count)
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #query<T extends pg.QueryResultRow>(tenantId: string, text: string, values: unknown[]): Promise<T[]> {
    const client = await this.#pool.connect()
    let broken: Error | undefined
    try {
      await client.query('BEGIN READ ONLY')
      await client.query("SELECT set_config('app.tenant_id', $1, true)", [tenantId])
      const { rows } = await client.query<T>(text, values)
      await client.query('COMMIT')
      return rows
    } catch (error) {
      // a connection whose transaction may still be open is not given to the next tenant
      broken = error as Error
      throw error
    } finally {
      client.release(broken)
    }
  }
}

type RawRow = Omit<StoredDocument, 'revision' | 'size' | 'receivedAt' | 'processedAt'> & {
  revision: string
  size: string
  receivedAt: Date
  processedAt: Date
}

function document(row: RawRow): StoredDocument {
  return {
    ...row,
    revision: Number(row.revision),
    size: Number(row.size),
    receivedAt: row.receivedAt.getTime(),
    processedAt: row.processedAt.getTime()
  }
}

function encodeCursor({ receivedAt, documentId }: StoredDocument): string {
  return Buffer.from(JSON.stringify([receivedAt, documentId])).toString('base64url')
}

function decodeCursor(cursor: string): { receivedAt: number; documentId: string } {
  try {
    const [receivedAt, documentId] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown]
    if (Number.isSafeInteger(receivedAt) && typeof documentId === 'string' && documentId.length <= 64) {
      return { receivedAt: receivedAt as number, documentId }
    }
  } catch {
    // told below
  }
  throw new ConnectorError('CURSOR_INVALID', 'The cursor is not one this list gave out: leave it away to begin at the newest.')
}
