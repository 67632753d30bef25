/** What a broker is shown: SASL/PLAIN (RFC 4616), SCRAM (RFC 5802, RFC 7677) and OAUTHBEARER (RFC 7628) inside KIP-152's requests. */
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

/** Sends one message of a mechanism. */
type Show = (bytes: Buffer) => Promise<SaslAuthenticateResponse>

const UNPROVEN = 'has not shown that it knows the password (SCRAM): it may not be the broker it claims to be.'
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
  const show: Show = async (bytes) => {
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
    default:
      return scram(mechanism, username, password, show)
  }
}

/**
 * SCRAM's exchange and its proofs are those of @platformatic/kafka, which is loaded here only: 50 MiB a thread that nobody else needs.
 * Whatever it says against what the server sent is the server's failure to show that it is who it claims to be.
 */
async function scram(mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512', username: string, password: string, show: Show): Promise<number> {
  const { saslScramSha } = await import('@platformatic/kafka')
  const { promise, resolve, reject } = Promise.withResolvers<SaslAuthenticateResponse>()
  const refused = (cause: unknown): void => reject(new SaslRefused(UNPROVEN, { cause }))
  const ask = (_connection: unknown, bytes: Buffer, callback: (error: null, answer: object) => void): void => {
    const answered = (answer: SaslAuthenticateResponse): void => {
      try {
        callback(null, { ...answer, authBytes: answer.bytes })
      } catch (cause) {
        refused(cause)
      }
    }
    show(bytes).then(answered, reject)
  }
  const algorithm = mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512'
  const ended = (error: Error | null, last: SaslAuthenticateResponse): void => (error === null ? resolve(last) : refused(error))
  saslScramSha.authenticate(ask as never, undefined as never, algorithm, username, password, saslScramSha.defaultCrypto, ended as never)
  return (await promise).sessionLifetimeMs
}
