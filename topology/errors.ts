/** The error catalogue of the application (configuration, start-up). Messages name the setting, the limit and the fix. */
export type ApplicationErrorCode = 'CONFIG_INVALID' | 'CONFIG_UNKNOWN_KEY' | 'CONFIG_UNREADABLE' | 'TOPIC_MISMATCH'

export class ApplicationError extends Error {
  readonly code: ApplicationErrorCode

  constructor(code: ApplicationErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ApplicationError'
    this.code = code
  }
}
