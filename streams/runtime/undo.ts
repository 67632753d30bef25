/**
 * Marks of rule B1: a policy other than `fail` acts on a record that has had no effect. A frame is opened before a
 * guarded operator runs; a failure takes everything back that was done since.
 *
 * Frames cost nothing until something happens: the real marks (state, outputs, in-flight table, timers) are taken
 * before the first effect, one for all frames that were opened since the effect before. So a guarded map or filter pays
 * two additions.
 */
import type { StateMark, TaskState } from 'millrace-state-stores'
import type { CollectorMark, RecordCollector } from './contract.ts'

/** Something in memory that can be taken back to an earlier point. Marks are nested and end in reverse order. */
export interface Undoable {
  mark(): number
  rollback(mark: number): void
  /** Called when the outermost mark is gone: nothing before it will be taken back. */
  forget(): void
}

interface Frame {
  /** Index of the frame that took the real marks this one shares; -1: none taken. */
  owner: number
  state: StateMark | undefined
  collector: CollectorMark | undefined
  readonly parts: number[]
}

export class UndoFrames {
  /** Frames on top of the stack without a real mark. Whoever causes an effect calls `materialize` when it is not 0. */
  unmarked = 0
  private depth = 0
  private readonly frames: Frame[] = []
  private readonly state: TaskState
  private readonly collector: RecordCollector
  private readonly parts: Undoable[] = []

  constructor(state: TaskState, collector: RecordCollector) {
    this.state = state
    this.collector = collector
  }

  register(part: Undoable): void {
    this.parts.push(part)
  }

  open(): void {
    if (this.depth === this.frames.length) {
      this.frames.push({ owner: -1, state: undefined, collector: undefined, parts: [] })
    }
    this.frames[this.depth]!.owner = -1
    this.depth++
    this.unmarked++
  }

  /** Takes the marks that are due; to be called before an effect while `unmarked > 0`. */
  materialize(): void {
    const owner = this.depth - this.unmarked
    const frame = this.frames[owner]!
    frame.state = this.state.mark()
    frame.collector = this.collector.mark()
    for (let i = 0; i < this.parts.length; i++) {
      frame.parts[i] = this.parts[i]!.mark()
    }
    for (let i = owner; i < this.depth; i++) {
      this.frames[i]!.owner = owner
    }
    this.unmarked = 0
  }

  /** The operator succeeded. */
  commit(): void {
    this.depth--
    if (this.unmarked > 0) {
      this.unmarked--
      return
    }
    const frame = this.frames[this.depth]!
    if (frame.owner === this.depth) {
      this.state.release(frame.state!)
      this.drop(frame, this.depth === 0)
    }
  }

  /** The operator failed: everything since its frame was opened is taken back. */
  rollback(): void {
    this.depth--
    if (this.unmarked > 0) {
      this.unmarked--
      return
    }
    const owner = this.frames[this.depth]!.owner
    const frame = this.frames[owner]!
    this.state.rollback(frame.state!)
    this.state.release(frame.state!)
    this.collector.rollback(frame.collector!)
    for (let i = this.parts.length - 1; i >= 0; i--) {
      this.parts[i]!.rollback(frame.parts[i]!)
    }
    // The frames that shared the mark are where they were opened again: nothing has happened in them.
    this.unmarked = this.depth - owner
    this.drop(frame, owner === 0)
  }

  /** Forgets all frames without taking anything back: the task is being dropped, or the failure is fatal. */
  clear(): void {
    this.depth = 0
    this.unmarked = 0
    for (const part of this.parts) {
      part.forget()
    }
  }

  private drop(frame: Frame, outermost: boolean): void {
    frame.state = undefined
    frame.collector = undefined
    if (outermost) {
      for (let i = 0; i < this.parts.length; i++) {
        this.parts[i]!.forget()
      }
    }
  }
}
