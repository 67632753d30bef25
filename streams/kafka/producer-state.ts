import { StreamsError } from '../errors.ts'

/**
 * States of a producer:
 *
 *   new → initializing → ready ⇄ sending → committing → ready
 *                                   ↓           ↓ (answer lost, caller gave up)
 *                               failed ←──┐  undecided → committing
 *                                   ↓     │
 *                               aborting ─┴→ ready
 *
 * and from everywhere: fenced (another producer took over, or the coordinator ended the transaction), closed.
 */
export type ProducerState =
  | 'new'
  | 'initializing'
  | 'ready'
  | 'sending'
  | 'committing'
  | 'undecided'
  | 'failed'
  | 'aborting'
  | 'fenced'
  | 'closed'

export type ProducerEvent =
  | 'init'
  | 'initialized'
  | 'init-failed'
  | 'send'
  | 'commit'
  | 'committed'
  | 'outcome-unknown'
  | 'fail'
  | 'abort'
  | 'aborted'
  | 'abort-failed'
  | 'fence'
  | 'close'

const TRANSITIONS: { readonly [state in ProducerState]: { readonly [event in ProducerEvent]?: ProducerState } } = {
  new: { init: 'initializing' },
  initializing: { initialized: 'ready', 'init-failed': 'new' },
  ready: { send: 'sending', fail: 'failed' },
  sending: { send: 'sending', commit: 'committing', abort: 'aborting', fail: 'failed' },
  committing: { committed: 'ready', 'outcome-unknown': 'undecided', fail: 'failed' },
  undecided: { commit: 'committing' },
  failed: { fail: 'failed', abort: 'aborting' },
  aborting: { aborted: 'ready', 'abort-failed': 'failed', fail: 'aborting' },
  fenced: { fail: 'fenced' },
  closed: { fail: 'closed', 'init-failed': 'closed', 'abort-failed': 'closed', 'outcome-unknown': 'closed' }
}

/** The one place where a producer's state changes. Throws PRODUCER_STATE_INVALID for a call out of turn. */
export function transition(state: ProducerState, event: ProducerEvent): ProducerState {
  if (event === 'close') {
    return 'closed'
  }
  if (event === 'fence') {
    return state === 'closed' ? 'closed' : 'fenced'
  }
  const next = TRANSITIONS[state][event]
  if (next === undefined) {
    throw new StreamsError(
      state === 'fenced' ? 'PRODUCER_FENCED' : 'PRODUCER_STATE_INVALID',
      `The producer is ${state}: "${event}" is not possible.${HINTS[state] ?? ''}`
    )
  }
  return next
}

const HINTS: { readonly [state in ProducerState]?: string } = {
  new: ' Call init() first.',
  failed: ' Call abort() first.',
  undecided: ' Call commit() again to learn the outcome of the last transaction.',
  fenced: ' Another producer uses its transactional id, or its transaction timed out: make a new one under a new id.'
}
