import type { RememberedVendor, VendorMemory } from './memory.ts'

/** All that one tenant remembers of one vendor, under whichever keys. */
export interface VendorGroup extends Pick<VendorMemory, 'places' | 'constants'>, Partial<Omit<RememberedVendor, 'keys'>> {
  /** Digests, sorted: the same group has the same first one. */
  readonly keys: readonly string[]
}

/**
 * Puts together what belongs to one vendor: a lesson is kept under each of its keys, and memories that name a common key are the same
 * vendor's. Memories from before keys were kept stand alone.
 * @param memories by digest, of one tenant
 */
export function groupVendors(memories: ReadonlyMap<string, VendorMemory>): VendorGroup[] {
  const groupOf = new Map<string, Set<string>>()
  for (const [digest, { vendor }] of memories) {
    const keys = [digest, ...(vendor?.keys ?? [])]
    const known = new Set(keys.flatMap((key) => groupOf.get(key) ?? []))
    // the smaller go into the largest: however many a number ties together, each key moves a few times only
    const group = [...known].reduce((most, one) => (one.size > most.size ? one : most), new Set<string>())
    for (const key of [...[...known].filter((other) => other !== group).flatMap((other) => [...other]), ...keys]) {
      group.add(key)
      groupOf.set(key, group)
    }
  }
  return [...new Set(groupOf.values())].map((keys) => groupFrom([...keys].filter((key) => memories.has(key)).sort(), memories))
}

function groupFrom(keys: readonly string[], memories: ReadonlyMap<string, VendorMemory>): VendorGroup {
  const all = keys.map((key) => memories.get(key)!)
  const { keys: _keys, ...newest } = Object.assign({}, ...all.flatMap(({ vendor }) => vendor ?? []).sort((a, b) => a.at - b.at)) as Partial<RememberedVendor>
  return {
    ...newest,
    keys,
    places: distinct(all.flatMap(({ places }) => places), ({ field, label, where, shape }) => [field, label, where, shape]),
    constants: distinct(all.flatMap(({ constants }) => constants), ({ field, value }) => [field, value]),
  }
}

function distinct<T>(all: readonly T[], identity: (one: T) => readonly string[]): T[] {
  const first = new Map<string, T>()
  for (const one of all) {
    const id = JSON.stringify(identity(one))
    if (!first.has(id)) {
      first.set(id, one)
    }
  }
  return [...first.values()]
}
