/**
 * Records that ended their thread twice in the same operator, or held it until its member was evicted (rule C10). They go
 * to that operator's error policy before they are run again. Known to the process that saw it: another process finds out
 * by itself.
 */
import { StreamsError } from '../errors.ts'
import type { Place } from './progress.ts'
import type { RunningCall } from './running-calls.ts'

export interface Suspect {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Index among the nodes of the subtopology that reads it. */
  readonly operator: number
  /** Its call was one of several that were running when a thread ended: it is made again while no other one runs. */
  readonly alone?: boolean
}

/** A record may have been there by chance once. */
const STRIKES = 2

function keyOf({ topic, partition, offset }: Pick<Suspect, 'topic' | 'partition' | 'offset'>): string {
  return `${topic}-${partition}@${offset}`
}

/** The supervisor's side: counts where threads ended. */
export class Deaths {
  readonly #strikes = new Map<string, number>()
  readonly #suspects: Suspect[] = []

  get suspects(): readonly Suspect[] {
    return this.#suspects
  }

  /** A thread ended here, or was evicted. Returns the record if it is a suspect from now on. */
  note({ record, operator }: Place): Suspect | undefined {
    if (record === undefined || operator < 0) {
      return undefined
    }
    const suspect: Suspect = { ...record, operator }
    const key = `${keyOf(suspect)} ${operator}`
    const strikes = (this.#strikes.get(key) ?? 0) + 1
    this.#strikes.set(key, strikes)
    if (strikes !== STRIKES) {
      return undefined
    }
    this.#suspects.push(suspect)
    return suspect
  }

  /**
   * A thread ended between its turns, while these calls were running: one of them did it. Of several nobody can tell which;
   * made again one at a time, the next death shows it. Returns what is new.
   */
  noteCalls(calls: readonly RunningCall[]): readonly Suspect[] {
    const told: Suspect[] = []
    for (const call of calls) {
      const key = `${keyOf(call)} ${call.operator}`
      const strikes = (this.#strikes.get(key) ?? 0) + 1
      this.#strikes.set(key, strikes)
      const known = this.#suspects.filter((suspect) => keyOf(suspect) === keyOf(call) && suspect.operator === call.operator)
      if (known.some(({ alone }) => alone !== true)) {
        continue
      }
      if (strikes >= STRIKES && calls.length === 1) {
        told.push(call)
      } else if (calls.length > 1 && known.length === 0) {
        told.push({ ...call, alone: true })
      }
    }
    this.#suspects.push(...told)
    return told
  }
}

/** A record, and whose call it is. */
interface CallOf extends Omit<Suspect, 'alone'> {
  /** Of the operator in its task: what ends with it ends for all its calls. */
  readonly owner: object
}

/** The tasks' side, one for all tasks of a thread. */
export class Suspects {
  readonly #operators = new Map<string, number>()
  /** Calls to be made while no other one runs. */
  readonly #alone = new Set<string>()
  readonly #running = new Map<object, number>()
  #runningAlone: { readonly key: string; readonly owner: object } | undefined
  /** The next of those: nobody begins before it. */
  #waiting: { readonly key: string; readonly owner: object } | undefined

  constructor(suspects: readonly Suspect[] = []) {
    for (const suspect of suspects) {
      this.add(suspect)
    }
  }

  add(suspect: Suspect): void {
    if (suspect.alone === true) {
      this.#alone.add(`${keyOf(suspect)} ${suspect.operator}`)
    } else {
      this.#operators.set(keyOf(suspect), suspect.operator)
    }
  }

  /** No call may begin before another one has ended. */
  get closed(): boolean {
    return this.#runningAlone !== undefined || (this.#waiting !== undefined && this.#running.size > 0)
  }

  /** Whether a call may begin now. If not it is asked for again when another one has ended. */
  mayBegin(call: CallOf): boolean {
    if (this.#alone.size === 0) {
      return true
    }
    const key = `${keyOf(call)} ${call.operator}`
    if (this.#runningAlone !== undefined || (this.#waiting !== undefined && this.#waiting.key !== key)) {
      return false
    }
    if (!this.#alone.has(key)) {
      return true
    }
    this.#waiting = { key, owner: call.owner }
    return this.#running.size === 0
  }

  begun(call: CallOf): void {
    const { owner } = call
    this.#running.set(owner, (this.#running.get(owner) ?? 0) + 1)
    if (this.#alone.size > 0) {
      const key = `${keyOf(call)} ${call.operator}`
      this.#runningAlone = this.#alone.has(key) ? { key, owner } : undefined
    }
  }

  /** A call that was allowed to begin has, or never will. */
  passed(owner: object): void {
    if (this.#waiting?.owner === owner) {
      this.#waiting = undefined
    }
  }

  /** A call has ended, in whatever way: what had to run alone did not end the thread. */
  ended(owner: object): void {
    const left = (this.#running.get(owner) ?? 0) - 1
    if (left > 0) {
      this.#running.set(owner, left)
    } else {
      this.#running.delete(owner)
    }
    if (this.#runningAlone !== undefined) {
      this.#alone.delete(this.#runningAlone.key)
      this.#runningAlone = undefined
    }
  }

  /** The operator's task is gone, or starts over: its calls are nobody's any more. */
  forget(owner: object): void {
    this.#running.delete(owner)
    this.passed(owner)
    if (this.#runningAlone?.owner === owner) {
      this.#runningAlone = undefined
    }
  }

  get none(): boolean {
    return this.#operators.size === 0
  }

  /** The operator that must not run this record, or -1. */
  operatorAt(topic: string, partition: number, offset: number): number {
    return this.#operators.get(keyOf({ topic, partition, offset })) ?? -1
  }
}

export function recordSuspected(operator: string, taskId: string): StreamsError {
  return new StreamsError('RECORD_ENDED_THREAD', `${operator} was not run in task ${taskId}: the record ended its thread, or held it until its member was evicted, ${STRIKES} times there.`)
}
