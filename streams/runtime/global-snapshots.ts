/**
 * Snapshots of the global tables. Every thread of every instance has the same rows, so that there is one line of them for the
 * whole application: any thread begins with its newest one, and the first thread of an instance takes the next one, unless
 * another instance has of late.
 */
import type { ChangelogPosition, SnapshotSource, StateFolder, TaskState, TaskStateOptions } from 'millrace-state-stores'
import type { RuntimeConfig } from './config.ts'
import type { HitFailpoint } from './failpoints.ts'
import { type SnapshotSubject, StateSnapshots } from './state-snapshots.ts'
import type { TaskStatus } from './task-entry.ts'

/** Looks in one interval at whether the next one is due: nothing tells of it, the tables may never change again. */
const LOOKS = 4

export interface GlobalSnapshotsOptions {
  readonly config: Pick<RuntimeConfig, 'applicationId' | 'snapshots'>
  readonly folder: StateFolder
  readonly thread: number
  readonly failpoint: HitFailpoint
  readonly source: SnapshotSource
  /** The partitions of the tables' topics, as `<topic>-<partition>`. */
  readonly keys: () => readonly { readonly key: string }[]
  /** Why a state at these positions cannot be gone on from; undefined: it can. */
  readonly judge: (positions: ReadonlyMap<string, ChangelogPosition>) => Promise<string | undefined>
  onWarning(message: string): void
}

export class GlobalSnapshots implements SnapshotSubject {
  /** No task's id: those end with a partition behind an underscore. */
  readonly id = 'global'
  readonly abort = new AbortController()
  status: TaskStatus = 'created'
  state: TaskState | undefined
  readonly #options: GlobalSnapshotsOptions
  readonly #snapshots: StateSnapshots<GlobalSnapshots>
  #timer: NodeJS.Timeout | undefined

  constructor(options: GlobalSnapshotsOptions) {
    const { config, folder, failpoint, source, judge, onWarning } = options
    this.#options = options
    this.#snapshots = new StateSnapshots<GlobalSnapshots>({
      applicationId: config.applicationId,
      config: config.snapshots,
      folder,
      failpoint,
      shared: true,
      sourceOf: () => source,
      judge: (_, positions) => judge(positions),
      unfit: (_, positions) => judge(positions),
      onWarning,
    })
  }

  get changelogs(): readonly { readonly key: string }[] {
    return this.#options.keys()
  }

  /** The state from the disk or, where there is nothing that is fit, from the newest snapshot that is. */
  async open(options: TaskStateOptions): Promise<TaskState> {
    this.state = await this.#snapshots.open(this, options)
    return this.state
  }

  /** The tables are loaded, and followed from now on. */
  loaded(): void {
    const { config, thread } = this.#options
    this.status = 'running'
    if (config.snapshots !== undefined && thread === 0) {
      this.#timer = setInterval(() => this.#snapshots.committed([this]), config.snapshots.intervalMs / LOOKS)
      this.#timer.unref()
    }
  }

  /** Resolves when nothing is on the way any more. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#snapshots.close()
  }
}
