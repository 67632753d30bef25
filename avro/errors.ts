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

  constructor(code: AvroErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'AvroError'
    this.code = code
  }
}
