/** Whether a failed stream thread is replaced, or the application stopped: an error that would only come again stops it. */
import type { StreamsErrorCode } from '../errors.ts'
import { StreamsError } from '../errors.ts'

/** What the next thread would meet just the same: the topology, the topics, rights, the configuration or lost data. */
const PERMANENT: ReadonlySet<string> = new Set<StreamsErrorCode>([
  'ORPHANED_ENTRIES',
  'CHANGELOG_MISMATCH',
  'OFFSETS_MISSING',
  'OFFSET_OUT_OF_RANGE',
  'SOURCE_TOPIC_MISSING',
  'INTERNAL_TOPIC_MISMATCH',
  'INTERNAL_TOPIC_DENIED',
  'COPARTITION_MISMATCH',
  'TOPOLOGY_INVALID',
  'CONFIG_INVALID',
  'STATE_DIRECTORY_LOCKED',
  'STATE_DIRECTORY_INVALID',
  'UNSUPPORTED_BROKER',
  'AUTHORIZATION_FAILED',
])

export function isPermanent(error: Error): boolean {
  return error instanceof StreamsError && PERMANENT.has(error.code)
}

/** So many failures of one thread within `WINDOW_MS` are a loop: prevents that it restores and fails for ever. */
export const MAX_REPLACEMENTS = 5
export const WINDOW_MS = 300_000

export class Replacements {
  /** By thread, when it failed. */
  readonly #failures = new Map<number, number[]>()

  /** The error to stop with, or undefined: put another thread in its place. `now` in ms, on any clock that only grows. */
  refuse(thread: number, error: Error, now: number): Error | undefined {
    if (isPermanent(error)) {
      return error
    }
    const recent = [...(this.#failures.get(thread) ?? []).filter((at) => now - at < WINDOW_MS), now]
    this.#failures.set(thread, recent)
    if (recent.length <= MAX_REPLACEMENTS) {
      return undefined
    }
    return new StreamsError('THREAD_DIED', `Stream thread ${thread} failed ${recent.length} times within ${WINDOW_MS / 60_000} minutes and is not replaced again: ${error.message}`, { cause: error })
  }
}
