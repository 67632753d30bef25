import { channel } from 'node:diagnostics_channel'
import { createConnection, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { StreamsError } from '../errors.ts'
import { AnswerFrames } from './answer-frames.ts'
import type { KafkaClientOptions } from './contract.ts'
import type { Api } from './protocol/api.ts'
import { ByteReader } from './protocol/byte-reader.ts'
import { ByteWriter } from './protocol/byte-writer.ts'
import { authenticate, type Credentials } from './sasl.ts'

/** Prevents that an address which swallows packets, or a peer that takes connections and says nothing, holds whoever connects. */
const CONNECT_TIMEOUT_MS = 5_000
/** The broker closes a connection whose credentials have ended (KIP-368): they are shown again at this part of their time. */
const SHOWN_AGAIN_AT = 0.8
/** Node's timers hold no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
/** Each request as it is sent: `{ api, host, port, status }`, `status` that of the connection. */
const REQUESTS = channel('millrace:kafka:request')

export type SocketStatus = 'connecting' | 'authenticating' | 'connected' | 'reauthenticating' | 'closed'

const NEXT: { readonly [status in SocketStatus]: readonly SocketStatus[] } = {
  connecting: ['authenticating', 'connected', 'closed'],
  authenticating: ['connected', 'closed'],
  connected: ['reauthenticating', 'closed'],
  reauthenticating: ['connected', 'closed'],
  closed: [],
}

export interface SocketOptions extends Pick<KafkaClientOptions, 'clientId' | 'tls'> {
  readonly sasl?: Credentials
  /** A request without an answer for so long: the connection is taken for dead. */
  readonly requestTimeoutMs: number
}

interface Sent {
  readonly correlationId: number
  /** performance.now() */
  readonly due: number
  take(answer: ByteReader): void
  reject(error: Error): void
}

/**
 * One connection to one address, from its beginning to its end: requests out, answers in, in the order of the requests,
 * which is how a broker gives them. Credentials are shown before anything is asked, and again before they end.
 */
export class BrokerSocket {
  readonly #host: string
  readonly #port: number
  readonly #options: SocketOptions
  readonly #clientId: Buffer
  readonly #socket: Socket
  readonly #onClosed: () => void
  readonly #frames = new AnswerFrames((answer) => this.#answered(answer))
  readonly #ready = Promise.withResolvers<void>()
  /** Of the credentials that are being shown again. */
  #shown: PromiseWithResolvers<void> | undefined
  /** Oldest first. */
  readonly #sent: Sent[] = []
  #status: SocketStatus = 'connecting'
  #correlationId = 0
  readonly #connectTimer: NodeJS.Timeout
  #requestTimer: NodeJS.Timeout | undefined
  #sessionTimer: NodeJS.Timeout | undefined

  /** Begins to connect; throws what is wrong with the address or the certificates. `onClosed`: it has ended, for whatever reason. */
  constructor(host: string, port: number, options: SocketOptions, onClosed: () => void) {
    this.#host = host
    this.#port = port
    this.#options = options
    this.#onClosed = onClosed
    const clientId = Buffer.from(options.clientId)
    this.#clientId = Buffer.concat([Buffer.alloc(2), clientId])
    this.#clientId.writeInt16BE(clientId.length)
    // Who wants to know asks `ready`.
    this.#ready.promise.catch(() => {})
    this.#socket = this.#connect()
    this.#connectTimer = setTimeout(() => this.destroy(new Error(`Connection to ${host}:${port} timed out`)), CONNECT_TIMEOUT_MS)
  }

  get status(): SocketStatus {
    return this.#status
  }

  /** Connected, and the broker has taken the credentials. Rejects with what ended the connection before. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** Resolves when no credentials are being shown again: the connection is either connected or closed. */
  async shown(): Promise<void> {
    await this.#shown?.promise
  }

  /** Rejects with what ended the connection before the answer, PROTOCOL_ERROR or RESPONSE_INVALID. */
  request<Request, Response>(api: Api<Request, Response>, request: Request): Promise<Response> {
    const parts: Buffer[] = []
    try {
      const writer = new ByteWriter()
      api.encode(writer, request)
      parts.push(...writer.finish())
    } catch (cause) {
      return Promise.reject(new StreamsError('PROTOCOL_ERROR', `${api.name} cannot be encoded: a number is out of its field's range.`, { cause }))
    }
    if (this.#status === 'closed') {
      return Promise.reject(new Error('Connection closed'))
    }
    return new Promise((resolve, reject) => {
      this.#correlationId = (this.#correlationId + 1) & 0x7fffffff
      this.#sent.push({
        correlationId: this.#correlationId,
        due: performance.now() + this.#options.requestTimeoutMs,
        take: (answer) => {
          try {
            if (api.responseHeaderVersion !== 0) {
              answer.skipTags()
            }
            resolve(api.decode(answer))
          } catch (error) {
            reject(error)
          }
        },
        reject,
      })
      this.#requestTimer ??= setTimeout(() => this.#checkDue(), this.#options.requestTimeoutMs)
      if (REQUESTS.hasSubscribers) {
        REQUESTS.publish({ api: api.name, host: this.#host, port: this.#port, status: this.#status })
      }
      this.#write(api, parts)
    })
  }

  /** Ends it at once: what is in the buffer may wait for a peer that never takes it. Requests without an answer are rejected. */
  destroy(error: Error = new Error('Connection closed')): void {
    if (this.#status === 'closed') {
      return
    }
    this.#to('closed')
    clearTimeout(this.#connectTimer)
    clearTimeout(this.#requestTimer)
    clearTimeout(this.#sessionTimer)
    this.#socket.destroy()
    this.#ready.reject(error)
    this.#shown?.resolve()
    for (const { reject } of this.#sent.splice(0)) {
      reject(error)
    }
    this.#onClosed()
  }

  #to(status: SocketStatus): void {
    if (!NEXT[this.#status].includes(status)) {
      throw new StreamsError('PROTOCOL_ERROR', `A connection cannot go from ${this.#status} to ${status}.`)
    }
    this.#status = status
  }

  #connect(): Socket {
    const { tls } = this.#options
    const options = {
      host: this.#host,
      port: this.#port,
      noDelay: true,
      onread: {
        buffer: () => this.#frames.target(),
        callback: (bytes: number) => {
          this.#arrived(bytes)
          return true
        },
      },
    }
    const socket = tls === undefined ? createConnection(options) : connectTls({ ...tls, ...options })
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => this.#connected())
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
    return socket
  }

  #connected(): void {
    const { sasl } = this.#options
    if (sasl === undefined) {
      this.#begin()
      return
    }
    this.#to('authenticating')
    this.#show(sasl).then(() => this.#begin(), (error: Error) => this.destroy(error))
  }

  #begin(): void {
    if (this.#status !== 'closed') {
      clearTimeout(this.#connectTimer)
      this.#to('connected')
      this.#ready.resolve()
    }
  }

  async #show(sasl: Credentials): Promise<void> {
    const lifetimeMs = await authenticate(sasl, (api, request) => this.request(api, request))
    if (lifetimeMs > 0 && this.#status !== 'closed') {
      this.#sessionTimer = setTimeout(() => this.#showAgain(sasl), Math.min(lifetimeMs * SHOWN_AGAIN_AT, LONGEST_TIMER_MS))
    }
  }

  #showAgain(sasl: Credentials): void {
    this.#to('reauthenticating')
    this.#shown = Promise.withResolvers()
    this.#show(sasl).then(
      () => {
        if (this.#status !== 'closed') {
          this.#to('connected')
        }
        this.#shown?.resolve()
        this.#shown = undefined
      },
      (error: Error) => this.destroy(error)
    )
  }

  /** Header v2, or v1 without its tagged fields, then what the API wrote. */
  #write(api: Api<never, unknown>, parts: readonly Buffer[]): void {
    const tags = api.requestHeaderVersion === 1 ? 0 : 1
    const header = Buffer.allocUnsafe(12 + this.#clientId.length + tags)
    const size = parts.reduce((sum, { length }) => sum + length, header.length - 4)
    header.writeInt32BE(size, 0)
    header.writeInt16BE(api.key, 4)
    header.writeInt16BE(api.version, 6)
    header.writeInt32BE(this.#correlationId, 8)
    this.#clientId.copy(header, 12)
    header.fill(0, 12 + this.#clientId.length)
    this.#socket.cork()
    this.#socket.write(header)
    for (const part of parts) {
      this.#socket.write(part)
    }
    this.#socket.uncork()
  }

  #arrived(bytes: number): void {
    try {
      this.#frames.advance(bytes)
    } catch (error) {
      this.destroy(error as Error)
    }
  }

  #answered(answer: Buffer): void {
    const reader = new ByteReader(answer)
    const correlationId = reader.int32()
    const request = this.#sent.shift()
    if (request?.correlationId !== correlationId) {
      const error = new Error(`an answer to request ${correlationId} came when that to ${request?.correlationId ?? 'none'} was due`)
      request?.reject(error)
      this.destroy(error)
      return
    }
    request.take(reader)
  }

  /** The oldest request is the one that is due first: one timer is enough for all. */
  #checkDue(): void {
    this.#requestTimer = undefined
    const oldest = this.#sent[0]
    if (oldest === undefined) {
      return
    }
    const rest = oldest.due - performance.now()
    if (rest > 0) {
      this.#requestTimer = setTimeout(() => this.#checkDue(), Math.ceil(rest))
    } else {
      this.destroy(new Error('Request timed out'))
    }
  }
}
