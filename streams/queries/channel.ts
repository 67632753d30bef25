/**
 * Questions and answers between instances, over a socket both sides of which have proven themselves (`membership/`).
 * A frame is a length (uint32, of what follows), a length of JSON (uint32), JSON, and the rows of a page as they are.
 */
import type { Socket } from 'node:net'
import { StreamsError } from '../errors.ts'
import type { Bytes, PageAnswer, PageRequest } from './page.ts'
import { answerFromJson, answerToJson, requestFromJson, requestToJson } from './wire.ts'

/** A question is names, keys and bounds. Prevents that a mistaken peer fills the memory. */
const QUESTION_BYTES = 4 << 20
/** A page is cut at half a mebibyte, but a single value may be as large as its topic allows. */
const ANSWER_BYTES = 256 << 20
/** Questions of one caller that are being answered; more wait on the socket. */
const MAX_AT_ONCE = 64

interface Frame {
  readonly id: number
  readonly body: unknown
  readonly rows: Bytes
}

function encode(id: number, body: unknown, rows: Bytes = new Uint8Array(0)): Buffer[] {
  const json = Buffer.from(JSON.stringify({ id, body }))
  const head = Buffer.allocUnsafe(8)
  head.writeUInt32BE(4 + json.length + rows.length)
  head.writeUInt32BE(json.length, 4)
  return [head, json, Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength)]
}

/** Cuts a stream of bytes into frames. Throws `PEER_REFUSED`. */
export class ChannelReader {
  readonly #limit: number
  #chunks: Buffer[] = []
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    const frames: Frame[] = []
    for (;;) {
      if (this.#bytes < 8) {
        return frames
      }
      if (this.#chunks[0]!.length < 8) {
        this.#join()
      }
      const length = this.#chunks[0]!.readUInt32BE()
      const jsonLength = this.#chunks[0]!.readUInt32BE(4)
      if (length > this.#limit || length < 4 || jsonLength > length - 4) {
        throw new StreamsError('PEER_REFUSED', `A channel between instances brought a frame of ${length} bytes, ${this.#limit} are allowed.`)
      }
      if (this.#bytes < 4 + length) {
        return frames
      }
      this.#join()
      const all = this.#chunks[0]!
      frames.push(parse(all.subarray(8, 8 + jsonLength), all.subarray(8 + jsonLength, 4 + length)))
      this.#chunks = [all.subarray(4 + length)]
      this.#bytes = this.#chunks[0]!.length
    }
  }

  #join(): void {
    if (this.#chunks.length > 1) {
      this.#chunks = [Buffer.concat(this.#chunks)]
    }
  }
}

function parse(json: Buffer, rows: Buffer): Frame {
  let parsed: unknown
  try {
    parsed = JSON.parse(json.toString())
  } catch (cause) {
    throw new StreamsError('PEER_REFUSED', 'A channel between instances brought what is no message.', { cause })
  }
  const { id, body } = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as { readonly id?: unknown; readonly body?: unknown }
  if (!Number.isSafeInteger(id)) {
    throw new StreamsError('PEER_REFUSED', 'A channel between instances brought a message without an id.')
  }
  return { id: id as number, body, rows }
}

/** Answers what comes in, until the other side hangs up. */
export function answerPeer(socket: Socket, answer: (request: PageRequest) => Promise<PageAnswer>): void {
  const reader = new ChannelReader(QUESTION_BYTES)
  let underWay = 0
  const run = async ({ id, body }: Frame): Promise<void> => {
    underWay++
    if (underWay >= MAX_AT_ONCE) {
      socket.pause()
    }
    try {
      const given = await answer(requestFromJson(body))
      if (!socket.destroyed) {
        for (const part of encode(id, answerToJson(given), given.kind === 'page' ? given.rows : undefined)) {
          socket.write(part)
        }
      }
    } catch {
      socket.destroy()
    } finally {
      underWay--
      socket.resume()
    }
  }
  socket.on('data', (bytes: Buffer) => {
    try {
      for (const frame of reader.push(bytes)) {
        void run(frame)
      }
    } catch {
      socket.destroy()
    }
  })
}

/** The asking side of one channel. */
export class PeerChannel {
  readonly #socket: Socket
  readonly #waiting = new Map<number, { resolve: (answer: PageAnswer) => void; reject: (error: Error) => void }>()
  #nextId = 0
  closed = false

  /** An idle channel is closed after `idleMs`. */
  constructor(socket: Socket, idleMs: number) {
    this.#socket = socket
    const reader = new ChannelReader(ANSWER_BYTES)
    socket.setTimeout(idleMs, () => {
      if (this.#waiting.size === 0) {
        socket.destroy()
      }
    })
    socket.on('error', () => undefined)
    socket.on('close', () => this.#end())
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const { id, body, rows } of reader.push(bytes)) {
          const answer = answerFromJson(body, Uint8Array.from(rows))
          this.#waiting.get(id)?.resolve(answer)
          this.#waiting.delete(id)
        }
      } catch {
        socket.destroy()
      }
      this.#hold()
    })
    socket.unref()
  }

  /** Rejects with `QUERY_OWNER_UNREACHABLE` when the other side hangs up or does not answer within `timeoutMs`. */
  ask(request: PageRequest, timeoutMs: number): Promise<PageAnswer> {
    if (this.closed) {
      return Promise.reject(unreachable('it hung up'))
    }
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(unreachable(`no answer within ${timeoutMs} ms`))
        this.#hold()
      }, timeoutMs)
      const done = <T>(settle: (value: T) => void) => (value: T) => {
        clearTimeout(timer)
        settle(value)
      }
      this.#waiting.set(id, { resolve: done(resolve), reject: done(reject) })
      this.#hold()
      for (const part of encode(id, requestToJson(request))) {
        this.#socket.write(part)
      }
    })
  }

  /** The process stays for an answer, not for a connection. */
  #hold(): void {
    if (this.#waiting.size > 0) {
      this.#socket.ref()
    } else {
      this.#socket.unref()
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #end(): void {
    this.closed = true
    for (const { reject } of this.#waiting.values()) {
      reject(unreachable('it hung up'))
    }
    this.#waiting.clear()
  }
}

function unreachable(why: string): StreamsError {
  return new StreamsError('QUERY_OWNER_UNREACHABLE', `The instance that has the task did not answer: ${why}.`)
}
