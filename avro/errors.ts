/** The error catalogue of the Avro layer. Messages carry subjects, ids, paths and codes, never a value. */
export type AvroErrorCode =
  | 'SCHEMA_FILE_INVALID'
  | 'NOT_OPEN'
  | 'VALUE_INVALID'
  | 'NOT_FRAMED'
  | 'BYTES_INVALID'
  | 'SCHEMA_UNKNOWN'
  | 'SCHEMA_INCOMPATIBLE'
  | 'REGISTRY_UNAVAILABLE'
  | 'REGISTRY_REFUSED'
  | 'REGISTRY_CLOSED'

export class AvroError extends Error {
  readonly code: AvroErrorCode
  /** The path of the value that its schema does not allow. */
  readonly field: string | undefined

  constructor(code: AvroErrorCode, message: string, options: { cause?: unknown; field?: string | undefined } = {}) {
    super(message, options)
    this.name = 'AvroError'
    this.code = code
    this.field = options.field
  }
}
