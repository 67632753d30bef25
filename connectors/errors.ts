/** The error catalogue of the connectors. Messages carry names, ids, offsets and codes, never a record's content. */
export type ConnectorErrorCode =
  | 'CONFIG_INVALID'
  | 'SECRETS_INVALID'
  | 'ACCESS_REFUSED'
  | 'MIGRATION_INVALID'
  | 'MIGRATION_CHANGED'
  | 'DATABASE_NEWER'
  | 'MIGRATION_LOCKED'
  | 'MIGRATION_FAILED'
  | 'CURSOR_INVALID'
  | 'CONNECT_UNAVAILABLE'
  | 'CONNECT_ABORTED'
  | 'CONNECT_REFUSED'
  | 'DEPLOYMENT_FAILED'
  | 'CONNECTOR_UNKNOWN'
  | 'NOTHING_TO_SKIP'
  | 'SKIP_FAILED'

export class ConnectorError extends Error {
  readonly code: ConnectorErrorCode

  constructor(code: ConnectorErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ConnectorError'
    this.code = code
  }
}
