import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChangelogPosition, StorageEngine, StoreSpec, TaskStateOptions } from '../contract.ts'
import { engineCapabilities } from '../engines/capabilities.ts'
import { StateStoreError } from '../errors.ts'
import { isThere, type StateFolder } from '../folder.ts'
import { openTaskState } from '../open-task-state.ts'
import type { DatabaseTaskState } from '../task-state.ts'
import type { SnapshotFile, SnapshotManifest, SnapshotOwner, SnapshotStore } from './contract.ts'
import { decodeManifest, encodeManifest, MANIFEST_FORMAT, storesFingerprint } from './manifest.ts'

/** Where a test lets the process die. */
export type SnapshotStep = 'copied' | 'described' | 'published' | 'pruned' | 'fetching' | 'fetched' | 'opened'

export interface SnapshotsOptions {
  readonly store: SnapshotStore
  /** For what is on its way: on the file system of the databases. */
  readonly folder: Pick<StateFolder, 'draft'>
  /** Snapshots of each task that are kept; at least 1. */
  readonly keep: number
  onStep?(step: SnapshotStep): void
}

export interface SnapshotSource {
  readonly engine: StorageEngine
  readonly stores: readonly StoreSpec[]
}

export interface SnapshotChoice {
  /** Why a state at these positions cannot be gone on from; undefined: it can. */
  judge(positions: ReadonlyMap<string, ChangelogPosition>): Promise<string | undefined>
  /** A snapshot is not used; the next older one is looked at. Undefined: what there is could not be found out. */
  onRefused(id: string | undefined, why: string): void
  /** A state was opened from this one. */
  onUsed?(id: string, manifest: SnapshotManifest): void
  readonly signal?: AbortSignal
}

/** Errors of an open that say that the files are not what they should be. */
const UNFIT: ReadonlySet<unknown> = new Set(['STATE_CORRUPTED', 'STATE_OPEN_FAILED'])

/** Takes snapshots of the states of tasks, and opens states from them. */
export class Snapshots {
  readonly #options: SnapshotsOptions
  /** Hashes of the files of each owner's last snapshot that never change, by what tells one such file from another. */
  readonly #hashes = new Map<string, ReadonlyMap<string, string>>()

  constructor(options: SnapshotsOptions) {
    this.#options = options
  }

  /**
   * Copies the state beside its users, publishes the copy and removes the snapshots that are too many. What it holds is
   * committed: nothing else is ever in the database. `SNAPSHOT_FAILED`, or what the snapshot store throws; then nothing was
   * published.
   */
  async take(state: Pick<DatabaseTaskState, 'checkpoint'>, owner: SnapshotOwner, { engine, stores }: SnapshotSource, signal?: AbortSignal): Promise<SnapshotManifest> {
    const { store, folder, keep, onStep } = this.#options
    const draft = folder.draft()
    try {
      const positions = await state.checkpoint(draft)
      onStep?.('copied')
      const { application, task } = owner
      const takenAt = Date.now()
      const manifest: SnapshotManifest = {
        format: MANIFEST_FORMAT,
        application,
        task,
        takenAt,
        engine: engine.name,
        stores: storesFingerprint(stores),
        positions: Object.fromEntries(positions),
        files: await this.#describe(draft, owner, signal),
      }
      onStep?.('described')
      const id = `${String(takenAt).padStart(15, '0')}-${randomBytes(4).toString('hex')}`
      await store.publish(owner, id, encodeManifest(manifest), manifest.files, draft, signal)
      onStep?.('published')
      for (const old of (await store.list(owner)).slice(keep)) {
        await store.remove(owner, old)
      }
      onStep?.('pruned')
      return manifest
    } finally {
      await rm(draft, { recursive: true, force: true })
    }
  }

  async #describe(folder: string, { application, task }: SnapshotOwner, signal: AbortSignal | undefined): Promise<SnapshotFile[]> {
    const owner = JSON.stringify([application, task])
    const known = this.#hashes.get(owner)
    const hashes = new Map<string, string>()
    const files: SnapshotFile[] = []
    for (const name of (await readdir(folder)).sort()) {
      signal?.throwIfAborted()
      const path = join(folder, name)
      const { size, nlink, ino, mtimeMs } = await stat(path)
      // A link to a table of the database, which never changes: what differs between two of one name is here.
      const fixed = nlink > 1
      const identity = `${name} ${ino} ${size} ${mtimeMs}`
      const sha256 = (fixed ? known?.get(identity) : undefined) ?? (await hashOf(path))
      if (fixed) {
        hashes.set(identity, sha256)
      }
      files.push({ name, bytes: size, sha256, fixed })
    }
    this.#hashes.set(owner, hashes)
    return files
  }

  /**
   * `openTaskState`; if there is no state in `location` yet, from the newest snapshot that is whole, of the same stores and
   * engine, and that `judge` finds fit. When there is none, the state begins empty.
   */
  async openState(options: TaskStateOptions, owner: SnapshotOwner, choice: SnapshotChoice): Promise<DatabaseTaskState> {
    if (engineCapabilities[options.engine.name].persistent && (await isThere(options.location)) && (await readdir(options.location)).length > 0) {
      return openTaskState(options)
    }
    const { store, onStep } = this.#options
    const ids = await store.list(owner).catch((error: unknown) => {
      choice.onRefused(undefined, messageOf(error))
      return []
    })
    for (const id of ids) {
      let manifest: SnapshotManifest
      try {
        manifest = decodeManifest(await store.manifest(owner, id))
        refuseForeign(manifest, owner, options)
      } catch (error) {
        choice.onRefused(id, messageOf(error))
        continue
      }
      const unfit = await choice.judge(new Map(Object.entries(manifest.positions)))
      choice.signal?.throwIfAborted()
      if (unfit !== undefined) {
        choice.onRefused(id, unfit)
        continue
      }
      const state = await this.#openFrom(id, manifest, options, choice)
      if (state !== undefined) {
        onStep?.('opened')
        choice.onUsed?.(id, manifest)
        return state
      }
    }
    return openTaskState(options)
  }

  async #openFrom(id: string, manifest: SnapshotManifest, options: TaskStateOptions, { onRefused, signal }: SnapshotChoice): Promise<DatabaseTaskState | undefined> {
    const draft = this.#options.folder.draft()
    let whole = false
    try {
      await this.#fetch(id, manifest, draft, signal)
      whole = true
      this.#options.onStep?.('fetched')
      return await openTaskState({ ...options, checkpoint: draft })
    } catch (error) {
      signal?.throwIfAborted()
      if (whole) {
        if (!UNFIT.has((error as { readonly code?: unknown }).code)) {
          throw error
        }
        if (!(await isThere(draft))) {
          // It has become the database, which nobody but this call has ever had.
          await rm(options.location, { recursive: true, force: true })
          await mkdir(options.location)
        }
      }
      onRefused(id, messageOf(error))
      return undefined
    } finally {
      await rm(draft, { recursive: true, force: true })
    }
  }

  /** Brings the files into the new folder `draft`, and holds each against the manifest. */
  async #fetch(id: string, manifest: SnapshotManifest, draft: string, signal: AbortSignal | undefined): Promise<void> {
    const { store, onStep } = this.#options
    await mkdir(draft)
    for (const file of manifest.files) {
      signal?.throwIfAborted()
      onStep?.('fetching')
      const path = join(draft, file.name)
      await store.fetch(manifest, id, file, path)
      const { size } = await stat(path)
      if (size !== file.bytes || (await hashOf(path)) !== file.sha256) {
        throw new StateStoreError('SNAPSHOT_INVALID', `its file ${file.name} is damaged: ${size} bytes of ${file.bytes}, or another hash`)
      }
    }
  }
}

function refuseForeign({ application, task, engine, stores }: SnapshotManifest, owner: SnapshotOwner, options: TaskStateOptions): void {
  if (application !== owner.application || task !== owner.task) {
    throw new StateStoreError('SNAPSHOT_INVALID', `it is one of task ${task} of application ${application}`)
  }
  if (engine !== options.engine.name) {
    throw new StateStoreError('SNAPSHOT_INVALID', `it was taken of a ${engine} database, and the state is kept in ${options.engine.name}`)
  }
  if (stores !== storesFingerprint(options.stores)) {
    throw new StateStoreError('SNAPSHOT_INVALID', 'it was taken of another topology: its stores, their layouts or their changelogs are others')
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer)
  }
  return hash.digest('hex')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
