/**
 * What becomes of the application when a stream thread fails: its callback decides about each error, else its policy
 * (Kafka Streams' StreamsUncaughtExceptionHandler, KIP-671).
 */
import { isPermanent, Replacements } from './replacements.ts'
import { within } from '../within.ts'

/** Kafka Streams' SHUTDOWN_CLIENT, REPLACE_THREAD and SHUTDOWN_APPLICATION; the first is the default. */
export const UNCAUGHT_ERROR_ACTIONS = ['fail', 'replace-thread', 'stop-application'] as const

export type UncaughtErrorAction = (typeof UNCAUGHT_ERROR_ACTIONS)[number]

/** Undefined: `uncaughtError` decides. */
export type UncaughtErrorCallback = (error: Error, thread: number) => UncaughtErrorAction | undefined | Promise<UncaughtErrorAction | undefined>

/** A callback that has not answered by then has no opinion: prevents that a failed thread is neither replaced nor the end of anything. */
const ANSWER_MS = 10_000

export interface UncaughtErrorsOptions {
  readonly policy: UncaughtErrorAction
  readonly callback: UncaughtErrorCallback | undefined
  readonly answerMs?: number
  onWarning(message: string): void
}

/** `error`: what the application ends with; `everywhere`: on all instances. */
export type UncaughtDecision = { readonly replace: true } | { readonly replace: false; readonly error: Error; readonly everywhere: boolean }

export class UncaughtErrors {
  readonly #options: UncaughtErrorsOptions
  readonly #replacements = new Replacements()
  readonly #closed = Promise.withResolvers<undefined>()

  constructor(options: UncaughtErrorsOptions) {
    this.#options = options
  }

  /** Never rejects; at the latest after `ANSWER_MS`, and at once after `close`. */
  async decide(thread: number, error: Error): Promise<UncaughtDecision> {
    const { callback, policy } = this.#options
    const answer = callback === undefined ? undefined : await this.#ask(callback, thread, error)
    const action = answer ?? policy
    if (action === 'replace-thread') {
      const refusal = this.#replacements.refuse(thread, error, performance.now())
      return refusal === undefined ? { replace: true } : { replace: false, error: refusal, everywhere: false }
    }
    // As a policy it is not for what only this instance cannot do: one that is set up wrongly must not stop those that run.
    return { replace: false, error, everywhere: action === 'stop-application' && (answer !== undefined || !isPermanent(error)) }
  }

  async #ask(callback: UncaughtErrorCallback, thread: number, error: Error): Promise<UncaughtErrorAction | undefined> {
    const { answerMs = ANSWER_MS, policy, onWarning } = this.#options
    const instead = `uncaughtError ('${policy}') decides about the error of thread ${thread}.`
    let answer: unknown
    try {
      const asked = Promise.resolve(callback(error, thread)).then((given) => {
        answer = given
      })
      if (!(await within(Promise.race([asked, this.#closed.promise]), answerMs))) {
        onWarning(`onUncaughtError has not answered within ${answerMs} ms: ${instead}`)
        return undefined
      }
    } catch (cause) {
      // Its message may hold what a record holds.
      onWarning(`onUncaughtError has thrown (${cause instanceof Error ? cause.name : typeof cause}): ${instead}`)
      return undefined
    }
    const action = UNCAUGHT_ERROR_ACTIONS.find((each) => each === answer)
    if (action === undefined && answer !== undefined) {
      onWarning(`onUncaughtError has given what is none of ${UNCAUGHT_ERROR_ACTIONS.map((each) => `'${each}'`).join(', ')}: ${instead}`)
    }
    return action
  }

  /** The application ends: nobody waits for an answer any more. */
  close(): void {
    this.#closed.resolve(undefined)
  }
}
