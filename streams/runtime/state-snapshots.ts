/**
 * Snapshots of the states of one thread's tasks, or of its global tables: taken beside processing, one at a time, and opened
 * instead of reading a changelog from its beginning when one comes to a disk that has nothing of it, or nothing that is fit.
 */
import type { ChangelogPosition, SnapshotSource, TaskState, TaskStateOptions } from 'millrace-state-stores'
import { FolderSnapshotStore, openTaskState, Snapshots, type StateFolder } from 'millrace-state-stores'
import type { HitFailpoint } from './failpoints.ts'
import type { SnapshotsConfig } from './snapshots-config.ts'
import type { TaskStatus } from './task-entry.ts'

/** Whose state it is. */
export interface SnapshotSubject {
  readonly id: string
  readonly changelogs: readonly { readonly key: string }[]
  readonly status: TaskStatus
  readonly state: TaskState | undefined
  /** Ends what is under way. */
  readonly abort: AbortController
}

export interface StateSnapshotsOptions<S extends SnapshotSubject> {
  readonly applicationId: string
  /** Undefined: none are taken and none used. */
  readonly config: SnapshotsConfig | undefined
  readonly folder: StateFolder
  readonly failpoint: HitFailpoint
  /** Other instances keep snapshots of the very same state: none is taken while the newest is younger than the interval. */
  readonly shared?: boolean
  readonly sourceOf: (subject: S) => SnapshotSource
  /** Why a state at these positions cannot be gone on from; undefined: it can. */
  readonly judge: (subject: S, positions: ReadonlyMap<string, ChangelogPosition>) => Promise<string | undefined>
  /** Why the one on the disk, at these positions, had better give way to a snapshot that fits. */
  readonly unfit: (subject: S, positions: ReadonlyMap<string, ChangelogPosition>) => Promise<string | undefined>
  readonly now?: () => number
  onTaken?(subject: S): void
  onWarning(message: string): void
}

/** What of one subject was kept last, and when the next is due. */
interface Plan {
  due: number
  /** Of its changelogs, added up: nothing has been committed since when it is the same. */
  offsets: number
}

export class StateSnapshots<S extends SnapshotSubject> {
  readonly #options: StateSnapshotsOptions<S>
  readonly #snapshots: Snapshots | undefined
  readonly #plans = new WeakMap<S, Plan>()
  readonly #closing = new AbortController()
  readonly #now: () => number
  #underWay: Promise<void> | undefined

  constructor(options: StateSnapshotsOptions<S>) {
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

  /**
   * Opens the state, from a snapshot if its disk has nothing, or nothing that can be used, and one fits. A store that cannot be
   * reached is none.
   */
  async open(subject: S, options: TaskStateOptions): Promise<TaskState> {
    if (this.#snapshots === undefined || subject.changelogs.length === 0) {
      return openTaskState(options)
    }
    const { applicationId, judge, unfit, onWarning } = this.#options
    let why: string | undefined
    return this.#snapshots.openState(options, { application: applicationId, task: subject.id }, {
      unfit: async (positions) => {
        why = await unfit(subject, positions)
        return why
      },
      // In place of a copy only one that is better.
      judge: async (positions) => (await judge(subject, positions)) ?? (why === undefined ? undefined : unfit(subject, positions)),
      onRefused: (id, why) =>
        onWarning(`${id === undefined ? 'The snapshots' : `Snapshot ${id}`} of task ${subject.id} cannot be used: ${why}. An older one or the changelog takes the place.`),
      onUsed: (id, _manifest, instead) => {
        if (instead !== undefined) {
          onWarning(`The local state of task ${subject.id} could not be gone on with: ${instead}. Snapshot ${id} has taken its place.`)
        }
      },
      signal: subject.abort.signal,
    })
  }

  /** Something may have been committed and applied: takes a snapshot of one that is due, unless one is being taken. */
  committed(running: Iterable<S>): void {
    const { config } = this.#options
    if (this.#snapshots === undefined || config === undefined || this.#closing.signal.aborted) {
      return
    }
    const now = this.#now()
    for (const subject of running) {
      if (subject.changelogs.length === 0 || subject.status !== 'running') {
        continue
      }
      const plan = this.#plans.get(subject)
      if (plan === undefined) {
        // The tasks of a process begin together; their snapshots should not.
        this.#plans.set(subject, { due: now + config.intervalMs * (0.5 + Math.random() / 2), offsets: -1 })
      } else if (now >= plan.due && this.#underWay === undefined) {
        plan.due = now + config.intervalMs
        const offsets = offsetsOf(subject)
        if (offsets !== plan.offsets) {
          plan.offsets = offsets
          this.#begin(this.#snapshots, subject, config.intervalMs)
        }
      }
    }
  }

  #begin(snapshots: Snapshots, subject: S, intervalMs: number): void {
    const { onTaken, onWarning } = this.#options
    const signal = AbortSignal.any([this.#closing.signal, subject.abort.signal])
    this.#underWay = this.#take(snapshots, subject, intervalMs, signal)
      .then(
        () => onTaken?.(subject),
        (error: Error) => {
          if (!signal.aborted) {
            onWarning(`A snapshot of task ${subject.id} could not be taken and is tried again later: ${error.message}`)
          }
        },
      )
      .finally(() => {
        this.#underWay = undefined
      })
  }

  async #take(snapshots: Snapshots, subject: S, intervalMs: number, signal: AbortSignal): Promise<void> {
    const { applicationId, shared, sourceOf } = this.#options
    const owner = { application: applicationId, task: subject.id }
    if (shared !== true || Date.now() - (await snapshots.newest(owner)) >= intervalMs) {
      await snapshots.take(subject.state!, owner, sourceOf(subject), signal)
    }
  }

  /** Gives up the one being taken; resolves when nothing of it is left on the way. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#underWay
  }
}

function offsetsOf({ changelogs, state }: SnapshotSubject): number {
  return changelogs.reduce((sum, { key }) => sum + (state?.position(key)?.offset ?? 0), 0)
}
