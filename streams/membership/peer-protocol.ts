/**
 * What instances say to each other over their connections (docs/decisions/0012-connections-between-instances.md): who
 * they are, proven on both sides, and then next to nothing. The connection itself is the message: while it stands its
 * process lives.
 *
 *   watcher → instance   hello      who asks, for whom, a fresh nonce
 *   instance → watcher   challenge  its incarnation, a fresh nonce, its proof
 *   watcher → instance   proof
 *   instance → watcher   welcome    the transactional ids of its threads now; `ids` when they change
 *   instance → watcher   goodbye    a clean stop: what follows means nothing
 *
 * Who comes to ask says so in its hello (`purpose: 'ask'`) and in its proof; after `welcome` the connection is a channel of
 * questions and answers (`queries/channel.ts`) and says nothing about anybody's life.
 *
 * A frame is a length (uint16, big endian) and JSON. Bytes of strangers come in here: every field is checked.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { StreamsError } from '../errors.ts'

export const PEER_PROTOCOL = 1

/** Before its sender is known a frame may not be longer; prevents that a stranger fills the memory. */
export const STRANGER_FRAME_BYTES = 1_024
/** `ids` of 256 threads with the longest names. */
export const PEER_FRAME_BYTES = 65_535

export type PeerMessage =
  | { readonly type: 'hello'; readonly version: number; readonly application: string; readonly from: string; readonly to: string; readonly nonce: string; readonly purpose?: 'ask' }
  | { readonly type: 'challenge'; readonly incarnation: string; readonly nonce: string; readonly proof: string }
  | { readonly type: 'proof'; readonly proof: string }
  | { readonly type: 'welcome' | 'ids'; readonly ids: readonly string[] }
  | { readonly type: 'goodbye' }

/** Who talks to whom in one handshake; both sides prove that they know the secret for exactly this. */
export interface Handshake {
  readonly application: string
  /** Process id of the instance that was called. */
  readonly instance: string
  /** One life of that process. */
  readonly incarnation: string
  /** Process id of the caller. */
  readonly watcher: string
  readonly watcherNonce: string
  readonly instanceNonce: string
}

/** Of who proves itself; a watcher's proof is no asker's. */
export type ProofRole = 'instance' | 'watcher' | 'asker'

export function newNonce(): string {
  return randomBytes(16).toString('hex')
}

/**
 * HMAC-SHA-256 over everything that was said. The role is part of it, so that no answer can be sent back to who gave it;
 * both nonces are, so that none can be used again.
 */
export function proof(secret: string, role: ProofRole, shake: Handshake): string {
  const { application, instance, incarnation, watcher, watcherNonce, instanceNonce } = shake
  return createHmac('sha256', secret)
    .update(JSON.stringify(['millrace-peer', PEER_PROTOCOL, role, application, instance, incarnation, watcher, watcherNonce, instanceNonce]))
    .digest('hex')
}

export function proves(secret: string, role: ProofRole, shake: Handshake, given: string): boolean {
  return timingSafeEqual(Buffer.from(proof(secret, role, shake)), Buffer.from(given.padEnd(64).slice(0, 64)))
}

export function encodeFrame(message: PeerMessage): Buffer {
  const body = Buffer.from(JSON.stringify(message))
  if (body.length > PEER_FRAME_BYTES) {
    throw new StreamsError('PEER_REFUSED', `A message of ${body.length} bytes does not fit a frame between instances (${PEER_FRAME_BYTES}).`)
  }
  const frame = Buffer.allocUnsafe(2 + body.length)
  frame.writeUInt16BE(body.length)
  body.copy(frame, 2)
  return frame
}

/** Cuts a stream of bytes into messages. Holds at most one frame of `limit` bytes. */
export class FrameReader {
  /** Raised once the other side has proven who it is. */
  limit = STRANGER_FRAME_BYTES
  #rest: Buffer = Buffer.alloc(0)

  /** Messages complete with these bytes. Throws `PEER_REFUSED` for anything this protocol does not say. */
  push(bytes: Buffer): PeerMessage[] {
    const messages: PeerMessage[] = []
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    while (this.#rest.length >= 2) {
      const length = this.#rest.readUInt16BE()
      if (length > this.limit) {
        throw refused(`a frame of ${length} bytes where ${this.limit} are allowed`)
      }
      if (this.#rest.length < 2 + length) {
        break
      }
      const body = this.#rest.subarray(2, 2 + length)
      this.#rest = this.#rest.subarray(2 + length)
      messages.push(parse(body))
    }
    return messages
  }
}

function refused(what: string): StreamsError {
  return new StreamsError('PEER_REFUSED', `A connection between instances brought ${what}.`)
}

function parse(body: Buffer): PeerMessage {
  let json: unknown
  try {
    json = JSON.parse(body.toString())
  } catch (cause) {
    throw new StreamsError('PEER_REFUSED', 'A connection between instances brought what is no message.', { cause })
  }
  if (typeof json !== 'object' || json === null) {
    throw refused('what is no message')
  }
  const fields = json as { readonly [name: string]: unknown }
  switch (fields['type']) {
    case 'hello':
      return {
        type: 'hello',
        version: typeof fields['version'] === 'number' ? fields['version'] : 0,
        application: text(fields, 'application', 200),
        from: text(fields, 'from', 64),
        to: text(fields, 'to', 64),
        nonce: text(fields, 'nonce', 64, 32),
        ...(fields['purpose'] === 'ask' ? { purpose: 'ask' as const } : {}),
      }
    case 'challenge':
      return { type: 'challenge', incarnation: text(fields, 'incarnation', 64, 16), nonce: text(fields, 'nonce', 64, 32), proof: text(fields, 'proof', 64, 64) }
    case 'proof':
      return { type: 'proof', proof: text(fields, 'proof', 64, 64) }
    case 'welcome':
    case 'ids':
      return { type: fields['type'], ids: names(fields['ids']) }
    case 'goodbye':
      return { type: 'goodbye' }
    default:
      throw refused('a message of an unknown type')
  }
}

function text(fields: { readonly [name: string]: unknown }, name: string, longest: number, shortest = 1): string {
  const value = fields[name]
  if (typeof value !== 'string' || value.length > longest || value.length < shortest || !/^[\x21-\x7e]*$/.test(value)) {
    throw refused(`a message without a proper ${name}`)
  }
  return value
}

function names(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > 1_024 || !value.every((each) => typeof each === 'string' && each.length <= 512)) {
    throw refused('ids that are none')
  }
  return value as readonly string[]
}
