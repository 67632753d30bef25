import type { ProcessingContext } from '../processor.ts'

/**
 * How far time has come for one operator: the highest timestamp it was handed, which is what Kafka Streams' windows,
 * joins and suppressed tables go by. Unlike there it survives: it is committed with the input offsets, so that a record
 * which was late stays late after a crash, and it is taken back with a record whose operator failed (rule B1).
 */
export interface OperatorTime {
  /**
   * -1 before anything was seen; never goes back. Held at the lowest timestamp that an asynchronous operator upstream may
   * still emit: nothing is late because a call was slow (rule A6).
   */
  readonly time: number
  /** The highest timestamp handed over so far, whatever is pending upstream. */
  readonly highest: number
  /** True when an asynchronous operator upstream may hold it: then it moves in jumps that the records did not make. */
  readonly holdable: boolean
  advance(timestamp: number): void
}

/**
 * A number an operator remembers to save itself looking something up; -1 when it knows nothing. It is taken back with a
 * record whose operator failed (rule B1), which a field of the operator's own would not be.
 */
export interface OperatorNote {
  readonly value: number
  set(value: number): void
}

/** What an operator does when its time goes on without a record; both are called with the time it would have, or has. */
export interface IdleReaction {
  /** Something would be handed on. Only looks. */
  isDue(time: number): boolean
  emit(time: number): void
}

/** What the engine's own contexts have beyond the public one. Absent in contexts of tests. */
export interface TimedContext extends ProcessingContext {
  operatorTime?(name: string): OperatorTime
  operatorNote?(name: string): OperatorNote
  whenIdle?(time: OperatorTime, reaction: IdleReaction): void
}

/** In `init`: what the operator holds until `time` has come is handed on, too, when a call ends that held it, and when all sources are idle (`sourceIdleTimeoutMs`). */
export function whenIdle(context: ProcessingContext, time: OperatorTime, reaction: IdleReaction): void {
  ;(context as TimedContext).whenIdle?.(time, reaction)
}

/** The note called `name`; operators of a subtopology that ask for the same name share it. */
export function operatorNote(context: ProcessingContext, name: string): OperatorNote {
  const known = (context as TimedContext).operatorNote?.(name)
  if (known !== undefined) {
    return known
  }
  let current = -1
  return {
    get value() {
      return current
    },
    set(value) {
      current = value
    },
  }
}

/**
 * The time called `name`, unique in the subtopology; by custom that of the operator or of the store that goes by it. Two
 * operators that ask for the same name share it, as the two sides of a join must.
 */
export function operatorTime(context: ProcessingContext, name: string): OperatorTime {
  const known = (context as TimedContext).operatorTime?.(name)
  if (known !== undefined) {
    return known
  }
  let highest = -1
  return {
    get time() {
      return highest
    },
    get highest() {
      return highest
    },
    holdable: false,
    advance(timestamp) {
      highest = Math.max(highest, timestamp)
    },
  }
}
