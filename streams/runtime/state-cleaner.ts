/**
 * Deletes the state of tasks that have gone elsewhere and stayed there. Their copies are worth something when they come
 * back, so nothing is deleted at once; after a week a changelog has forgotten what was deleted since (rule A3), and a copy
 * can seldom be used.
 */
import type { StateFolder } from 'millrace-state-stores'
import { isGlobalFolder } from './global-tables.ts'

/** How often it is looked, unless less is enough. */
const LOOK_MS = 3_600_000

export interface StateCleanerOptions {
  readonly folder: Pick<StateFolder, 'tasks' | 'lastUsed' | 'deleteTask'>
  /** Folders in which nothing was written for so long are deleted, ms. */
  readonly delayMs: number
  /** Ids of all tasks and copies that threads of this process have; undefined when one of them has not said. */
  inUse(): Promise<ReadonlySet<string> | undefined>
  onWarning(message: string): void
}

export class StateCleaner {
  readonly #options: StateCleanerOptions
  #timer: NodeJS.Timeout | undefined
  #cleaning: Promise<void> = Promise.resolve()

  constructor(options: StateCleanerOptions) {
    this.#options = options
  }

  start(): void {
    const { delayMs, onWarning } = this.#options
    this.#timer = setInterval(
      () => {
        this.#cleaning = this.clean(Date.now()).then(
          () => undefined,
          (error: Error) => onWarning(`State that is no longer used could not be deleted: ${error.message}`),
        )
      },
      Math.min(delayMs, LOOK_MS),
    )
    this.#timer.unref()
  }

  /** Resolves when nothing is being deleted any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#cleaning
  }

  /** Deletes what is due now, wall clock in ms. Resolves with the ids. */
  async clean(now: number): Promise<readonly string[]> {
    const { folder, delayMs, inUse } = this.#options
    const due: string[] = []
    for (const id of await folder.tasks()) {
      if (!isGlobalFolder(id) && now - (await folder.lastUsed(id)) > delayMs) {
        due.push(id)
      }
    }
    const used = due.length === 0 ? undefined : await inUse()
    const deleted: string[] = []
    for (const id of used === undefined ? [] : due) {
      // Looked at again: who opens it writes.
      if (!used!.has(id) && now - (await folder.lastUsed(id)) > delayMs) {
        await folder.deleteTask(id)
        deleted.push(id)
      }
    }
    return deleted
  }
}
