import { StreamsError } from '../errors.ts'

/**
 *   created → starting → rebalancing ⇄ running → closing → closed
 *                     any of them → failed
 */
export type ThreadState = 'created' | 'starting' | 'rebalancing' | 'running' | 'closing' | 'closed' | 'failed'

const NEXT: { readonly [S in ThreadState]: readonly ThreadState[] } = {
  created: ['starting', 'closing', 'failed'],
  starting: ['rebalancing', 'running', 'closing', 'failed'],
  rebalancing: ['running', 'closing', 'failed'],
  running: ['rebalancing', 'closing', 'failed'],
  closing: ['closed', 'failed'],
  closed: [],
  failed: [],
}

/** The one transition function; anything else is a defect and throws. */
export function threadTransition(from: ThreadState, to: ThreadState): ThreadState {
  if (!NEXT[from].includes(to)) {
    throw new StreamsError('NOT_RUNNING', `A stream thread cannot go from ${from} to ${to}.`)
  }
  return to
}
