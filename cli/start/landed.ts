/** How many of a run's documents both databases hold, at the revision the pipeline gave them last. */
import cassandra from 'cassandra-driver'
import pg from 'pg'
import { cassandraClient } from '../../connectors/index.ts'
import type { Environment } from './environment.ts'

export interface Row {
  readonly key: string
  readonly revision: number
}

export class Landed {
  readonly #postgresql: pg.Pool
  readonly #cassandra: cassandra.Client
  readonly #keyspace: string

  /** Connects as the administrator: it counts over all tenants, which the API's role may not. */
  constructor(environment: Environment) {
    const { postgresql, cassandra: contactPoint } = environment.addresses
    const { datacenter, keyspace } = environment.connectors.cassandra
    this.#postgresql = new pg.Pool({ ...postgresql, database: environment.connectors.postgresql.database, max: 1 })
    this.#cassandra = cassandraClient({ contactPoints: [contactPoint], datacenter, keyspace })
    this.#keyspace = keyspace
  }

  async postgresql(rows: readonly Row[]): Promise<number> {
    const { rows: found } = await this.#postgresql.query<{ count: string }>(
      `SELECT count(*) FROM unnest($1::text[], $2::text[], $3::bigint[]) AS wanted (tenant_id, document_id, revision)
        JOIN millrace.documents USING (tenant_id, document_id) WHERE documents.revision = wanted.revision`,
      [rows.map(({ key }) => key.split('|')[0]), rows.map(({ key }) => key.split('|')[1]), rows.map(({ revision }) => revision)],
    )
    return Number(found[0]?.count ?? 0)
  }

  async cassandra(rows: readonly Row[]): Promise<number> {
    const query = `SELECT revision FROM ${this.#keyspace}.document_by_id WHERE tenant_id = ? AND document_id = ?`
    const parameters = rows.map(({ key }) => ({ query, params: key.split('|') }))
    const answers = await cassandra.concurrent.executeConcurrent(this.#cassandra, query, parameters.map(({ params }) => params), { collectResults: true, concurrencyLevel: 32 })
    return answers.resultItems.filter((answer, index) => Number((answer as cassandra.types.ResultSet).first()?.get('revision')) === rows[index]?.revision).length
  }

  async close(): Promise<void> {
    await Promise.all([this.#postgresql.end(), this.#cassandra.shutdown()])
  }
}
