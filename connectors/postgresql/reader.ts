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
  /** The mail or archive it came out of, and its name in there. */
  parentId: string | null
  part: string | null
  /** Documents that came out of it. */
  partCount: number | null
  /** What people changed, the oldest first. */
  corrections: unknown
  /** Of each page, in the unit of the boxes on it. */
  pageSizes: unknown
}

/** What became of a document that came out of another. */
export interface StoredPart {
  documentId: string
  part: string | null
  status: string
  reasonCode: string | null
  type: string | null
}

/** More than one container may hold. */
const MOST_PARTS = 1000

export interface ListOptions {
  state?: string | undefined
  /** From the page before. */
  cursor?: string | undefined
  /** 1 to 500. */
  limit: number
}

/** A document that waits for a person. Times are ms since the epoch. */
export interface WaitingDocument {
  readonly documentId: string
  readonly revision: number
  readonly receivedAt: number
  readonly fileName: string | null
  readonly type: string | null
  readonly vendor: string | null
  readonly number: string | null
  readonly date: string | null
  readonly total: string | null
  readonly currency: string | null
  readonly reasonCode: string | null
  /** JSON: the reasons with their step and subject. */
  readonly reason: string | null
}

export interface ReviewOptions {
  /** Documents with this reason among theirs. */
  readonly reason?: string | undefined
  readonly type?: string | undefined
  /** Vendor's name as it was read, or a part of it, in any case. */
  readonly vendor?: string | undefined
  /** From the page before. */
  readonly cursor?: string | undefined
  /** 1 to 500. */
  readonly limit: number
}

export type PostgresqlReaderOptions = TenantPoolOptions

const COLUMNS = `tenant_id AS "tenantId", document_id AS "documentId", revision, received_at AS "receivedAt", processed_at AS "processedAt",
  status, source, file_name AS "fileName", content_type AS "contentType", size, sha256, content, language, route, page_count AS "pageCount",
  type, probability, vendor, vendor_id AS "vendorId", number, date, due_date AS "dueDate", currency, subtotal, tax, total, fields,
  line_items AS "lineItems", validation, enrichment, duplicate_of AS "duplicateOf", reason_code AS "reasonCode", reason,
  pipeline_version AS "pipelineVersion", versions, corrections, page_sizes AS "pageSizes", parent_id AS "parentId", part, part_count AS "partCount"`

/** Reads one tenant's documents as `millrace_api`. */
export class PostgresqlReader {
  readonly #pool: TenantPool

  constructor(options: PostgresqlReaderOptions) {
    this.#pool = new TenantPool(options)
  }

  /** Connects, which the first read does otherwise. @throws ConnectorError ACCESS_REFUSED; what the driver throws when the server is away */
  async open(): Promise<void> {
    await this.#pool.open()
  }

  async get(tenantId: string, documentId: string): Promise<StoredDocument | undefined> {
    const rows = await this.#query<RawRow>(tenantId, `SELECT ${COLUMNS} FROM millrace.documents WHERE tenant_id = $1 AND document_id = $2`, [tenantId, documentId])
    return rows.map(document)[0]
  }

  /** What became of the documents that came out of one: those that ended, whichever way. */
  async parts(tenantId: string, documentId: string): Promise<StoredPart[]> {
    return await this.#query<StoredPart>(
      tenantId,
      `SELECT document_id AS "documentId", part, status, reason_code AS "reasonCode", type
        FROM millrace.documents WHERE tenant_id = $1 AND parent_id = $2 ORDER BY document_id LIMIT $3`,
      [tenantId, documentId, MOST_PARTS]
    )
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

  /** Documents in review, the one that has waited longest first. @throws ConnectorError CURSOR_INVALID */
  async review(tenantId: string, options: ReviewOptions): Promise<{ documents: WaitingDocument[]; cursor: string | undefined }> {
    const after = options.cursor === undefined ? undefined : decodeCursor(options.cursor)
    const rows = await this.#query<Omit<WaitingDocument, 'revision' | 'receivedAt'> & { revision: string; receivedAt: Date }>(
      tenantId,
      `SELECT document_id AS "documentId", revision, received_at AS "receivedAt", file_name AS "fileName", type, vendor, number, date, total, currency,
          reason_code AS "reasonCode", reason
        FROM millrace.documents WHERE tenant_id = $1 AND status = 'IN_REVIEW'
          AND ($2::text IS NULL OR $2 = ANY(string_to_array(reason_code, ',')))
          AND ($3::text IS NULL OR type = $3)
          AND ($4::text IS NULL OR position(lower($4) IN lower(vendor)) > 0)
          AND ($5::double precision IS NULL OR (received_at, document_id) > (to_timestamp($5 / 1000), $6))
        ORDER BY received_at, document_id LIMIT $7`,
      [tenantId, options.reason ?? null, options.type ?? null, options.vendor ?? null, after?.receivedAt ?? null, after?.documentId ?? null, options.limit + 1]
    )
    const documents = rows.slice(0, options.limit).map((row) => ({ ...row, revision: Number(row.revision), receivedAt: row.receivedAt.getTime() }))
    return { documents, cursor: rows.length > options.limit ? encodeCursor(documents.at(-1)!) : undefined }
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
