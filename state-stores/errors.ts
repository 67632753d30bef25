/** The error catalogue of the state stores. Codes are stable; messages name what was hit and how to mend it. */
export type StateStoreErrorCode =
  | 'STATE_OPEN_FAILED'
  | 'STATE_CLOSED'
  | 'STATE_WRITE_FAILED'
  | 'STATE_CORRUPTED'
  | 'STATE_FROZEN_TWICE'
  | 'STORE_UNKNOWN'
  | 'STORE_REBUILDING'
  | 'ITERATOR_EXPIRED'
  | 'MARK_INVALID'
  | 'KEY_INVALID'
  | 'VALUE_INVALID'
  | 'OPTIONS_INVALID'
  | 'ENGINE_UNAVAILABLE'
  | 'ENGINE_STALLED'
  | 'STATE_READ_FAILED'
  | 'STATE_DIRECTORY_LOCKED'
  | 'STATE_DIRECTORY_INVALID'
  | 'SNAPSHOT_FAILED'
  | 'SNAPSHOT_INVALID'

export class StateStoreError extends Error {
  readonly code: StateStoreErrorCode

  constructor(code: StateStoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StateStoreError'
    this.code = code
  }
}
