/**
 * Records that ended their thread twice in the same operator, or held it until its member was evicted (rule C10). They go
 * to that operator's error policy before they are run again. Known to the process that saw it: another process finds out
 * by itself.
 */
import { StreamsError } from '../errors.ts'
import type { Place } from './progress.ts'

export interface Suspect {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Index among the nodes of the subtopology that reads it. */
  readonly operator: number
}

/** A record may have been there by chance once. */
const STRIKES = 2

function keyOf({ topic, partition, offset }: Omit<Suspect, 'operator'>): string {
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
}

/** The tasks' side, one for all tasks of a thread. */
export class Suspects {
  readonly #operators = new Map<string, number>()

  constructor(suspects: readonly Suspect[] = []) {
    for (const suspect of suspects) {
      this.add(suspect)
    }
  }

  add(suspect: Suspect): void {
    this.#operators.set(keyOf(suspect), suspect.operator)
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
