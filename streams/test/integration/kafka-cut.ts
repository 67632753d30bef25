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

function createConnection(...args: Parameters<typeof original>): net.Socket {
  const socket = original(...args)
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
  const write = socket.write.bind(socket) as (...a: unknown[]) => boolean
  const watching = new Set<number>()
  // A request starts with its length (4 bytes), then its API key; the client writes one request per call.
  socket.write = ((chunk: Buffer, ...rest: unknown[]) => {
    if (swallow !== undefined && swallow.times > 0 && chunk.length > 12 && chunk.readInt16BE(4) === swallow.apiKey) {
      swallow.times--
      watching.add(chunk.readInt32BE(8))
    }
    if (held !== undefined && chunk.length > 12 && held.apiKeys.includes(chunk.readInt16BE(4))) {
      held.send.push(() => socket.destroyed || write(chunk, ...rest))
      return true
    }
    return write(chunk, ...rest)
  }) as typeof socket.write
  const emit = socket.emit.bind(socket)
  socket.emit = ((event: string, ...payload: unknown[]) => {
    const [chunk] = payload
    if (event === 'data' && watching.size > 0 && Buffer.isBuffer(chunk) && correlationIds(chunk).some((id) => watching.has(id))) {
      swallow?.swallowed()
      socket.destroy()
      return true
    }
    return emit(event, ...payload)
  }) as typeof socket.emit
  return socket
}

net.createConnection = createConnection as typeof original
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
