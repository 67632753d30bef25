/** What a member tells the group of the state it has beside its tasks: copies it feeds, and those that rest on the disk. */
import type { StateFolder } from 'millrace-state-stores'
import { asTold } from '../membership/protocol.ts'
import type { LocalCopy, SubtopologyDescription } from '../membership/types.ts'
import type { TaskEntry } from './task-entry.ts'
import type { TaskManager } from './task-manager.ts'

/** Copies that are fed, with their lags; remembers what was told. */
export function describeCopies(copies: readonly TaskEntry[]): LocalCopy[] {
  return copies.map((entry) => {
    const { subtopology, partition } = entry.version
    const size = entry.changelogSize
    entry.reportedLag = asTold(entry.changelogLag)
    return { subtopology, partition, lag: entry.reportedLag, open: true, ...(size === undefined ? {} : { size }) }
  })
}

/** So many are told at most: they are a hint, and the group's metadata is one record (rule C6). */
export const MAX_RESTING = 100

/**
 * Databases of tasks that this process had before. How far they are behind is not known (it would take to open each
 * one), so they count as not caught up; but of two members the one with such a copy has less to read.
 */
export class RestingCopies {
  readonly #folder: Pick<StateFolder, 'tasks'>
  #ids: ReadonlySet<string> = new Set()

  constructor(folder: Pick<StateFolder, 'tasks'>) {
    this.#folder = folder
  }

  /** Looks at the disk. Once, before the thread joins: what it has later it knows. */
  async load(): Promise<void> {
    this.#ids = new Set(await this.#folder.tasks())
  }

  describe(descriptions: readonly SubtopologyDescription[], tasks: Pick<TaskManager, 'all'>): LocalCopy[] {
    const here = new Set([...tasks.all].map((entry) => entry.id))
    const copies: LocalCopy[] = []
    for (const { name, changelogs, tasks: count } of descriptions) {
      for (let partition = 0; changelogs.length > 0 && partition < count; partition++) {
        const id = `${name}_${partition}`
        if (this.#ids.has(id) && !here.has(id)) {
          copies.push({ subtopology: name, partition, lag: Number.MAX_SAFE_INTEGER, open: false })
        }
      }
    }
    return copies.slice(0, MAX_RESTING)
  }
}
