/** What a running application may take of source topics that have grown, or come: what a start with them would accept, nothing else. */
import { StreamsError } from '../errors.ts'
import { resolvePartitions } from './partitions.ts'
import { matchTopics } from './topic-patterns.ts'
import type { Topology } from './topology.ts'

/** Partitions of a source topic that are not read. */
export interface RefusedPartitions {
  readonly topic: string
  /** It has so many. */
  readonly partitions: number
  /** Of which the first so many are read. */
  readonly taken: number
  /** Why: what a start would say. */
  readonly error: StreamsError
}

export interface Growth {
  /** Partition counts of the source topics, as they are to be read from now on. */
  readonly sources: ReadonlyMap<string, number>
  readonly refused: readonly RefusedPartitions[]
}

/**
 * Rule C15: new partitions of a source are taken, unless the count of a changelog, repartition or retry topic would have to
 * change with them, or a co-partitioned topic is left behind: then those who read it go on with the old ones.
 *
 * @param known counts of the source topics as they are read now
 * @param now what the cluster says; a topic that is missing or has shrunk is left as it was
 * @param internal counts of the application's own topics that exist
 */
export function acceptGrowth(topology: Topology, known: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>, internal: ReadonlyMap<string, number>): Growth {
  const sources = new Map(known)
  const refused: RefusedPartitions[] = []
  const grown = [...now].filter(([topic, partitions]) => partitions > (known.get(topic) ?? 0)).map(([topic]) => topic)
  for (const together of units(topology, now, grown)) {
    const wanted = new Map([...sources, ...together.map((topic) => [topic, now.get(topic)!] as const)])
    try {
      resolvePartitions(matchTopics(topology, wanted.keys()), new Map([...internal, ...wanted]))
      for (const topic of together) {
        sources.set(topic, now.get(topic)!)
      }
    } catch (error) {
      if (!(error instanceof StreamsError)) {
        throw error
      }
      refused.push(...together.map((topic) => ({ topic, partitions: now.get(topic)!, taken: sources.get(topic) ?? 0, error })))
    }
  }
  return { sources, refused }
}

/** Topics that must have the same partition count can only grow together. */
function units(topology: Topology, now: ReadonlyMap<string, number>, grown: readonly string[]): string[][] {
  const result: string[][] = []
  const placed = new Set<string>()
  for (const group of copartitionGroups(topology, now)) {
    const together = grown.filter((topic) => group.includes(topic) && !placed.has(topic))
    for (const topic of together) {
      placed.add(topic)
    }
    if (together.length > 0) {
      result.push(together)
    }
  }
  return [...result, ...grown.filter((topic) => !placed.has(topic)).map((topic) => [topic])]
}

function copartitionGroups(topology: Topology, now: ReadonlyMap<string, number>): readonly (readonly string[])[] {
  try {
    return matchTopics(topology, now.keys()).subtopologies.flatMap((subtopology) => subtopology.copartitionGroups)
  } catch {
    // Of a topic that two patterns match, which is refused by itself.
    return []
  }
}
