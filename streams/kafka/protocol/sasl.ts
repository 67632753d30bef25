import type { Api } from './api.ts'

/** KIP-152: opens an exchange of credentials. Never made flexible; both headers are of the oldest kind. */
export const SASL_HANDSHAKE: Api<{ mechanism: string }, { errorCode: number }> = {
  name: 'SaslHandshake',
  key: 17,
  version: 1,
  since: '1.0',
  requestHeaderVersion: 1,
  responseHeaderVersion: 0,
  encode(writer, { mechanism }) {
    const name = Buffer.from(mechanism)
    writer.int16(name.length)
    for (const byte of name) {
      writer.int8(byte)
    }
  },
  decode(reader) {
    // The mechanisms the broker would take follow; nothing here asks for them.
    return { errorCode: reader.int16() }
  },
}

export interface SaslAuthenticateResponse {
  readonly errorCode: number
  readonly bytes: Buffer
  /** How long what was shown holds (KIP-368); 0: for as long as the connection. */
  readonly sessionLifetimeMs: number
}

/** KIP-152, KIP-368: one message of a mechanism, and what the broker says to it. */
export const SASL_AUTHENTICATE: Api<{ bytes: Uint8Array }, SaslAuthenticateResponse> = {
  name: 'SaslAuthenticate',
  key: 36,
  version: 2,
  since: '2.4',
  encode(writer, { bytes }) {
    writer.bytes(bytes).tags()
  },
  decode(reader) {
    const errorCode = reader.int16()
    reader.nullableString()
    const bytes = reader.nullableBytes() ?? Buffer.alloc(0)
    const sessionLifetimeMs = reader.int64()
    reader.skipTags()
    return { errorCode, bytes, sessionLifetimeMs }
  },
}
