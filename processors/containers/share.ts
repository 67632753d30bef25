/** What a document that came out of another may still hold: carried by its record, so that no counter has to be kept for a whole tree. */
export interface Allowance {
  /** Containers it lies in. */
  readonly depth: number
  readonly parts: number
  readonly bytes: number
}

/** Containers in containers; the innermost must hold none. */
export const maxContainerDepth = 3

/** Documents that may come out of one, containers in containers included. */
const maxTreeParts = 10_000

/** A sender may claim less than everything, never more. */
export function allowanceOf(claimed: Partial<Allowance>, maxBytes: number): Allowance {
  const within = (value: number | undefined, most: number): number => Math.max(0, Math.min(value ?? most, most))
  return { depth: Math.max(0, claimed.depth ?? 0), parts: within(claimed.parts, maxTreeParts), bytes: within(claimed.bytes, maxBytes) }
}

export interface SharingPart {
  readonly size: number
  /** It may hold parts itself. */
  readonly container: boolean
}

/**
 * What of a container's allowance each of its parts gets: what is left, in equal shares of documents and by size for bytes, to those that are
 * containers. So a whole tree never holds more than its root may, whoever unfolds which part when.
 */
export function shares(whole: Allowance, parts: readonly SharingPart[]): Allowance[] {
  const containers = parts.filter(({ container }) => container)
  const packed = containers.reduce((sum, { size }) => sum + size, 0)
  const left = Math.max(0, whole.bytes - parts.reduce((sum, { size }) => sum + size, 0))
  return parts.map(({ size, container }) => ({
    depth: whole.depth + 1,
    parts: container ? Math.max(0, Math.floor((whole.parts - parts.length) / containers.length)) : 0,
    bytes: container && packed > 0 ? Math.floor((left / packed) * size) : 0,
  }))
}
