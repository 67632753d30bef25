import { TenantPool, type TenantPoolOptions } from './tenant-pool.ts'

/** A piece of a document's text, as it was read. */
export interface StoredChunk {
  readonly documentId: string
  /** From 0. */
  readonly chunk: number
  /** Of the reading, µs since the epoch. */
  readonly revision: number
  /** How many the document has. */
  readonly chunks: number
  /** From 1; null where there are no pages. */
  readonly page: number | null
  /** ISO 639-1 */
  readonly language: string | null
  readonly text: string
}

const PAGE = 500
/** Pieces without words have no embedding. */
const WITH_WORDS = "text <> ''"

/** A tenant's pieces by the model that made their embeddings, read as `millrace_api`. */
export class PostgresqlChunks {
  readonly #pool: TenantPool

  constructor(options: TenantPoolOptions) {
    this.#pool = new TenantPool({ connections: 1, ...options })
  }

  /** @returns how many pieces there are, and how many of them have no embedding of that model */
  async count(tenantId: string, model: string): Promise<{ readonly all: number; readonly lacking: number }> {
    return await this.#pool.transaction(tenantId, 'READ ONLY', async (client) => {
      const { rows } = await client.query<{ all: number; lacking: number }>(
        `SELECT count(*)::integer AS "all", (count(*) FILTER (WHERE embedding_model IS DISTINCT FROM $2))::integer AS lacking
          FROM millrace.chunks WHERE tenant_id = $1 AND ${WITH_WORDS}`,
        [tenantId, model],
      )
      return rows[0]!
    })
  }

  /** Those without an embedding of that model, by document, some hundred at a time; what changes meanwhile may or may not be among them. */
  async *lacking(tenantId: string, model: string): AsyncGenerator<readonly StoredChunk[]> {
    let after: StoredChunk | undefined
    for (;;) {
      const values = [tenantId, model, after?.documentId ?? '', after?.chunk ?? -1, PAGE]
      const { rows } = await this.#pool.transaction(tenantId, 'READ ONLY', async (client) =>
        await client.query<Omit<StoredChunk, 'revision'> & { readonly revision: string }>(
          `SELECT document_id AS "documentId", chunk, revision, chunks, page, language, text FROM millrace.chunks
            WHERE tenant_id = $1 AND embedding_model IS DISTINCT FROM $2 AND ${WITH_WORDS} AND (document_id, chunk) > ($3, $4)
            ORDER BY document_id, chunk LIMIT $5`,
          values,
        ))
      const found = rows.map(({ revision, ...row }): StoredChunk => ({ ...row, revision: Number(revision) }))
      if (found.length > 0) {
        yield found
      }
      if (found.length < PAGE) {
        return
      }
      after = found.at(-1)
    }
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }
}
