import { type Duration, milliseconds } from '../../duration.ts'

/**
 * Windows of records that lie at most a time difference apart, both ends included. They are aligned to the records, not
 * to the epoch: each ends with a record, or begins right behind one (KIP-450). Only windows with records exist.
 */
export class SlidingWindows {
  readonly kind = 'sliding'
  readonly timeDifferenceMs: number
  readonly graceMs: number

  private constructor(timeDifferenceMs: number, graceMs: number) {
    this.timeDifferenceMs = timeDifferenceMs
    this.graceMs = graceMs
  }

  static ofTimeDifferenceWithNoGrace(difference: Duration): SlidingWindows {
    return SlidingWindows.ofTimeDifferenceAndGrace(difference, 0)
  }

  static ofTimeDifferenceAndGrace(difference: Duration, grace: Duration): SlidingWindows {
    return new SlidingWindows(
      milliseconds('The time difference of SlidingWindows', difference, true),
      milliseconds('The grace of SlidingWindows', grace, true)
    )
  }
}
