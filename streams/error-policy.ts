/** What happens to a record that fails (engine.md §6). Exactly one of these, per operator, default per application. */
export type ErrorAction = 'fail' | 'skip' | 'dead-letter'

/**
 * What an operator or a sink may do, too: `upstream` leaves the failure to the nearest operator above that has another policy. That one's
 * mark takes back everything that was done since it was given its record (stores, outputs, timers, admissions), and its policy acts on
 * that record. For operators and sinks that belong together: all of them have their effect, or none. Nobody above: as `fail`.
 */
export type OperatorErrorAction = ErrorAction | 'upstream'

export interface RetryPolicy {
  /** Tries after the first one. */
  readonly attempts: number
  /** First pause, ms; doubles each time, with full jitter. Default 200. */
  readonly backoffMs?: number
  /** Longest pause, ms. Default 30 000. */
  readonly maxBackoffMs?: number
}

/**
 * `deserialization` and `production` apply to sources and sinks, `processing` to everything between. A synchronous
 * operator retries at once (it may not wait); what `dead-letter` writes is in the same transaction.
 */
export interface ErrorPolicy {
  readonly deserialization?: ErrorAction
  readonly processing?: OperatorErrorAction
  readonly processingRetries?: number
  readonly production?: OperatorErrorAction
}

/** Kafka Streams' defaults: every class fails. */
export const FAIL_ALWAYS: Required<ErrorPolicy> = Object.freeze({
  deserialization: 'fail',
  processing: 'fail',
  processingRetries: 0,
  production: 'fail',
})
