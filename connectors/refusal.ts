/**
 * Databases that answer but let nobody in: waiting does not help, a setting has to be mended, and the drivers say
 * something else. Messages name the settings of an instance's configuration and never what stands in them.
 */
import cassandra from 'cassandra-driver'
import { ConnectorError } from './errors.ts'

/** Codes of Node's and OpenSSL's errors about certificates, and about servers that speak no TLS. */
const TLS = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/
/** Of a node that cannot read its roles at the moment: it cannot now. */
const ROLES_AWAY = /Unable to perform authentication/
/** SQLSTATE class "invalid authorization specification". */
const SQLSTATE_AUTHORIZATION = /^28/

/** `undefined` for anything else. */
export function cassandraRefusal(cause: unknown): ConnectorError | undefined {
  const perNode = cause instanceof cassandra.errors.NoHostAvailableError ? Object.values(cause.innerErrors as { readonly [node: string]: unknown }) : [cause]
  for (const error of perNode) {
    if (error instanceof cassandra.errors.AuthenticationError && !ROLES_AWAY.test(error.message)) {
      return new ConnectorError('ACCESS_REFUSED', 'Cassandra refuses "cassandra.username" with the password in "cassandra.passwordFile", or wants them and they are not set.', { cause })
    }
    if (error instanceof cassandra.errors.ResponseError && error.code === cassandra.types.responseErrorCodes.unauthorized) {
      return new ConnectorError('ACCESS_REFUSED', `Cassandra denies the user of "cassandra.username" a right: ${error.message}`, { cause })
    }
    const tls = tlsFailure(error)
    if (tls !== undefined) {
      return new ConnectorError('ACCESS_REFUSED', `TLS with Cassandra fails ("cassandra.tls"): ${tls}`, { cause })
    }
  }
  return undefined
}

/** `undefined` for anything else. */
export function postgresqlRefusal(cause: unknown): ConnectorError | undefined {
  const { code, message } = cause as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code === 'string' && SQLSTATE_AUTHORIZATION.test(code)) {
    return new ConnectorError('ACCESS_REFUSED', `PostgreSQL refuses millrace_api ("postgresql.passwordFile", "postgresql.tls"): ${String(message)}`, { cause })
  }
  return postgresqlTlsRefusal(cause)
}

/** The same, whoever comes in. */
export function postgresqlTlsRefusal(cause: unknown): ConnectorError | undefined {
  const tls = tlsFailure(cause)
  return tls === undefined ? undefined : new ConnectorError('ACCESS_REFUSED', `TLS with PostgreSQL fails ("postgresql.tls"): ${tls}`, { cause })
}

function tlsFailure(error: unknown): string | undefined {
  if (!(error instanceof Error)) {
    return undefined
  }
  const code = 'code' in error ? String(error.code) : ''
  return TLS.test(code) || error.message === 'The server does not support SSL connections' ? error.message : undefined
}
