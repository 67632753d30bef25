/** Which topics must have equal partition counts: those whose records meet by key. */
import type { SourceNode } from './topology.ts'

/** Groups of source nodes, overlapping ones made one. */
export function mergedGroups(groups: readonly ReadonlySet<string>[]): ReadonlySet<string>[] {
  const result: Set<string>[] = []
  for (const group of groups) {
    const overlapping = result.filter((other) => [...group].some((name) => other.has(name)))
    const union = new Set([...group, ...overlapping.flatMap((other) => [...other])])
    result.splice(0, result.length, ...result.filter((other) => !overlapping.includes(other)), union)
  }
  return result
}

/** The topics of each group of sources. */
export function copartitionedTopics(groups: readonly (readonly string[])[], sources: readonly SourceNode[]): readonly (readonly string[])[] {
  return groups.map((group) => sources.filter((source) => group.includes(source.name)).flatMap((source) => source.topics)).filter((topics) => topics.length > 1)
}
