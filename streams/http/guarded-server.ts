/** An HTTP listener of the engine: on the loopback only, unless somebody decides who may ask. */
import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { StreamsError } from '../errors.ts'
import { isLoopback, parseHostPort } from '../membership/endpoint.ts'

export interface ListenOptions {
  /** 'host:port'; port 0: a free one. Default '127.0.0.1:0'. Anything but the loopback needs `authorize`. */
  readonly listen?: string
  /** PEM texts: HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

export interface Guard {
  /** Somebody decides about every request: other addresses than the loopback may be listened on. */
  readonly authorized: boolean
  /** What `authorize` decides, for the message that asks for one. */
  readonly authorizes: string
}

/** Prevents that half-sent requests and idle clients take every file descriptor. */
const REQUEST_MS = 10_000
const MAX_CONNECTIONS = 1_024

export class GuardedServer {
  readonly #server: Server
  readonly #scheme: 'http' | 'https'

  /** Listens. `CONFIG_INVALID` when it may not, or cannot. */
  static async open({ listen = '127.0.0.1:0', tls }: ListenOptions, guard: Guard, take: (request: IncomingMessage, response: ServerResponse) => void): Promise<GuardedServer> {
    const at = parseHostPort(String(listen))
    if (at === undefined) {
      throw new StreamsError('CONFIG_INVALID', `listen is ${JSON.stringify(listen)}: give 'host:port' (port 0: a free one).`)
    }
    if (!isLoopback(at.host) && !guard.authorized) {
      throw new StreamsError('CONFIG_INVALID', `listen is ${JSON.stringify(listen)}, open to the network: give authorize, which decides who may see ${guard.authorizes}.`)
    }
    const server = new GuardedServer(tls, take)
    await server.#listen(at.host, at.port)
    return server
  }

  private constructor(tls: ListenOptions['tls'], take: (request: IncomingMessage, response: ServerResponse) => void) {
    this.#scheme = tls === undefined ? 'http' : 'https'
    const timeouts = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, connectionsCheckingInterval: 1_000 }
    this.#server = tls === undefined ? createServer(timeouts, take) : createTlsServer({ ...timeouts, ...tls, minVersion: 'TLSv1.2' }, take)
    this.#server.maxConnections = MAX_CONNECTIONS
  }

  #listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => reject(new StreamsError('CONFIG_INVALID', `listen: ${host}:${port} cannot be listened on: ${cause.message}. Give a free port (0: any).`, { cause })))
      this.#server.listen({ host, port, exclusive: true }, () => {
        this.#server.removeAllListeners('error').on('error', () => undefined)
        resolve()
      })
    })
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  get url(): string {
    const { address, family } = this.#server.address() as { address: string; family: string }
    return `${this.#scheme}://${family === 'IPv6' ? `[${address}]` : address}:${this.port}`
  }

  /** Takes no more requests, hangs up on those under way. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}

/** Whether a request names the loopback: a page of the web that has rebound its name to it still says that name. */
export function namesLoopback({ host = '' }: IncomingHttpHeaders): boolean {
  return isLoopback(/^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(host)?.slice(1).find((name) => name !== undefined) ?? '')
}
