/**
 * Snapshots of local state: whole copies of a task's database at a position of its changelogs, kept where the death of a
 * disk or a machine does not reach them. A task that finds nothing on its disk begins with the newest one that fits and
 * reads the rest of its changelogs, instead of all of them.
 */
import type { Bytes, ChangelogPosition, EngineName } from '../contract.ts'

/** Whose state it is. */
export interface SnapshotOwner {
  readonly application: string
  readonly task: string
}

export interface SnapshotFile {
  /** A plain name, no path. */
  readonly name: string
  readonly bytes: number
  /** Of its contents, in hexadecimal digits. */
  readonly sha256: string
  /** Its engine never changes it: it may stay shared (a hard link) with the database it was taken of. */
  readonly fixed: boolean
}

export interface SnapshotManifest extends SnapshotOwner {
  /** Version of the manifest. */
  readonly format: number
  /** Wall clock, ms. */
  readonly takenAt: number
  readonly engine: EngineName
  /** Of the stores and how their rows are laid out (`storesFingerprint`). */
  readonly stores: string
  /** By changelog topic-partition key; the database may be further, as its own book says. */
  readonly positions: { readonly [changelog: string]: ChangelogPosition }
  readonly files: readonly SnapshotFile[]
}

/**
 * Where snapshots are kept: a folder (`FolderSnapshotStore`), an object store. It moves bytes and judges nothing: what is
 * fetched is held against its manifest by who fetches it. Several instances may use one store at the same time. What is not
 * there rejects with the code `ENOENT`.
 */
export interface SnapshotStore {
  /** Ids of the published snapshots of the owner, newest first. */
  list(owner: SnapshotOwner): Promise<readonly string[]>
  manifest(owner: SnapshotOwner, id: string): Promise<Bytes>
  /**
   * Keeps the files, which lie in `folder`, and then the manifest: the snapshot is listed once all of it is there. What a
   * process left that died on the way is removed some time later. Rejects, with nothing listed, when `signal` aborts before.
   */
  publish(owner: SnapshotOwner, id: string, manifest: Bytes, files: readonly SnapshotFile[], folder: string, signal?: AbortSignal): Promise<void>
  /** Brings one file to `path`, where there is none; as a copy, because a database that writes is made of it. */
  fetch(owner: SnapshotOwner, id: string, file: SnapshotFile, path: string): Promise<void>
  remove(owner: SnapshotOwner, id: string): Promise<void>
}
