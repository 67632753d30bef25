import { StreamsError } from '../errors.ts'
import type { AnyAsyncOperator, AsyncNode } from '../graph/topology.ts'

/** Throws `CONFIG_INVALID`, naming operator and option, for limits and combinations that make no sense. */
export function validated(node: AsyncNode): AnyAsyncOperator {
  const { operator, name } = node
  const positive: readonly (readonly [string, number])[] = [
    ['concurrency', operator.concurrency],
    ['maxPending', operator.maxPending],
    ['maxPendingBytes', operator.maxPendingBytes],
    ['timeoutMs', operator.timeoutMs],
  ]
  for (const [field, value] of positive) {
    if (!(value >= 1)) {
      throw new StreamsError('CONFIG_INVALID', `${name}: ${field} is ${value}; it must be at least 1.`)
    }
  }
  if (!Number.isInteger(operator.retry.attempts) || operator.retry.attempts < 0) {
    throw new StreamsError('CONFIG_INVALID', `${name}: retry.attempts is ${operator.retry.attempts}; it must be a whole number ≥ 0.`)
  }
  if (operator.order === 'input' && operator.onFailure === 'park') {
    throw new StreamsError(
      'CONFIG_INVALID',
      `${name}: order 'input' can't be combined with onFailure 'park': one parked record would stop all others. Use order 'key'.`,
    )
  }
  return operator
}
