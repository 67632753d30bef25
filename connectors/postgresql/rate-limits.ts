import { TenantPool, type TenantPoolOptions } from './tenant-pool.ts'

export interface Grant {
  /** 0 to what was asked for. */
  readonly granted: number
  /** Documents that are left; below 1 the next one has to wait. */
  readonly level: number
}

/**
 * What is in the bucket now: what was left and what has flowed in since, never more than a minute's. One moment for the whole statement, else its parts
 * would differ; one that waited for the row counts from before its wait, and a clock that was set back takes nothing away.
 */
const FILLED = 'least($2::double precision, r.level + greatest(0, extract(epoch FROM statement_timestamp() - r.refilled_at)) * $2 / 60)'
const GRANTED = `least($3::integer, floor(${FILLED}))`

/** One token bucket per tenant for all instances: a row that is locked while one of them takes. */
export class PostgresqlRateLimits {
  readonly #pool: TenantPool

  constructor(options: TenantPoolOptions) {
    this.#pool = new TenantPool(options)
  }

  /**
   * Takes up to `wanted` documents out of the tenant's bucket, which holds `perMinute` at most and is refilled evenly. A new bucket is full.
   * @param perMinute 0 or more
   * @param wanted 1 or more
   */
  async take(tenantId: string, perMinute: number, wanted: number): Promise<Grant> {
    return await this.#pool.transaction(tenantId, 'READ WRITE', async (client) => {
      const { rows } = await client.query<Grant>(
        `INSERT INTO millrace.rate_limits AS r (tenant_id, level, refilled_at, granted)
          VALUES ($1, $2::double precision - least($3::integer, floor($2::double precision)), statement_timestamp(), least($3::integer, floor($2::double precision)))
          ON CONFLICT (tenant_id) DO UPDATE SET level = ${FILLED} - ${GRANTED}, refilled_at = greatest(r.refilled_at, statement_timestamp()), granted = ${GRANTED}
          RETURNING granted, level`,
        [tenantId, perMinute, wanted]
      )
      return rows[0]!
    })
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }
}
