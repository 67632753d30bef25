import type pg from 'pg'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { TenantPool, type TenantPoolOptions } from './tenant-pool.ts'

/** A document the API has taken in. Times are ms since the epoch. */
export interface TakenDocument {
  readonly documentId: string
  readonly ordinal: number
  readonly sha256: string
  readonly size: number
  readonly fileName: string | null
  readonly contentType: string | null
  readonly receivedAt: number
  /** Kafka has acknowledged its record. */
  readonly produced: boolean
}

/** What a list shows of a document, whether it has ended or is under way. Money is a decimal string. */
export interface DocumentSummary {
  readonly documentId: string
  /** RECEIVED while it is under way. */
  readonly state: string
  readonly fileName: string | null
  readonly contentType: string | null
  readonly size: number
  readonly sha256: string | null
  readonly receivedAt: number
  readonly processedAt: number | null
  readonly type: string | null
  readonly vendor: string | null
  readonly number: string | null
  readonly date: string | null
  readonly total: string | null
  readonly currency: string | null
  readonly duplicateOf: string | null
  readonly reasonCode: string | null
}

export interface OverviewOptions {
  readonly state?: string | undefined
  /** From the page before. */
  readonly cursor?: string | undefined
  /** 1 to 500. */
  readonly limit: number
}

/** State of a document that has no row of the pipeline's yet. */
export const UNDER_WAY = 'RECEIVED'

/** Rows settled by one list at most: the first list after a bulk upload must not take seconds. */
const SETTLE_ROWS = 5_000

const TAKEN = `document_id AS "documentId", ordinal, sha256, size, file_name AS "fileName", content_type AS "contentType",
  received_at AS "receivedAt", produced`

/** The API's own table in PostgreSQL: what was taken in, under which idempotency key. One tenant at a time. */
export class PostgresqlIntake {
  readonly #pool: TenantPool

  constructor(options: TenantPoolOptions) {
    this.#pool = new TenantPool(options)
  }

  /**
   * Writes the documents of one request, all or none.
   * @param key the request's idempotency key, undefined for none
   * @returns the rows under that key as they are now: the given ones, or those of an earlier request; `conflict` when the
   * earlier request had other bytes or another number of files (nothing is written then)
   */
  async take(tenantId: string, key: string | undefined, documents: readonly Omit<TakenDocument, 'produced'>[]): Promise<readonly TakenDocument[] | 'conflict'> {
    const conflict = new Error('idempotency conflict')
    const taking = this.#pool.transaction(tenantId, 'READ WRITE', async (client) => {
      let inserted = 0
      for (const document of documents) {
        const { rowCount } = await client.query(
          // waits for a request with the same key that is being written at this moment
          `INSERT INTO millrace.intake (tenant_id, document_id, idempotency_key, ordinal, sha256, size, file_name, content_type, received_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9::double precision / 1000)) ON CONFLICT DO NOTHING`,
          [tenantId, document.documentId, key ?? null, document.ordinal, document.sha256, document.size, document.fileName, document.contentType, document.receivedAt]
        )
        inserted += rowCount ?? 0
      }
      const taken = await select(client, tenantId, documents, key)
      // a request with more files than the one before would add to it
      const whole = inserted === 0 || inserted === documents.length
      const same = whole && taken.length === documents.length && taken.every((row, index) => row.sha256 === documents[index]!.sha256 && row.documentId === documents[index]!.documentId)
      if (!same) {
        throw conflict
      }
      return taken
    })
    return await taking.catch((error: unknown) => {
      if (error === conflict) {
        return 'conflict'
      }
      throw error
    })
  }

  /** Kafka has them: from now on they are shown. */
  async markProduced(tenantId: string, documentIds: readonly string[]): Promise<void> {
    await this.#pool.transaction(tenantId, 'READ WRITE', async (client) => {
      await client.query('UPDATE millrace.intake SET produced = true WHERE tenant_id = $1 AND document_id = ANY($2) AND NOT produced', [tenantId, documentIds])
    })
  }

  /** A document that was answered with 202. */
  async get(tenantId: string, documentId: string): Promise<TakenDocument | undefined> {
    return await this.#pool.transaction(tenantId, 'READ ONLY', async (client) => {
      const { rows } = await client.query<RawTaken>(`SELECT ${TAKEN} FROM millrace.intake WHERE tenant_id = $1 AND document_id = $2 AND produced`, [tenantId, documentId])
      return rows.map(taken)[0]
    })
  }

  /** A tenant's documents, ended or under way, newest first. @throws ConnectorError CURSOR_INVALID */
  async overview(tenantId: string, options: OverviewOptions): Promise<{ readonly documents: readonly DocumentSummary[]; readonly cursor: string | undefined }> {
    const after = options.cursor === undefined ? undefined : decodeCursor(options.cursor)
    return await this.#pool.transaction(tenantId, 'READ WRITE', async (client) => {
      await settle(client, tenantId)
      const { rows } = await client.query<RawSummary>(OVERVIEW, [
        tenantId, options.state ?? null, after?.receivedAt ?? null, after?.documentId ?? null, options.limit + 1, options.state === undefined || options.state === UNDER_WAY
      ])
      const documents = rows.slice(0, options.limit).map(summary)
      return { documents, cursor: rows.length > options.limit ? encodeCursor(documents.at(-1)!) : undefined }
    })
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }
}

const AFTER = '($3::double precision IS NULL OR (received_at, document_id) < (to_timestamp($3 / 1000), $4))'
const NEWEST = 'ORDER BY received_at DESC, document_id DESC LIMIT $5'

/** Each half reads one index in order and stops at the limit. */
const OVERVIEW = `
  (SELECT document_id AS "documentId", status AS state, file_name AS "fileName", content_type AS "contentType", size, sha256,
      received_at AS "receivedAt", processed_at AS "processedAt", type, vendor, number, date, total, currency,
      duplicate_of AS "duplicateOf", reason_code AS "reasonCode", received_at, document_id
    FROM millrace.documents WHERE tenant_id = $1 AND ($2::text IS NULL OR status = $2) AND ${AFTER} ${NEWEST})
  UNION ALL
  (SELECT document_id, '${UNDER_WAY}', file_name, content_type, size, sha256, received_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
      received_at, document_id
    FROM millrace.intake WHERE $6 AND tenant_id = $1 AND produced AND NOT ended AND ${AFTER}
      AND NOT EXISTS (SELECT FROM millrace.documents d WHERE d.tenant_id = intake.tenant_id AND d.document_id = intake.document_id)
    ${NEWEST})
  ${NEWEST}`

/** Rows whose document has ended leave the index of those under way, so that a list never wades through them. */
async function settle(client: pg.ClientBase, tenantId: string): Promise<void> {
  await client.query(
    `UPDATE millrace.intake SET ended = true WHERE tenant_id = $1 AND document_id IN (
      SELECT i.document_id FROM millrace.intake i JOIN millrace.documents d USING (tenant_id, document_id)
      WHERE i.tenant_id = $1 AND i.produced AND NOT i.ended LIMIT ${SETTLE_ROWS} FOR UPDATE OF i SKIP LOCKED)`,
    [tenantId]
  )
}

async function select(client: pg.ClientBase, tenantId: string, documents: readonly { readonly documentId: string }[], key: string | undefined): Promise<TakenDocument[]> {
  const { rows } =
    key === undefined
      ? await client.query<RawTaken>(`SELECT ${TAKEN} FROM millrace.intake WHERE tenant_id = $1 AND document_id = ANY($2) ORDER BY ordinal`, [tenantId, documents.map(({ documentId }) => documentId)])
      : await client.query<RawTaken>(`SELECT ${TAKEN} FROM millrace.intake WHERE tenant_id = $1 AND idempotency_key = $2 ORDER BY ordinal`, [tenantId, key])
  return rows.map(taken)
}

type RawTaken = Omit<TakenDocument, 'size' | 'receivedAt'> & { readonly size: string; readonly receivedAt: Date }
type RawSummary = Omit<DocumentSummary, 'size' | 'receivedAt' | 'processedAt'> & {
  readonly size: string
  readonly receivedAt: Date
  readonly processedAt: Date | null
  readonly received_at: Date
  readonly document_id: string
}

const taken = (row: RawTaken): TakenDocument => ({ ...row, size: Number(row.size), receivedAt: row.receivedAt.getTime() })

function summary({ received_at, document_id, ...row }: RawSummary): DocumentSummary {
  return { ...row, size: Number(row.size), receivedAt: row.receivedAt.getTime(), processedAt: row.processedAt?.getTime() ?? null }
}
