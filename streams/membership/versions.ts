/**
 * Which version of a subtopology runs which partition. Versions that share a source topic or a changelog form a
 * component; per partition of a component one member's set of versions runs, whole, because the versions of one
 * topology never share a resource among themselves.
 */
import type { Claims } from './assignor.ts'
import type { Member, SubtopologyDescription, TaskVersion } from './types.ts'
import { taskVersionKey } from './types.ts'

export function versionKey(s: { readonly name: string; readonly fingerprint: string }): string {
  return `${s.name}@${s.fingerprint}`
}

/** All versions somebody has. Partition counts grow, and members notice at different times: the highest counts. */
export function mergeDescriptions(members: readonly Member[]): ReadonlyMap<string, SubtopologyDescription> {
  const merged = new Map<string, SubtopologyDescription>()
  for (const member of members) {
    for (const description of member.subtopologies) {
      const known = merged.get(versionKey(description))
      merged.set(versionKey(description), known === undefined ? description : mergeCounts(known, description))
    }
  }
  return merged
}

function mergeCounts(a: SubtopologyDescription, b: SubtopologyDescription): SubtopologyDescription {
  const counts = new Map(a.inputs.map((i) => [i.topic, i.partitions]))
  for (const { topic, partitions } of b.inputs) {
    // A topic that only one of them reads matches a pattern, and has just come.
    counts.set(topic, Math.max(partitions, counts.get(topic) ?? 0))
  }
  return { ...a, tasks: Math.max(a.tasks, b.tasks), inputs: [...counts].map(([topic, partitions]) => ({ topic, partitions })) }
}

/** Names of what a task has to itself: its source partitions and its changelog partitions. */
export function resourcesOf(task: TaskVersion, descriptions: ReadonlyMap<string, SubtopologyDescription>): string[] {
  const description = descriptions.get(`${task.subtopology}@${task.fingerprint}`)
  if (description === undefined) {
    // Held by a member that no longer describes it: what it uses is unknown, its name is all there is.
    return [`subtopology ${task.subtopology}/${task.partition}`]
  }
  const resources = [`subtopology ${task.subtopology}/${task.partition}`]
  for (const input of description.inputs) {
    if (task.partition < input.partitions) {
      resources.push(`topic ${input.topic}/${task.partition}`)
    }
  }
  for (const changelog of description.changelogs) {
    resources.push(`topic ${changelog}/${task.partition}`)
  }
  return resources
}

/** Versions connected by a shared topic or a shared name; every list sorted. */
function components(descriptions: ReadonlyMap<string, SubtopologyDescription>): string[][] {
  const parent = new Map<string, string>()
  const find = (key: string): string => {
    let root = key
    while (parent.get(root) !== root) {
      root = parent.get(root)!
    }
    parent.set(key, root)
    return root
  }
  const join = (a: string, b: string) => {
    for (const key of [a, b]) {
      if (!parent.has(key)) {
        parent.set(key, key)
      }
    }
    parent.set(find(a), find(b))
  }
  for (const [key, description] of descriptions) {
    join(`version ${key}`, `name ${description.name}`)
    for (const topic of [...description.inputs.map((i) => i.topic), ...description.changelogs]) {
      join(`version ${key}`, `topic ${topic}`)
    }
  }
  const lists = new Map<string, string[]>()
  for (const key of [...descriptions.keys()].sort()) {
    const root = find(`version ${key}`)
    lists.set(root, [...(lists.get(root) ?? []), key])
  }
  return [...lists.values()]
}

/**
 * The tasks that should run, each partition in one version. A partition stays with the versions that hold it, or have
 * just released it for the balance, while a member with them lives; otherwise the versions most members have take it.
 */
export function chooseVersions(members: readonly Member[], descriptions: ReadonlyMap<string, SubtopologyDescription>, claims: Claims): TaskVersion[] {
  const tasks: TaskVersion[] = []
  for (const component of components(descriptions)) {
    const inComponent = new Set(component)
    const candidates = new Map<string, { versions: string[]; members: number }>()
    for (const member of members) {
      const versions = member.subtopologies
        .map(versionKey)
        .filter((key) => inComponent.has(key))
        .sort()
      if (versions.length > 0) {
        const signature = versions.join('\n')
        const candidate = candidates.get(signature) ?? { versions, members: 0 }
        candidate.members++
        candidates.set(signature, candidate)
      }
    }
    const partitions = Math.max(0, ...component.map((key) => descriptions.get(key)!.tasks))
    for (let partition = 0; partition < partitions; partition++) {
      const chosen = choose([...candidates.values()], partition, descriptions, claims)
      for (const key of chosen) {
        const { name, fingerprint } = descriptions.get(key)!
        tasks.push({ subtopology: name, fingerprint, partition })
      }
    }
  }
  return tasks
}

function choose(
  candidates: readonly { readonly versions: readonly string[]; readonly members: number }[],
  partition: number,
  descriptions: ReadonlyMap<string, SubtopologyDescription>,
  claims: Claims,
): string[] {
  let best: { versions: string[]; owned: number; released: number; members: number } | undefined
  for (const candidate of candidates) {
    const versions = candidate.versions.filter((key) => descriptions.get(key)!.tasks > partition)
    if (versions.length === 0) {
      continue
    }
    const keys = versions.map((key) => {
      const { name, fingerprint } = descriptions.get(key)!
      return taskVersionKey({ subtopology: name, fingerprint, partition })
    })
    const rank = {
      versions,
      owned: keys.filter((key) => claims.owner.has(key)).length,
      released: keys.filter((key) => claims.released.has(key)).length,
      members: candidate.members,
    }
    if (best === undefined || (rank.owned - best.owned || rank.released - best.released || rank.members - best.members) > 0) {
      best = rank
    }
  }
  return best?.versions ?? []
}
