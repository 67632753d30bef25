/** What an HTTP request asks: pure, from its URL to a query. Strangers' text comes in here. */
import { StreamsError } from '../errors.ts'
import type { StoreDefinition } from '../graph/topology.ts'
import { NO_HEADERS } from '../record.ts'
import { Serdes } from '../serdes.ts'
import { KeyQuery, MultiVersionedKeyQuery, type Query, RangeQuery, VersionedKeyQuery, WindowKeyQuery, WindowRangeQuery } from './query.ts'
import type { QueryOptions } from './store-queries.ts'

/** Rows of one answer unless the request says otherwise: nobody reads more by accident. */
const DEFAULT_LIMIT = 1_000

export interface StorePath {
  /** Absent: the list of the stores. */
  readonly store?: string
  /** As it stands in the path. */
  readonly key?: string
  readonly parameters: URLSearchParams
}

export interface HttpQuery {
  readonly query: Query
  readonly options: QueryOptions
  readonly limit: number
  /** One value, not rows. */
  readonly single: boolean
  readonly key?: unknown
  readonly from?: unknown
  readonly to?: unknown
}

function invalid(what: string): StreamsError {
  return new StreamsError('QUERY_INVALID', what)
}

/** `/stores`, `/stores/{name}`, `/stores/{name}/{key}`. Undefined: another path. Throws `QUERY_INVALID` for broken escapes. */
export function parsePath(url: string): StorePath | undefined {
  const mark = url.indexOf('?')
  const parts = (mark < 0 ? url : url.slice(0, mark)).split('/')
  const parameters = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))
  if (parts[0] !== '' || parts[1] !== 'stores' || parts.length > 4) {
    return undefined
  }
  try {
    const [store, key] = parts.slice(2).map(decodeURIComponent)
    return { ...(store === undefined || store === '' ? {} : { store }), ...(key === undefined ? {} : { key }), parameters }
  } catch {
    throw invalid('The path has a broken percent escape: encode store and key with encodeURIComponent.')
  }
}

const COMMON = ['routed', 'partition', 'maxLag', 'position', 'timeout', 'limit', 'encoding']

/** Throws `QUERY_INVALID` naming the parameter, never a key. */
export function parseQuery(store: StoreDefinition, { key: text, parameters }: StorePath): HttpQuery {
  const options = parseOptions(parameters)
  const limit = whole(parameters, 'limit') ?? DEFAULT_LIMIT
  const encoding = parameters.get('encoding')
  const keyParameter = (name: string) => (parameters.has(name) ? keyOfText(store, parameters.get(name)!, encoding) : undefined)
  const key = text === undefined ? {} : { key: keyOfText(store, text, encoding) }
  const fromTime = whole(parameters, 'fromTime')
  const toTime = whole(parameters, 'toTime')
  const begin = fromTime ?? 0
  const end = toTime ?? Number.MAX_SAFE_INTEGER
  switch (store.kind) {
    case 'key-value': {
      if ('key' in key) {
        known(parameters, [])
        return { query: KeyQuery.withKey(key.key), options, limit, single: true, ...key }
      }
      known(parameters, ['from', 'to', 'reverse'])
      const [from, to] = [keyParameter('from'), keyParameter('to')]
      const range = RangeQuery.withRange(from, to)
      return { query: flag(parameters, 'reverse') ? range.withDescendingKeys() : range, options, limit, single: false, from, to }
    }
    case 'window':
      known(parameters, ['fromTime', 'toTime'])
      return { query: 'key' in key ? WindowKeyQuery.withKeyAndWindowStartRange(key.key, begin, end) : WindowRangeQuery.withWindowStartRange(begin, end), options, limit, single: false, ...key }
    case 'session':
      known(parameters, [])
      if (!('key' in key)) {
        throw invalid('Sessions are asked for by key: /stores/{name}/{key}.')
      }
      return { query: WindowRangeQuery.withKey(key.key), options, limit, single: false, ...key }
    case 'versioned': {
      known(parameters, ['asOf', 'fromTime', 'toTime'])
      if (!('key' in key)) {
        throw invalid('Versions are asked for by key: /stores/{name}/{key}.')
      }
      if (fromTime !== undefined || toTime !== undefined) {
        return { query: MultiVersionedKeyQuery.withKey(key.key).fromTime(begin).toTime(end), options, limit, single: false, ...key }
      }
      const asOf = whole(parameters, 'asOf')
      const latest = VersionedKeyQuery.withKey(key.key)
      return { query: asOf === undefined ? latest : latest.asOf(asOf), options, limit, single: true, ...key }
    }
    case 'buffer':
      throw invalid('Buffers of operators cannot be asked.')
  }
}

function known(parameters: URLSearchParams, own: readonly string[]): void {
  const names = [...COMMON, ...own]
  for (const name of parameters.keys()) {
    if (!names.includes(name)) {
      throw invalid(`${JSON.stringify(name.slice(0, 40))} is no parameter here; there are: ${names.join(', ')}.`)
    }
  }
}

function whole(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name)
  if (text === null) {
    return undefined
  }
  const value = Number(text)
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) {
    throw invalid(`${name} must be a whole number.`)
  }
  return value
}

function flag(parameters: URLSearchParams, name: string): boolean {
  const text = parameters.get(name) ?? 'false'
  if (text !== 'true' && text !== 'false') {
    throw invalid(`${name} must be true or false.`)
  }
  return text === 'true'
}

/** `position=topic:partition:offset`, as often as wanted. */
function parseOptions(parameters: URLSearchParams): QueryOptions {
  const position: { [topic: string]: { [partition: number]: number } } = Object.create(null)
  for (const text of parameters.getAll('position')) {
    const match = /^([A-Za-z0-9._-]{1,249}):(\d{1,9}):(\d{1,15})$/.exec(text)
    if (match === null) {
      throw invalid('position must be topic:partition:offset.')
    }
    const [, topic, partition, offset] = match as unknown as [string, string, string, string]
    position[topic] = { ...position[topic], [Number(partition)]: Number(offset) }
  }
  const [partition, maxLag, timeoutMs] = [whole(parameters, 'partition'), whole(parameters, 'maxLag'), whole(parameters, 'timeout')]
  return {
    routed: !parameters.has('routed') || flag(parameters, 'routed'),
    ...(parameters.has('position') ? { position } : {}),
    ...(partition === undefined ? {} : { partition }),
    ...(maxLag === undefined ? {} : { maxLag }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  }
}

/** The key that stands in a URL, by the store's serde; `encoding=base64url`: its serialized bytes, whatever the serde. */
export function keyOfText(store: StoreDefinition, text: string, encoding: string | null): unknown {
  const serde = store.key as unknown
  try {
    if (encoding !== null) {
      if (encoding !== 'base64url' || !/^[A-Za-z0-9_-]*$/.test(text)) {
        throw invalid("encoding must be base64url, and keys so encoded.")
      }
      return store.key.deserialize(store.changelog ?? store.name, Buffer.from(text, 'base64url'), NO_HEADERS) as unknown
    }
    switch (serde) {
      case Serdes.string():
      case Serdes.uuid():
        return text
      case Serdes.json():
        return JSON.parse(text) as unknown
      case Serdes.integer():
      case Serdes.long():
      case Serdes.double():
        if (!/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text)) {
          throw invalid('The key must be a number.')
        }
        return Number(text)
      case Serdes.bigint():
        return BigInt(text)
      case Serdes.boolean():
        if (text !== 'true' && text !== 'false') {
          throw invalid('The key must be true or false.')
        }
        return text === 'true'
    }
  } catch (cause) {
    // What a serde or parser says may quote the key.
    throw cause instanceof StreamsError ? cause : invalid(`The key does not fit the keys of the store '${store.name}'.`)
  }
  throw invalid(`Keys of the store '${store.name}' cannot be read from text: give the serialized key with encoding=base64url.`)
}
