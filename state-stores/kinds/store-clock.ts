/**
 * How far time has come for one store: the highest time it was given. What is older than this by the store's retention
 * has expired, whatever the wall clock says, so a replay of last year's records keeps what the first run kept.
 *
 * Whoever runs the store decides how it survives: the engine commits it with the input offsets, takes it back when a
 * record is, and holds it back while earlier records are still on their way (rule A6).
 */
export interface StoreClock {
  /** What expiry goes by; -1 before anything was seen. Never goes back. */
  readonly time: number
  /** The highest time given so far; `time`, unless that is held back. */
  readonly highest: number
  advance(time: number): void
}

/** A clock that lives as long as this object. */
export function storeClock(time = -1): StoreClock {
  let highest = time
  return {
    get time() {
      return highest
    },
    get highest() {
      return highest
    },
    advance(seen) {
      highest = Math.max(highest, seen)
    },
  }
}

/** What every store that forgets by time is given beside its view. */
export interface ExpiringOptions {
  readonly clock: StoreClock
  /** Called for a write that came too late and was not made. */
  readonly onExpired?: () => void
  /** Timestamp (ms) of the changelog record of a plain write: that of the record being processed. */
  readonly now: () => number
}

/** A store that forgets by time: its rows below some key are never read again. */
export interface Expiring {
  /** Row ranges that nobody reads any more; undefined when nothing has expired since the last call. */
  expiredRows(): readonly ExpiredRange[] | undefined
}

/** `from` inclusive, `to` exclusive. */
export interface ExpiredRange {
  readonly from: Uint8Array
  readonly to: Uint8Array
}
