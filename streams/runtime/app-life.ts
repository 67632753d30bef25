/** The state an application is in, who hears of it, and who waits until it runs. */
import type { AppState } from './app-state.ts'
import { appTransition } from './app-state.ts'

export type StateListener = (state: AppState, before: AppState) => void

export class AppLife {
  readonly #listeners = new Set<StateListener>()
  readonly #waiting: PromiseWithResolvers<void>[] = []
  #state: AppState = 'CREATED'
  /** Why it is in PENDING_ERROR or ERROR. */
  error: Error | undefined

  get state(): AppState {
    return this.#state
  }

  /** It has been started, and nothing has ended it. */
  get alive(): boolean {
    return this.#state === 'RUNNING' || this.#state === 'REBALANCING'
  }

  /** Returns a function that takes the listener away again. */
  listen(listener: StateListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  move(next: AppState): void {
    const before = this.#state
    this.#state = appTransition(before, next)
    for (const listener of this.#listeners) {
      listener(next, before)
    }
  }

  /** Some of its threads are not where they should be. */
  disturbed(): void {
    if (this.#state === 'RUNNING') {
      this.move('REBALANCING')
    }
  }

  /** Resolves or rejects as `settle` says. */
  settled(): Promise<void> {
    const waiting = Promise.withResolvers<void>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  /** Undefined: it runs. */
  settle(error: Error | undefined): void {
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === undefined) {
        resolve()
      } else {
        reject(error)
      }
    }
  }
}
