/**
 * Who should run which task: sticky (a task stays with its owner, or goes to a member that has a copy of its state),
 * then evened out by weight. Every move makes the sum of squared loads smaller, so it ends; none is made that would not.
 */
import type { Claims } from './assignor.ts'
import type { Member, SubtopologyDescription, TaskVersion, TaskVersionKey } from './types.ts'
import { taskVersionKey } from './types.ts'
import { versionKey } from './versions.ts'

interface Placed {
  readonly task: TaskVersion
  readonly key: TaskVersionKey
  readonly version: string
  readonly weight: number
  /** The member that runs it now, which loses it at a price. */
  readonly owner: string | undefined
}

class Load {
  readonly member: Member
  readonly versions: ReadonlySet<string>
  readonly copies: ReadonlySet<string>
  readonly tasks = new Map<TaskVersionKey, Placed>()
  readonly perVersion = new Map<string, number>()
  weight = 0
  /** Shared by the threads of one process. */
  readonly process: { weight: number }

  constructor(member: Member, process: { weight: number }) {
    this.member = member
    this.process = process
    this.versions = new Set(member.subtopologies.map(versionKey))
    this.copies = new Set(member.copies.map((c) => `${c.subtopology}/${c.partition}`))
  }

  add(placed: Placed): void {
    this.tasks.set(placed.key, placed)
    this.perVersion.set(placed.version, this.count(placed.version) + 1)
    this.weight += placed.weight
    this.process.weight += placed.weight
  }

  remove(placed: Placed): void {
    this.tasks.delete(placed.key)
    this.perVersion.set(placed.version, this.count(placed.version) - 1)
    this.weight -= placed.weight
    this.process.weight -= placed.weight
  }

  count(version: string): number {
    return this.perVersion.get(version) ?? 0
  }

  hasCopy(placed: Placed): boolean {
    return this.copies.has(`${placed.task.subtopology}/${placed.task.partition}`)
  }
}

/** Task → member id. A task nobody can run is absent. `members` in a fixed order. */
export function balance(
  members: readonly Member[],
  descriptions: ReadonlyMap<string, SubtopologyDescription>,
  tasks: readonly TaskVersion[],
  claims: Claims,
): ReadonlyMap<TaskVersionKey, string> {
  const processes = new Map(members.map((member) => [member.processId, { weight: 0 }]))
  const loads = members.map((member) => new Load(member, processes.get(member.processId)!))
  const byId = new Map(loads.map((load) => [load.member.memberId, load]))
  const unplaced: Placed[] = []
  let total = 0
  for (const task of tasks) {
    const key = taskVersionKey(task)
    const version = `${task.subtopology}@${task.fingerprint}`
    const owner = claims.owner.get(key)
    const placed: Placed = { task, key, version, weight: Math.max(1, descriptions.get(version)?.weight ?? 1), owner }
    total += placed.weight
    const load = owner === undefined ? undefined : byId.get(owner)
    if (load?.versions.has(version)) {
      load.add(placed)
    } else {
      unplaced.push(placed)
    }
  }
  const share = total / Math.max(1, loads.length)
  // Heavy ones first: the light ones then fill the gaps.
  for (const placed of unplaced.sort((a, b) => b.weight - a.weight)) {
    const able = loads.filter((load) => load.versions.has(placed.version))
    const withCopy = able.filter((load) => load.hasCopy(placed) && load.weight + placed.weight <= share + placed.weight / 2)
    lightest(withCopy.length > 0 ? withCopy : able, placed)?.add(placed)
  }
  even(loads)
  const result = new Map<TaskVersionKey, string>()
  for (const load of loads) {
    for (const key of load.tasks.keys()) {
      result.set(key, load.member.memberId)
    }
  }
  return result
}

/** Least loaded; then fewest tasks of the same subtopology; then the process with least; then the first. */
function lightest(able: readonly Load[], placed: Placed): Load | undefined {
  let best: Load | undefined
  for (const load of able) {
    if (best === undefined || (load.weight - best.weight || load.count(placed.version) - best.count(placed.version) || load.process.weight - best.process.weight) < 0) {
      best = load
    }
  }
  return best
}

function even(loads: readonly Load[]): void {
  for (;;) {
    const move = bestMove(loads)
    if (move === undefined) {
      return
    }
    move.from.remove(move.placed)
    move.to.add(move.placed)
  }
}

function bestMove(loads: readonly Load[]): { from: Load; to: Load; placed: Placed } | undefined {
  const heaviestFirst = [...loads].sort((a, b) => b.weight - a.weight)
  for (const from of heaviestFirst) {
    for (let i = heaviestFirst.length - 1; i >= 0 && heaviestFirst[i]!.weight < from.weight; i--) {
      const to = heaviestFirst[i]!
      const placed = cheapest(from, to)
      if (placed !== undefined) {
        return { from, to, placed }
      }
    }
  }
  return undefined
}

/** The task of `from` that evens the two out at the least price: one not running yet, one `to` has a copy of, the subtopology they differ in most. */
function cheapest(from: Load, to: Load): Placed | undefined {
  let best: { placed: Placed; price: number; difference: number } | undefined
  for (const placed of from.tasks.values()) {
    if (!to.versions.has(placed.version) || from.weight - to.weight <= placed.weight) {
      continue
    }
    const price = placed.owner === undefined || placed.owner === to.member.memberId ? 0 : to.hasCopy(placed) ? 1 : 2
    const difference = from.count(placed.version) - to.count(placed.version)
    if (best === undefined || price < best.price || (price === best.price && difference > best.difference)) {
      best = { placed, price, difference }
    }
  }
  return best?.placed
}
