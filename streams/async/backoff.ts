import type { RetryPolicy } from '../error-policy.ts'

export const DEFAULT_BACKOFF_MS = 200
export const DEFAULT_MAX_BACKOFF_MS = 30_000

/**
 * Pause before the next try, ms: exponential with full jitter, so that the calls a broken service has refused together do
 * not come back together. `failures` counts from 1, `random` is in [0, 1).
 */
export function backoff(policy: RetryPolicy, failures: number, random: number): number {
  const base = policy.backoffMs ?? DEFAULT_BACKOFF_MS
  const longest = policy.maxBackoffMs ?? DEFAULT_MAX_BACKOFF_MS
  return Math.floor(random * Math.min(longest, base * 2 ** Math.min(failures - 1, 52)))
}
