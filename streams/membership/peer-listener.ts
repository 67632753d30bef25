/** The called side of the connections between instances: proves who it is, names its transactional ids, says goodbye. */
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { StreamsError } from '../errors.ts'
import { within } from '../within.ts'
import type { Handshake, PeerMessage } from './peer-protocol.ts'
import { encodeFrame, FrameReader, newNonce, PEER_PROTOCOL, proof, proves } from './peer-protocol.ts'

/** Key, certificate and authority (PEM) of an instance; any certificate of the authority is an instance's. */
export interface PeerTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export interface PeerIdentity {
  readonly application: string
  readonly processId: string
  /** '' where nothing but the loopback is listened on. */
  readonly secret: string
  readonly tls: PeerTls | undefined
}

export interface PeerListenerOptions extends PeerIdentity {
  readonly incarnation: string
  readonly host: string
  readonly port: number
  /** Somebody who has proven itself came to ask: the socket is the taker's. */
  onAsker?(socket: Socket): void
}

/** A caller that has not proven itself by then is hung up on; prevents that half-open connections pile up. */
const GREETING_MS = 5_000
/** Callers at once, strangers among them; 3 watchers are usual. Prevents that a flood takes every file descriptor. */
const MAX_CONNECTIONS = 256
const KEEP_ALIVE_MS = 10_000
/** Prevents that a watcher which does not read holds up a stop. */
const GOODBYE_MS = 1_000

export class PeerListener {
  readonly #options: PeerListenerOptions
  readonly #server: Server
  /** Callers who have proven themselves. */
  readonly #watchers = new Set<Socket>()
  readonly #sockets = new Set<Socket>()
  #ids: readonly string[] = []

  /** Listens. `CONFIG_INVALID` when it cannot. */
  static async open(options: PeerListenerOptions): Promise<PeerListener> {
    const listener = new PeerListener(options)
    await listener.#listen()
    return listener
  }

  private constructor(options: PeerListenerOptions) {
    this.#options = options
    const { tls } = options
    const take = (socket: Socket) => this.#take(socket)
    this.#server =
      tls === undefined
        ? createServer(take)
        : createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2', handshakeTimeout: GREETING_MS }, take)
    this.#server.maxConnections = MAX_CONNECTIONS
    // Strangers' failed handshakes concern nobody.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
  }

  #listen(): Promise<void> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => reject(new StreamsError('CONFIG_INVALID', `peers.listen: ${host}:${port} cannot be listened on: ${cause.message}. Give a free port (0: any), or false to do without.`, { cause })))
      this.#server.listen({ host, port, exclusive: true }, () => {
        this.#server.removeAllListeners('error').on('error', () => undefined)
        this.#server.unref()
        resolve()
      })
    })
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  get watchers(): number {
    return this.#watchers.size
  }

  /** What watchers are to end when this process dies. */
  announce(ids: readonly string[]): void {
    this.#ids = ids
    for (const socket of this.#watchers) {
      socket.write(encodeFrame({ type: 'ids', ids }))
    }
  }

  /** Says goodbye to everybody and stops listening: from now on a refusal means nothing to them. Resolves once it is said. */
  async close(): Promise<void> {
    this.#server.close()
    const goodbyes: Promise<void>[] = []
    for (const socket of this.#sockets) {
      if (this.#watchers.has(socket)) {
        goodbyes.push(new Promise((resolve) => socket.once('close', resolve).end(encodeFrame({ type: 'goodbye' }), resolve)))
        setTimeout(() => socket.destroy(), GREETING_MS).unref()
      } else {
        socket.destroy()
      }
    }
    await within(Promise.all(goodbyes), GOODBYE_MS)
  }

  #take(socket: Socket): void {
    const { application, processId, incarnation, secret, onAsker } = this.#options
    const reader = new FrameReader()
    const instanceNonce = newNonce()
    let shake: Handshake | undefined
    let asks = false
    const deadline = setTimeout(() => socket.destroy(), GREETING_MS)
    this.#sockets.add(socket)
    socket.unref()
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(deadline)
      this.#sockets.delete(socket)
      this.#watchers.delete(socket)
    })

    const hear = (message: PeerMessage): void => {
      if (message.type === 'hello' && shake === undefined) {
        if (message.version !== PEER_PROTOCOL || message.application !== application || message.to !== processId) {
          throw new StreamsError('PEER_REFUSED', 'A connection between instances was meant for another one.')
        }
        asks = message.purpose === 'ask'
        shake = { application, instance: processId, incarnation, watcher: message.from, watcherNonce: message.nonce, instanceNonce }
        socket.write(encodeFrame({ type: 'challenge', incarnation, nonce: instanceNonce, proof: proof(secret, 'instance', shake) }))
        return
      }
      if (message.type === 'proof' && shake !== undefined && asks && onAsker !== undefined && proves(secret, 'asker', shake, message.proof)) {
        clearTimeout(deadline)
        socket.removeListener('data', onData)
        socket.write(encodeFrame({ type: 'welcome', ids: [] }))
        onAsker(socket)
        return
      }
      if (message.type === 'proof' && shake !== undefined && !asks && !this.#watchers.has(socket) && proves(secret, 'watcher', shake, message.proof)) {
        clearTimeout(deadline)
        this.#watchers.add(socket)
        socket.write(encodeFrame({ type: 'welcome', ids: this.#ids }))
        return
      }
      throw new StreamsError('PEER_REFUSED', 'A connection between instances did not prove itself.')
    }
    const onData = (bytes: Buffer): void => {
      try {
        for (const message of reader.push(bytes)) {
          hear(message)
        }
      } catch {
        // A stranger, or a build that speaks otherwise: it gets no word that would help it.
        socket.destroy()
      }
    }
    socket.on('data', onData)
  }
}
