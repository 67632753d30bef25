/** Calls another instance to ask it something: the same greeting as a watcher's, with another purpose. */
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { StreamsError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { isReachable } from './endpoint.ts'
import type { PeerIdentity } from './peer-listener.ts'
import type { Handshake, PeerMessage } from './peer-protocol.ts'
import { encodeFrame, FrameReader, newNonce, PEER_FRAME_BYTES, PEER_PROTOCOL, proof, proves } from './peer-protocol.ts'

/** Prevents that a host which answers nothing, or an instance that never finishes its greeting, holds a question for ever. */
const GREETING_MS = 3_000

/** Resolves with a socket both sides of which have proven themselves. Rejects with `QUERY_OWNER_UNREACHABLE`. */
export function callPeer({ application, processId, secret, tls }: PeerIdentity, instance: string, endpoint: Endpoint): Promise<Socket> {
  const { host, port } = endpoint
  const unreachable = (why: string) => new StreamsError('QUERY_OWNER_UNREACHABLE', `The instance ${instance} cannot be asked at ${host}:${port}: ${why}.`)
  if (!isReachable(endpoint)) {
    return Promise.reject(unreachable('it listens on the loopback of another machine (set peers.listen and peers.advertised)'))
  }
  return new Promise((resolve, reject) => {
    // Addresses change, certificates of the authority are what counts.
    const socket = tls === undefined ? connect({ host, port }) : connectTls({ host, port, ...tls, minVersion: 'TLSv1.2', checkServerIdentity: () => undefined })
    const watcherNonce = newNonce()
    const reader = new FrameReader()
    let shake: Handshake | undefined
    let why = 'it hung up'
    const deadline = setTimeout(() => {
      why = `no greeting within ${GREETING_MS} ms`
      socket.destroy()
    }, GREETING_MS)
    const hear = (message: PeerMessage): void => {
      if (message.type === 'challenge' && shake === undefined) {
        shake = { application, instance, incarnation: message.incarnation, watcher: processId, watcherNonce, instanceNonce: message.nonce }
        if (!proves(secret, 'instance', shake, message.proof)) {
          throw new StreamsError('PEER_REFUSED', 'A connection between instances did not prove itself.')
        }
        reader.limit = PEER_FRAME_BYTES
        socket.write(encodeFrame({ type: 'proof', proof: proof(secret, 'asker', shake) }))
      } else if (message.type === 'welcome' && shake !== undefined) {
        clearTimeout(deadline)
        // The errors of the rest of its life are the taker's, who closes it.
        socket.off('close', onClose).off('data', onData)
        resolve(socket)
      } else {
        throw new StreamsError('PEER_REFUSED', 'A connection between instances brought a message out of turn.')
      }
    }
    const onError = (error: NodeJS.ErrnoException): void => {
      why = error.code ?? error.message
    }
    const onClose = (): void => {
      clearTimeout(deadline)
      reject(unreachable(why))
    }
    const onData = (bytes: Buffer): void => {
      try {
        for (const message of reader.push(bytes)) {
          hear(message)
        }
      } catch (error) {
        why = (error as Error).message
        socket.destroy()
      }
    }
    socket.setNoDelay(true)
    socket.on('error', onError).on('close', onClose).on('data', onData)
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      socket.write(encodeFrame({ type: 'hello', version: PEER_PROTOCOL, application, from: processId, to: instance, nonce: watcherNonce, purpose: 'ask' }))
    })
  })
}
