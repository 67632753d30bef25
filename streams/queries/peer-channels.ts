/** Channels to the other instances: one to each that is asked, opened when it is, closed when it has been idle. */
import type { Socket } from 'node:net'
import type { Endpoint } from '../membership/endpoint.ts'
import { StreamsError } from '../errors.ts'
import { PeerChannel } from './channel.ts'
import type { StreamsMetadata } from './group-metadata.ts'
import type { PageAnswer, PageRequest } from './page.ts'

const IDLE_MS = 30_000
/** Beyond what the asked instance itself waits; prevents that one which hangs holds a query for ever. */
const ANSWER_MS = 2_000

export class PeerChannels {
  readonly #call: (processId: string, endpoint: Endpoint) => Promise<Socket>
  readonly #channels = new Map<string, Promise<PeerChannel>>()

  constructor(call: (processId: string, endpoint: Endpoint) => Promise<Socket>) {
    this.#call = call
  }

  /** Rejects with `QUERY_OWNER_UNREACHABLE`. */
  async ask({ processId, endpoint }: StreamsMetadata, request: PageRequest): Promise<PageAnswer> {
    if (endpoint === undefined) {
      throw new StreamsError('QUERY_OWNER_UNREACHABLE', `The instance ${processId} listens for nobody: give it peers.listen.`)
    }
    const channel = await this.#channel(processId, endpoint)
    return channel.ask(request, request.waitMs + ANSWER_MS)
  }

  async #channel(processId: string, endpoint: Endpoint): Promise<PeerChannel> {
    const key = `${processId} ${endpoint.host} ${endpoint.port}`
    const known = this.#channels.get(key)
    if (known !== undefined && !(await known).closed) {
      return known
    }
    const opened = this.#call(processId, endpoint).then((socket) => new PeerChannel(socket, IDLE_MS))
    this.#channels.set(key, opened)
    try {
      return await opened
    } catch (error) {
      this.#channels.delete(key)
      throw error
    }
  }

  close(): void {
    for (const channel of this.#channels.values()) {
      channel.then(
        (open) => open.close(),
        () => undefined,
      )
    }
    this.#channels.clear()
  }
}
