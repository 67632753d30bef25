/**
 * The assignor `millrace`: a pure function from what the members say to what each of them runs. It works on the
 * descriptions in the subscriptions, never on the leader's own topology, so that a leader of an old version assigns the
 * tasks of a new one.
 *
 * Invariant: over all versions of a topology a source partition and a changelog partition belong to at most one task
 * that is assigned or still held. A task changes hands in two rounds: the first takes it from its holder, the second,
 * which the holder asks for once it has released it, gives it away (rule C2).
 *
 * Order of the work: who holds what (`Claims`) → which version runs each partition (`versions.ts`) → who should run it
 * (`balance.ts`) → what of that may be handed out now → who feeds copies (`copies.ts`).
 */
import { balance } from './balance.ts'
import { Copies, mustWarmUp, planCopies } from './copies.ts'
import { watchedBy } from './ring.ts'
import type { CopyPolicy, GroupAssignment, Member, MemberAssignment, SubtopologyDescription, TaskVersion, TaskVersionKey } from './types.ts'
import { DEFAULT_COPIES, taskVersionKey } from './types.ts'
import { chooseVersions, mergeDescriptions, resourcesOf } from './versions.ts'

export interface Claims {
  /** The one member whose claim counts; absent when nobody claims the task or two do with equal right. */
  readonly owner: ReadonlyMap<TaskVersionKey, string>
  /** Everybody who may still have records of the task in an open generation. */
  readonly holders: ReadonlyMap<TaskVersionKey, ReadonlySet<string>>
  readonly tasks: ReadonlyMap<TaskVersionKey, TaskVersion>
  /** On their way from one member to another: held by nobody, but of a known version. */
  readonly released: ReadonlySet<TaskVersionKey>
}

/** Rule A12: of two claims the one confirmed in the higher generation wins; a tie makes both release. */
export function resolveClaims(members: readonly Member[]): Claims {
  const best = new Map<TaskVersionKey, { memberId: string | undefined; generation: number }>()
  const holders = new Map<TaskVersionKey, Set<string>>()
  const tasks = new Map<TaskVersionKey, TaskVersion>()
  for (const member of members) {
    for (const claim of member.owned) {
      const key = taskVersionKey(claim)
      tasks.set(key, { subtopology: claim.subtopology, fingerprint: claim.fingerprint, partition: claim.partition })
      const set = holders.get(key) ?? new Set()
      set.add(member.memberId)
      holders.set(key, set)
      const known = best.get(key)
      if (known === undefined || claim.generation > known.generation) {
        best.set(key, { memberId: member.memberId, generation: claim.generation })
      } else if (claim.generation === known.generation && known.memberId !== member.memberId) {
        known.memberId = undefined
      }
    }
  }
  const owner = new Map<TaskVersionKey, string>()
  for (const [key, { memberId }] of best) {
    if (memberId !== undefined) {
      owner.set(key, memberId)
    }
  }
  return { owner, holders, tasks, released: new Set(members.flatMap((member) => member.released.map(taskVersionKey))) }
}

/**
 * One round. Deterministic: equal members in any order give an equal result. `descriptions` of subtopologies that only
 * dead members had play no part.
 */
export function assign(unordered: readonly Member[], policy: CopyPolicy = DEFAULT_COPIES): GroupAssignment {
  const members = [...unordered].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const descriptions = mergeDescriptions(members)
  const claims = resolveClaims(members)
  const targets = chooseVersions(members, descriptions, claims)
  const copies = new Copies(members, policy)
  const places = balance(members, descriptions, targets, claims, copies)
  const byId = new Map(members.map((member) => [member.memberId, member]))

  const heldBy = holdersOfResources(descriptions, claims)
  const tasks = new Map<string, TaskVersion[]>(members.map((m) => [m.memberId, []]))
  const waiting: TaskVersion[] = []
  const active = new Map<TaskVersionKey, string>()
  for (const task of targets) {
    const key = taskVersionKey(task)
    const place = places.get(key)
    // A state moves only where a copy of it has caught up; until then it stays where it is.
    const memberId = place !== undefined && mustWarmUp(task, place, { copies, descriptions, policy, byId }) ? place.ready : place?.target
    if (memberId !== undefined) {
      active.set(key, memberId)
    }
    if (memberId !== undefined && mayRunNow(task, memberId, claims, descriptions, heldBy)) {
      tasks.get(memberId)!.push(task)
    } else {
      waiting.push(task)
    }
  }
  const { standbys, warmups } = planCopies({ members, descriptions, tasks: targets, places, active, claims, copies, policy })
  const watched = watchedBy(members)
  const stop = members.find((member) => member.stop !== undefined)?.stop
  const assigned = members.map(({ memberId, leaving }) => {
    const awaited = leaving === true ? tasks.get(memberId)!.filter((task) => places.get(taskVersionKey(task))!.target !== memberId).length : 0
    const assignment: MemberAssignment = {
      tasks: tasks.get(memberId)!,
      standbys: standbys.get(memberId) ?? [],
      warmups: warmups.get(memberId) ?? [],
      ...(watched.has(memberId) ? { watch: watched.get(memberId)! } : {}),
      ...(awaited > 0 ? { awaited } : {}),
      ...(waiting.length > 0 ? { follows: true } : {}),
      ...(stop === undefined ? {} : { stop }),
    }
    return [memberId, assignment] as const
  })
  return { members: new Map(assigned), waiting }
}

function mayRunNow(
  task: TaskVersion,
  memberId: string,
  claims: Claims,
  descriptions: ReadonlyMap<string, SubtopologyDescription>,
  heldBy: ReadonlyMap<string, ReadonlySet<TaskVersionKey>>,
): boolean {
  const key = taskVersionKey(task)
  if (claims.owner.get(key) === memberId) {
    return true
  }
  if (claims.holders.has(key)) {
    return false
  }
  return resourcesOf(task, descriptions).every((resource) => {
    const holders = heldBy.get(resource)
    return holders === undefined || (holders.size === 1 && holders.has(key))
  })
}

/** For each source and changelog partition the tasks that are held and use it. */
function holdersOfResources(descriptions: ReadonlyMap<string, SubtopologyDescription>, claims: Claims): Map<string, Set<TaskVersionKey>> {
  const held = new Map<string, Set<TaskVersionKey>>()
  for (const [key, task] of claims.tasks) {
    for (const resource of resourcesOf(task, descriptions)) {
      const set = held.get(resource) ?? new Set()
      set.add(key)
      held.set(resource, set)
    }
  }
  return held
}
