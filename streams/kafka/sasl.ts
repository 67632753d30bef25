/** What a broker is shown: SASL/PLAIN (RFC 4616), SCRAM (RFC 5802, RFC 7677) and OAUTHBEARER (RFC 7628) inside KIP-152's requests. */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { SaslRefused } from './connection-error.ts'
import type { SaslOptions } from './contract.ts'
import type { Api } from './protocol/api.ts'
import { SASL_AUTHENTICATE, SASL_HANDSHAKE, type SaslAuthenticateResponse } from './protocol/sasl.ts'

/** The token is asked for whenever a broker is shown it. */
export interface Credentials extends Omit<SaslOptions, 'token'> {
  readonly token?: string | (() => Promise<string>)
}

/** Sends one request of the exchange. */
export type Ask = <Request, Response>(api: Api<Request, Response>, request: Request) => Promise<Response>

const stretch = promisify(pbkdf2)
/** RFC 7677 §4: fewer would let whoever pretends to be the broker find the password sooner. */
const MIN_ITERATIONS = 4_096
/** GS2 header (RFC 5801): no channel binding, no other identity to act for. */
const GS2_HEADER = 'n,,'
/** RFC 7628 §3.2.3: the answer to a refusal, without which the server does not put it into words. */
const REFUSAL_SEEN = Buffer.from('\u0001')

/**
 * Shows a broker the credentials; resolves with how long they hold, ms (0: as long as the connection).
 * Rejects with `SaslRefused` when they were judged, with what `ask` or the callback of a token rejects with otherwise.
 */
export async function authenticate(credentials: Credentials, ask: Ask): Promise<number> {
  const { mechanism, username = '', password = '', token = '' } = credentials
  const { errorCode } = await ask(SASL_HANDSHAKE, { mechanism })
  if (errorCode !== 0) {
    throw new SaslRefused()
  }
  const show = async (bytes: Buffer): Promise<SaslAuthenticateResponse> => {
    const answer = await ask(SASL_AUTHENTICATE, { bytes })
    if (answer.errorCode !== 0) {
      throw new SaslRefused()
    }
    return answer
  }
  switch (mechanism) {
    case 'PLAIN':
      return (await show(Buffer.from(`\0${username}\0${password}`))).sessionLifetimeMs
    case 'OAUTHBEARER': {
      const text = typeof token === 'string' ? token : await token()
      const { bytes, sessionLifetimeMs } = await show(Buffer.from(`${GS2_HEADER}\u0001auth=Bearer ${text}\u0001\u0001`))
      if (bytes.length > 0) {
        await show(REFUSAL_SEEN)
        throw new SaslRefused()
      }
      return sessionLifetimeMs
    }
    default: {
      const exchange = new ScramExchange(mechanism, username, password)
      const first = await show(exchange.first())
      const last = await show(await exchange.proof(first.bytes))
      exchange.check(last.bytes)
      return last.sessionLifetimeMs
    }
  }
}

/** One SCRAM exchange (RFC 5802 §5), the client's side; names are the RFC's. */
export class ScramExchange {
  readonly #hash: 'sha256' | 'sha512'
  readonly #password: string
  readonly #nonce: string
  readonly #firstBare: string
  #serverSignature: Buffer | undefined

  constructor(mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512', username: string, password: string, nonce = randomBytes(24).toString('base64')) {
    this.#hash = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
    this.#password = password
    this.#nonce = nonce
    this.#firstBare = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  }

  first(): Buffer {
    return Buffer.from(`${GS2_HEADER}${this.#firstBare}`)
  }

  /** Throws `SaslRefused` when the server's first message is none, or asks for less than is safe. */
  async proof(serverFirst: Buffer): Promise<Buffer> {
    const text = serverFirst.toString()
    const { r: nonce = '', s: salt = '', i: count = '' } = attributes(text)
    const iterations = Number(count)
    if (!nonce.startsWith(this.#nonce) || salt === '' || !Number.isSafeInteger(iterations) || iterations < MIN_ITERATIONS) {
      throw new SaslRefused(`has begun SCRAM with a message that cannot be accepted (its own nonce, a salt and at least ${MIN_ITERATIONS} iterations are needed).`)
    }
    const salted = await stretch(this.#password, Buffer.from(salt, 'base64'), iterations, this.#hash === 'sha256' ? 32 : 64, this.#hash)
    const clientKey = this.#hmac(salted, 'Client Key')
    const storedKey = createHash(this.#hash).update(clientKey).digest()
    const withoutProof = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${nonce}`
    const message = `${this.#firstBare},${text},${withoutProof}`
    const signature = this.#hmac(storedKey, message)
    this.#serverSignature = this.#hmac(this.#hmac(salted, 'Server Key'), message)
    const proof = clientKey.map((byte, at) => byte ^ signature[at]!)
    return Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`)
  }

  /** Throws `SaslRefused` unless the server has shown that it knows the password too. */
  check(serverFinal: Buffer): void {
    const { v: verifier = '' } = attributes(serverFinal.toString())
    const given = Buffer.from(verifier, 'base64')
    const wanted = this.#serverSignature
    if (wanted === undefined || given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      throw new SaslRefused('has not shown that it knows the password (SCRAM): it may not be the broker it claims to be.')
    }
  }

  #hmac(key: Uint8Array, text: string): Buffer {
    return createHmac(this.#hash, key).update(text).digest()
  }
}

function attributes(message: string): { readonly [name: string]: string | undefined } {
  return Object.fromEntries(message.split(',').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]))
}
