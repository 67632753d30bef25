export type StackErrorCode =
  | 'DOWNLOAD_FAILED'
  | 'HASH_MISMATCH'
  | 'ARCHIVE_REFUSED'
  | 'COMPILE_FAILED'
  | 'PREPARE_FAILED'
  | 'SERVER_DIED'
  | 'SERVER_SLOW'
  | 'NOT_RUNNING'
  | 'BUSY'
  | 'UNSUPPORTED'

/** Every failure of the stack: a stable code and a message that names the thing, the limit and the way out. */
export class StackError extends Error {
  readonly code: StackErrorCode

  constructor(code: StackErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StackError'
    this.code = code
  }
}
