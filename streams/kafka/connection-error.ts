import { StreamsError } from '../errors.ts'
import type { BrokerAddress } from './protocol/metadata.ts'

/** Certificates do not get better by trying again: Node's and OpenSSL's names for a peer that is not trusted. */
const NOT_TRUSTED = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_CERT|ERR_SSL_TLSV1_ALERT|ERR_SSL_SSLV3_ALERT|ERR_OSSL_)/

/**
 * What went wrong with a connection, told by what can be done about it: CONNECTION_FAILED may be tried again,
 * AUTHORIZATION_FAILED (credentials refused) and CONFIG_INVALID (TLS) may not.
 */
export function connectionError(address: BrokerAddress, what: string, error: unknown): StreamsError {
  const { nodeId, host, port } = address
  const broker = `Broker ${nodeId} at ${host}:${port}`
  const chain = causes(error)
  // Of the callback that gives the token.
  const ours = chain.find((cause) => cause instanceof StreamsError)
  if (ours !== undefined) {
    return ours
  }
  const codes = chain.map((cause) => String((cause as { code?: unknown }).code))
  const reason = (chain.at(-1)?.message ?? String(error)).replace(/\.$/, '')
  // The library reports a connection lost during the handshake as a failed authentication too: only an answer counts.
  if (codes.includes('PLT_KFK_AUTHENTICATION') && codes.includes('PLT_KFK_RESPONSE')) {
    return new StreamsError('AUTHORIZATION_FAILED', `${broker} refused the SASL mechanism or its credentials: check mechanism, username and password.`, {
      cause: error
    })
  }
  if (codes.some((code) => NOT_TRUSTED.test(code))) {
    return new StreamsError('CONFIG_INVALID', `${broker}: TLS failed: ${reason}. Check tls.ca, tls.cert, tls.key and tls.servername.`, { cause: error })
  }
  if (codes.at(-1) === 'PLT_KFK_USER' && /requires TLS/.test(reason)) {
    return new StreamsError('CONFIG_INVALID', `${broker} speaks TLS only: set tls.`, { cause: error })
  }
  return new StreamsError('CONNECTION_FAILED', `${broker}: ${what}${reason}.`, { cause: error })
}

/** Not CONNECTION_FAILED: nobody should try again. */
export function clientClosed(): StreamsError {
  return new StreamsError('NOT_RUNNING', 'The Kafka client is closed.')
}

function causes(error: unknown): Error[] {
  const chain: Error[] = []
  for (let current = error; current instanceof Error && chain.length < 10; current = current.cause) {
    chain.push(current)
  }
  return chain
}
