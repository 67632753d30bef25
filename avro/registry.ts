import { setTimeout as delay } from 'node:timers/promises'
import { AvroError } from './errors.ts'

export interface RegistryOptions {
  /** Base of the Confluent-compatible API, e.g. `http://127.0.0.1:8080/apis/ccompat/v7`. */
  url: string
  /** Basic authentication. */
  credentials?: { username: string; password: string }
  /** Told about every failed attempt: an unreachable registry holds records back, which must be seen. */
  onRetry?: (event: { operation: string; attempt: number; error: unknown }) => void
  /** For how long an id the registry does not know is refused without asking again. Default 30 s. */
  unknownForMs?: number
}

/** A request that hangs would hold its partition for ever. */
const REQUEST_TIMEOUT_MS = 10_000
/** Start-up fails rather than waits for ever: somebody watches a start. */
const REGISTER_ATTEMPTS = 8
const BACKOFF_MS = { first: 100, most: 5_000 }
/** Ids come from records: whoever makes them up fills this cache, so it is bounded. */
const MAXIMUM_UNKNOWN = 10_000

/**
 * Client of a schema registry (Confluent API v7; Apicurio, Confluent and Karapace serve it). Schemas are registered
 * from their source text and never from a parser's idea of it. An id is asked for once: known ones are kept for ever
 * (ids are immutable), unknown ones refused for a while. While the registry cannot be reached, `fetch` waits and tries
 * again: its records are good and must not become dead letters.
 */
export class Registry {
  readonly #url: string
  readonly #authorization: { authorization?: string }
  readonly #onRetry: RegistryOptions['onRetry']
  readonly #unknownForMs: number
  readonly #schemas = new Map<number, string>()
  readonly #unknown = new Map<number, number>()
  readonly #fetches = new Map<number, Promise<void>>()
  readonly #closed = new AbortController()
  /** BACKWARD for subjects that have no setting yet, so that not even the first moment goes unchecked. */
  #global: Promise<void> | undefined

  constructor(options: RegistryOptions) {
    this.#url = options.url.replace(/\/+$/, '')
    const { credentials } = options
    this.#authorization = credentials === undefined ? {} : { authorization: `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}` }
    this.#onRetry = options.onRetry
    this.#unknownForMs = options.unknownForMs ?? 30_000
  }

  /**
   * Registers a schema under a subject with BACKWARD compatibility enforced; the same text gives the same id.
   * @throws AvroError SCHEMA_INCOMPATIBLE when readers of the new schema could not read the old records.
   */
  async register(subject: string, schema: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}`
    this.#global ??= this.#retry('set the compatibility', REGISTER_ATTEMPTS, () => this.#compatibility('/config'))
    await this.#global.catch((error: unknown) => {
      this.#global = undefined
      throw error
    })
    const { id } = await this.#retry(`register ${subject}`, REGISTER_ATTEMPTS, async () => {
      const post = () => this.#request('POST', `${path}/versions`, { schema, schemaType: 'AVRO' })
      let response = await post()
      if (response.status === 409) {
        // also the answer when another process creates the subject at this moment: only the second one counts
        await response.body?.cancel()
        response = await post()
      }
      if (response.status === 409) {
        throw new AvroError('SCHEMA_INCOMPATIBLE', `The registry refuses the schema of "${subject}": it could not read the records of the version before.`)
      }
      return (await success(response, `POST ${path}/versions`)) as { id: number }
    })
    await this.#retry(`register ${subject}`, REGISTER_ATTEMPTS, () => this.#compatibility(`/config/${encodeURIComponent(subject)}`))
    this.#schemas.set(id, schema)
    return id
  }

  /** The schema's text when it is known, `undefined` when it must be fetched. @throws AvroError SCHEMA_UNKNOWN */
  peek(id: number): string | undefined {
    const schema = this.#schemas.get(id)
    if (schema !== undefined) {
      return schema
    }
    const until = this.#unknown.get(id)
    if (until !== undefined && until > Date.now()) {
      throw unknownSchema(id)
    }
    return undefined
  }

  /** Fetches a schema; one request per id, however many wait. Rejects with SCHEMA_UNKNOWN or REGISTRY_REFUSED. */
  fetch(id: number): Promise<void> {
    let fetching = this.#fetches.get(id)
    if (fetching === undefined) {
      fetching = this.#fetch(id).finally(() => this.#fetches.delete(id))
      this.#fetches.set(id, fetching)
    }
    return fetching
  }

  /** Fails every waiting `fetch`; the client is of no use afterwards. */
  close(): void {
    this.#closed.abort(new AvroError('REGISTRY_CLOSED', 'The registry client was closed.'))
  }

  async #fetch(id: number): Promise<void> {
    if (this.peek(id) !== undefined) {
      return
    }
    const schema = await this.#retry(`get schema ${id}`, Number.POSITIVE_INFINITY, async () => {
      const response = await this.#request('GET', `/schemas/ids/${id}`)
      if (response.status === 404) {
        await response.body?.cancel()
        return undefined
      }
      if (LOCKED_OUT.has(response.status)) {
        // a password that was changed: whoever waits is good
        await response.body?.cancel()
        throw new AvroError('REGISTRY_UNAVAILABLE', lockedOut(response.status, `GET /schemas/ids/${id}`))
      }
      return (await success(response, `GET /schemas/ids/${id}`)) as { schema: string; schemaType?: string }
    })
    if (schema === undefined || typeof schema.schema !== 'string' || (schema.schemaType ?? 'AVRO') !== 'AVRO') {
      if (this.#unknown.size >= MAXIMUM_UNKNOWN) {
        this.#unknown.delete(this.#unknown.keys().next().value!)
      }
      this.#unknown.delete(id)
      this.#unknown.set(id, Date.now() + this.#unknownForMs)
      throw unknownSchema(id)
    }
    this.#unknown.delete(id)
    this.#schemas.set(id, schema.schema)
  }

  async #compatibility(path: string): Promise<void> {
    // asking is quick, setting goes through the registry's own log: a start asks for dozens of subjects
    const present = await this.#request('GET', `${path}?defaultToGlobal=true`)
    if (present.status !== 404) {
      const { compatibilityLevel } = (await success(present, `GET ${path}`)) as { compatibilityLevel?: unknown }
      if (compatibilityLevel === 'BACKWARD') {
        return
      }
    } else {
      await present.body?.cancel()
    }
    const response = await this.#request('PUT', path, { compatibility: 'BACKWARD' })
    if (response.status === 409) {
      // somebody else is setting it at this moment
      await response.body?.cancel()
      throw new AvroError('REGISTRY_UNAVAILABLE', `The schema registry answered 409 to PUT ${path}.`)
    }
    await success(response, `PUT ${path}`)
  }

  async #request(method: string, path: string, body?: unknown): Promise<Response> {
    return await fetch(this.#url + path, {
      method,
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json', accept: 'application/vnd.schemaregistry.v1+json, application/json', ...this.#authorization },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.any([this.#closed.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)])
    })
  }

  /** Tries again while the registry is away (no answer, 5xx); every other error is final. */
  async #retry<T>(operation: string, attempts: number, call: () => Promise<T>): Promise<T> {
    let backoff = BACKOFF_MS.first
    for (let attempt = 1; ; attempt++) {
      try {
        return await call()
      } catch (error) {
        this.#closed.signal.throwIfAborted()
        if (error instanceof AvroError && error.code !== 'REGISTRY_UNAVAILABLE') {
          throw error
        }
        this.#onRetry?.({ operation, attempt, error })
        if (attempt >= attempts) {
          throw new AvroError('REGISTRY_UNAVAILABLE', `The schema registry did not answer (${operation}, ${attempt} attempts).`, { cause: error })
        }
      }
      await delay(backoff, undefined, { signal: this.#closed.signal }).catch(() => this.#closed.signal.throwIfAborted())
      backoff = Math.min(backoff * 2, BACKOFF_MS.most)
    }
  }
}

async function success(response: Response, operation: string): Promise<unknown> {
  if (response.ok) {
    return await response.json()
  }
  await response.body?.cancel()
  // 429 and 5xx: the registry is there but cannot now
  const code = response.status >= 500 || response.status === 429 ? 'REGISTRY_UNAVAILABLE' : 'REGISTRY_REFUSED'
  throw new AvroError(code, LOCKED_OUT.has(response.status) ? lockedOut(response.status, operation) : `The schema registry answered ${response.status} to ${operation}.`)
}

const LOCKED_OUT: ReadonlySet<number> = new Set([401, 403])

const lockedOut = (status: number, operation: string): string => `The schema registry answered ${status} to ${operation}: it wants another user and password ("registryAuth").`

function unknownSchema(id: number): AvroError {
  return new AvroError('SCHEMA_UNKNOWN', `The schema registry knows no Avro schema ${id}.`)
}
