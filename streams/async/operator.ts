import type { RetryPolicy } from '../error-policy.ts'
import type { ProcessorContext, ReadOnlyKeyValueStore } from '../processor.ts'
import type { Record } from '../record.ts'
import type { Serde } from '../serdes.ts'
import type { CircuitBreakerOptions } from './circuit-breaker.ts'

export interface CallInfo {
  /** Aborted on time-out, revocation of the task and shutdown. Advice only: the call may still have its effect. */
  readonly signal: AbortSignal
  /**
   * Application, operator, source topic, partition, offset, and the ordinal among the records born of that offset:
   * equal for every repetition of this call, different for every other (rule B3).
   */
  readonly idempotencyKey: string
  /**
   * The group's generation in which this process calls: it rises whenever tasks change hands. A service that remembers the
   * highest one it saw with a key can refuse a call that an earlier owner of the task still has under way (rule B3). 0 in the
   * test driver.
   */
  readonly fence: number
  /** 1 for the first try. Tries that failed while the circuit breaker was not closed are not counted. */
  readonly attempt: number
}

export interface PrepareContext {
  /** Read-only here: an async function touches nothing of the task (rule B2). */
  getStateStore<K, V>(name: string): ReadOnlyKeyValueStore<K, V>
}

/**
 * An operator that awaits (engine.md §5). Exactly once holds for the call's *result*: its effect outside the process is
 * at least once and, across a change of owner, unordered. So send the idempotency key along, or make the call harmless
 * to repeat.
 */
export interface AsyncOperator<K, V, Input, Result, Out> {
  /** Serdes of the pending entry, which is kept whole in the in-flight store. */
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Synchronous, optional, may read stores. Default: the record's value. Runs again when an entry is restored. */
  readonly prepare?: (record: Record<K, V>, context: PrepareContext) => Input
  /** The only part that awaits; sees no store, no context. */
  readonly call: (input: Input, info: CallInfo, record: Record<K, V>) => Promise<Result>
  /** Synchronous, whole in one generation: reads and writes stores, forwards. */
  readonly complete: (result: Result, record: Record<K, V>, context: ProcessorContext<K, Out>) => void
  /** Calls running at once in this task. */
  readonly concurrency: number
  /** Records admitted and not finished, above which the task's sources pause. */
  readonly maxPending: number
  readonly maxPendingBytes: number
  readonly order: 'key' | 'input' | 'none'
  /** Fair turns: pending calls are chosen lane by lane. Default: one lane. */
  readonly lane?: (record: Record<K, V>) => string
  readonly laneWeight?: (lane: string) => number
  /** One try may take this long, ms: prevents that a call which never settles holds its key for ever. */
  readonly timeoutMs: number
  readonly retry: RetryPolicy
  /** When the tries are used up. `park`: only that key waits. */
  readonly onFailure: 'fail' | 'skip' | 'dead-letter' | 'park'
  /** An error for which no retry makes sense. */
  readonly isPermanent?: (error: unknown) => boolean
  /** Nothing is called while the dependency is down: records wait, no try is used up. */
  readonly circuitBreaker?: CircuitBreakerOptions
}
