import zlib from 'node:zlib'
import { StreamsError } from './errors.ts'

/** Throws `CONFIG_INVALID` on a Node.js that lacks what the engine uses; npm only warns of it, and what fails then names no version. */
export function requireNode(version = process.versions.node, has: object = zlib): void {
  if (!('zstdCompressSync' in has)) {
    throw new StreamsError('CONFIG_INVALID', `Node.js ${version} is too old: 22.22 or a newer 22.x is needed, or 24.6 and newer.`)
  }
}
