import cassandra from 'cassandra-driver'
import { cassandraRefusal } from '../refusal.ts'
import { type CassandraAddress, cassandraClient } from './client.ts'

/** One change of state, as the API gives it out. */
export interface StoredLifecycleEvent {
  revision: number
  from: string | null
  to: string
  /** ms since the epoch */
  at: number
  step: string
  reasonCode: string | null
  reason: string | null
}

export interface ArchivedDocument {
  documentId: string
  revision: number
  status: string
}

/** A read that hangs would hold the request that waits for it. */
const READ_TIMEOUT_MS = 5_000

/** Reads the archive. The tenant is part of every partition key: a query that forgets it does not exist. */
export class CassandraReader {
  readonly #client: cassandra.Client
  readonly #keyspace: string

  constructor(address: CassandraAddress) {
    this.#client = cassandraClient(address, {
      socketOptions: { readTimeout: READ_TIMEOUT_MS },
      queryOptions: { prepare: true, isIdempotent: true, consistency: cassandra.types.consistencies.localQuorum },
      // revisions are exact in a number
      encoding: { useBigIntAsLong: true }
    })
    this.#keyspace = address.keyspace
  }

  /** Connects, which the first read does otherwise. @throws ConnectorError ACCESS_REFUSED; what the driver throws when no node answers */
  async open(): Promise<void> {
    try {
      await this.#client.connect()
    } catch (error) {
      throw cassandraRefusal(error) ?? error
    }
  }

  /** Every change of state of a document, oldest first. */
  async lifecycle(tenantId: string, documentId: string): Promise<StoredLifecycleEvent[]> {
    const rows = await this.#all(
      `SELECT revision, from_state, to_state, at, step, reason_code, reason FROM ${this.#keyspace}.lifecycle_by_document WHERE tenant_id = ? AND document_id = ?`,
      [tenantId, documentId]
    )
    return rows.map((row) => ({
      revision: Number(row.get('revision')),
      from: row.get('from_state') as string | null,
      to: row.get('to_state') as string,
      at: (row.get('at') as Date).getTime(),
      step: row.get('step') as string,
      reasonCode: row.get('reason_code') as string | null,
      reason: row.get('reason') as string | null
    }))
  }

  async get(tenantId: string, documentId: string): Promise<ArchivedDocument | undefined> {
    const rows = await this.#all(
      `SELECT document_id, revision, status FROM ${this.#keyspace}.document_by_id WHERE tenant_id = ? AND document_id = ?`,
      [tenantId, documentId]
    )
    return rows.map(archived)[0]
  }

  /** The documents a tenant's day holds, newest first. `day` is a UTC day, YYYY-MM-DD. */
  async day(tenantId: string, day: string): Promise<ArchivedDocument[]> {
    const rows = await this.#all(
      `SELECT document_id, revision, status FROM ${this.#keyspace}.documents_by_tenant_day WHERE tenant_id = ? AND day = ?`,
      [tenantId, day]
    )
    return rows.map(archived)
  }

  async count(tenantId: string, day: string): Promise<number> {
    const rows = await this.#all(`SELECT count(*) FROM ${this.#keyspace}.documents_by_tenant_day WHERE tenant_id = ? AND day = ?`, [tenantId, day])
    return Number(rows[0]!.get('count'))
  }

  async close(): Promise<void> {
    await this.#client.shutdown()
  }

  async #all(query: string, parameters: unknown[]): Promise<cassandra.types.Row[]> {
    const rows: cassandra.types.Row[] = []
    let pageState: string | undefined
    do {
      const page = await this.#client.execute(query, parameters, pageState === undefined ? { prepare: true } : { prepare: true, pageState }).catch((error: unknown) => {
        throw cassandraRefusal(error) ?? error
      })
      rows.push(...page.rows)
      pageState = page.pageState
    } while (pageState != null)
    return rows
  }
}

function archived(row: cassandra.types.Row): ArchivedDocument {
  return { documentId: row.get('document_id') as string, revision: Number(row.get('revision')), status: row.get('status') as string }
}
