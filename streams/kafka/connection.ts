import { Connection, Writer } from '@platformatic/kafka'
import { StreamsError } from '../errors.ts'
import { clientClosed, connectionError } from './connection-error.ts'
import type { KafkaClientOptions, SaslOptions } from './contract.ts'
import type { Api } from './protocol/api.ts'
import { ByteReader } from './protocol/byte-reader.ts'
import { ByteWriter } from './protocol/byte-writer.ts'
import type { ApiVersionsResponse, BrokerAddress } from './protocol/metadata.ts'
import { API_VERSIONS } from './protocol/metadata.ts'

const DEFAULT_REQUEST_TIMEOUT_MS = 30_000
/** A broker that does not accept a connection in this time is treated as down: its successors are tried instead. */
const CONNECT_TIMEOUT_MS = 5_000
/** Keeps a broker that refuses connections from being hammered while it restarts. */
const RECONNECT_BACKOFF_MS = { min: 20, max: 1_000 }
const MAX_IN_FLIGHT = 64
const REAUTHENTICATION_ENDS = ['connect', 'error', 'close'] as const

export interface ConnectionSettings extends Omit<KafkaClientOptions, 'sasl'> {
  /** The token is asked for whenever a broker is shown it. */
  readonly sasl?: Omit<SaslOptions, 'token'> & { readonly token?: string | (() => Promise<string>) }
}

/**
 * One TCP connection to one broker, opened when first used and again after it was lost. The broker answers the
 * requests of a connection one after the other, so whoever blocks (Fetch, JoinGroup) has one of its own.
 */
export class BrokerConnection {
  readonly #options: ConnectionSettings
  readonly #requestTimeoutMs: number
  #address: BrokerAddress
  #connection: Connection | undefined
  /** The last one that was begun. */
  #connecting: Connection | undefined
  #opening: Promise<Connection> | undefined
  #versions: ApiVersionsResponse | undefined
  #failures = 0
  #notBefore = 0
  /** Ends the pause before the next attempt, while there is one. */
  #endPause: (() => void) | undefined
  readonly #onReached: (address: BrokerAddress) => void
  #closed = false

  /** `onReached`: it has connected to this address. */
  constructor(address: BrokerAddress, options: ConnectionSettings, requestTimeoutMs: number | undefined, onReached: (address: BrokerAddress) => void) {
    this.#address = address
    this.#options = options
    this.#onReached = onReached
    this.#requestTimeoutMs = requestTimeoutMs ?? options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS
  }

  /** Takes effect with the next connection; the one that is open is dropped if the address is another. */
  moveTo(address: BrokerAddress): void {
    const moved = address.host !== this.#address.host || address.port !== this.#address.port
    this.#address = address
    if (moved) {
      this.#failures = 0
      this.#notBefore = 0
      this.#endPause?.()
      this.#drop(this.#connection)
      // What is on its way to the old address would be taken for the broker, or wait for one that is not there any more.
      this.#drop(this.#connecting)
    }
  }

  /** The last attempt to connect has failed, and no other connection has reached this address since. */
  get failing(): boolean {
    return this.#failures > 0
  }

  /** Another connection has reached this address: what waits to try again tries now. */
  reachable({ host, port }: BrokerAddress): void {
    if (host === this.#address.host && port === this.#address.port) {
      this.#failures = 0
      this.#notBefore = 0
      this.#endPause?.()
    }
  }

  /**
   * Sends one request. Rejects with CONNECTION_FAILED when the connection is lost or silent for the request time-out
   * (the broker may or may not have carried the request out), UNSUPPORTED_BROKER when the broker lacks the version.
   */
  async request<Request, Response>(api: Api<Request, Response>, request: Request): Promise<Response> {
    const connection = this.#ready() ?? (await this.#open())
    this.#checkVersion(api)
    return this.#send(connection, api, request)
  }

  async versions(): Promise<ApiVersionsResponse> {
    if (this.#ready() === undefined) {
      await this.#open()
    }
    return this.#versions!
  }

  close(): void {
    this.#closed = true
    this.#endPause?.()
    this.#drop(this.#connection)
    // A peer that takes connections and says nothing would hold whoever closes until its request times out.
    this.#drop(this.#connecting)
  }

  #ready(): Connection | undefined {
    return this.#connection?.status === 'connected' ? this.#connection : undefined
  }

  /**
   * The open connection, once the broker has been shown the credentials again: until then it closes one on which it is
   * asked anything else (KIP-368). Undefined when there is none, or none any more.
   */
  async #reauthenticated(): Promise<Connection | undefined> {
    const connection = this.#connection
    if (connection?.status !== 'reauthenticating') {
      return undefined
    }
    const { promise, resolve } = Promise.withResolvers<unknown>()
    for (const event of REAUTHENTICATION_ENDS) {
      connection.once(event, resolve)
    }
    await promise
    for (const event of REAUTHENTICATION_ENDS) {
      connection.off(event, resolve)
    }
    return this.#ready()
  }

  #open(): Promise<Connection> {
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #connect(): Promise<Connection> {
    const open = await this.#reauthenticated()
    if (open !== undefined) {
      return open
    }
    // Bounded: the clock may have been set back meanwhile.
    const wait = Math.min(this.#notBefore - Date.now(), RECONNECT_BACKOFF_MS.max)
    if (wait > 0) {
      await this.#pause(wait)
    }
    if (this.#closed) {
      throw clientClosed()
    }
    const { host, port } = this.#address
    const connection = new Connection(this.#options.clientId, this.#connectionOptions())
    // Without a listener a lost socket would be an uncaught 'error' event; the requests in flight are rejected anyway.
    connection.on('error', () => {})
    // Left alone, a closed one still authenticates again when its session would have ended, and takes requests meanwhile.
    connection.on('close', () => this.#drop(connection))
    this.#connecting = connection
    try {
      await connection.connect(host, port)
      const versions = await this.#send(connection, API_VERSIONS, { name: 'millrace', version: '0' }, false)
      if (versions.errorCode !== 0) {
        throw new StreamsError('UNSUPPORTED_BROKER', `${host}:${port} refused ApiVersions version 3 (error ${versions.errorCode}): Kafka 2.4 or later is needed.`)
      }
      if (this.#closed) {
        throw clientClosed()
      }
      this.#versions = versions
      this.#connection = connection
      this.#failures = 0
      this.#onReached(this.#address)
      return (await this.#reauthenticated()) ?? connection
    } catch (error) {
      this.#drop(connection)
      this.#failures++
      const backoff = Math.min(RECONNECT_BACKOFF_MS.max, RECONNECT_BACKOFF_MS.min * 2 ** Math.min(this.#failures - 1, 10))
      this.#notBefore = Date.now() + backoff * (0.8 + Math.random() * 0.4)
      throw error instanceof StreamsError ? error : connectionError(this.#address, '', error)
    }
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    this.#endPause = resolve
    await promise
    clearTimeout(timer)
    this.#endPause = undefined
  }

  #send<Request, Response>(connection: Connection, api: Api<Request, Response>, request: Request, flexibleAnswer = true): Promise<Response> {
    let parts: Buffer[]
    try {
      const writer = new ByteWriter()
      api.encode(writer, request)
      parts = writer.finish()
    } catch (cause) {
      return Promise.reject(new StreamsError('PROTOCOL_ERROR', `${api.name} cannot be encoded: a number is out of its field's range.`, { cause }))
    }
    return new Promise((resolve, reject) => {
      connection.send<Response>(
        api.key,
        api.version,
        () => {
          const payload = Writer.create()
          for (const part of parts) {
            payload.append(part)
          }
          return payload
        },
        (_correlationId, _key, _version, reader) => api.decode(new ByteReader(reader.buffer.buffer)),
        true,
        flexibleAnswer,
        (error, response) => {
          if (error === null || error === undefined) {
            resolve(response as Response)
          } else {
            reject(error instanceof StreamsError ? error : connectionError(this.#address, `${api.name}: `, error))
          }
        }
      )
    })
  }

  #checkVersion(api: Api<never, unknown> | Api<unknown, unknown>): void {
    const range = this.#versions?.versions.get(api.key)
    if (range === undefined || api.version < range.min || api.version > range.max) {
      const { host, port } = this.#address
      const offered = range === undefined ? 'does not offer it' : `offers ${range.min} to ${range.max}`
      throw new StreamsError(
        'UNSUPPORTED_BROKER',
        `${api.name} version ${api.version} (Kafka ${api.since} or later) is needed, ${host}:${port} ${offered}.`
      )
    }
  }

  #connectionOptions(): ConstructorParameters<typeof Connection>[1] {
    const { tls, sasl } = this.#options
    return {
      connectTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: this.#requestTimeoutMs,
      maxInflights: MAX_IN_FLIGHT,
      ...(tls === undefined ? {} : { tls: { ...tls } }),
      ...(sasl === undefined ? {} : { sasl: { ...sasl } })
    }
  }

  #drop(connection: Connection | undefined): void {
    if (connection === undefined) {
      return
    }
    if (this.#connection === connection) {
      this.#connection = undefined
    }
    // Not `close()`: it waits for the peer to take what is still in the buffer, and a dead peer never does.
    connection.socket?.destroy()
    connection.close().catch(() => {})
  }
}
