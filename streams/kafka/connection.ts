import { StreamsError } from '../errors.ts'
import { BrokerSocket } from './broker-socket.ts'
import { clientClosed, connectionError } from './connection-error.ts'
import type { KafkaClientOptions } from './contract.ts'
import type { Api } from './protocol/api.ts'
import type { ApiVersionsResponse, BrokerAddress } from './protocol/metadata.ts'
import { API_VERSIONS } from './protocol/metadata.ts'
import type { Credentials } from './sasl.ts'

const DEFAULT_REQUEST_TIMEOUT_MS = 30_000
/** Keeps a broker that refuses connections from being hammered while it restarts. */
const RECONNECT_BACKOFF_MS = { min: 20, max: 1_000 }

export interface ConnectionSettings extends Omit<KafkaClientOptions, 'sasl'> {
  readonly sasl?: Credentials
}

/**
 * One TCP connection to one broker, opened when first used and again after it was lost. The broker answers the
 * requests of a connection one after the other, so whoever blocks (Fetch, JoinGroup) has one of its own.
 */
export class BrokerConnection {
  readonly #options: ConnectionSettings
  readonly #requestTimeoutMs: number
  #address: BrokerAddress
  #socket: BrokerSocket | undefined
  /** The last one that was begun. */
  #connecting: BrokerSocket | undefined
  #opening: Promise<BrokerSocket> | undefined
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
      this.#drop(this.#socket)
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
    this.#drop(this.#socket)
    // A peer that takes connections and says nothing would hold whoever closes until its request times out.
    this.#drop(this.#connecting)
  }

  #ready(): BrokerSocket | undefined {
    return this.#socket?.status === 'connected' ? this.#socket : undefined
  }

  /**
   * The open connection, once the broker has been shown the credentials again: until then it closes one on which it is
   * asked anything else (KIP-368). Undefined when there is none, or none any more.
   */
  async #reauthenticated(): Promise<BrokerSocket | undefined> {
    await this.#socket?.shown()
    return this.#ready()
  }

  #open(): Promise<BrokerSocket> {
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #connect(): Promise<BrokerSocket> {
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
    const { clientId, tls, sasl } = this.#options
    try {
      const socket = new BrokerSocket(host, port, { clientId, tls, sasl, requestTimeoutMs: this.#requestTimeoutMs }, () => this.#drop(socket))
      this.#connecting = socket
      await socket.ready
      const versions = await this.#send(socket, API_VERSIONS, { name: 'millrace', version: '0' })
      if (versions.errorCode !== 0) {
        throw new StreamsError('UNSUPPORTED_BROKER', `${host}:${port} refused ApiVersions version 3 (error ${versions.errorCode}): Kafka 2.4 or later is needed.`)
      }
      if (this.#closed) {
        throw clientClosed()
      }
      this.#versions = versions
      this.#socket = socket
      this.#failures = 0
      this.#onReached(this.#address)
      return (await this.#reauthenticated()) ?? socket
    } catch (error) {
      this.#drop(this.#connecting)
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

  async #send<Request, Response>(socket: BrokerSocket, api: Api<Request, Response>, request: Request): Promise<Response> {
    try {
      return await socket.request(api, request)
    } catch (error) {
      throw error instanceof StreamsError ? error : connectionError(this.#address, `${api.name}: `, error)
    }
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

  #drop(socket: BrokerSocket | undefined): void {
    if (this.#socket === socket) {
      this.#socket = undefined
    }
    socket?.destroy()
  }
}
