import type { EngineName, StorageEngine } from './contract.ts'
import { leveldbEngine } from './engines/leveldb.ts'
import { memoryEngine } from './engines/memory.ts'
import { rocksdbEngine } from './engines/rocksdb.ts'
import { StateStoreError } from './errors.ts'

export type * from './contract.ts'
export { StateStoreError, type StateStoreErrorCode } from './errors.ts'
export { compareBytes, idOf, keyAfter, prefixEnd } from './bytes.ts'
export { BaseDatabase, type DriverCursor } from './engines/base.ts'
export { openMemoryTaskState, openTaskState } from './open-task-state.ts'
export { DatabaseTaskState } from './task-state.ts'
export {
  createKeyValueStore,
  createTimestampedKeyValueStore,
  type KeyValueFormat,
  type KeyValueStore,
  type ReadOnlyKeyValueStore,
} from './kinds/key-value.ts'
export {
  encodeTimestamped,
  plainValueOf,
  TIMESTAMP_LENGTH,
  timestampOf,
  type ValueAndTimestamp,
} from './kinds/timestamped.ts'
export { type ChangelogFormat, plainFormat, timestampedFormat } from './kinds/changelog-format.ts'
export { type Expiring, type ExpiringOptions, type StoreClock, storeClock } from './kinds/store-clock.ts'
export {
  type ClosingWindowStore,
  createTimestampedWindowStore,
  createWindowStore,
  type ReadOnlyWindowStore,
  windowFormat,
  windowLayout,
  type WindowStore,
  type WindowStoreOptions,
  type WindowStoreShape,
} from './kinds/window.ts'
export {
  createSessionStore,
  type ReadOnlySessionStore,
  sessionFormat,
  sessionLayout,
  type SessionStore,
  type SessionStoreShape,
} from './kinds/session.ts'
export {
  BUFFER_LAYOUT,
  type BufferedEntry,
  bufferFormat,
  createTimeOrderedBuffer,
  type TimeOrderedBuffer,
} from './kinds/time-ordered-buffer.ts'
export { TTL_LAYOUT, ttlFormat, TtlView } from './kinds/ttl.ts'
export {
  createVersionedKeyValueStore,
  type ReadOnlyVersionedKeyValueStore,
  type Version,
  VERSIONED_LAYOUT,
  versionedFormat,
  type VersionedKeyValueStore,
  type VersionedStoreShape,
} from './kinds/versioned.ts'
export {
  keyOfSession,
  keyOfWindow,
  sessionKey,
  sessionOf,
  type Window,
  type Windowed,
  windowStartOf,
  windowStoreKey,
} from './kinds/window-key.ts'
export { MemoryBudget, type MemoryShare, SMALLEST_SHARE } from './memory-budget.ts'
export { StateDirectory, type StateDirectoryOptions } from './directory.ts'
export { type Incarnation, StateFolder } from './folder.ts'
export type { SnapshotFile, SnapshotManifest, SnapshotOwner, SnapshotStore } from './snapshots/contract.ts'
export { FolderSnapshotStore } from './snapshots/folder-store.ts'
export { type SnapshotChoice, Snapshots, type SnapshotsOptions, type SnapshotSource, type SnapshotStep } from './snapshots/snapshots.ts'
export { leveldbEngine, memoryEngine, rocksdbEngine }

const engines: { readonly [name in EngineName]: StorageEngine } = {
  rocksdb: rocksdbEngine,
  leveldb: leveldbEngine,
  memory: memoryEngine,
}

/** The engine of that name; its native package is loaded when a database is opened. `ENGINE_UNAVAILABLE` if unknown. */
export function storageEngine(name: EngineName): StorageEngine {
  if (!Object.hasOwn(engines, name)) {
    throw new StateStoreError('ENGINE_UNAVAILABLE', `there is no state engine '${name}'; choose one of ${Object.keys(engines).join(', ')}`)
  }
  return engines[name]
}
