import { StreamsError } from '../errors.ts'
import { clientClosed } from './connection-error.ts'
import { BrokerConnection, type ConnectionSettings } from './connection.ts'
import type { KafkaClientOptions } from './contract.ts'
import type { Api } from './protocol/api.ts'
import type { BrokerAddress } from './protocol/metadata.ts'
import { Silence } from './silence.ts'
import { TokenCache } from './token-cache.ts'

/** Bootstrap servers have no node id yet; they get negative ones. */
const FIRST_BOOTSTRAP_ID = -1

/** The cluster's brokers: their addresses, and connections to them that are kept apart by purpose. */
export class Brokers {
  readonly options: ConnectionSettings
  readonly silence: Silence
  /** Undefined: credentials that stay. */
  readonly #tokens: TokenCache | undefined
  readonly #bootstrap: BrokerAddress[]
  readonly #known = new Map<number, BrokerAddress>()
  readonly #groups = new Set<ConnectionGroup>()

  constructor(options: KafkaClientOptions) {
    const { sasl, onWarning, ...others } = options
    this.silence = new Silence(onWarning)
    if (typeof sasl?.token === 'function') {
      const tokens = new TokenCache(sasl.token)
      this.#tokens = tokens
      this.options = { ...others, sasl: { ...sasl, token: async () => (await tokens.get()).value } }
    } else {
      this.options = sasl === undefined ? others : { ...others, sasl: { ...sasl, token: sasl.token } }
    }
    if (options.bootstrapServers.length === 0) {
      throw new StreamsError('CONFIG_INVALID', 'bootstrapServers is empty: name at least one broker as host:port.')
    }
    this.#bootstrap = options.bootstrapServers.map((server, index) => parseAddress(server, FIRST_BOOTSTRAP_ID - index))
  }

  /** A set of connections that nobody else waits in line for: one broker answers a connection's requests in order. */
  connections(requestTimeoutMs?: number): ConnectionGroup {
    const group = new ConnectionGroup(this, requestTimeoutMs, () => this.#groups.delete(group))
    this.#groups.add(group)
    return group
  }

  address(nodeId: number): BrokerAddress {
    const address = this.#known.get(nodeId) ?? this.#bootstrap.find((server) => server.nodeId === nodeId)
    if (address === undefined) {
      throw new StreamsError('CONNECTION_FAILED', `Broker ${nodeId} is not in the cluster's metadata.`)
    }
    return address
  }

  /** Where any request can be tried: known brokers in random order, then the bootstrap servers. */
  candidates(): number[] {
    const known = [...this.#known.keys()]
    for (let i = known.length - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1))
      ;[known[i], known[j]] = [known[j]!, known[i]!]
    }
    return [...known, ...this.#bootstrap.map((server) => server.nodeId)]
  }

  /** Node ids of the cluster, once some answer has told them. */
  known(): number[] {
    return [...this.#known.keys()]
  }

  learn(address: BrokerAddress): void {
    this.#known.set(address.nodeId, address)
    for (const group of this.#groups) {
      group.moved(address)
    }
  }

  /** A connection to this address has been made: the others need not wait before they try again. */
  reached(address: BrokerAddress): void {
    for (const group of this.#groups) {
      group.reachable(address)
    }
  }

  /** The full list from a Metadata answer: brokers that are gone are forgotten. */
  replace(addresses: readonly BrokerAddress[]): void {
    const ids = new Set(addresses.map((address) => address.nodeId))
    for (const nodeId of this.#known.keys()) {
      if (!ids.has(nodeId)) {
        this.#known.delete(nodeId)
      }
    }
    for (const address of addresses) {
      this.learn(address)
    }
  }

  close(): void {
    this.#tokens?.close()
    for (const group of this.#groups) {
      group.close()
    }
  }
}

export class ConnectionGroup {
  readonly #brokers: Brokers
  readonly #requestTimeoutMs: number | undefined
  readonly #onClose: () => void
  readonly #connections = new Map<number, BrokerConnection>()
  #closed = false

  constructor(brokers: Brokers, requestTimeoutMs: number | undefined, onClose: () => void) {
    this.#brokers = brokers
    this.#requestTimeoutMs = requestTimeoutMs
    this.#onClose = onClose
  }

  to(nodeId: number): BrokerConnection {
    if (this.#closed) {
      throw clientClosed()
    }
    let connection = this.#connections.get(nodeId)
    if (connection === undefined) {
      connection = new BrokerConnection(this.#brokers.address(nodeId), this.#brokers.options, this.#requestTimeoutMs, (address) => this.#brokers.reached(address))
      this.#connections.set(nodeId, connection)
    }
    return connection
  }

  /**
   * Sends to the first broker that answers; those that could not be reached come last, because their pauses and time-outs
   * would be waited out though others are there. Rejects with the last connection's error when none answers.
   */
  async any<Request, Response>(api: Api<Request, Response>, request: Request): Promise<Response> {
    const begun = performance.now()
    let last: StreamsError | undefined
    const failing = (nodeId: number) => Number(this.#connections.get(nodeId)?.failing ?? false)
    for (const nodeId of this.#brokers.candidates().sort((a, b) => failing(a) - failing(b))) {
      try {
        const answer = await this.to(nodeId).request(api, request)
        this.#brokers.silence.end()
        return answer
      } catch (error) {
        if (!(error instanceof StreamsError) || error.code !== 'CONNECTION_FAILED' || this.#closed) {
          throw error
        }
        last = error
      }
    }
    if (last !== undefined) {
      this.#brokers.silence.lasts(begun, last)
    }
    throw last
  }

  moved(address: BrokerAddress): void {
    this.#connections.get(address.nodeId)?.moveTo(address)
  }

  reachable(address: BrokerAddress): void {
    for (const connection of this.#connections.values()) {
      connection.reachable(address)
    }
  }

  close(): void {
    this.#closed = true
    for (const connection of this.#connections.values()) {
      connection.close()
    }
    this.#onClose()
  }
}

function parseAddress(server: string, nodeId: number): BrokerAddress {
  const colon = server.lastIndexOf(':')
  const host = server.slice(0, colon).replace(/^\[|\]$/g, '')
  const port = Number(server.slice(colon + 1))
  if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65535) {
    throw new StreamsError('CONFIG_INVALID', `bootstrapServers: "${server}" is not host:port.`)
  }
  return { nodeId, host, port }
}
