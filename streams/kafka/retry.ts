import { setTimeout as delay } from 'node:timers/promises'
import { StreamsError } from '../errors.ts'
import { brokerCodeOf, isRetriable } from './kafka-error.ts'

const CONCURRENT_TRANSACTIONS = 51

export interface RetryOptions {
  /** No new attempt starts later than this after the first: a cluster that is gone must surface as an error. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Which errors are worth another attempt; default: retriable codes and lost connections. */
  readonly retriable?: (error: unknown) => boolean
  /** Runs before another attempt: refresh metadata, find the coordinator again. */
  readonly prepare?: (error: unknown) => Promise<void> | void
}

/** Repeats `attempt` with growing pauses until it succeeds, fails for good, or the time is over. */
export async function withRetries<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const deadline = performance.now() + options.timeoutMs
  const retriable = options.retriable ?? isRetriable
  for (let failures = 0; ; ) {
    try {
      return await attempt()
    } catch (error) {
      failures++
      if (!retriable(error) || performance.now() >= deadline) {
        throw error
      }
      if (options.signal?.aborted) {
        throw gaveUp(error)
      }
      try {
        await delay(pauseMs(error, failures), undefined, options.signal === undefined ? {} : { signal: options.signal })
      } catch {
        throw gaveUp(error)
      }
      await options.prepare?.(error)
    }
  }
}

/**
 * 51 means the previous transaction's markers are still being written, a matter of a few milliseconds: the Java client
 * waits 20 ms, which would be the largest part of a commit. Everything else backs off to half a second.
 */
export function pauseMs(error: unknown, failures: number): number {
  const base = brokerCodeOf(error) === CONCURRENT_TRANSACTIONS ? Math.min(20, 2 * failures) : Math.min(500, 10 * 2 ** Math.min(failures - 1, 6))
  return base * (0.8 + Math.random() * 0.4)
}

function gaveUp(cause: unknown): StreamsError {
  return new StreamsError('TIMEOUT', 'Given up while the broker still asked for another attempt; the outcome is unknown.', { cause })
}
