import { StreamsError } from '../errors.ts'

/**
 * States of an application, Kafka Streams' names:
 *
 *   CREATED → REBALANCING ⇄ RUNNING → PENDING_SHUTDOWN → NOT_RUNNING
 *                   └────────┴──────→ PENDING_ERROR → ERROR
 */
export type AppState = 'CREATED' | 'REBALANCING' | 'RUNNING' | 'PENDING_SHUTDOWN' | 'NOT_RUNNING' | 'PENDING_ERROR' | 'ERROR'

const NEXT: { readonly [S in AppState]: readonly AppState[] } = {
  CREATED: ['REBALANCING', 'PENDING_SHUTDOWN', 'PENDING_ERROR'],
  REBALANCING: ['RUNNING', 'PENDING_SHUTDOWN', 'PENDING_ERROR'],
  RUNNING: ['REBALANCING', 'PENDING_SHUTDOWN', 'PENDING_ERROR'],
  PENDING_SHUTDOWN: ['NOT_RUNNING', 'PENDING_ERROR'],
  NOT_RUNNING: [],
  PENDING_ERROR: ['ERROR'],
  ERROR: [],
}

/** The one transition function; anything else is a defect and throws. */
export function appTransition(from: AppState, to: AppState): AppState {
  if (!NEXT[from].includes(to)) {
    throw new StreamsError('NOT_RUNNING', `An application cannot go from ${from} to ${to}.`)
  }
  return to
}
