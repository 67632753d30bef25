/** The service that the processes of `calls.test.ts` call: it outlives them, and remembers who asked for what. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { answerTo } from './calls-topology.ts'

export interface ReceivedCall {
  readonly idempotencyKey: string
  readonly fence: number
  readonly input: string
}

export class CallService {
  readonly calls: ReceivedCall[] = []
  readonly #server: Server
  /** Answers that wait, while it is held. */
  #held: (() => void)[] | undefined

  constructor() {
    this.#server = createServer(async (request, response) => {
      const call = JSON.parse(await text(request)) as ReceivedCall
      this.calls.push(call)
      const answer = () => response.end(answerTo(call.input))
      if (this.#held === undefined) {
        // Some overtake others.
        setTimeout(answer, (this.calls.length * 7) % 11)
      } else {
        this.#held.push(answer)
      }
    })
    // A connection that is closed while a request is on its way would make a call fail.
    this.#server.keepAliveTimeout = 0
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** Takes calls and does not answer. */
  hold(): void {
    this.#held ??= []
  }

  release(): void {
    for (const answer of this.#held ?? []) {
      answer()
    }
    this.#held = undefined
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}
