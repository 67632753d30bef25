import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

const HOST = '127.0.0.1'

/** A way to a port that can be shut: what comes meanwhile waits, nothing is lost and no connection breaks. */
export class Gate {
  readonly #server: Server
  readonly #ways = new Map<Socket, Socket>()
  #closed = false
  #answers = Infinity
  #accepted = 0

  constructor(target: number) {
    this.#server = createServer((inward) => {
      const outward = connect(target, HOST)
      this.#ways.set(inward, outward)
      this.#accepted += 1
      if (this.#answers === Infinity) {
        outward.pipe(inward)
      } else {
        let left = this.#answers
        outward.on('data', (bytes) => left-- > 0 && inward.write(bytes))
      }
      if (!this.#closed) {
        inward.pipe(outward)
      }
      inward.on('close', () => {
        this.#ways.delete(inward)
        outward.destroy()
      })
      outward.on('close', () => inward.destroy())
      outward.on('error', () => inward.destroy())
      inward.on('error', () => outward.destroy())
    })
  }

  /** How many connections go through it. */
  get connections(): number {
    return this.#ways.size
  }

  /** How many have come so far. */
  get accepted(): number {
    return this.#accepted
  }

  /** Where it listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** On 0 it takes a port that is free. */
  async listen(port: number): Promise<void> {
    this.#server.listen(port, HOST)
    await once(this.#server, 'listening')
  }

  close(): void {
    this.#closed = true
    for (const inward of this.#ways.keys()) {
      inward.unpipe()
      inward.pause()
    }
  }

  open(): void {
    this.#closed = false
    for (const [inward, outward] of this.#ways) {
      inward.pipe(outward)
    }
  }

  /** Connections that come from now on fall silent after so many answers; `Infinity`: none does. */
  silenceAfter(answers: number): void {
    this.#answers = answers
  }

  /** Breaks every connection. */
  cut(): void {
    for (const inward of this.#ways.keys()) {
      inward.destroy()
    }
  }

  async end(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
