/**
 * Who should run which task: sticky (a task stays with its owner, or goes to the member whose copy is ready), then evened
 * out by weight. Every move makes the sum of squared loads smaller, so it ends; none is made that would not. What members
 * have that are leaving is for the others.
 */
import type { Claims } from './assignor.ts'
import type { Copies, StateCopies } from './copies.ts'
import type { Member, SubtopologyDescription, TaskVersion, TaskVersionKey } from './types.ts'
import { taskVersionKey } from './types.ts'
import { versionKey } from './versions.ts'

interface Placed {
  readonly task: TaskVersion
  readonly key: TaskVersionKey
  readonly version: string
  readonly weight: number
  readonly copies: StateCopies
  /** The member that could go on at once: its owner, or whose copy has caught up. Moving away from it has a price. */
  ready: string | undefined
}

/** Where a task should end up, and where it can run meanwhile. */
export interface Place {
  readonly target: string
  readonly ready: string | undefined
}

class Load {
  readonly member: Member
  /** Tasks of each version it has, as far as it has noticed. */
  readonly #versions: ReadonlyMap<string, number>
  readonly tasks = new Map<TaskVersionKey, Placed>()
  readonly perVersion = new Map<string, number>()
  weight = 0
  /** Shared by the threads of one process. */
  readonly process: { weight: number }

  constructor(member: Member, process: { weight: number }) {
    this.member = member
    this.process = process
    this.#versions = new Map(member.subtopologies.map((subtopology) => [versionKey(subtopology), subtopology.tasks]))
  }

  /** It has the version, and knows of the partition: of one that has just come not all members do. */
  knows({ version, task }: Pick<Placed, 'version' | 'task'>): boolean {
    return (this.#versions.get(version) ?? 0) > task.partition
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
}

/** A place for every task somebody can run. `members` in a fixed order. */
export function balance(
  members: readonly Member[],
  descriptions: ReadonlyMap<string, SubtopologyDescription>,
  tasks: readonly TaskVersion[],
  claims: Claims,
  copies: Copies,
): ReadonlyMap<TaskVersionKey, Place> {
  const processes = new Map(members.map((member) => [member.processId, { weight: 0 }]))
  const loads = members.map((member) => new Load(member, processes.get(member.processId)!))
  const byId = new Map(loads.map((load) => [load.member.memberId, load]))
  // When all are leaving the application ends: they go on with what they have.
  const staying = loads.filter(({ member }) => member.leaving !== true)
  const heirs = staying.length === 0 ? loads : staying
  const unplaced: Placed[] = []
  let total = 0
  for (const task of tasks) {
    const key = taskVersionKey(task)
    const version = `${task.subtopology}@${task.fingerprint}`
    const owner = claims.owner.get(key)
    const load = owner === undefined ? undefined : byId.get(owner)
    const stays = load?.knows({ version, task }) === true
    const placed: Placed = { task, key, version, weight: Math.max(1, descriptions.get(version)?.weight ?? 1), copies: copies.at(task), ready: stays ? owner : undefined }
    total += placed.weight
    if (load !== undefined && stays) {
      load.add(placed)
    } else {
      unplaced.push(placed)
    }
  }
  const share = total / Math.max(1, heirs.length)
  // Heavy ones first: the light ones then fill the gaps.
  for (const placed of unplaced.sort((a, b) => b.weight - a.weight)) {
    const heir = heirOf(placed, heirs, share)
    if (heir !== undefined && placed.copies.caughtUp(heir.member)) {
      placed.ready = heir.member.memberId
    }
    heir?.add(placed)
  }
  for (const load of loads.filter((load) => !heirs.includes(load))) {
    for (const placed of [...load.tasks.values()].sort((a, b) => b.weight - a.weight)) {
      const heir = heirOf(placed, heirs, share)
      if (heir !== undefined) {
        load.remove(placed)
        heir.add(placed)
      }
    }
  }
  even(heirs)
  const result = new Map<TaskVersionKey, Place>()
  for (const load of loads) {
    for (const { key, ready } of load.tasks.values()) {
      result.set(key, { target: load.member.memberId, ready })
    }
  }
  return result
}

/** Whose copy has caught up goes on at once, whatever else it has to do; evening out comes later, by warm-ups. */
function heirOf(placed: Placed, loads: readonly Load[], share: number): Load | undefined {
  const { copies } = placed
  const able = loads.filter((load) => load.knows(placed) && copies.mayOpen(load.member))
  const caughtUp = able.filter((load) => copies.caughtUp(load.member))
  const open = caughtUp.filter((load) => copies.of(load.member)!.open)
  const heir = lightest(open.length > 0 ? open : caughtUp, placed)
  if (heir !== undefined) {
    return heir
  }
  const begun = able.filter((load) => copies.of(load.member) !== undefined && load.weight + placed.weight <= share + placed.weight / 2)
  const shortest = Math.min(...begun.map((load) => copies.of(load.member)!.lag))
  const best = begun.filter((load) => copies.of(load.member)!.lag === shortest)
  return lightest(best.length > 0 ? best : able, placed)
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

/** The task of `from` that evens the two out at the least price; of equal ones, the subtopology they differ in most. */
function cheapest(from: Load, to: Load): Placed | undefined {
  let best: { placed: Placed; price: number; difference: number } | undefined
  for (const placed of from.tasks.values()) {
    if (!to.knows(placed) || from.weight - to.weight <= placed.weight || !placed.copies.mayOpen(to.member)) {
      continue
    }
    const price = priceOf(placed, to)
    const difference = from.count(placed.version) - to.count(placed.version)
    if (best === undefined || price < best.price || (price === best.price && difference > best.difference)) {
      best = { placed, price, difference }
    }
  }
  return best?.placed
}

/** Nobody runs it and nobody is ready; it goes back where it is ready; a copy has caught up; one has begun; a copy is to be made. */
function priceOf(placed: Placed, to: Load): number {
  if (placed.ready === undefined || placed.ready === to.member.memberId) {
    return 0
  }
  if (placed.copies.caughtUp(to.member)) {
    return 1
  }
  return placed.copies.of(to.member) === undefined ? 3 : 2
}
