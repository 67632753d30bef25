/** The error catalogue of the state stores. Codes are stable; messages name what was hit and how to mend it. */
export type StateStoreErrorCode =
  | 'STATE_OPEN_FAILED'
  | 'STATE_CLOSED'
  | 'STATE_WRITE_FAILED'
  | 'STATE_CORRUPTED'
  | 'STATE_FROZEN_TWICE'
  | 'STORE_UNKNOWN'
  | 'ITERATOR_EXPIRED'
  | 'KEY_INVALID'
  | 'ENGINE_UNAVAILABLE'

export class StateStoreError extends Error {
  readonly code: StateStoreErrorCode

  constructor(code: StateStoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StateStoreError'
    this.code = code
  }
}
