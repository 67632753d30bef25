/**
 * A thread that is about to leave with much state: it says so to the group and goes on, until others have copies of its
 * tasks and have taken them over. Its own part is to say it, and to see when there is nothing left to wait for.
 */
import type { Membership } from '../membership/membership.ts'

/** Between the last hand-over and the end: leaving starts a round, which prevents that somebody who has not yet heard what it got in this one hears of it. */
const HEARD_MS = 100

export class Departure {
  readonly #membership: Pick<Membership, 'state' | 'awaited' | 'rejoin'>
  readonly #done = Promise.withResolvers<void>()
  #told = false

  constructor(membership: Pick<Membership, 'state' | 'awaited' | 'rejoin'>) {
    this.#membership = membership
  }

  /** Resolves when nobody is being waited for: all is handed over, nobody can take the rest, or the membership is lost. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  /** To be called at the beginning, and whenever the membership has changed. */
  look(): void {
    const { state, awaited } = this.#membership
    if (!('owned' in state)) {
      this.#done.resolve()
    } else if (state.name === 'stable' && !this.#told) {
      this.#told = true
      this.#membership.rejoin()
    } else if (state.name === 'stable' && state.owned.length > 0 && awaited === 0) {
      this.#done.resolve()
    } else if (state.name === 'stable' && awaited === 0) {
      setTimeout(() => this.#done.resolve(), HEARD_MS)
    }
  }

  /** It leaves as it is. */
  giveUp(): void {
    this.#done.resolve()
  }
}
