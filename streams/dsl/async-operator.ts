import { circuitBreakerPolicy } from '../async/circuit-breaker.ts'
import type { AsyncOperator, CallInfo, PrepareContext } from '../async/operator.ts'
import { milliseconds, wholeNumber } from '../duration.ts'
import type { RetryPolicy } from '../error-policy.ts'
import { StreamsError } from '../errors.ts'
import type { AnyAsyncOperator } from '../graph/topology.ts'
import { requireFunction } from '../graph/topology-builder.ts'
import type { ProcessorContext } from '../processor.ts'
import type { Record } from '../record.ts'
import type { AsyncOptions } from './options.ts'
import { requireName, type StreamState, serdeFor } from './stream-state.ts'

const DEFAULT_CONCURRENCY = 8
const DEFAULT_MAX_PENDING = 10_000
const DEFAULT_MAX_PENDING_BYTES = 64 * 1024 * 1024
const DEFAULT_RETRIES = 3

/** What the user writes for `processAsync`: everything about the call that is not a limit or a policy. */
export interface AsyncProcessor<K, V, Input, Result, Out> {
  /** Synchronous, may read stores; what it returns is given to `call`. Default: the record's value. */
  readonly prepare?: (record: Record<K, V>, context: PrepareContext) => Input
  /** The only part that awaits; touches nothing of the task. */
  readonly call: (input: Input, info: CallInfo, record: Record<K, V>) => Promise<Result>
  /** Synchronous; may use stores and forward. Runs once per record whose call succeeded. */
  readonly complete: (result: Result, record: Record<K, V>, context: ProcessorContext<K, Out>) => void
}

/** Checks the options of an async operator and fills in the defaults. */
export function asyncOperator<K, V, Input, Result, Out, VR>(
  state: StreamState,
  operation: string,
  processor: AsyncProcessor<K, V, Input, Result, Out>,
  options: AsyncOptions<K, V, VR>
): AnyAsyncOperator {
  const name = requireName(state, operation, options?.name, 'keeps its pending records')
  const what = `${operation} '${name}'`
  requireFunction(processor?.call, `${what}: its function`)
  requireFunction(processor.complete, `${what}: complete`)
  for (const option of ['lane', 'laneWeight', 'isPermanent'] as const) {
    if (options[option] !== undefined) {
      requireFunction(options[option], `${what}: ${option}`)
    }
  }
  const order = oneOf(`${what}: order`, options.order ?? 'key', ['key', 'input', 'none'])
  const onFailure = oneOf(`${what}: onFailure`, options.onFailure ?? 'fail', ['fail', 'skip', 'dead-letter', 'park'])
  if (order === 'input' && onFailure === 'park') {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `${what}: order 'input' cannot be combined with onFailure 'park': everything behind the parked record would wait for ever. ` +
        "Take order 'key', where only the parked key waits, or onFailure 'dead-letter'."
    )
  }
  const { lane } = options
  const operator: AsyncOperator<K, V, Input, Result, Out> = {
    key: serdeFor(what, 'input.key', options.input?.key, state.key),
    value: serdeFor(what, 'input.value', options.input?.value, state.value),
    prepare: processor.prepare,
    call: processor.call,
    complete: processor.complete,
    concurrency: wholeNumber(`${what}: concurrency`, options.concurrency ?? DEFAULT_CONCURRENCY),
    maxPending: wholeNumber(`${what}: maxPending`, options.maxPending ?? DEFAULT_MAX_PENDING),
    maxPendingBytes: wholeNumber(`${what}: maxPendingBytes`, options.maxPendingBytes ?? DEFAULT_MAX_PENDING_BYTES),
    order,
    lane: lane === undefined ? undefined : (record) => lane(record.value, record.key),
    laneWeight: options.laneWeight,
    timeoutMs: milliseconds(`${what}: timeout`, options.timeout ?? '30s'),
    retry: retryPolicy(what, options.retry ?? DEFAULT_RETRIES),
    onFailure,
    isPermanent: options.isPermanent,
    circuitBreaker: options.circuitBreaker === undefined ? undefined : circuitBreakerPolicy(what, options.circuitBreaker),
  }
  return operator
}

function retryPolicy(what: string, retry: number | RetryPolicy): RetryPolicy {
  const policy = typeof retry === 'number' ? { attempts: retry } : retry
  wholeNumber(`${what}: retry attempts`, policy?.attempts, 0)
  for (const option of ['backoffMs', 'maxBackoffMs'] as const) {
    const value = policy[option]
    if (value !== undefined) {
      milliseconds(`${what}: retry.${option}`, value)
    }
  }
  return policy
}

function oneOf<T extends string>(option: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) {
    throw new StreamsError(
      'CONFIG_INVALID',
      `${option} is ${JSON.stringify(value)}, not one of ${allowed.map((one) => `'${one}'`).join(', ')}.`
    )
  }
  return value
}
