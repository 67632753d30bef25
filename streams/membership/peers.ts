/**
 * The connections of a process to the others of its group: it listens for those who watch it, and watches those the
 * assignment names. When one of them dies, it leaves the group for its members and ends their transactions.
 */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Endpoint } from './endpoint.ts'
import { endpointAt, sameEndpoint } from './endpoint.ts'
import { callPeer } from './peer-call.ts'
import type { PeerIdentity, PeerTls } from './peer-listener.ts'
import { PeerListener } from './peer-listener.ts'
import type { PeerState } from './peer-state.ts'
import { PeerWatch } from './peer-watch.ts'
import type { PeerProcess } from './types.ts'

export interface PeersConfig {
  readonly host: string
  readonly port: number
  /** Where others reach it, if it is not where it listens. */
  readonly advertised: { readonly host: string; readonly port: number } | undefined
  readonly secret: string
  readonly tls: PeerTls | undefined
}

export interface PeersOptions {
  readonly application: string
  readonly processId: string
  /** Undefined: neither listens nor watches. */
  readonly config: PeersConfig | undefined
  /** Leaves the group for these members and ends these transactions. */
  evict(memberIds: readonly string[], transactionalIds: readonly string[]): Promise<void>
  /** A process has left in good order: the group can be asked for its tasks now. */
  onDeparted(): void
  onWarning(message: string): void
  /** Another instance, which has proven itself, came to ask something. */
  onAsker?(socket: Socket): void
}

/** Two evictions of a living process within this time are a loop (rule C14). */
const LOOP_MS = 60_000

export class Peers {
  readonly #options: PeersOptions
  readonly #self: PeerIdentity
  #listener: PeerListener | undefined
  #endpoint: Endpoint | undefined
  readonly #watches = new Map<string, PeerWatch>()
  /** By thread. */
  readonly #transactionalIds = new Map<number, string>()
  #evictedAt: number | undefined
  #closed = false

  /** Listens, if it is to. `CONFIG_INVALID` when it cannot. */
  static async open(options: PeersOptions): Promise<Peers> {
    const peers = new Peers(options)
    const { config } = options
    if (config !== undefined) {
      peers.#listener = await PeerListener.open({ ...peers.#self, incarnation: randomBytes(12).toString('hex'), host: config.host, port: config.port, ...(options.onAsker === undefined ? {} : { onAsker: options.onAsker }) })
      const { host, port } = config.advertised ?? config
      peers.#endpoint = endpointAt(host, port === 0 ? peers.#listener.port : port)
    }
    return peers
  }

  private constructor(options: PeersOptions) {
    this.#options = options
    this.#self = { application: options.application, processId: options.processId, secret: options.config?.secret ?? '', tls: options.config?.tls }
  }

  /** What this process' members tell the group; undefined: nobody is to watch it. */
  get endpoint(): Endpoint | undefined {
    return this.#listener === undefined ? undefined : this.#endpoint
  }

  /** A connection to another instance, to ask it something. Rejects with `QUERY_OWNER_UNREACHABLE`. */
  call(processId: string, endpoint: Endpoint): Promise<Socket> {
    return callPeer(this.#self, processId, endpoint)
  }

  /** The thread produces under this id from now on. */
  produces(thread: number, transactionalId: string): void {
    this.#transactionalIds.set(thread, transactionalId)
    this.#listener?.announce([...this.#transactionalIds.values()])
  }

  /** The thread has stopped, and left nothing open. */
  retired(thread: number): void {
    this.#transactionalIds.delete(thread)
    this.#listener?.announce([...this.#transactionalIds.values()])
  }

  /** Whom the newest assignment names. */
  watch(processes: readonly PeerProcess[]): void {
    if (this.#closed || this.#options.config === undefined) {
      return
    }
    const wanted = new Map(processes.map((process) => [process.processId, process]))
    for (const [processId, watch] of this.#watches) {
      const process = wanted.get(processId)
      if (process === undefined || !sameEndpoint(process.endpoint, watch.peer.endpoint)) {
        watch.close()
        this.#watches.delete(processId)
      } else {
        watch.update(process)
      }
    }
    for (const [processId, process] of wanted) {
      if (!this.#watches.has(processId)) {
        const onState = ({ name }: PeerState) => {
          if (name === 'departed') {
            this.#options.onDeparted()
          }
        }
        this.#watches.set(processId, new PeerWatch(process, { self: this.#self, onDead: (peer, ids) => this.#onDead(peer, ids), onState }))
      }
    }
  }

  #onDead({ processId, members }: PeerProcess, named: readonly string[]): void {
    const { application, evict, onWarning } = this.#options
    const prefix = `${application}-${processId}-`
    const transactionalIds = new Set([...named, ...members.map(({ transactionalId }) => transactionalId).filter((id) => id.startsWith(prefix))])
    onWarning(`the process ${processId} has died; its ${members.length === 1 ? 'member leaves' : `${members.length} members leave`} the group.`)
    evict(
      members.map(({ memberId }) => memberId),
      [...transactionalIds],
    ).catch((error: Error) => onWarning(`the dead process ${processId} could not be taken out of the group, its session decides: ${error.message}`))
  }

  /**
   * A member of this living process was evicted. The second time within a minute somebody takes us for dead again and
   * again: from then on nobody is asked to watch us, and the session decides (rule C14).
   */
  evicted(now: number): void {
    const last = this.#evictedAt
    this.#evictedAt = now
    if (last !== undefined && now - last < LOOP_MS && this.#listener !== undefined) {
      this.#options.onWarning('members of this living process were evicted twice within a minute: it asks the others not to watch it any more. Is something between the instances that refuses connections?')
      this.#stopListening()
    }
  }

  #stopListening(): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    return listener?.close() ?? Promise.resolve()
  }

  /** To be called once this process' members have left the group, or are about to by themselves. */
  async close(): Promise<void> {
    this.#closed = true
    for (const watch of this.#watches.values()) {
      watch.close()
    }
    this.#watches.clear()
    await this.#stopListening()
  }
}
