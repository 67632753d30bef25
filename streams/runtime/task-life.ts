import { StreamsError } from '../errors.ts'

/**
 * Where a task is in its life:
 *
 *   created → running ⇄ dropped        from any of them → closed
 *      └──────────────────↑
 */
export type TaskLife = 'created' | 'running' | 'dropped' | 'closed'

const NEXT: { readonly [S in TaskLife]: readonly TaskLife[] } = {
  created: ['running', 'dropped', 'closed'],
  running: ['dropped', 'closed'],
  dropped: ['running', 'dropped', 'closed'],
  closed: [],
}

/** The one transition function; `NOT_RUNNING` for anything else. */
export function lifeTransition(from: TaskLife, to: TaskLife, taskId: string): TaskLife {
  if (!NEXT[from].includes(to)) {
    throw new StreamsError('NOT_RUNNING', `Task ${taskId} can't go from ${from} to ${to}.`)
  }
  return to
}
