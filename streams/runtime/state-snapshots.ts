/**
 * Snapshots of the states of one thread's tasks: taken beside processing, one at a time, and opened instead of reading a
 * changelog from its beginning when a task comes to a disk that has nothing of it.
 */
import type { ChangelogPosition, StorageEngine, TaskState, TaskStateOptions } from 'millrace-state-stores'
import { FolderSnapshotStore, openTaskState, Snapshots, type StateFolder } from 'millrace-state-stores'
import type { HitFailpoint } from './failpoints.ts'
import type { SnapshotsConfig } from './snapshots-config.ts'
import { storeSpecs } from './stores.ts'
import type { TaskEntry } from './task-entry.ts'

export interface StateSnapshotsOptions {
  readonly applicationId: string
  /** Undefined: none are taken and none used. */
  readonly config: SnapshotsConfig | undefined
  readonly folder: StateFolder
  readonly failpoint: HitFailpoint
  readonly engineOf: (entry: TaskEntry) => StorageEngine
  /** Why a state at these positions cannot be gone on from; undefined: it can. */
  readonly judge: (entry: TaskEntry, positions: ReadonlyMap<string, ChangelogPosition>) => Promise<string | undefined>
  readonly now?: () => number
  onTaken?(entry: TaskEntry): void
  onWarning(message: string): void
}

/** What of one task was kept last, and when the next is due. */
interface Plan {
  due: number
  /** Of its changelogs, added up: nothing has been committed since when it is the same. */
  offsets: number
}

export class StateSnapshots {
  readonly #options: StateSnapshotsOptions
  readonly #snapshots: Snapshots | undefined
  readonly #plans = new WeakMap<TaskEntry, Plan>()
  readonly #closing = new AbortController()
  readonly #now: () => number
  #underWay: Promise<void> | undefined

  constructor(options: StateSnapshotsOptions) {
    const { config, folder, failpoint, now } = options
    this.#options = options
    this.#now = now ?? (() => performance.now())
    if (config !== undefined) {
      this.#snapshots = new Snapshots({
        store: new FolderSnapshotStore(config.folder),
        folder,
        keep: config.keep,
        onStep: (step) => failpoint(`snapshot.${step}`),
      })
    }
  }

  /** Opens the state of a task, from a snapshot if its disk has nothing and one fits. A store that cannot be reached is none. */
  async open(entry: TaskEntry, options: TaskStateOptions): Promise<TaskState> {
    if (this.#snapshots === undefined || entry.changelogs.length === 0) {
      return openTaskState(options)
    }
    const { applicationId, judge, onWarning } = this.#options
    return this.#snapshots.openState(options, { application: applicationId, task: entry.id }, {
      judge: (positions) => judge(entry, positions),
      onRefused: (id, why) =>
        onWarning(`${id === undefined ? 'The snapshots' : `Snapshot ${id}`} of task ${entry.id} cannot be used: ${why}. An older one or the changelog takes the place.`),
      signal: entry.abort.signal,
    })
  }

  /** Generations of these tasks have been committed and applied: takes a snapshot of one that is due, unless one is being taken. */
  committed(running: Iterable<TaskEntry>): void {
    const { config } = this.#options
    if (this.#snapshots === undefined || config === undefined || this.#closing.signal.aborted) {
      return
    }
    const now = this.#now()
    for (const entry of running) {
      if (entry.changelogs.length === 0 || entry.status !== 'running') {
        continue
      }
      const plan = this.#plans.get(entry)
      if (plan === undefined) {
        // The tasks of a process begin together; their snapshots should not.
        this.#plans.set(entry, { due: now + config.intervalMs * (0.5 + Math.random() / 2), offsets: -1 })
      } else if (now >= plan.due && this.#underWay === undefined) {
        plan.due = now + config.intervalMs
        const offsets = offsetsOf(entry)
        if (offsets !== plan.offsets) {
          plan.offsets = offsets
          this.#begin(this.#snapshots, entry)
        }
      }
    }
  }

  #begin(snapshots: Snapshots, entry: TaskEntry): void {
    const { applicationId, engineOf, onTaken, onWarning } = this.#options
    const signal = AbortSignal.any([this.#closing.signal, entry.abort.signal])
    this.#underWay = snapshots
      .take(entry.state!, { application: applicationId, task: entry.id }, { engine: engineOf(entry), stores: storeSpecs(entry.subtopology) }, signal)
      .then(
        () => onTaken?.(entry),
        (error: Error) => {
          if (!signal.aborted) {
            onWarning(`A snapshot of task ${entry.id} could not be taken and is tried again later: ${error.message}`)
          }
        },
      )
      .finally(() => {
        this.#underWay = undefined
      })
  }

  /** Gives up the one being taken; resolves when nothing of it is left on the way. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#underWay
  }
}

function offsetsOf(entry: TaskEntry): number {
  return entry.changelogs.reduce((sum, { key }) => sum + (entry.state?.position(key)?.offset ?? 0), 0)
}
