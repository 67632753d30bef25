/** Typed queries to bytes and pages back to typed rows, by the serdes of the store. Runs beside the stream threads. */
import type { Windowed } from 'millrace-state-stores'
import { StreamsError } from '../errors.ts'
import type { StoreDefinition } from '../graph/topology.ts'
import { NO_HEADERS } from '../record.ts'
import { ANSWERED_BY, type Bytes, type PageRow, type PlainQuery } from './page.ts'
import type { Query } from './query.ts'

/** The store's key as bytes. Throws `QUERY_INVALID` when the serde refuses it. */
export function keyBytes(store: StoreDefinition, key: unknown): Bytes {
  if (key === null || key === undefined) {
    throw new StreamsError('QUERY_INVALID', `The store '${store.name}' has no key ${key}.`)
  }
  try {
    return Uint8Array.from(store.key.serialize(store.changelog ?? store.name, key, NO_HEADERS))
  } catch (cause) {
    throw new StreamsError('QUERY_INVALID', `The key serde of the store '${store.name}' refuses the key: ${typeof key} is what it was given.`, { cause })
  }
}

function time(what: string, value: number): number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new StreamsError('QUERY_INVALID', `${what} is no time: give milliseconds.`)
  }
  return Math.min(Math.max(value, 0), Number.MAX_SAFE_INTEGER)
}

/** Throws `QUERY_INVALID`, and `QUERY_TYPE_UNKNOWN` when stores of this kind do not answer the query. */
export function plainQuery(store: StoreDefinition, query: Query): PlainQuery {
  const plain = toBytes(store, query)
  checkKind(store, plain)
  return plain
}

export function checkKind({ name, kind }: StoreDefinition, query: PlainQuery): void {
  if (ANSWERED_BY[query.kind] !== kind) {
    throw new StreamsError('QUERY_TYPE_UNKNOWN', `The store '${name}' is a ${kind} store: a ${query.kind} query is answered by ${ANSWERED_BY[query.kind]} stores.`)
  }
}

function toBytes(store: StoreDefinition, query: Query): PlainQuery {
  const key = (value: unknown) => keyBytes(store, value)
  switch (query.kind) {
    case 'key':
      return { kind: 'key', key: key(query.key) }
    case 'range':
      return { kind: 'range', ...(query.from === undefined ? {} : { from: key(query.from) }), ...(query.to === undefined ? {} : { to: key(query.to) }), descending: query.descending }
    case 'window-key':
      return { kind: 'window-key', key: key(query.key), from: time('from', query.from), to: time('to', query.to) }
    case 'window-range':
      return query.from === undefined || query.to === undefined ? { kind: 'session-key', key: key(query.key) } : { kind: 'window-range', from: time('from', query.from), to: time('to', query.to) }
    case 'versioned-key':
      return { kind: 'versioned-key', key: key(query.key), ...(query.at === undefined ? {} : { at: time('asOf', query.at) }) }
    case 'multi-versioned-key':
      return { kind: 'multi-versioned-key', key: key(query.key), from: time('from', query.from), to: time('to', query.to) }
    default:
      throw new StreamsError('QUERY_INVALID', 'This is no query: make one with KeyQuery, RangeQuery, WindowKeyQuery, WindowRangeQuery, VersionedKeyQuery or MultiVersionedKeyQuery.')
  }
}

/** The key a query names, whose partition has the answer; undefined: every partition may have some. */
export function keyOf(query: PlainQuery): Bytes | undefined {
  return 'key' in query ? query.key : undefined
}

export interface TypedRow {
  readonly key?: unknown
  readonly value: unknown
  readonly timestamp?: number
  readonly validTo?: number
}

/** As the query's type says; `named`: the key the query named. Throws `QUERY_FAILED` when a serde refuses what the store has. */
export function typedRow(store: StoreDefinition, query: PlainQuery, row: PageRow, named: unknown): TypedRow {
  try {
    return fromBytes(store, query, row, named)
  } catch (cause) {
    throw new StreamsError('QUERY_FAILED', `A row of the store '${store.name}' cannot be read by its serdes.`, { cause })
  }
}

function fromBytes(store: StoreDefinition, { kind }: PlainQuery, row: PageRow, named: unknown): TypedRow {
  const topic = store.changelog ?? store.name
  const value: unknown = store.value.deserialize(topic, row.value, NO_HEADERS)
  const timestamp = row.timestamp === undefined ? {} : { timestamp: row.timestamp }
  switch (kind) {
    case 'key':
    case 'versioned-key':
      return { value, ...timestamp }
    case 'multi-versioned-key':
      return { value, ...timestamp, validTo: row.validTo ?? Number.POSITIVE_INFINITY }
    case 'range':
      return { key: store.key.deserialize(topic, row.key!, NO_HEADERS) as unknown, value, ...timestamp }
    default: {
      const [start, end] = row.window ?? [0, 0]
      const key: unknown = row.key === undefined ? named : store.key.deserialize(topic, row.key, NO_HEADERS)
      const windowed: Windowed<unknown> = { key, window: { start, end } }
      return { key: windowed, value, ...timestamp }
    }
  }
}
