/** Calls another instance to ask it something: the same greeting as a watcher's, with another purpose. */
import type { Socket } from 'node:net'
import { StreamsError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { isReachable } from './endpoint.ts'
import { connectToPeer, PeerGreeting } from './peer-greeting.ts'
import type { PeerIdentity } from './peer-listener.ts'

/** Prevents that a host which answers nothing, or an instance that never finishes its greeting, holds a question for ever. */
const GREETING_MS = 3_000

/** Resolves with a socket both sides of which have proven themselves. Rejects with `QUERY_OWNER_UNREACHABLE`. */
export function callPeer(self: PeerIdentity, instance: string, endpoint: Endpoint): Promise<Socket> {
  const { host, port } = endpoint
  const unreachable = (why: string) => new StreamsError('QUERY_OWNER_UNREACHABLE', `The instance ${instance} cannot be asked at ${host}:${port}: ${why}.`)
  if (!isReachable(endpoint)) {
    return Promise.reject(unreachable('it listens on the loopback of another machine (set peers.listen and peers.advertised)'))
  }
  return new Promise((resolve, reject) => {
    const socket = connectToPeer(endpoint, self.tls, () => greeting.begin())
    const greeting = new PeerGreeting(socket, self, instance, 'asker')
    let why = 'it hung up'
    const deadline = setTimeout(() => {
      why = `no greeting within ${GREETING_MS} ms`
      socket.destroy()
    }, GREETING_MS)
    const onError = (error: NodeJS.ErrnoException): void => {
      why = error.code ?? error.message
    }
    const onClose = (): void => {
      clearTimeout(deadline)
      reject(unreachable(why))
    }
    const onData = (bytes: Buffer): void => {
      try {
        for (const message of greeting.read(bytes)) {
          if (greeting.hear(message) !== undefined) {
            clearTimeout(deadline)
            // The errors of the rest of its life are the taker's, who closes it.
            socket.off('close', onClose).off('data', onData)
            resolve(socket)
          }
        }
      } catch (error) {
        why = (error as Error).message
        socket.destroy()
      }
    }
    socket.on('error', onError).on('close', onClose).on('data', onData)
  })
}
