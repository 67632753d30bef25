import { createHash } from 'node:crypto'
import type { Bytes, StoreSpec } from '../contract.ts'
import { StateStoreError } from '../errors.ts'
import type { SnapshotFile, SnapshotManifest } from './contract.ts'

export const MANIFEST_FORMAT = 1

const SHA256 = /^[0-9a-f]{64}$/

/**
 * SHA-256 over what must be equal for a snapshot to be read: the stores with their kinds, layouts and changelogs, in no
 * order. What processors do is not part of it, so that a deploy that leaves the stores alone finds its snapshots.
 */
export function storesFingerprint(stores: readonly StoreSpec[]): string {
  const lines = stores.map(({ name, kind, logged, layout, changelog }) => JSON.stringify([name, kind, logged, layout ?? null, changelog ?? null])).sort()
  return createHash('sha256').update(lines.join('\n')).digest('hex')
}

/** The manifest with the hash of itself. */
export function encodeManifest(manifest: SnapshotManifest): Bytes {
  const text = JSON.stringify(manifest)
  return Buffer.from(`${JSON.stringify({ sha256: createHash('sha256').update(text).digest('hex'), manifest: text })}\n`)
}

/** Reads what `encodeManifest` wrote. `SNAPSHOT_INVALID` if it is damaged, of a later version, or names files outside its folder. */
export function decodeManifest(bytes: Bytes): SnapshotManifest {
  let text: string
  try {
    const outer = JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly sha256: string; readonly manifest: string }
    text = outer.manifest
    if (typeof text !== 'string' || createHash('sha256').update(text).digest('hex') !== outer.sha256) {
      throw new Error('its hash is another')
    }
  } catch (error) {
    throw new StateStoreError('SNAPSHOT_INVALID', `its manifest is damaged: ${(error as Error).message}`, { cause: error })
  }
  const manifest = JSON.parse(text) as SnapshotManifest
  if (manifest.format !== MANIFEST_FORMAT) {
    throw new StateStoreError('SNAPSHOT_INVALID', `its manifest has format ${manifest.format}; this version reads ${MANIFEST_FORMAT}`)
  }
  if (!manifest.files.every(isPlainFile)) {
    throw new StateStoreError('SNAPSHOT_INVALID', 'its manifest names a file with a path, or without a size or a hash')
  }
  return manifest
}

function isPlainFile({ name, bytes, sha256 }: SnapshotFile): boolean {
  return /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(name) && Number.isSafeInteger(bytes) && bytes >= 0 && SHA256.test(sha256)
}
