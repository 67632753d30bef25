import type pg from 'pg'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { TenantPool, type TenantPoolOptions } from './tenant-pool.ts'

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

export type PostgresqlReaderOptions = TenantPoolOptions

const COLUMNS = `tenant_id AS "tenantId", document_id AS "documentId", revision, received_at AS "receivedAt", processed_at AS "processedAt",
  status, source, file_name AS "fileName", content_type AS "contentType", size, sha256, content, language, route, page_count AS "pageCount",
  type, probability, vendor, vendor_id AS "vendorId", number, date, due_date AS "dueDate", currency, subtotal, tax, total, fields,
  line_items AS "lineItems", validation, enrichment, duplicate_of AS "duplicateOf", reason_code AS "reasonCode", reason,
  pipeline_version AS "pipelineVersion", versions`

/** Reads one tenant's documents as `millrace_api`. */
export class PostgresqlReader {
  readonly #pool: TenantPool

  constructor(options: PostgresqlReaderOptions) {
    this.#pool = new TenantPool(options)
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
    await this.#pool.close()
  }

  async #query<T extends pg.QueryResultRow>(tenantId: string, text: string, values: unknown[]): Promise<T[]> {
    return await this.#pool.transaction(tenantId, 'READ ONLY', async (client) => (await client.query<T>(text, values)).rows)
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
