import { CircuitBreaker, type CircuitBreakerOptions, circuitBreakerPolicy, type CircuitCall } from 'millrace'
import type { LanguageModel } from '../processors/model/index.ts'
import { ModelError, type ModelErrorCode } from './errors.ts'

const OF_THE_MODEL: ReadonlySet<ModelErrorCode> = new Set(['MODEL_UNAVAILABLE', 'MODEL_REFUSED'])

/**
 * A model that is not asked while it is down: then each request fails at once with MODEL_UNAVAILABLE instead of after its time-out. The breaker is
 * the engine's; here it guards calls whose caller does not wait for the model to come back, which an operator's own breaker would have it do.
 * @param now ms since the epoch
 */
export function whileUp(model: LanguageModel, options: CircuitBreakerOptions = {}, now: () => number = Date.now): LanguageModel {
  const breaker = new CircuitBreaker(circuitBreakerPolicy(model.name, options))
  const begin = (): CircuitCall => {
    if (!breaker.permits(now())) {
      throw new ModelError('MODEL_UNAVAILABLE', `${model.name} has failed too often: it is not asked for a while.`)
    }
    const call: CircuitCall = { permit: 0, slot: -1 }
    breaker.begin(call)
    return call
  }
  /** What a caller takes back, and a request that is refused for what it asks, say nothing of the server. */
  const failed = (call: CircuitCall, error: unknown, signal: AbortSignal | undefined): void =>
    breaker.ended(call, signal?.aborted !== true && error instanceof ModelError && OF_THE_MODEL.has(error.code) ? 'failure' : 'ignored', now())
  return {
    name: model.name,
    async answer(request, callOptions) {
      const call = begin()
      try {
        const answer = await model.answer(request, callOptions)
        breaker.ended(call, 'success', now())
        return answer
      } catch (error) {
        failed(call, error, callOptions?.signal)
        throw error
      }
    },
    async *write(request, callOptions) {
      const call = begin()
      let ended = false
      try {
        yield* model.write(request, callOptions)
        ended = true
        breaker.ended(call, 'success', now())
      } catch (error) {
        ended = true
        failed(call, error, callOptions?.signal)
        throw error
      } finally {
        if (!ended) {
          // read as far as somebody wanted
          breaker.ended(call, 'ignored', now())
        }
      }
    },
  }
}
