import type { CorrectionRefusal } from '../processors/corrections/index.ts'

/** The error catalogue of the application. */

/** Of configuration and start-up. Messages name the setting, the limit and the fix. */
export type ApplicationErrorCode = 'CONFIG_INVALID' | 'CONFIG_UNKNOWN_KEY' | 'CONFIG_UNREADABLE' | 'TOPIC_MISMATCH'

export class ApplicationError extends Error {
  readonly code: ApplicationErrorCode

  constructor(code: ApplicationErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ApplicationError'
    this.code = code
  }
}

/** Of records that somebody else wrote. */
export type RecordErrorCode =
  | 'VALUE_MISSING'
  | 'KEY_MISMATCH'
  | 'TENANT_INVALID'
  | 'TENANT_UNKNOWN'
  | 'DOCUMENT_ID_INVALID'
  | 'CONTENT_AMBIGUOUS'
  | 'RECEIVED_AT_INVALID'
  | 'PARENT_INVALID'
  | 'AT_INVALID'
  | 'KEYS_INVALID'
  | CorrectionRefusal['code']

/** Why a record changes nothing: it becomes a dead letter with this code. */
export class RecordError extends Error {
  readonly code: RecordErrorCode
  /** Of the record: `key`, `value`, or a path in the value. */
  readonly field: string

  /** @param reason what is expected there, never what stands there */
  constructor(code: RecordErrorCode, field: string, reason: string) {
    super(`${field}: ${reason}`)
    this.name = 'RecordError'
    this.code = code
    this.field = field
  }
}
