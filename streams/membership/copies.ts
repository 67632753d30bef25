/**
 * Copies of tasks' state: what members have, and which they are to feed. A state directory belongs to a process, and its
 * databases are open once: of one task a process has the active one, or one copy, or nothing.
 */
import type { Claims } from './assignor.ts'
import type { Place } from './balance.ts'
import { Standbys } from './standbys.ts'
import type { CopyPolicy, LocalCopy, Member, SubtopologyDescription, TaskVersion, TaskVersionKey } from './types.ts'
import { taskVersionKey } from './types.ts'
import { versionKey } from './versions.ts'

/** A task's state under any version: the name of its folder. */
function stateKey(task: { readonly subtopology: string; readonly partition: number }): string {
  return `${task.subtopology}/${task.partition}`
}

/** What the members have of one task's state. */
export class StateCopies {
  /** By member. */
  readonly copies = new Map<string, LocalCopy>()
  /** By process: the member that has the database open as a copy. */
  readonly openers = new Map<string, string>()
  size = 0
  readonly #acceptableLag: number

  constructor(acceptableLag: number) {
    this.#acceptableLag = acceptableLag
  }

  of(member: Member): LocalCopy | undefined {
    return this.copies.get(member.memberId)
  }

  caughtUp(member: Member): boolean {
    const copy = this.copies.get(member.memberId)
    return copy !== undefined && copy.lag <= this.#acceptableLag
  }

  /** False while another thread of its process has the database open as a copy. */
  mayOpen(member: Pick<Member, 'memberId' | 'processId'>): boolean {
    const opener = this.openers.get(member.processId)
    return opener === undefined || opener === member.memberId
  }

  /** Restoring it from nothing takes no longer than catching up. Not known: nobody who could warm up has said. */
  get isSmall(): boolean {
    return this.size <= this.#acceptableLag
  }
}

/** What the members say of their copies. */
export class Copies {
  readonly #states = new Map<string, StateCopies>()
  readonly #none: StateCopies

  constructor(members: readonly Member[], { acceptableLag }: CopyPolicy) {
    this.#none = new StateCopies(acceptableLag)
    const at = (state: { readonly subtopology: string; readonly partition: number }): StateCopies => {
      const key = stateKey(state)
      const known = this.#states.get(key) ?? new StateCopies(acceptableLag)
      this.#states.set(key, known)
      return known
    }
    for (const member of members) {
      for (const copy of member.copies) {
        const state = at(copy)
        state.copies.set(member.memberId, copy)
        state.size = Math.max(state.size, copy.size ?? 0)
        if (copy.open) {
          state.openers.set(member.processId, member.memberId)
        }
      }
      for (const claim of member.owned) {
        if (claim.size !== undefined) {
          const state = at(claim)
          state.size = Math.max(state.size, claim.size)
        }
      }
    }
  }

  at(task: { readonly subtopology: string; readonly partition: number }): StateCopies {
    return this.#states.get(stateKey(task)) ?? this.#none
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
  const { descriptions, policy, byId } = input
  if (ready === undefined || ready === target || policy.maxWarmups === 0 || !isStateful(task, descriptions)) {
    return false
  }
  const copies = input.copies.at(task)
  if (copies.isSmall) {
    return false
  }
  const to = byId.get(target)!
  // Between threads of one process the state stays on its disk.
  return to.feeds === true && to.processId !== byId.get(ready)!.processId && !copies.caughtUp(to)
}

function isStateful(task: TaskVersion, descriptions: ReadonlyMap<string, SubtopologyDescription>): boolean {
  return (descriptions.get(`${task.subtopology}@${task.fingerprint}`)?.changelogs.length ?? 0) > 0
}

/** Which member feeds a copy of which task. Warm-ups first: they end by themselves. */
export function planCopies(input: PlanInput): PlannedCopies {
  const { members, policy } = input
  const byId = new Map(members.map((member) => [member.memberId, member]))
  const stateful = input.tasks.filter((task) => isStateful(task, input.descriptions) && input.places.has(taskVersionKey(task)))
  const warmups = planWarmups(input, stateful, byId)
  const standbys = placeStandbys(input, stateful, byId, warmups)
  const begun = [...warmups.values()].reduce((sum, tasks) => sum + tasks.length, 0)
  for (const { member, task } of standbys.even(members, Math.max(0, policy.maxWarmups - begun))) {
    add(warmups, member.memberId, task)
  }
  return { standbys: standbys.byMember, warmups }
}

function planWarmups(input: PlanInput, stateful: readonly TaskVersion[], byId: ReadonlyMap<string, Member>): Map<string, TaskVersion[]> {
  const warmups = new Map<string, TaskVersion[]>()
  const wanted = stateful
    .map((task) => ({ task, to: byId.get(input.places.get(taskVersionKey(task))!.target)! }))
    .filter(({ task }) => mustWarmUp(task, input.places.get(taskVersionKey(task))!, { ...input, byId }))
  // Those under way go on: half a copy helps nobody.
  const begun = ({ task, to }: (typeof wanted)[number]) => (input.copies.at(task).of(to)?.open === true ? 0 : 1)
  for (const { task, to } of wanted.sort((a, b) => begun(a) - begun(b)).slice(0, input.policy.maxWarmups)) {
    add(warmups, to.memberId, task)
  }
  return warmups
}

function placeStandbys(input: PlanInput, stateful: readonly TaskVersion[], byId: ReadonlyMap<string, Member>, warmups: ReadonlyMap<string, readonly TaskVersion[]>): Standbys {
  const { active, claims, members, policy } = input
  const standbys = new Standbys(policy)
  const holding = holdersOfStates(claims)
  const able = membersByVersion(members)
  const warming = new Map([...warmups].flatMap(([memberId, tasks]) => tasks.map((task) => [taskVersionKey(task), memberId] as const)))
  for (const task of stateful) {
    const key = taskVersionKey(task)
    const home = byId.get(active.get(key)!)
    if (home === undefined) {
      continue
    }
    const holders = claims.holders.get(key) ?? NOBODY
    const copies = input.copies.at(task)
    // Until its old holder has released it, the heir's copy stays open, or it would have to catch up again.
    if (!holders.has(home.memberId) && holders.size > 0 && copies.of(home)?.open === true) {
      standbys.keepOpen(home, task)
    }
    const warm = warming.get(key)
    standbys.place({
      task,
      home,
      copies,
      taken: new Set([home.processId, ...(warm === undefined ? [] : [byId.get(warm)!.processId])]),
      heldBy: [...(holding.get(stateKey(task)) ?? NOBODY)].map((id) => byId.get(id)!),
      able: policy.standbys === 0 ? [] : whoKnow(able.get(`${task.subtopology}@${task.fingerprint}`), task.partition),
    })
  }
  return standbys
}

const NOBODY: ReadonlySet<string> = new Set()

/** Who can feed copies of one version, and how many tasks of it each knows: of a partition that has just come not all do. */
interface Able {
  readonly members: Member[]
  readonly tasks: number[]
}

function membersByVersion(members: readonly Member[]): ReadonlyMap<string, Able> {
  const byVersion = new Map<string, Able>()
  for (const member of members) {
    for (const subtopology of member.feeds === true ? member.subtopologies : []) {
      const able = byVersion.get(versionKey(subtopology)) ?? { members: [], tasks: [] }
      able.members.push(member)
      able.tasks.push(subtopology.tasks)
      byVersion.set(versionKey(subtopology), able)
    }
  }
  return byVersion
}

function whoKnow(able: Able | undefined, partition: number): readonly Member[] {
  if (able === undefined) {
    return []
  }
  return able.tasks.every((tasks) => tasks > partition) ? able.members : able.members.filter((_, i) => able.tasks[i]! > partition)
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

function add(map: Map<string, TaskVersion[]>, memberId: string, task: TaskVersion): void {
  const list = map.get(memberId) ?? []
  list.push(task)
  map.set(memberId, list)
}
