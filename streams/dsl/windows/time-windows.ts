import { type Duration, milliseconds } from '../../duration.ts'
import { StreamsError } from '../../errors.ts'

/** Windows whose starts follow from a record's time alone. */
export interface FixedWindows {
  readonly kind: 'time'
  /** A window holds what lies from its start to before start + size, ms. */
  readonly sizeMs: number
  readonly graceMs: number
  /** Every window begins at a multiple of this, ms. */
  readonly advanceMs: number
  /** Starts (ms) of the windows that hold `timestamp`, the earliest first. */
  startsFor(timestamp: number): readonly number[]
}

/**
 * Windows of equal size, aligned to the epoch: tumbling ones follow each other, hopping ones (`advanceBy`) overlap. A
 * window takes records until the time of its stream has passed its end by the grace; what comes later is late.
 */
export class TimeWindows implements FixedWindows {
  readonly kind = 'time'
  readonly sizeMs: number
  readonly graceMs: number
  readonly advanceMs: number

  private constructor(sizeMs: number, graceMs: number, advanceMs: number) {
    this.sizeMs = sizeMs
    this.graceMs = graceMs
    this.advanceMs = advanceMs
  }

  static ofSizeWithNoGrace(size: Duration): TimeWindows {
    return TimeWindows.ofSizeAndGrace(size, 0)
  }

  static ofSizeAndGrace(size: Duration, grace: Duration): TimeWindows {
    const sizeMs = milliseconds('The size of TimeWindows', size)
    return new TimeWindows(sizeMs, milliseconds('The grace of TimeWindows', grace, true), sizeMs)
  }

  /** A window begins every `advance`, which is at most the size: every record lies in some window. */
  advanceBy(advance: Duration): TimeWindows {
    const advanceMs = milliseconds('The advance of TimeWindows', advance)
    if (advanceMs > this.sizeMs) {
      throw new StreamsError(
        'CONFIG_INVALID',
        `TimeWindows of ${this.sizeMs} ms cannot advance by ${advanceMs} ms: records between them would lie in none. Advance by at most the size.`
      )
    }
    return new TimeWindows(this.sizeMs, this.graceMs, advanceMs)
  }

  startsFor(timestamp: number): readonly number[] {
    const { sizeMs, advanceMs } = this
    const starts: number[] = []
    for (let start = Math.floor(Math.max(0, timestamp - sizeMs + advanceMs) / advanceMs) * advanceMs; start <= timestamp; start += advanceMs) {
      starts.push(start)
    }
    return starts
  }
}

/** One window that begins at a time and never ends. What lies before it is in no window. */
export class UnlimitedWindows implements FixedWindows {
  readonly kind = 'time'
  readonly sizeMs = Number.MAX_SAFE_INTEGER
  readonly graceMs = 0
  readonly advanceMs = Number.MAX_SAFE_INTEGER
  readonly startMs: number

  private constructor(startMs: number) {
    this.startMs = startMs
  }

  /** From the epoch on. */
  static of(): UnlimitedWindows {
    return new UnlimitedWindows(0)
  }

  /** `start`: milliseconds since the epoch, or a date. */
  startOn(start: number | Date): UnlimitedWindows {
    const startMs = Number(start)
    if (!Number.isSafeInteger(startMs) || startMs < 0) {
      throw new StreamsError('CONFIG_INVALID', `UnlimitedWindows cannot start on ${startMs}: give a time since the epoch, in milliseconds, or a date.`)
    }
    return new UnlimitedWindows(startMs)
  }

  startsFor(timestamp: number): readonly number[] {
    return timestamp >= this.startMs ? [this.startMs] : []
  }
}
