/** The calling side's half of a greeting between instances: a watcher's and an asker's differ in their role only. */
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { StreamsError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import type { PeerIdentity, PeerTls } from './peer-listener.ts'
import type { Handshake, PeerMessage, ProofRole } from './peer-protocol.ts'
import { encodeFrame, FrameReader, newNonce, PEER_FRAME_BYTES, PEER_PROTOCOL, proof, proves } from './peer-protocol.ts'

/** A connection on its way; `onConnect` when the first byte may be sent. */
export function connectToPeer({ host, port }: Endpoint, tls: PeerTls | undefined, onConnect: (socket: Socket) => void): Socket {
  // Addresses change, certificates of the authority are what counts.
  const socket = tls === undefined ? connect({ host, port }) : connectTls({ host, port, ...tls, minVersion: 'TLSv1.2', checkServerIdentity: () => undefined })
  socket.setNoDelay(true)
  socket.once(tls === undefined ? 'connect' : 'secureConnect', () => onConnect(socket))
  return socket
}

export class PeerGreeting {
  readonly #socket: Socket
  readonly #self: PeerIdentity
  readonly #instance: string
  readonly #role: Exclude<ProofRole, 'instance'>
  readonly #nonce = newNonce()
  readonly #reader = new FrameReader()
  #shake: Handshake | undefined
  #welcomed = false

  /** `instance`: process id of who is called. */
  constructor(socket: Socket, self: PeerIdentity, instance: string, role: Exclude<ProofRole, 'instance'>) {
    this.#socket = socket
    this.#self = self
    this.#instance = instance
    this.#role = role
  }

  /** Both sides have proven themselves. */
  get welcomed(): boolean {
    return this.#welcomed
  }

  /** One life of the other side; '' before it has named it. */
  get incarnation(): string {
    return this.#shake?.incarnation ?? ''
  }

  begin(): void {
    const { application, processId } = this.#self
    const purpose = this.#role === 'asker' ? { purpose: 'ask' as const } : {}
    this.#socket.write(encodeFrame({ type: 'hello', version: PEER_PROTOCOL, application, from: processId, to: this.#instance, nonce: this.#nonce, ...purpose }))
  }

  /** Messages complete with these bytes, the greeting's among them. Throws `PEER_REFUSED`. */
  read(bytes: Buffer): PeerMessage[] {
    return this.#reader.push(bytes)
  }

  /** Takes a message of the greeting; returns the ids that the welcome names. Throws `PEER_REFUSED` for anything else. */
  hear(message: PeerMessage): readonly string[] | undefined {
    if (message.type === 'challenge' && this.#shake === undefined) {
      const { application, processId, secret } = this.#self
      this.#shake = { application, instance: this.#instance, incarnation: message.incarnation, watcher: processId, watcherNonce: this.#nonce, instanceNonce: message.nonce }
      if (!proves(secret, 'instance', this.#shake, message.proof)) {
        throw new StreamsError('PEER_REFUSED', 'A connection between instances did not prove itself.')
      }
      this.#reader.limit = PEER_FRAME_BYTES
      this.#socket.write(encodeFrame({ type: 'proof', proof: proof(secret, this.#role, this.#shake) }))
      return undefined
    }
    if (message.type === 'welcome' && this.#shake !== undefined && !this.#welcomed) {
      this.#welcomed = true
      return message.ids
    }
    throw new StreamsError('PEER_REFUSED', 'A connection between instances brought a message out of turn.')
  }
}
