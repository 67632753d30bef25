import { cleanText } from '../clean-text.ts'
import type { Failure } from '../types.ts'

/** What a container may hold; a part that is a container again gets what is left (see `share.ts`). */
export interface ContainerBounds {
  /** Parts of one container. */
  readonly maxParts: number
  /** Bytes of all parts, unfolded. */
  readonly maxUnfoldedBytes: number
  /** Unfolded bytes over packed ones. */
  readonly maxExpansion: number
  /** Bytes of one part. */
  readonly maxPartBytes: number
}

export const defaultContainerBounds: ContainerBounds = {
  maxParts: 1000,
  maxUnfoldedBytes: 512 * 1024 * 1024,
  maxExpansion: 100,
  maxPartBytes: 50 * 1024 * 1024,
}

/** Where a part stands in its container: fixed by the container's bytes alone. */
export interface PartPlace {
  /** Unlike any other of the container: a MIME section (RFC 3501, 6.4.5: `2.1`), or a place in a ZIP's directory, from 1. */
  readonly section: string
  /** For people: the name inside of the container, with its folders; data, never a path. */
  readonly path: string
  /** The last segment of the name. */
  readonly fileName: string
  /** As the container declares it; a ZIP does not. */
  readonly contentType?: string
}

export interface Part extends PartPlace {
  readonly bytes: Uint8Array
}

/** A part that is there and cannot be taken out. */
export interface LostPart {
  readonly section: string
  readonly failure: Failure
}

const maxPath = 500
const maxFileName = 200

/** No control characters, nothing that turns the direction of writing, no folders in the name; whatever it was, it is a name and no path. */
export function placeOf(section: string, name: string, contentType?: string): PartPlace {
  const plain = cleanText(name).replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '').trim()
  const segments = plain.split(/[/\\]+/).filter((segment) => segment !== '' && segment !== '.' && segment !== '..')
  const last = segments.at(-1) ?? `part-${section}`
  const fileName = last.length <= maxFileName ? last : `${last.slice(0, maxFileName - 20)}…${last.slice(-19)}`
  const path = segments.join('/').slice(0, maxPath) || fileName
  const place = { section, path: path.toWellFormed(), fileName: fileName.toWellFormed() }
  return contentType === undefined ? place : { ...place, contentType }
}
