import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChangelogPosition, StorageEngine, StoreSpec, TaskStateOptions } from '../contract.ts'
import { engineCapabilities } from '../engines/capabilities.ts'
import { StateStoreError } from '../errors.ts'
import { isThere, type StateFolder } from '../folder.ts'
import type { MemoryShare } from '../memory-budget.ts'
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
  /** A state was opened from this one. `instead`: why what was on the disk had to give way to it. */
  onUsed?(id: string, manifest: SnapshotManifest, instead: string | undefined): void
  /**
   * Why what is on the disk, at these positions, had better give way to a snapshot; undefined, or no snapshot fits: it is gone on
   * with. Absent: it always is, unless it is damaged.
   */
  unfit?(positions: ReadonlyMap<string, ChangelogPosition>): Promise<string | undefined>
  readonly signal?: AbortSignal
}

/** Ids begin with the time they were taken, so that they sort. */
const TIME_DIGITS = 15

/** What is on the disk, and should give way to a snapshot. */
interface UnfitLocal {
  readonly why: string
  close(): Promise<void> | undefined
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
      const id = `${String(takenAt).padStart(TIME_DIGITS, '0')}-${randomBytes(4).toString('hex')}`
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

  /** When the owner's newest snapshot was taken, wall clock in ms; 0: there is none. */
  async newest(owner: SnapshotOwner): Promise<number> {
    const [id] = await this.#options.store.list(owner)
    return Number(id?.slice(0, TIME_DIGITS) ?? 0)
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
   * `openTaskState`; if there is no state in `location` yet, or what there is is damaged (`STATE_CORRUPTED`) or unfit, from the
   * newest snapshot that is whole, of the same stores and engine, and that `judge` finds fit. When there is none, the state
   * begins empty, or what is on the disk is gone on with; a damaged one rejects as `openTaskState` does.
   */
  async openState(options: TaskStateOptions, owner: SnapshotOwner, choice: SnapshotChoice): Promise<DatabaseTaskState> {
    const { memory } = options
    const tried = memory === undefined ? undefined : new TriedShare(memory)
    try {
      const state = await this.#open(tried === undefined ? options : { ...options, memory: tried }, owner, choice)
      tried?.taken()
      return state
    } catch (error) {
      memory?.release()
      throw error
    }
  }

  async #open(options: TaskStateOptions, owner: SnapshotOwner, choice: SnapshotChoice): Promise<DatabaseTaskState> {
    if (!engineCapabilities[options.engine.name].persistent || !(await isThere(options.location)) || (await readdir(options.location)).length === 0) {
      return (await this.#fromSnapshots(options, owner, choice, undefined)) ?? openTaskState(options)
    }
    const local = await openLocal(options)
    let why: string | undefined
    try {
      why = 'damage' in local ? messageOf(local.damage) : await choice.unfit?.(local.state.positions)
    } catch (error) {
      await local.state?.close()
      throw error
    }
    const state = why === undefined ? undefined : await this.#fromSnapshots(options, owner, choice, { why, close: () => local.state?.close() })
    if (state !== undefined) {
      return state
    }
    if ('damage' in local) {
      throw local.damage
    }
    return local.state.closed ? openTaskState(options) : local.state
  }

  async #fromSnapshots(options: TaskStateOptions, owner: SnapshotOwner, choice: SnapshotChoice, local: UnfitLocal | undefined): Promise<DatabaseTaskState | undefined> {
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
      const state = await this.#openFrom(id, manifest, options, choice, local)
      if (state !== undefined) {
        onStep?.('opened')
        choice.onUsed?.(id, manifest, local?.why)
        return state
      }
    }
    return undefined
  }

  async #openFrom(id: string, manifest: SnapshotManifest, options: TaskStateOptions, { onRefused, signal }: SnapshotChoice, local: UnfitLocal | undefined): Promise<DatabaseTaskState | undefined> {
    const { folder, onStep } = this.#options
    const { location } = options
    const draft = folder.draft()
    const grave = folder.draft()
    let whole = false
    try {
      await this.#fetch(id, manifest, draft, signal)
      whole = true
      onStep?.('fetched')
      if (local !== undefined) {
        await local.close()
        await rename(location, grave)
        await mkdir(location)
      }
      return await openTaskState({ ...options, checkpoint: draft })
    } catch (error) {
      if (await isThere(grave)) {
        await rm(location, { recursive: true, force: true })
        await rename(grave, location)
      } else if (whole && !(await isThere(draft))) {
        // It has become the database, which nobody but this call has ever had.
        await rm(location, { recursive: true, force: true })
        await mkdir(location)
      }
      signal?.throwIfAborted()
      if (whole && !UNFIT.has((error as { readonly code?: unknown }).code)) {
        throw error
      }
      onRefused(id, messageOf(error))
      return undefined
    } finally {
      await rm(draft, { recursive: true, force: true })
      await rm(grave, { recursive: true, force: true })
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

/** Memory that tries to open a state do not give back, but whoever opens it in the end, or nobody does. */
class TriedShare implements MemoryShare {
  readonly bytes: number
  readonly overdrawn: boolean
  readonly #share: MemoryShare
  #taken = false

  constructor(share: MemoryShare) {
    this.bytes = share.bytes
    this.overdrawn = share.overdrawn
    this.#share = share
  }

  taken(): void {
    this.#taken = true
  }

  release(): void {
    if (this.#taken) {
      this.#share.release()
    }
  }
}

type Local = { readonly state: DatabaseTaskState } | { readonly state?: undefined; readonly damage: unknown }

async function openLocal(options: TaskStateOptions): Promise<Local> {
  try {
    return { state: await openTaskState(options) }
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'STATE_CORRUPTED') {
      throw error
    }
    return { damage: error }
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
