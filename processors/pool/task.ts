import type { RunOptions } from './options.ts'

/** How a task failed for a reason outside its handler's own answer. */
export type PoolFailure = 'TIMEOUT' | 'BUSY' | 'MEMORY' | 'CRASHED' | 'ABORTED' | 'CLOSED' | 'START_FAILED'

export class PoolError extends Error {
  readonly code: PoolFailure

  constructor(code: PoolFailure, message: string) {
    super(message)
    this.name = 'PoolError'
    this.code = code
  }
}

/** What a process is asked, and who waits for it. */
export interface Task {
  readonly id: number
  readonly input: unknown
  readonly options: RunOptions
  readonly resolve: (value: unknown) => void
  readonly reject: (error: PoolError) => void
  readonly onAbort: () => void
  /** Runs while the task waits. */
  waiting?: NodeJS.Timeout
}

/** Ends the wait with an error. */
export function settle(task: Task, error: PoolError): void {
  clearTimeout(task.waiting)
  task.options.signal?.removeEventListener('abort', task.onAbort)
  task.reject(error)
}
