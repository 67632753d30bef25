import { type Duration, milliseconds } from '../../duration.ts'
import { StreamsError } from '../../errors.ts'

/** A duration that may be negative: a window can begin, or end, on the other side of its record. */
function signed(option: string, duration: Duration): number {
  if (typeof duration === 'number' && duration < 0) {
    return -milliseconds(option, -duration)
  }
  if (typeof duration === 'string' && duration.startsWith('-')) {
    return -milliseconds(option, duration.slice(1) as Duration, true)
  }
  return milliseconds(option, duration, true)
}

/**
 * Which records of two streams belong together: one of the other stream whose time lies from `beforeMs` before to
 * `afterMs` after this stream's record, both ends included. Records may come up to `graceMs` late; a left or outer join
 * gives a record that found nothing its result once no partner can come any more.
 */
export class JoinWindows {
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number

  private constructor(beforeMs: number, afterMs: number, graceMs: number) {
    if (beforeMs + afterMs < 0) {
      throw new StreamsError(
        'CONFIG_INVALID',
        `JoinWindows from ${-beforeMs} ms to ${afterMs} ms after a record end before they begin: before + after must not be negative.`
      )
    }
    this.beforeMs = beforeMs
    this.afterMs = afterMs
    this.graceMs = graceMs
  }

  /** Records at most `difference` apart, either way; those later than `grace` find nothing. */
  static ofTimeDifferenceAndGrace(difference: Duration, grace: Duration): JoinWindows {
    const ms = milliseconds('The time difference of JoinWindows', difference, true)
    return new JoinWindows(ms, ms, milliseconds('The grace of JoinWindows', grace, true))
  }

  static ofTimeDifferenceWithNoGrace(difference: Duration): JoinWindows {
    return JoinWindows.ofTimeDifferenceAndGrace(difference, 0)
  }

  /** The same with another beginning: so long before this stream's record, or after it if negative. */
  before(difference: Duration): JoinWindows {
    return new JoinWindows(signed('`before` of JoinWindows', difference), this.afterMs, this.graceMs)
  }

  /** The same with another end: so long after this stream's record, or before it if negative. */
  after(difference: Duration): JoinWindows {
    return new JoinWindows(this.beforeMs, signed('`after` of JoinWindows', difference), this.graceMs)
  }

  /** Of the window, without grace. */
  get sizeMs(): number {
    return this.beforeMs + this.afterMs
  }
}
