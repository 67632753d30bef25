/**
 * Copies of tasks' state: what members have, and which they are to feed. A state directory belongs to a process, and its
 * databases are open once: of one task a process has the active one, or one copy, or nothing.
 */
import type { Claims } from './assignor.ts'
import type { Place } from './balance.ts'
import type { CopyPolicy, LocalCopy, Member, SubtopologyDescription, TaskVersion, TaskVersionKey } from './types.ts'
import { taskVersionKey } from './types.ts'
import { versionKey } from './versions.ts'

/** A task's state under any version: the name of its folder. */
function stateKey(task: { readonly subtopology: string; readonly partition: number }): string {
  return `${task.subtopology}/${task.partition}`
}

/** What the members say of their copies. */
export class Copies {
  readonly #policy: CopyPolicy
  /** By member and state. */
  readonly #copies = new Map<string, LocalCopy>()
  /** The member of a process that has the state's database open as a copy. */
  readonly #opener = new Map<string, string>()
  readonly #sizes = new Map<string, number>()

  constructor(members: readonly Member[], policy: CopyPolicy) {
    this.#policy = policy
    for (const member of members) {
      for (const copy of member.copies) {
        this.#copies.set(`${member.memberId} ${stateKey(copy)}`, copy)
        if (copy.open) {
          this.#opener.set(`${member.processId} ${stateKey(copy)}`, member.memberId)
        }
      }
      for (const state of [...member.owned, ...member.copies]) {
        if (state.size !== undefined) {
          this.#sizes.set(stateKey(state), Math.max(state.size, this.#sizes.get(stateKey(state)) ?? 0))
        }
      }
    }
  }

  of(member: Member, task: TaskVersion): LocalCopy | undefined {
    return this.#copies.get(`${member.memberId} ${stateKey(task)}`)
  }

  caughtUp(member: Member, task: TaskVersion): boolean {
    const copy = this.of(member, task)
    return copy !== undefined && copy.lag <= this.#policy.acceptableLag
  }

  /** False while another thread of its process has the database open as a copy. */
  mayOpen(member: Member, task: TaskVersion): boolean {
    const opener = this.#opener.get(`${member.processId} ${stateKey(task)}`)
    return opener === undefined || opener === member.memberId
  }

  /** Restoring it from nothing takes no longer than catching up. Not known: nobody who could warm up has said. */
  isSmall(task: TaskVersion): boolean {
    return (this.#sizes.get(stateKey(task)) ?? 0) <= this.#policy.acceptableLag
  }
}

export interface PlannedCopies {
  readonly standbys: ReadonlyMap<string, readonly TaskVersion[]>
  readonly warmups: ReadonlyMap<string, readonly TaskVersion[]>
}

export interface PlanInput {
  readonly members: readonly Member[]
  readonly descriptions: ReadonlyMap<string, SubtopologyDescription>
  readonly tasks: readonly TaskVersion[]
  readonly places: ReadonlyMap<TaskVersionKey, Place>
  /** Who is to run each task, once its holder has released it. */
  readonly active: ReadonlyMap<TaskVersionKey, string>
  readonly claims: Claims
  readonly copies: Copies
  readonly policy: CopyPolicy
}

/** True when the task may go on only where its state is ready, until a warm-up at its target has caught up. */
export function mustWarmUp(task: TaskVersion, { target, ready }: Place, input: Pick<PlanInput, 'copies' | 'descriptions' | 'policy'> & { readonly byId: ReadonlyMap<string, Member> }): boolean {
  const { copies, descriptions, policy, byId } = input
  if (ready === undefined || ready === target || policy.maxWarmups === 0 || !isStateful(task, descriptions) || copies.isSmall(task)) {
    return false
  }
  const to = byId.get(target)!
  // Between threads of one process the state stays on its disk.
  return to.feeds === true && to.processId !== byId.get(ready)!.processId && !copies.caughtUp(to, task)
}

function isStateful(task: TaskVersion, descriptions: ReadonlyMap<string, SubtopologyDescription>): boolean {
  return (descriptions.get(`${task.subtopology}@${task.fingerprint}`)?.changelogs.length ?? 0) > 0
}

/** Which member feeds a copy of which task. Warm-ups first: they end by themselves. */
export function planCopies(input: PlanInput): PlannedCopies {
  const byId = new Map(input.members.map((member) => [member.memberId, member]))
  const stateful = input.tasks.filter((task) => isStateful(task, input.descriptions) && input.places.has(taskVersionKey(task)))
  const warmups = planWarmups(input, stateful, byId)
  const standbys = planStandbys(input, stateful, byId, warmups)
  return { standbys, warmups }
}

function planWarmups(input: PlanInput, stateful: readonly TaskVersion[], byId: ReadonlyMap<string, Member>): Map<string, TaskVersion[]> {
  const warmups = new Map<string, TaskVersion[]>()
  const wanted = stateful
    .map((task) => ({ task, to: byId.get(input.places.get(taskVersionKey(task))!.target)! }))
    .filter(({ task }) => mustWarmUp(task, input.places.get(taskVersionKey(task))!, { ...input, byId }))
  // Those under way go on: half a copy helps nobody.
  const begun = ({ task, to }: (typeof wanted)[number]) => (input.copies.of(to, task)?.open === true ? 0 : 1)
  for (const { task, to } of wanted.sort((a, b) => begun(a) - begun(b)).slice(0, input.policy.maxWarmups)) {
    add(warmups, to.memberId, task)
  }
  return warmups
}

function planStandbys(input: PlanInput, stateful: readonly TaskVersion[], byId: ReadonlyMap<string, Member>, warmups: ReadonlyMap<string, readonly TaskVersion[]>): Map<string, TaskVersion[]> {
  const { active, claims, copies, members, policy } = input
  const standbys = new Map<string, TaskVersion[]>()
  const holding = holdersOfStates(claims)
  const warming = new Map([...warmups].flatMap(([memberId, tasks]) => tasks.map((task) => [taskVersionKey(task), memberId] as const)))
  for (const task of stateful) {
    const key = taskVersionKey(task)
    const home = byId.get(active.get(key)!)
    if (home === undefined) {
      continue
    }
    const holders = claims.holders.get(key) ?? new Set()
    const openElsewhere = new Set(holding.get(stateKey(task)))
    const used = new Set([home.processId])
    // Until its old holder has released it, the heir's copy stays open, or it would have to catch up again.
    if (!holders.has(home.memberId) && holders.size > 0 && copies.of(home, task)?.open === true) {
      add(standbys, home.memberId, task)
    }
    const warm = warming.get(key)
    if (warm !== undefined) {
      used.add(byId.get(warm)!.processId)
    }
    const chosen: Member[] = [home]
    for (let n = 0; n < policy.standbys; n++) {
      const candidates = members.filter((member) => !used.has(member.processId) && isAble(member, task, openElsewhere, input, byId))
      const best = bestStandby(candidates, task, chosen, standbys, input)
      if (best === undefined) {
        break
      }
      used.add(best.processId)
      chosen.push(best)
      add(standbys, best.memberId, task)
    }
  }
  return standbys
}

/** It has the version, can feed, and its process has the database free or open in this member. */
function isAble(member: Member, task: TaskVersion, holders: ReadonlySet<string>, { copies }: PlanInput, byId: ReadonlyMap<string, Member>): boolean {
  const held = [...holders].some((id) => id !== member.memberId && byId.get(id)?.processId === member.processId)
  return member.feeds === true && !held && copies.mayOpen(member, task) && member.subtopologies.some((s) => versionKey(s) === `${task.subtopology}@${task.fingerprint}`)
}

/** Members that may still have the database of a state open as an active task, in whatever version. */
function holdersOfStates(claims: Claims): ReadonlyMap<string, ReadonlySet<string>> {
  const holding = new Map<string, Set<string>>()
  for (const [key, task] of claims.tasks) {
    const members = holding.get(stateKey(task)) ?? new Set()
    for (const memberId of claims.holders.get(key) ?? []) {
      members.add(memberId)
    }
    holding.set(stateKey(task), members)
  }
  return holding
}

/** Who has it stays; then the farthest from the others by the tags that count; then who has the fewest copies; then the first. */
function bestStandby(candidates: readonly Member[], task: TaskVersion, chosen: readonly Member[], standbys: ReadonlyMap<string, readonly TaskVersion[]>, { claims, copies, policy }: PlanInput): Member | undefined {
  const rank = (member: Member): readonly number[] => {
    const copy = copies.of(member, task)
    const held = claims.holders.get(taskVersionKey(task))?.has(member.memberId) === true
    const near = policy.rackTags.map((tag) => chosen.filter((other) => other.tags?.[tag] !== undefined && other.tags[tag] === member.tags?.[tag]).length)
    return [...near, held || copy?.open === true ? 0 : 1, copy?.lag ?? Number.POSITIVE_INFINITY, standbys.get(member.memberId)?.length ?? 0]
  }
  let best: { member: Member; rank: readonly number[] } | undefined
  for (const member of candidates) {
    const its = rank(member)
    if (best === undefined || isLess(its, best.rank)) {
      best = { member, rank: its }
    }
  }
  return best?.member
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) {
      return a[i]! < b[i]!
    }
  }
  return false
}

function add(map: Map<string, TaskVersion[]>, memberId: string, task: TaskVersion): void {
  const list = map.get(memberId) ?? []
  list.push(task)
  map.set(memberId, list)
}
