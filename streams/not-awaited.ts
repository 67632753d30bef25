import { StreamsError } from './errors.ts'

/**
 * Refuses a promise where nothing waits for one: a predicate that is one is always true, a value that is one is written as `{}`. What
 * becomes of it is nobody's any more, so its failure ends no process. Throws `TOPOLOGY_INVALID`.
 *
 * @param what of whom it is: `the predicate`
 * @param instead what to do in its place
 */
export function refusePromise(result: unknown, what: string, instead = 'await in mapAsync or processAsync'): void {
  if (typeof result !== 'object' || result === null || typeof (result as { readonly then?: unknown }).then !== 'function') {
    return
  }
  const promise = result as PromiseLike<unknown>
  promise.then(undefined, () => undefined)
  throw new StreamsError('TOPOLOGY_INVALID', `${what} gave a promise, and nothing waits for it here: ${instead}.`)
}
