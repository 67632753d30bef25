/**
 * The error catalogue of the content store. Codes are stable. Messages carry tenant ids, digests and sizes, never bytes.
 */
export type ContentErrorCode =
  | 'TENANT_INVALID'
  | 'REFERENCE_INVALID'
  | 'NOT_FOUND'
  | 'TOO_LARGE'
  | 'SIZE_MISMATCH'
  | 'SHA256_MISMATCH'
  | 'RANGE_INVALID'
  | 'DAMAGED'
  | 'STORE_FAILED'

export class ContentError extends Error {
  readonly code: ContentErrorCode

  constructor(code: ContentErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ContentError'
    this.code = code
  }
}
