import { StreamsError } from '../errors.ts'
import type { BrokerAddress } from './protocol/metadata.ts'

/** Certificates do not get better by trying again: Node's and OpenSSL's names for a peer that is not trusted. */
const NOT_TRUSTED = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_CERT|ERR_SSL_TLSV1_ALERT|ERR_SSL_SSLV3_ALERT|ERR_OSSL_)/

/** The broker was shown the credentials and has not taken them, or could not show its own. */
export class SaslRefused extends Error {
  constructor(what = 'refused the SASL mechanism or its credentials: check mechanism, username and password.', options?: ErrorOptions) {
    super(what, options)
  }
}

/** The listener speaks TLS and was not spoken to in it. */
export class TlsWanted extends Error {
  constructor() {
    super('speaks TLS only: set tls.')
  }
}

/**
 * What went wrong with a connection, told by what can be done about it: CONNECTION_FAILED may be tried again,
 * AUTHORIZATION_FAILED (credentials refused) and CONFIG_INVALID (TLS) may not.
 */
export function connectionError(address: BrokerAddress, what: string, error: unknown): StreamsError {
  const { nodeId, host, port } = address
  const broker = `Broker ${nodeId} at ${host}:${port}`
  if (error instanceof SaslRefused) {
    return new StreamsError('AUTHORIZATION_FAILED', `${broker} ${error.message}`, { cause: error })
  }
  if (error instanceof TlsWanted) {
    return new StreamsError('CONFIG_INVALID', `${broker} ${error.message}`, { cause: error })
  }
  const chain = causes(error)
  // Of the callback that gives the token, of an answer that cannot be read.
  const ours = chain.find((cause) => cause instanceof StreamsError)
  if (ours !== undefined) {
    return ours
  }
  const codes = chain.map((cause) => String((cause as { code?: unknown }).code))
  const reason = (chain.at(-1)?.message ?? String(error)).replace(/\.$/, '')
  if (codes.some((code) => NOT_TRUSTED.test(code))) {
    return new StreamsError('CONFIG_INVALID', `${broker}: TLS failed: ${reason}. Check tls.ca, tls.cert, tls.key and tls.servername.`, { cause: error })
  }
  return new StreamsError('CONNECTION_FAILED', `${broker}: ${what}${reason}.`, { cause: error })
}

/** Not CONNECTION_FAILED: nobody should try again. */
export function clientClosed(): StreamsError {
  return new StreamsError('NOT_RUNNING', 'The Kafka client is closed.')
}

function causes(error: unknown): Error[] {
  const chain: Error[] = []
  for (let current = error; current instanceof Error && chain.length < 10; ) {
    chain.push(current)
    // Of a name with several addresses each is tried; the first says enough.
    current = current instanceof AggregateError ? current.errors[0] : current.cause
  }
  return chain
}
