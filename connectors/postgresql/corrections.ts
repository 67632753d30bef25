import { TenantPool, type TenantPoolOptions } from './tenant-pool.ts'

/** A decision of a person that the API has taken. Times are ms since the epoch. */
export interface TakenCorrection {
  readonly documentId: string
  /** The document's revision when the person saw it. */
  readonly baseRevision: number
  readonly correctionId: string
  /** Of the request's body, lower-case hex. */
  readonly sha256: string
  readonly by: string
  readonly at: number
  /** Kafka has acknowledged its record. */
  readonly produced: boolean
}

const TAKEN = `document_id AS "documentId", base_revision AS "baseRevision", correction_id AS "correctionId", sha256, taken_by AS "by", taken_at AS "at", produced`

/** A request that took a revision and has not told Kafka by now never will: longer than its writing and producing may take. */
const ABANDONED_MS = 60_000

/** The API's table of what people decided, under which idempotency key. One tenant at a time. */
export class PostgresqlCorrections {
  readonly #pool: TenantPool

  constructor(options: TenantPoolOptions) {
    this.#pool = new TenantPool(options)
  }

  /** What was taken under an idempotency key before. */
  async find(tenantId: string, key: string): Promise<TakenCorrection | undefined> {
    return await this.#pool.transaction(tenantId, 'READ ONLY', async (client) => {
      const { rows } = await client.query<RawTaken>(`SELECT ${TAKEN} FROM millrace.corrections WHERE tenant_id = $1 AND idempotency_key = $2`, [tenantId, key])
      return rows.map(taken)[0]
    })
  }

  /**
   * Writes one; of several for the same revision of a document, the first. One that never reached Kafka (it was away, and nobody tried again
   * under the same key) makes room after a minute: else nobody could ever decide about the document again.
   * @param key the request's idempotency key, undefined for none
   * @returns false when that revision, or that key, has one already: nothing is written then
   */
  async take(tenantId: string, key: string | undefined, correction: Omit<TakenCorrection, 'produced'>): Promise<boolean> {
    const { documentId, baseRevision, correctionId, sha256, by, at } = correction
    return await this.#pool.transaction(tenantId, 'READ WRITE', async (client) => {
      const given = [tenantId, documentId, baseRevision, correctionId, key ?? null, sha256, by, at]
      const replaced = await client.query(
        `UPDATE millrace.corrections SET correction_id = $4, idempotency_key = $5, sha256 = $6, taken_by = $7, taken_at = to_timestamp($8::double precision / 1000)
          WHERE tenant_id = $1 AND document_id = $2 AND base_revision = $3 AND NOT produced AND taken_at < to_timestamp(($8::double precision - ${ABANDONED_MS}) / 1000)
            AND NOT EXISTS (SELECT FROM millrace.corrections other WHERE other.tenant_id = $1 AND other.idempotency_key = $5)`,
        given
      )
      if (replaced.rowCount === 1) {
        return true
      }
      const { rowCount } = await client.query(
        // waits for another request for the same revision that is being written at this moment
        `INSERT INTO millrace.corrections (tenant_id, document_id, base_revision, correction_id, idempotency_key, sha256, taken_by, taken_at)
          VALUES ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8::double precision / 1000)) ON CONFLICT DO NOTHING`,
        given
      )
      return rowCount === 1
    })
  }

  /** Kafka has it. */
  async markProduced(tenantId: string, { documentId, baseRevision }: Pick<TakenCorrection, 'documentId' | 'baseRevision'>): Promise<void> {
    await this.#pool.transaction(tenantId, 'READ WRITE', async (client) => {
      await client.query('UPDATE millrace.corrections SET produced = true WHERE tenant_id = $1 AND document_id = $2 AND base_revision = $3', [tenantId, documentId, baseRevision])
    })
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }
}

type RawTaken = Omit<TakenCorrection, 'baseRevision' | 'at'> & { readonly baseRevision: string; readonly at: Date }

const taken = (row: RawTaken): TakenCorrection => ({ ...row, baseRevision: Number(row.baseRevision), at: row.at.getTime() })
