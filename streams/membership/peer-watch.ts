/** The calling side: one process that is watched. Carries out what `peer-state.ts` decides. */
import type { Socket } from 'node:net'
import { isReachable } from './endpoint.ts'
import { connectToPeer, PeerGreeting } from './peer-greeting.ts'
import type { PeerIdentity } from './peer-listener.ts'
import type { PeerMessage } from './peer-protocol.ts'
import type { PeerAction, PeerEvent, PeerState } from './peer-state.ts'
import { peerTransition, UNKNOWN_PEER } from './peer-state.ts'
import type { PeerProcess } from './types.ts'

export interface PeerWatchOptions {
  readonly self: PeerIdentity
  /** Its end is proven. `transactionalIds`: what it named last, ids of this process only. */
  onDead(peer: PeerProcess, transactionalIds: readonly string[]): void
  onState?(state: PeerState): void
}

/** Prevents that a host which answers nothing, or an instance that never finishes its greeting, holds a try for ever. Proves nothing. */
const TRY_MS = 3_000
const KEEP_ALIVE_MS = 10_000

export class PeerWatch {
  readonly #options: PeerWatchOptions
  #peer: PeerProcess
  #state: PeerState = UNKNOWN_PEER
  #ids: readonly string[] = []
  #socket: Socket | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(peer: PeerProcess, options: PeerWatchOptions) {
    this.#peer = peer
    this.#options = options
    if (isReachable(peer.endpoint)) {
      this.#dispatch({ type: 'due' })
    }
  }

  get state(): PeerState {
    return this.#state
  }

  get peer(): PeerProcess {
    return this.#peer
  }

  /** What its process named last. */
  get transactionalIds(): readonly string[] {
    return this.#ids
  }

  /** The same process at the same endpoint, with the members of a new generation. */
  update(peer: PeerProcess): void {
    this.#peer = peer
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#socket?.destroy()
  }

  #dispatch(event: PeerEvent): void {
    if (this.#closed) {
      return
    }
    const before = this.#state
    const { state, actions } = peerTransition(before, event)
    this.#state = state
    if (state !== before) {
      this.#options.onState?.(state)
    }
    for (const action of actions) {
      this.#run(action)
    }
  }

  #run(action: PeerAction): void {
    switch (action.type) {
      case 'connect':
        this.#connect()
        return
      case 'wait':
        this.#timer = setTimeout(() => this.#dispatch({ type: 'due' }), action.ms)
        this.#timer.unref()
        return
      case 'hang-up':
        this.#socket?.destroy()
        return
      case 'evict':
        this.#options.onDead(this.#peer, this.#ids)
    }
  }

  #connect(): void {
    const { self } = this.#options
    const socket = connectToPeer(this.#peer.endpoint, self.tls, () => {
      this.#dispatch({ type: 'connected' })
      this.#greet(socket, () => clearTimeout(deadline))
    })
    this.#socket = socket
    let refused = false
    const deadline = setTimeout(() => socket.destroy(), TRY_MS)
    socket.unref()
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('error', (error) => {
      refused = isRefusal(error)
    })
    socket.on('close', () => {
      clearTimeout(deadline)
      if (this.#socket === socket) {
        this.#dispatch({ type: refused ? 'refused' : 'closed' })
      }
    })
  }

  #greet(socket: Socket, onWelcome: () => void): void {
    const greeting = new PeerGreeting(socket, this.#options.self, this.#peer.processId, 'watcher')
    const hear = (message: PeerMessage): void => {
      if (greeting.welcomed && message.type === 'ids') {
        this.#name(message.ids)
        return
      }
      if (greeting.welcomed && message.type === 'goodbye') {
        this.#dispatch({ type: 'goodbye' })
        return
      }
      const ids = greeting.hear(message)
      if (ids !== undefined) {
        onWelcome()
        this.#name(ids)
        this.#dispatch({ type: 'welcomed', incarnation: greeting.incarnation })
      }
    }
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const message of greeting.read(bytes)) {
          hear(message)
        }
      } catch {
        // Somebody else is on that port, or a build that speaks otherwise.
        socket.destroy()
      }
    })
    greeting.begin()
  }

  /** Nobody names ids for another process: they are this one's by how they begin (rule C14). */
  #name(ids: readonly string[]): void {
    const prefix = `${this.#options.self.application}-${this.#peer.processId}-`
    this.#ids = ids.filter((id) => id.startsWith(prefix))
  }
}

/** Refused by every address its host name has. */
function isRefusal(error: Error): boolean {
  const errors = 'errors' in error && Array.isArray(error.errors) ? (error.errors as Error[]) : [error]
  return errors.every((each) => (each as NodeJS.ErrnoException).code === 'ECONNREFUSED')
}
