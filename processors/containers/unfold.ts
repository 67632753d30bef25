import { fail, succeed } from '../failure.ts'
import type { Outcome } from '../types.ts'
import { decodeLeaf, readMail } from './mail.ts'
import type { ContainerBounds, LostPart, Part, PartPlace } from './part.ts'
import { placeOf } from './part.ts'
import { readZipDirectory, unzipEntry } from './zip.ts'

export type ContainerKind = 'mail' | 'zip'

/** Some parts of a container; `next` is there when there are more: ask again from there. */
export interface Unfolded {
  readonly parts: readonly Part[]
  /** Parts that are there and cannot be had. */
  readonly lost: readonly LostPart[]
  readonly next?: number
}

/** Bytes of parts in one answer: what goes from process to process at once. */
const maxBatchBytes = 16 * 1024 * 1024

/** How many documents would come out? Everything that refuses a container does so here, before anything is unfolded. */
export function countParts(kind: ContainerKind, bytes: Uint8Array, bounds: ContainerBounds): Outcome<number> {
  const takers = open(kind, bytes, bounds)
  return takers.ok ? succeed(takers.value.length) : takers
}

/** @param from where to go on: 0, or `next` of the answer before */
export function unfold(kind: ContainerKind, bytes: Uint8Array, from: number, bounds: ContainerBounds): Outcome<Unfolded> {
  const takers = open(kind, bytes, bounds)
  if (!takers.ok) {
    return takers
  }
  const parts: Part[] = []
  const lost: LostPart[] = []
  let size = 0
  for (const [n, { place, take }] of takers.value.entries()) {
    if (n < from) {
      continue
    }
    if (size >= maxBatchBytes) {
      return succeed({ parts, lost, next: n })
    }
    const taken = take()
    if (taken.ok) {
      size += taken.value.byteLength
      parts.push({ ...place, bytes: taken.value })
    } else {
      lost.push({ section: place.section, failure: taken.failure })
    }
  }
  return succeed({ parts, lost })
}

interface Taker {
  readonly place: PartPlace
  take(): Outcome<Uint8Array>
}

function open(kind: ContainerKind, bytes: Uint8Array, bounds: ContainerBounds): Outcome<Taker[]> {
  return kind === 'mail' ? openMail(bytes, bounds) : openZip(bytes, bounds)
}

function openMail(bytes: Uint8Array, bounds: ContainerBounds): Outcome<Taker[]> {
  const mail = readMail(bytes, bounds)
  return mail.ok ? succeed(mail.value.parts.map(({ leaf, ...place }) => ({ place, take: () => succeed(decodeLeaf(bytes, leaf)) }))) : mail
}

/** What systems add to archives without being asked. */
const noise = /(?:^|\/)(?:__MACOSX\/|\.DS_Store$|Thumbs\.db$|desktop\.ini$)/i

function openZip(bytes: Uint8Array, bounds: ContainerBounds): Outcome<Taker[]> {
  const entries = readZipDirectory(bytes, bounds)
  if (!entries.ok) {
    return entries
  }
  const files = entries.value.filter(({ directory, name }) => !directory && !noise.test(name))
  return succeed(files.map((entry) => ({
    place: placeOf(`${entry.index}`, entry.name),
    take: () => (entry.size > bounds.maxPartBytes ? fail('TOO_LARGE', 'content', `an entry of ${entry.size} bytes`, bounds.maxPartBytes) : unzipEntry(bytes, entry)),
  })))
}
