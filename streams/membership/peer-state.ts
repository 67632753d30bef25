/**
 * What one instance believes of another, and the only function that changes it. Pure: what is to be done is returned as
 * actions, which `peer-watch.ts` carries out.
 *
 *   waiting → connecting → greeting → watching → (closed without goodbye) → connecting …
 *                  │ refused, and it was watched before                  │ goodbye
 *                  ↓                                                     ↓
 *               evicted                                               departed
 *
 * Only positive evidence counts (rule C14): an authenticated connection that was closed without goodbye *and* a new one
 * that was refused. Neither a time-out nor an unreachable host nor a stranger on the port is any.
 */

/** One life of the other process, as it has proven it. */
export type PeerIncarnation = string

export type PeerState =
  /** Until the next try. `suspect`: its connection was lost; a refusal now proves its end. */
  | { readonly name: 'waiting'; readonly failures: number; readonly suspect: PeerIncarnation | undefined }
  | { readonly name: 'connecting'; readonly failures: number; readonly suspect: PeerIncarnation | undefined }
  | { readonly name: 'greeting'; readonly failures: number; readonly suspect: PeerIncarnation | undefined }
  | { readonly name: 'watching'; readonly incarnation: PeerIncarnation }
  /** It said goodbye. */
  | { readonly name: 'departed' }
  /** Its end was proven; this life of it is evicted once, never again. */
  | { readonly name: 'evicted'; readonly incarnation: PeerIncarnation }

export type PeerEvent =
  | { readonly type: 'due' }
  | { readonly type: 'connected' }
  /** Nobody listens where it listened: the answer of its host's kernel. */
  | { readonly type: 'refused' }
  | { readonly type: 'welcomed'; readonly incarnation: PeerIncarnation }
  /** The connection, or the try to make one, ended in any other way. */
  | { readonly type: 'closed' }
  | { readonly type: 'goodbye' }

export type PeerAction = { readonly type: 'connect' } | { readonly type: 'wait'; readonly ms: number } | { readonly type: 'evict'; readonly incarnation: PeerIncarnation } | { readonly type: 'hang-up' }

export interface PeerTransition {
  readonly state: PeerState
  readonly actions: readonly PeerAction[]
}

export const UNKNOWN_PEER: PeerState = { name: 'waiting', failures: 0, suspect: undefined }

/** While a process dies its kernel may still take a connection and reset it: asked again at once, then ever more slowly. */
const SUSPECT_WAIT_MS = { first: 5, longest: 1_000 }
/** One that was never reached may be starting, or out of reach for good; prevents a busy loop. */
const STRANGER_WAIT_MS = { first: 100, longest: 10_000 }

function retry(failures: number, suspect: PeerIncarnation | undefined): PeerTransition {
  const { first, longest } = suspect === undefined ? STRANGER_WAIT_MS : SUSPECT_WAIT_MS
  return { state: { name: 'waiting', failures: failures + 1, suspect }, actions: [{ type: 'wait', ms: Math.min(longest, first * 2 ** Math.min(failures, 20)) }] }
}

/** The one transition function. An event that means nothing in a state leaves it as it is. */
export function peerTransition(state: PeerState, event: PeerEvent): PeerTransition {
  const stay: PeerTransition = { state, actions: [] }
  switch (state.name) {
    case 'waiting':
      return event.type === 'due' ? { state: { ...state, name: 'connecting' }, actions: [{ type: 'connect' }] } : stay
    case 'connecting':
      switch (event.type) {
        case 'connected':
          return { state: { ...state, name: 'greeting' }, actions: [] }
        case 'refused':
          return state.suspect === undefined ? retry(state.failures, undefined) : { state: { name: 'evicted', incarnation: state.suspect }, actions: [{ type: 'evict', incarnation: state.suspect }] }
        case 'closed':
          return retry(state.failures, state.suspect)
        default:
          return stay
      }
    case 'greeting':
      switch (event.type) {
        case 'welcomed':
          // Another incarnation than the suspect: it has been started again, and leaves for its dead self.
          return { state: { name: 'watching', incarnation: event.incarnation }, actions: [] }
        case 'refused':
        case 'closed':
          return retry(state.failures, state.suspect)
        case 'goodbye':
          return { state: { name: 'departed' }, actions: [{ type: 'hang-up' }] }
        default:
          return stay
      }
    case 'watching':
      switch (event.type) {
        case 'closed':
        case 'refused':
          return { state: { name: 'connecting', failures: 0, suspect: state.incarnation }, actions: [{ type: 'connect' }] }
        case 'goodbye':
          return { state: { name: 'departed' }, actions: [{ type: 'hang-up' }] }
        default:
          return stay
      }
    case 'departed':
    case 'evicted':
      return stay
  }
}
