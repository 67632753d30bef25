import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'

/**
 * Makes the network of this process misbehave: must be imported before connections are made. The client's sockets are
 * the real ones; only their ends are pulled, answers of one API withheld, or requests delayed.
 */
const sockets = new Set<net.Socket>()
const original = net.createConnection
/** Requests on their way while their APIs are held. */
let held: { readonly apiKeys: readonly number[]; readonly send: (() => void)[] } | undefined
let swallow: { apiKey: number; times: number; swallowed: () => void } | undefined

type Connecting = net.NetConnectOpts & { readonly onread: net.OnReadOpts }

function createConnection(options: Connecting): net.Socket {
  const { onread } = options
  const watching = new Set<number>()
  const socket = original({
    ...options,
    onread: {
      ...onread,
      callback: (bytes, buffer) => {
        if (watching.size > 0 && correlationIds(Buffer.from(buffer.buffer, buffer.byteOffset, bytes)).some((id) => watching.has(id))) {
          swallow?.swallowed()
          socket.destroy()
          return false
        }
        return onread.callback(bytes, buffer)
      },
    },
  } as Connecting)
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
  const [write, cork, uncork] = [socket.write.bind(socket), socket.cork.bind(socket), socket.uncork.bind(socket)] as const
  let begun = false
  let kept: Buffer[] | undefined
  // The client corks, writes a request, and uncorks; it starts with its length (4 bytes), then its API key.
  socket.cork = () => {
    cork()
    begun = true
  }
  socket.write = ((chunk: Buffer) => {
    if (begun) {
      begun = false
      const apiKey = chunk.readInt16BE(4)
      if (swallow !== undefined && swallow.times > 0 && apiKey === swallow.apiKey) {
        swallow.times--
        watching.add(chunk.readInt32BE(8))
      }
      kept = held?.apiKeys.includes(apiKey) === true ? [] : undefined
    }
    return kept === undefined ? write(chunk) : kept.push(chunk) > 0
  }) as typeof socket.write
  socket.uncork = () => {
    const request = kept
    kept = undefined
    if (request !== undefined) {
      held?.send.push(() => socket.destroyed || write(Buffer.concat(request)))
    }
    uncork()
  }
  return socket
}

net.createConnection = createConnection as unknown as typeof original
syncBuiltinESMExports()

/** Pulls every connection that is open now. */
export function severed(): number {
  const count = sockets.size
  for (const socket of sockets) {
    socket.destroy()
  }
  return count
}

/** The broker carries out the next requests of this API, but its answers are lost together with their connection. */
export function loseAnswers(apiKey: number, times: number): { readonly count: number } {
  const result = { count: 0 }
  swallow = {
    apiKey,
    times,
    swallowed: () => {
      result.count++
    }
  }
  return result
}

export interface HeldRequests {
  /** Requests that wait. */
  readonly waiting: number
  /** They arrive now, in their order, and later ones at once. */
  release(): void
}

/** From now on requests of these APIs do not arrive; others overtake them. */
export function holdRequests(...apiKeys: number[]): HeldRequests {
  const mine = { apiKeys, send: [] as (() => void)[] }
  held = mine
  return {
    get waiting() {
      return mine.send.length
    },
    release: () => {
      held = undefined
      for (const send of mine.send.splice(0)) {
        send()
      }
    },
  }
}

/** Small answers come whole, sometimes several in one chunk: length (4 bytes), correlation id (4 bytes), body. */
function correlationIds(chunk: Buffer): number[] {
  const ids: number[] = []
  for (let at = 0; at + 8 <= chunk.length; at += 4 + chunk.readInt32BE(at)) {
    ids.push(chunk.readInt32BE(at + 4))
  }
  return ids
}
