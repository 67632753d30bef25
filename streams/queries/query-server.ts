/**
 * Queries over HTTP: `GET /stores`, `/stores/{name}/{key}`, `/stores/{name}`. Asks the application, which asks whoever has the
 * key. Without `authorize` it listens on the loopback only, and takes no request that a browser was tricked into.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { StreamsError, type StreamsErrorCode } from '../errors.ts'
import { GuardedServer, type ListenOptions, namesLoopback } from '../http/guarded-server.ts'
import type { HttpQuery, StorePath } from './http-request.ts'
import { parsePath, parseQuery } from './http-request.ts'
import { toJson } from './http-json.ts'
import type { QueriedStore, StoreQueries } from './store-queries.ts'

/** What `authorize` decides about. Keys are those of the store's serde. */
export interface QueryAccess {
  /** Absent: the list of stores. May be the name of no store. */
  readonly store?: string
  /** Absent: a range, or a key that is none. */
  readonly key?: unknown
  /** Bounds of a range of keys, where given. */
  readonly from?: unknown
  readonly to?: unknown
  readonly headers: IncomingHttpHeaders
  readonly remoteAddress: string | undefined
}

export interface QueryServerOptions extends ListenOptions {
  /** Whether somebody may see this. False, or an error: 403. */
  readonly authorize?: (access: QueryAccess) => boolean | Promise<boolean>
}

/** The application, as `KafkaStreams` is one. */
export interface Queryable {
  readonly queries: StoreQueries
}

const STATUS: { readonly [code in StreamsErrorCode]?: number } = {
  QUERY_INVALID: 400,
  QUERY_TYPE_UNKNOWN: 400,
  QUERY_REFUSED: 403,
  QUERY_STORE_UNKNOWN: 404,
  // Misdirected: another instance has it, and the request forbids to ask there.
  QUERY_NOT_PRESENT: 421,
  QUERY_FAILED: 500,
  QUERY_OWNER_UNREACHABLE: 502,
  NOT_RUNNING: 503,
  QUERY_NOT_ACTIVE: 503,
  QUERY_REBALANCING: 503,
  QUERY_NOT_UP_TO_BOUND: 504,
  TIMEOUT: 504,
}

export class QueryServer {
  readonly #queries: StoreQueries
  readonly #authorize: QueryServerOptions['authorize']
  #server: GuardedServer | undefined

  /** Listens. `CONFIG_INVALID` when it may not, or cannot. */
  static async open(app: Queryable, options: QueryServerOptions = {}): Promise<QueryServer> {
    const server = new QueryServer(app, options)
    const guard = { authorized: options.authorize !== undefined, authorizes: 'which store and key' }
    server.#server = await GuardedServer.open(options, guard, (request, response) => void server.#take(request, response))
    return server
  }

  private constructor({ queries }: Queryable, { authorize }: QueryServerOptions) {
    this.#queries = queries
    this.#authorize = authorize
  }

  get port(): number {
    return this.#server!.port
  }

  get url(): string {
    return this.#server!.url
  }

  /** Takes no more requests, hangs up on those under way. */
  async close(): Promise<void> {
    await this.#server!.close()
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined)
    try {
      await this.#answer(request, response)
    } catch (error) {
      const known = error instanceof StreamsError ? error : new StreamsError('QUERY_FAILED', 'The request failed.', { cause: error })
      if (response.headersSent) {
        // Rows were under way: the last line says what happened, and that it is the last.
        response.end(`${toJson({ error: { code: known.code, message: known.message } })}\n`)
      } else {
        send(response, STATUS[known.code] ?? 500, { error: { code: known.code, message: known.message } })
      }
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET') {
      response.setHeader('Allow', 'GET')
      send(response, 405, { error: { code: 'QUERY_INVALID', message: 'Stores are read: use GET.' } })
      return
    }
    const path = parsePath(request.url ?? '')
    if (path === undefined) {
      send(response, 404, { error: { code: 'QUERY_INVALID', message: 'There are /stores, /stores/{name} and /stores/{name}/{key}.' } })
      return
    }
    const asked = this.#understand(path)
    await this.#admit(request, path, asked instanceof StreamsError ? undefined : asked.query)
    if (asked instanceof StreamsError) {
      throw asked
    }
    if (asked.store === undefined || asked.query === undefined) {
      send(response, 200, await this.#list())
    } else if (asked.query.single) {
      await this.#single(response, asked.store, asked.query)
    } else {
      await this.#rows(response, asked.store, asked.query)
    }
  }

  /** What is wrong with a request is said only to who may ask. */
  #understand(path: StorePath): { readonly store?: QueriedStore; readonly query?: HttpQuery } | StreamsError {
    try {
      if (path.store === undefined) {
        return {}
      }
      const store = this.#queries.store(path.store)
      return { store, query: parseQuery(store.definition, path) }
    } catch (error) {
      return error instanceof StreamsError ? error : new StreamsError('QUERY_FAILED', 'The request failed.', { cause: error })
    }
  }

  async #admit({ headers, socket }: IncomingMessage, { store }: StorePath, query: HttpQuery | undefined): Promise<void> {
    if (this.#authorize === undefined) {
      if (!namesLoopback(headers)) {
        throw new StreamsError('QUERY_REFUSED', 'Without authorize only requests to an address of the loopback are answered.')
      }
      return
    }
    let admitted = false
    try {
      admitted = (await this.#authorize({ ...(store === undefined ? {} : { store }), key: query?.key, from: query?.from, to: query?.to, headers, remoteAddress: socket.remoteAddress })) === true
    } catch {
      // What it says is not for strangers.
    }
    if (!admitted) {
      throw new StreamsError('QUERY_REFUSED', 'This is not for you to see.')
    }
  }

  async #list(): Promise<unknown> {
    const stores = this.#queries.stores()
    return { stores: await Promise.all(stores.map(async (store) => ({ name: store.definition.name, kind: store.definition.kind, global: store.subtopology === undefined, partitions: await this.#queries.partitions(store) }))) }
  }

  async #single(response: ServerResponse, { definition }: QueriedStore, { query, options, key }: HttpQuery): Promise<void> {
    const result = await this.#queries.single(definition.name, query, options)
    send(response, result.value === undefined ? 404 : 200, { key, ...result, value: result.value ?? null })
  }

  /** A line per row, then one that says how many there were, whether there is more, and who answered. */
  async #rows(response: ServerResponse, { definition }: QueriedStore, { query, options, limit }: HttpQuery): Promise<void> {
    // One more than wanted says whether there is more.
    const rows = this.#queries.rows(definition.name, query, options, limit + 1)
    let count = 0
    let more = false
    let lines = ''
    const flush = async (): Promise<void> => {
      if (!response.headersSent) {
        response.writeHead(200, { ...HEADERS, 'Content-Type': 'application/x-ndjson' })
      }
      if (lines !== '' && !response.write(lines)) {
        await drained(response)
      }
      lines = ''
    }
    for await (const row of rows) {
      if (count === limit) {
        more = true
        break
      }
      count++
      lines += `${toJson(row)}\n`
      if (lines.length >= FLUSH_CHARACTERS) {
        await flush()
      }
      if (response.destroyed) {
        return
      }
    }
    lines += `${toJson({ end: true, rows: count, more, sources: [...rows.sources.values()] })}\n`
    await flush()
    response.end()
  }
}

/** Prevents that a client which reads nothing holds its rows and its connection for ever. */
const DRAIN_MS = 60_000

/** A client that hangs up ends the wait, too. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const patience = setTimeout(() => response.destroy(), DRAIN_MS)
    const done = (): void => {
      clearTimeout(patience)
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
    if (response.destroyed) {
      done()
    }
  })
}

const FLUSH_CHARACTERS = 64 * 1024
/** What the stores have is nobody's to keep, and never a page. */
const HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }

function send(response: ServerResponse, status: number, body: unknown): void {
  const json = toJson(body)
  response.writeHead(status, { ...HEADERS, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(json), ...(status === 503 ? { 'Retry-After': '1' } : {}) })
  response.end(json)
}
