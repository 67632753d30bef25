import { type Duration, milliseconds } from '../../duration.ts'

/**
 * Sessions: records of a key that follow each other within an inactivity gap. A record that closes the gap between two
 * sessions makes them one. A session takes records until the time of its stream has passed its end by gap and grace.
 */
export class SessionWindows {
  readonly kind = 'session'
  readonly inactivityGapMs: number
  readonly graceMs: number

  private constructor(inactivityGapMs: number, graceMs: number) {
    this.inactivityGapMs = inactivityGapMs
    this.graceMs = graceMs
  }

  static ofInactivityGapWithNoGrace(gap: Duration): SessionWindows {
    return SessionWindows.ofInactivityGapAndGrace(gap, 0)
  }

  static ofInactivityGapAndGrace(gap: Duration, grace: Duration): SessionWindows {
    return new SessionWindows(
      milliseconds('The inactivity gap of SessionWindows', gap),
      milliseconds('The grace of SessionWindows', grace, true)
    )
  }
}
