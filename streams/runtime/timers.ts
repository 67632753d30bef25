/**
 * Punctuators on both clocks, with Kafka Streams' schedule: stream time begins at 0 (so the first record fires it), wall
 * clock one interval from now, an anchored one at its start (KIP-1146); after a gap a timer fires once, those of a task in
 * the order in which they were due, and is aligned to multiples of its first schedule again.
 */
import { StreamsError } from '../errors.ts'
import type { Cancellable, PunctuationType, Punctuator } from '../processor.ts'
import type { Undoable } from './undo.ts'

/** Who owns a timer: its context is current while the timer fires, and its stream time may lag the task's (rule A6). */
export interface TimerOwner {
  streamTime(): number
  firePunctuator(punctuator: Punctuator, clock: PunctuationType, timestamp: number): void
}

export class Timer implements Cancellable {
  readonly owner: TimerOwner
  readonly type: PunctuationType
  readonly interval: number
  readonly punctuator: Punctuator
  next: number
  cancelled = false
  private readonly timers: Timers

  constructor(timers: Timers, owner: TimerOwner, type: PunctuationType, interval: number, first: number, punctuator: Punctuator) {
    this.timers = timers
    this.owner = owner
    this.type = type
    this.interval = interval
    this.next = first
    this.punctuator = punctuator
  }

  cancel(): void {
    this.timers.cancel(this)
  }

  /** The time after a firing at `now`. */
  advance(now: number): void {
    const scheduled = this.next
    this.next = scheduled + this.interval
    if (now >= this.next) {
      this.next = scheduled + (Math.floor((now - scheduled) / this.interval) + 1) * this.interval
    }
  }
}

/** What `schedule` and `cancel` did, to be taken back. */
interface Change {
  readonly timer: Timer
  readonly added: boolean
}

export class Timers implements Undoable {
  private readonly streamTimers: Timer[] = []
  private readonly wallTimers: Timer[] = []
  private readonly changes: Change[] = []
  private readonly beforeEffect: () => void
  /** True while a mark exists: changes are recorded. */
  private recording = false

  constructor(beforeEffect: () => void) {
    this.beforeEffect = beforeEffect
  }

  schedule(owner: TimerOwner, interval: number, type: PunctuationType, now: number, punctuator: Punctuator, startTime?: number): Timer {
    if (!Number.isFinite(interval) || interval < 1) {
      throw new StreamsError('CONFIG_INVALID', `schedule: the interval is ${interval} ms; it must be at least 1 ms.`)
    }
    if (startTime !== undefined && !(Number.isFinite(startTime) && startTime >= 0)) {
      throw new StreamsError('CONFIG_INVALID', `schedule: the start time is ${startTime}; give milliseconds since 1970, of at least 0.`)
    }
    this.beforeEffect()
    const timer = new Timer(this, owner, type, interval, firstTime(type, interval, now, startTime), punctuator)
    this.list(type).push(timer)
    this.record(timer, true)
    return timer
  }

  cancel(timer: Timer): void {
    if (timer.cancelled) {
      return
    }
    this.beforeEffect()
    timer.cancelled = true
    remove(this.list(timer.type), timer)
    this.record(timer, false)
  }

  get hasStreamTimers(): boolean {
    return this.streamTimers.length > 0
  }

  /** Wall-clock time of the next firing, Infinity for none. */
  nextWallTime(): number {
    let next = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.wallTimers.length; i++) {
      next = Math.min(next, this.wallTimers[i]!.next)
    }
    return next
  }

  /** Fires what stream time has reached, each timer at most once. */
  punctuateStreamTime(): boolean {
    return this.fire(this.streamTimers, undefined)
  }

  punctuateWallClock(now: number): boolean {
    return this.fire(this.wallTimers, now)
  }

  clear(): void {
    this.streamTimers.length = 0
    this.wallTimers.length = 0
    this.forget()
  }

  mark(): number {
    this.recording = true
    return this.changes.length
  }

  rollback(mark: number): void {
    while (this.changes.length > mark) {
      const { timer, added } = this.changes.pop()!
      if (added) {
        timer.cancelled = true
        remove(this.list(timer.type), timer)
      } else {
        timer.cancelled = false
        this.list(timer.type).push(timer)
      }
    }
  }

  forget(): void {
    this.recording = false
    this.changes.length = 0
  }

  private fire(timers: readonly Timer[], now: number | undefined): boolean {
    if (!isAnyDue(timers, now)) {
      return false
    }
    let fired = false
    // A punctuator may schedule and cancel: the list is copied, and what was cancelled meanwhile is passed over. What was due first fires first.
    for (const timer of [...timers].sort((a, b) => a.next - b.next)) {
      const time = now ?? timer.owner.streamTime()
      if (!timer.cancelled && time >= timer.next && time >= 0) {
        // Advanced first: a punctuator that throws under a policy must not fire for the same time again.
        timer.advance(time)
        fired = true
        timer.owner.firePunctuator(timer.punctuator, timer.type, time)
      }
    }
    return fired
  }

  private list(type: PunctuationType): Timer[] {
    return type === 'stream-time' ? this.streamTimers : this.wallTimers
  }

  private record(timer: Timer, added: boolean): void {
    if (this.recording) {
      this.changes.push({ timer, added })
    }
  }
}

function firstTime(type: PunctuationType, interval: number, now: number, startTime: number | undefined): number {
  if (type === 'stream-time') {
    return startTime ?? 0
  }
  if (startTime === undefined) {
    return now + interval
  }
  // The clock has passed an anchor of before without anything that had to happen: its next multiple counts.
  return startTime >= now ? startTime : startTime + (Math.floor((now - startTime) / interval) + 1) * interval
}

/** Asked after every record, so it makes nothing. */
function isAnyDue(timers: readonly Timer[], now: number | undefined): boolean {
  for (let i = 0; i < timers.length; i++) {
    const timer = timers[i]!
    if ((now ?? timer.owner.streamTime()) >= timer.next) {
      return true
    }
  }
  return false
}

function remove(list: Timer[], timer: Timer): void {
  const at = list.indexOf(timer)
  if (at >= 0) {
    list.splice(at, 1)
  }
}
