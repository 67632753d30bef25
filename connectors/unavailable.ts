/** Is a database away (try again later), rather than the question wrong? */
import cassandra from 'cassandra-driver'
import { ConnectorError } from './errors.ts'

const NETWORK: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'])
/** SQLSTATE: connection exceptions, insufficient resources, operator intervention (57014 is our own statement time-out). */
const SQLSTATES = /^(08|53|57)/
/** What pg throws without a code. */
const POSTGRESQL_MESSAGES = /timeout exceeded when trying to connect|Connection terminated|Query read timeout|Client has encountered a connection error/i

export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) {
    return false
  }
  if (error instanceof ConnectorError) {
    // a password that was changed: once it is mended, whoever tries again is let in
    return error.code === 'ACCESS_REFUSED'
  }
  if (error instanceof cassandra.errors.NoHostAvailableError || error instanceof cassandra.errors.OperationTimedOutError || error instanceof cassandra.errors.BusyConnectionError) {
    return true
  }
  if (error instanceof cassandra.errors.ResponseError) {
    const { unavailableException, overloaded, isBootstrapping, readTimeout } = cassandra.types.responseErrorCodes
    return [unavailableException, overloaded, isBootstrapping, readTimeout].includes(error.code)
  }
  const code = 'code' in error ? String(error.code) : ''
  return NETWORK.has(code) || (code.length === 5 && SQLSTATES.test(code)) || POSTGRESQL_MESSAGES.test(error.message)
}
