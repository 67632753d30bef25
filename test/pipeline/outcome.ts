/**
 * Everything a run leaves behind, in a form two runs can be compared in: the output topics read committed, the stores,
 * and both databases.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type cassandra from 'cassandra-driver'
import { openTaskState, StateFolder, storageEngine } from 'millrace-state-stores'
import type { KafkaCluster } from 'millrace/kafka'
import pg from 'pg'
import type { Registry } from '../../avro/index.ts'
import type { Environment } from '../../cli/start/environment.ts'
import { cassandraClient } from '../../connectors/index.ts'
import { documentSerdes, rowKeySerde } from '../../topology/serdes.ts'
import { decode } from '../../topology/topic-follower.ts'
import { documentKey, type TopicId, topics } from '../../topology/topics.ts'
import { SERVER_TIMEOUT_MS } from '../connectors/integration/support.ts'
import { readCommitted } from './read-topic.ts'

/**
 * What says when, not what: the only things in which two runs over the same documents may differ. The revision is the
 * clock in microseconds; `at`, `readAt`, `processedAt` and `processed_at` are when a step was done. The offset of a record that
 * failed depends on how many transaction markers lie before it.
 */
const CLOCK_FIELDS: ReadonlySet<string> = new Set(['revision', 'at', 'readAt', 'processedAt', 'processed_at', '__streams.errors.offset'])

/** By where it is (`topic/…`, `store/…`, `postgresql/…`, `cassandra/…`) and whose it is: what is there, in its order. */
export type Outcome = ReadonlyMap<string, readonly string[]>

const OUTPUTS = ['text', 'chunks', 'processed', 'archive', 'lifecycle', 'duplicates', 'review', 'deadLetter'] as const satisfies readonly TopicId[]

export interface StoreOwner {
  /** Name of a sub-topology: what its tasks' ids begin with. */
  readonly name: string
  readonly stores: readonly { readonly name: string; readonly kind: string }[]
}

class Collected {
  readonly #entries = new Map<string, string[]>()

  add(place: string, key: string, what: unknown): void {
    const at = `${place} ${key}`
    const list = this.#entries.get(at)
    if (list === undefined) {
      this.#entries.set(at, [canonical(what)])
    } else {
      list.push(canonical(what))
    }
  }

  get entries(): Outcome {
    return this.#entries
  }
}

/** JSON without clocks, keys in order. */
function canonical(value: unknown): string {
  return JSON.stringify(plain(value))
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return Buffer.from(value).toString('base64')
  }
  if (typeof value === 'bigint') {
    return String(value)
  }
  if (value instanceof Date || typeof value !== 'object' || value === null) {
    return value
  }
  if (Array.isArray(value)) {
    return value.map(plain)
  }
  const own = Object.entries(value).filter(([name, held]) => !CLOCK_FIELDS.has(name) && held !== undefined && typeof held !== 'function')
  return Object.fromEntries(own.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, held]) => [name, plain(held)]))
}

export interface TopicOutcome {
  readonly outcome: Outcome
  /** Document → its highest revision for the databases. */
  readonly revisions: ReadonlyMap<string, number>
}

/** Output topics, committed records only. */
export async function topicOutcome(cluster: KafkaCluster, registry: Registry, { config }: Environment): Promise<TopicOutcome> {
  const declared = topics(config.topicPrefix)
  const serdes = documentSerdes(registry, declared)
  const values = { text: serdes.text, chunks: serdes.chunk, processed: serdes.processed, archive: serdes.archive, lifecycle: serdes.lifecycle, duplicates: serdes.duplicate, review: serdes.review }
  const rowKeys = { archive: rowKeySerde(registry, declared.archive), lifecycle: rowKeySerde(registry, declared.lifecycle), chunks: serdes.chunkKey }
  const collected = new Collected()
  const revisions = new Map<string, number>()
  for (const id of OUTPUTS) {
    const { name } = declared[id]
    for (const { partition, timestamp, key, value, headers } of await readCommitted(cluster, name)) {
      const carried = Object.fromEntries(headers.map(([header, held]) => [header, held?.toString() ?? null]))
      if (id === 'deadLetter') {
        collected.add(`topic/${id}`, key?.toString() ?? '', { partition, timestamp, value, headers: unprefixed(carried, config.topicPrefix) })
        continue
      }
      let owner: string
      if (id === 'archive' || id === 'lifecycle' || id === 'chunks') {
        const { tenant_id, document_id } = await decode(rowKeys[id], name, key!)
        owner = documentKey(tenant_id, document_id)
      } else {
        owner = key!.toString()
      }
      const record = value === null ? null : await decode<unknown>(values[id], name, value)
      if (id === 'archive' && record !== null) {
        revisions.set(owner, Math.max(revisions.get(owner) ?? 0, Number((record as { readonly revision: number }).revision)))
      }
      collected.add(`topic/${id}`, owner, { partition, timestamp, value: record, headers: carried })
    }
  }
  return { outcome: collected.entries, revisions }
}

/** Names of topics and groups begin with the environment's prefix. */
function unprefixed(headers: { readonly [name: string]: string | null }, prefix: string): { [name: string]: string | null } {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value?.replaceAll(prefix, '') ?? null]))
}

/** The stores of every task below a state directory that no process uses. Opened as copies: looking changes nothing. */
export async function storeOutcome(stateDir: string, owners: readonly StoreOwner[]): Promise<Outcome> {
  const folder = new StateFolder(stateDir)
  const collected = new Collected()
  for (const id of await folder.tasks()) {
    const owner = owners.find(({ name }) => id.startsWith(`${name}_`))
    if (owner === undefined || owner.stores.length === 0) {
      continue
    }
    const place = await mkdtemp(join(tmpdir(), 'millrace-look-'))
    try {
      await cp(await folder.taskLocation(id), place, { recursive: true })
      const state = await openTaskState({
        engine: storageEngine('rocksdb'),
        location: place,
        stores: owner.stores.map(({ name }) => ({ name, kind: 'key-value' as const, logged: true })),
      })
      for (const { name } of owner.stores) {
        for (const [key, value] of state.store(name).range({})) {
          collected.add(`store/${name}/${id}`, Buffer.from(key).toString(), parsed(value))
        }
      }
      await state.close()
    } finally {
      await rm(place, { recursive: true, force: true })
    }
  }
  return collected.entries
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown
  } catch {
    return bytes
  }
}

export interface DatabaseOutcome {
  readonly outcome: Outcome
  /** Document → revision, as each holds it; Cassandra a second time by day. */
  readonly revisions: { readonly postgresql: ReadonlyMap<string, number>; readonly cassandra: ReadonlyMap<string, number>; readonly byDay: ReadonlyMap<string, number> }
  readonly lifecycleRows: number
}

/** Both databases, seen by their administrators. */
export async function databaseOutcome({ addresses, connectors }: Environment): Promise<DatabaseOutcome> {
  const collected = new Collected()
  const revisions = { postgresql: new Map<string, number>(), cassandra: new Map<string, number>(), byDay: new Map<string, number>() }
  const postgresql = new pg.Client({ ...addresses.postgresql, database: connectors.postgresql.database, connectionTimeoutMillis: SERVER_TIMEOUT_MS, query_timeout: SERVER_TIMEOUT_MS })
  await postgresql.connect()
  try {
    const { rows } = await postgresql.query<{ tenant_id: string; document_id: string; revision: string }>('SELECT * FROM millrace.documents')
    for (const row of rows) {
      const key = documentKey(row.tenant_id, row.document_id)
      collected.add('postgresql/documents', key, row)
      revisions.postgresql.set(key, Number(row.revision))
    }
  } finally {
    await postgresql.end()
  }
  const { contactPoints, datacenter, keyspace } = connectors.cassandra
  const client = cassandraClient({ contactPoints, datacenter, keyspace }, { keyspace, encoding: { useBigIntAsLong: true } })
  let lifecycleRows = 0
  try {
    for (const table of ['document_by_id', 'documents_by_tenant_day', 'lifecycle_by_document']) {
      for await (const row of client.stream(`SELECT * FROM ${table}`, [], { prepare: true, fetchSize: 1_000 }) as unknown as AsyncIterable<cassandra.types.Row>) {
        const key = documentKey(row['tenant_id'] as string, row['document_id'] as string)
        collected.add(`cassandra/${table}`, key, Object.fromEntries(row.keys().map((column) => [column, row.get(column) as unknown])))
        if (table === 'lifecycle_by_document') {
          lifecycleRows += 1
        } else {
          revisions[table === 'document_by_id' ? 'cassandra' : 'byDay'].set(key, Number(row.get('revision')))
        }
      }
    }
  } finally {
    await client.shutdown()
  }
  return { outcome: collected.entries, revisions, lifecycleRows }
}

/**
 * What `found` has otherwise than `expected`, a line each. `only`: entries of these documents; everything else of
 * `expected` has not been sent yet and must not be in `found` at all.
 */
export function differences(expected: Outcome, found: Outcome, only: (owner: string) => boolean): string[] {
  const lines: string[] = []
  for (const [at, want] of expected) {
    const have = found.get(at)
    if (!only(at.slice(at.indexOf(' ') + 1))) {
      continue
    }
    if (have === undefined) {
      lines.push(`${at}: missing`)
    } else if (have.length !== want.length) {
      lines.push(`${at}: ${have.length} records instead of ${want.length}`)
    } else {
      const index = want.findIndex((record, position) => record !== have[position])
      if (index >= 0) {
        lines.push(`${at}, record ${index}: ${firstDifference(want[index]!, have[index]!)}`)
      }
    }
  }
  for (const at of found.keys()) {
    if (!expected.has(at) || !only(at.slice(at.indexOf(' ') + 1))) {
      lines.push(`${at}: not in an undisturbed run`)
    }
  }
  return lines
}

function firstDifference(want: string, have: string): string {
  let at = 0
  while (want[at] === have[at]) {
    at += 1
  }
  const around = (text: string): string => text.slice(Math.max(0, at - 40), at + 60)
  return `…${around(have)}… instead of …${around(want)}…`
}
