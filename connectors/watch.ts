import type { PoisonRecord } from './probe.ts'

/**
 * What the supervisor knows of one connector.
 * - `healthy`: runs, or was never seen failing
 * - `waiting`: failed; restarted at `restartAt`
 * - `restarted`: restarted, not yet trusted
 * - `blocked`: failed again where it failed before, and a record is known to be at fault
 */
export type Watch =
  | { state: 'healthy' }
  | { state: 'waiting'; attempt: number; restartAt: number; position: string }
  | { state: 'restarted'; attempt: number; since: number; position: string }
  | { state: 'blocked'; poison: readonly PoisonRecord[]; attempt: number; restartAt: number; position: string }

/** What a look at the connector shows. */
export interface Sighting {
  failed: boolean
  /** The store cannot now: no record is to blame, however often it fails. */
  storeFailure: boolean
  /** Committed offsets, as one text; the same text: no progress. '' for sources. */
  position: string
  now: number
}

export type Action = 'none' | 'restart' | 'probe'

/** First pause, and the longest: a store that is back is noticed within half a minute. */
export const BACKOFF_MS = { first: 1_000, most: 30_000 }
/** Runs for so long without progress or failure: trusted again. */
export const TRUSTED_AFTER_MS = 60_000

/** The one place where a watch changes. Pure. */
export function transition(watch: Watch, sighting: Sighting): { watch: Watch; action: Action } {
  const { failed, now, position } = sighting
  switch (watch.state) {
    case 'healthy':
      return failed ? { watch: waiting(1, sighting), action: 'none' } : { watch, action: 'none' }
    case 'waiting':
      if (!failed) {
        return { watch: { state: 'restarted', attempt: watch.attempt, since: now, position: watch.position }, action: 'none' }
      }
      return now < watch.restartAt
        ? { watch, action: 'none' }
        : { watch: { state: 'restarted', attempt: watch.attempt, since: now, position }, action: 'restart' }
    case 'restarted':
      if (failed) {
        const stuck = position !== '' && position === watch.position && !sighting.storeFailure
        return { watch: waiting(watch.attempt + 1, sighting), action: stuck ? 'probe' : 'none' }
      }
      return position !== watch.position || now - watch.since >= TRUSTED_AFTER_MS
        ? { watch: { state: 'healthy' }, action: 'none' }
        : { watch, action: 'none' }
    case 'blocked':
      // somebody skipped the record or mended the table
      if (position !== watch.position) {
        return transition({ state: 'healthy' }, sighting)
      }
      return failed && now >= watch.restartAt
        ? { watch: { ...watch, attempt: watch.attempt + 1, restartAt: now + BACKOFF_MS.most }, action: 'restart' }
        : { watch, action: 'none' }
  }
}

/** A probe found the records at fault. */
export function blocked(watch: Watch, poison: readonly PoisonRecord[], now: number): Watch {
  const attempt = watch.state === 'healthy' ? 1 : watch.attempt
  const position = watch.state === 'healthy' ? '' : watch.position
  return { state: 'blocked', poison, attempt, restartAt: now + BACKOFF_MS.most, position }
}

function waiting(attempt: number, { now, position }: Sighting): Watch {
  return { state: 'waiting', attempt, restartAt: now + Math.min(BACKOFF_MS.first * 2 ** (attempt - 1), BACKOFF_MS.most), position }
}
