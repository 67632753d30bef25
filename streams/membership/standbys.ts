/**
 * Which members feed standbys of which tasks: apart from each other by the tags that count, where copies are already, and
 * evenly. Evening out never leaves a task with fewer copies: one that is to move is a warm-up at its new place until it has
 * caught up there, and only then goes from the old one.
 */
import type { StateCopies } from './copies.ts'
import type { CopyPolicy, Member, TaskVersion } from './types.ts'

/** A task whose standbys are placed. */
export interface StandbyTask {
  readonly task: TaskVersion
  /** Who runs it, or will. */
  readonly home: Member
  /** Processes that are to run it. */
  readonly taken: ReadonlySet<string>
  /** Members that run it until they have released it. */
  readonly heldBy: readonly Member[]
  /** Members with its version that can feed copies. */
  readonly able: readonly Member[]
  readonly copies: StateCopies
}

interface Placed extends StandbyTask {
  readonly standbys: Member[]
}

export class Standbys {
  readonly byMember = new Map<string, TaskVersion[]>()
  readonly #policy: CopyPolicy
  readonly #placed: Placed[] = []

  constructor(policy: CopyPolicy) {
    this.#policy = policy
  }

  /** A copy that stays open although it is none of the task's standbys: who is to run the task waits for its holder. */
  keepOpen(member: Member, task: TaskVersion): void {
    this.#add(member, task)
  }

  /** Chooses the task's standbys: where copies are, if there are any. */
  place(wanted: StandbyTask): void {
    const placed: Placed = { ...wanted, standbys: [] }
    const { able, copies, heldBy } = wanted
    this.#placed.push(placed)
    for (let n = 0; n < this.#policy.standbys; n++) {
      // Who has it comes first, if no tags come before: then there is no need to look at everybody.
      const having = this.#policy.rackTags.length > 0 ? [] : able.filter((member) => (copies.copies.has(member.memberId) || heldBy.includes(member)) && fits(placed, member))
      const best = this.#best(placed, having.length > 0 ? having : able.filter((member) => fits(placed, member)))
      if (best === undefined) {
        return
      }
      placed.standbys.push(best)
      this.#add(best, wanted.task)
    }
  }

  /** The farthest from the others by the tags that count; then who has it; then who has the fewest copies; then the first. */
  #best(placed: Placed, candidates: readonly Member[]): Member | undefined {
    const { copies, heldBy, home, standbys } = placed
    const others = [home, ...standbys]
    let best: { member: Member; rank: readonly number[] } | undefined
    for (const member of candidates) {
      const copy = copies.of(member)
      const rank = [...this.#nearness(member, others), copy?.open === true || heldBy.includes(member) ? 0 : 1, copy?.lag ?? Number.POSITIVE_INFINITY, this.#count(member)]
      if (best === undefined || isLess(rank, best.rank)) {
        best = { member, rank }
      }
    }
    return best?.member
  }

  /** For each tag that counts, how many of the others have the same. */
  #nearness(member: Member, others: readonly Member[]): number[] {
    return this.#policy.rackTags.map((tag) => others.filter((other) => other.tags?.[tag] !== undefined && other.tags[tag] === member.tags?.[tag]).length)
  }

  #count(member: Member): number {
    return this.byMember.get(member.memberId)?.length ?? 0
  }

  #add(member: Member, task: TaskVersion): void {
    const list = this.byMember.get(member.memberId) ?? []
    list.push(task)
    this.byMember.set(member.memberId, list)
  }

  /**
   * Moves standbys from members with more to members with fewer, as long as the two then differ less. At most `limit` are
   * under way at once, those that have begun first. Returns where copies are to be warmed up for it.
   */
  even(members: readonly Member[], limit: number): { readonly member: Member; readonly task: TaskVersion }[] {
    const byId = new Map(members.map((member) => [member.memberId, member]))
    const evening = new Evening(this.#placed, members, new Map([...this.byMember].map(([id, tasks]) => [id, tasks.length])), limit, (...move) => this.#mayMove(...move))
    for (const placed of this.#placed) {
      for (const [memberId, copy] of placed.copies.copies) {
        if (copy.open) {
          evening.move(placed, byId.get(memberId)!)
        }
      }
    }
    evening.run()
    for (const { placed, from, to } of evening.arrived) {
      placed.standbys.splice(placed.standbys.indexOf(from), 1, to)
      const left = this.byMember.get(from.memberId)!
      left.splice(left.indexOf(placed.task), 1)
      this.#add(to, placed.task)
    }
    return evening.warming
  }

  #mayMove(placed: Placed, from: Member, to: Member): boolean {
    const others = placed.standbys.filter((standby) => standby !== from)
    const around = [placed.home, ...others]
    return (
      from.processId !== to.processId &&
      fits({ ...placed, standbys: others }, to) &&
      placed.able.includes(to) &&
      !isLess(this.#nearness(from, around), this.#nearness(to, around))
    )
  }
}

/** Its process would have the task once. */
function fits({ taken, heldBy, standbys, copies }: Placed, { memberId, processId }: Member): boolean {
  return (
    !taken.has(processId) &&
    !standbys.some((standby) => standby.processId === processId) &&
    !heldBy.some((holder) => holder.memberId !== memberId && holder.processId === processId) &&
    copies.mayOpen({ memberId, processId })
  )
}

interface Move {
  readonly placed: Placed
  readonly from: Member
  readonly to: Member
}

/** One round of evening out: counts as they will be when everything that is under way has arrived. */
class Evening {
  /** To copies that have caught up: these change places now. */
  readonly arrived: Move[] = []
  readonly warming: { readonly member: Member; readonly task: TaskVersion }[] = []
  readonly #members: readonly Member[]
  readonly #counts: Map<string, number>
  readonly #limit: number
  readonly #mayMove: (placed: Placed, from: Member, to: Member) => boolean
  /** What each member could give away: of a task one copy moves in a round. */
  readonly #movable = new Map<string, Set<Placed>>()

  constructor(placed: readonly Placed[], members: readonly Member[], counts: Map<string, number>, limit: number, mayMove: (placed: Placed, from: Member, to: Member) => boolean) {
    this.#members = members
    this.#counts = counts
    this.#limit = limit
    this.#mayMove = mayMove
    for (const each of placed) {
      for (const { memberId } of each.standbys) {
        const movable = this.#movable.get(memberId) ?? new Set()
        this.#movable.set(memberId, movable.add(each))
      }
    }
  }

  run(): void {
    while (this.#moveOne()) {
      // The counts have changed: from the fullest again.
    }
  }

  /** From the fullest to the emptiest. */
  #moveOne(): boolean {
    const byCount = [...this.#members].sort((a, b) => this.#count(a) - this.#count(b))
    for (const from of [...byCount].reverse()) {
      for (const to of byCount) {
        if (this.#count(from) - this.#count(to) < 2) {
          break
        }
        for (const placed of this.#movable.get(from.memberId) ?? []) {
          if (this.#moveBetween(placed, from, to)) {
            return true
          }
        }
      }
    }
    return false
  }

  /** A copy of the task goes to this member, from the fullest it evens out: from another, and it would come back in the next round. */
  move(placed: Placed, to: Member): void {
    const fullestFirst = [...placed.standbys].sort((a, b) => this.#count(b) - this.#count(a))
    fullestFirst.some((from) => this.#movable.get(from.memberId)!.has(placed) && this.#moveBetween(placed, from, to))
  }

  #moveBetween(placed: Placed, from: Member, to: Member): boolean {
    const ready = placed.copies.caughtUp(to)
    if (this.#count(from) - this.#count(to) < 2 || (!ready && this.warming.length >= this.#limit) || !this.#mayMove(placed, from, to)) {
      return false
    }
    this.#counts.set(from.memberId, this.#count(from) - 1)
    this.#counts.set(to.memberId, this.#count(to) + 1)
    for (const standby of placed.standbys) {
      this.#movable.get(standby.memberId)!.delete(placed)
    }
    if (ready) {
      this.arrived.push({ placed, from, to })
    } else {
      this.warming.push({ member: to, task: placed.task })
    }
    return true
  }

  #count({ memberId }: Member): number {
    return this.#counts.get(memberId) ?? 0
  }
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) {
      return a[i]! < b[i]!
    }
  }
  return false
}
