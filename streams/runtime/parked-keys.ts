/** Parked keys (rule C7) as an operator's tools see them: listed, released, dropped, through the thread that has their task. */
import type { ParkedKey } from '../async/parked.ts'
import type { StreamTask, TaskId } from './contract.ts'

/** A key that waits for a person, and the task it waits in. */
export interface ParkedEntry extends ParkedKey {
  readonly taskId: TaskId
}

/** What names a parked key: ids of records without a key are unique within their task only. */
export type ParkedId = Pick<ParkedEntry, 'taskId' | 'operator' | 'id'>

export type ParkedQuestion =
  | { readonly kind: 'list' }
  | { readonly kind: 'release'; readonly key: ParkedId }
  | { readonly kind: 'drop'; readonly key: ParkedId; readonly what: 'head' | 'key' }

export interface ParkedAnswer {
  readonly keys: readonly ParkedEntry[]
  /** Keys released, or records dropped. */
  readonly count: number
}

/** `tasks`: those that process now. Between two turns of the thread only. */
export function answerParked(tasks: Iterable<readonly [TaskId, StreamTask]>, question: ParkedQuestion): ParkedAnswer {
  const keys: ParkedEntry[] = []
  let count = 0
  for (const [taskId, task] of tasks) {
    const parked = task.parkedKeys()
    if (question.kind === 'list') {
      keys.push(...parked.map((key) => ({ ...key, taskId })))
      continue
    }
    const { key } = question
    if (taskId !== key.taskId || !parked.some(({ operator, id }) => operator === key.operator && id === key.id)) {
      continue
    }
    if (question.kind === 'release') {
      count += task.releaseParked(key.operator, key.id) ? 1 : 0
    } else {
      count += task.dropParked(key.operator, key.id, question.what)
    }
  }
  return { keys, count }
}
