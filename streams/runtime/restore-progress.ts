/** What an application hears of its restores: Kafka Streams' StateRestoreListener and StandbyUpdateListener in one. */
import type { TaskId } from './contract.ts'

export interface RestoreEvent {
  /** `suspended`: the task was taken away, or promoted, before the end. */
  readonly type: 'start' | 'progress' | 'end' | 'suspended'
  readonly task: TaskId
  readonly store: string
  /** Its changelog. */
  readonly topic: string
  readonly partition: number
  /** Offsets: where the restore began, and the position at which it is complete. */
  readonly from: number
  readonly to: number
  /** Next offset to read. */
  readonly position: number
  /** Records so far; fewer than offsets, because transactions and compaction leave gaps. */
  readonly records: number
  /** At the pace so far; undefined at the start. */
  readonly secondsLeft: number | undefined
  /** A standby or a warm-up, not a task that waits for it. */
  readonly copy: boolean
}

/** Prevents that many small chunks flood who listens. */
const TELL_MS = 500

export interface RestoreOf {
  readonly task: TaskId
  readonly store: string
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly to: number
  readonly copy: boolean
}

export class RestoreProgress {
  readonly #of: RestoreOf
  readonly #tell: (event: RestoreEvent) => void
  readonly #now: () => number
  readonly #started: number
  #told: number
  #position: number
  #records = 0

  /** Says `start`. `now` in ms, on any clock that only grows. */
  constructor(of: RestoreOf, tell: (event: RestoreEvent) => void, now: () => number = () => performance.now()) {
    this.#of = of
    this.#tell = tell
    this.#now = now
    this.#position = of.from
    this.#started = now()
    this.#told = this.#started
    this.#say('start')
  }

  /** A chunk of so many records was applied; `position` is the offset after it. */
  applied(records: number, position: number): void {
    this.#records += records
    this.#position = Math.min(position, this.#of.to)
    const now = this.#now()
    if (now - this.#told >= TELL_MS) {
      this.#told = now
      this.#say('progress')
    }
  }

  end(): void {
    this.#position = this.#of.to
    this.#say('end')
  }

  suspended(): void {
    this.#say('suspended')
  }

  /** At the pace so far; undefined before anything came. */
  get secondsLeft(): number | undefined {
    const done = this.#position - this.#of.from
    return done <= 0 ? undefined : ((this.#of.to - this.#position) * (this.#now() - this.#started)) / done / 1_000
  }

  #say(type: RestoreEvent['type']): void {
    this.#tell({ type, ...this.#of, position: this.#position, records: this.#records, secondsLeft: this.secondsLeft })
  }
}
