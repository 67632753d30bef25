import pg from 'pg'
import { postgresqlRefusal } from '../refusal.ts'
import { connectionOf, type PostgresqlAddress } from './migrate.ts'

export interface TenantPoolOptions extends PostgresqlAddress {
  /** Of `millrace_api`. */
  readonly password: string
  /** Connections at most. Default 8. */
  readonly connections?: number
}

/** A database that does not answer must not hold a request: the caller says 503 instead. */
const CONNECT_TIMEOUT_MS = 5_000
/** A query that hangs would hold one of few connections. */
const STATEMENT_TIMEOUT_MS = 15_000
/** A server that vanished without a word (no FIN, no answer to a statement) would hold its connection for ever. */
const QUERY_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5_000

/**
 * Connections of `millrace_api`. Row-level security does the separating: everything runs in a transaction that names
 * its tenant with SET LOCAL, so a pooled connection keeps nothing of it.
 */
export class TenantPool {
  readonly #pool: pg.Pool

  constructor(options: TenantPoolOptions) {
    const { password } = options
    this.#pool = new pg.Pool({
      ...connectionOf(options),
      user: 'millrace_api',
      password,
      max: options.connections ?? 8,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS
    })
    // an idle connection that breaks is replaced by the pool; without a listener it would end the process
    this.#pool.on('error', () => {})
  }

  /** Connects, which the first transaction does otherwise. @throws ConnectorError ACCESS_REFUSED; what the driver throws when the server is away */
  async open(): Promise<void> {
    const client = await this.#connect()
    client.release()
  }

  /** Runs `work` for one tenant and commits; whatever it throws rolls back. */
  async transaction<T>(tenantId: string, mode: 'READ ONLY' | 'READ WRITE', work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    const client = await this.#connect()
    let broken: Error | undefined
    try {
      await client.query(`BEGIN ${mode}`)
      try {
        await client.query("SELECT set_config('app.tenant_id', $1, true)", [tenantId])
        const result = await work(client)
        await client.query('COMMIT')
        return result
      } catch (error) {
        await client.query('ROLLBACK')
        throw error
      }
    } catch (error) {
      // a connection whose transaction may still be open is not given to the next tenant
      broken = error as Error
      throw error
    } finally {
      client.release(broken)
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect()
    } catch (error) {
      throw postgresqlRefusal(error) ?? error
    }
  }
}
