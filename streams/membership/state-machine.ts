/**
 * The states of one member of a classic group, and the only function that changes them. Pure: what is to be done is
 * returned as actions, which `membership.ts` carries out.
 *
 *   unjoined → joining → syncing → stable ⇄ (revoking) → joining …          leave → leaving
 *   any → fenced (the member id is void: everything uncommitted is dropped, then it joins anew)      any → fatal
 *
 * Codes are read by the moment they come in (rule C1): 22 and 27 during our own rejoin say nothing new.
 */
import { BrokerCode } from './broker-code.ts'
import type { TaskVersion } from './types.ts'
import { taskVersionKey } from './types.ts'

export interface Identity {
  readonly memberId: string
  /** -1: not a member of any generation. */
  readonly generation: number
}

export type MembershipState =
  | { readonly name: 'unjoined'; readonly memberId: string }
  | { readonly name: 'joining'; readonly identity: Identity; readonly owned: readonly TaskVersion[] }
  | { readonly name: 'syncing'; readonly identity: Identity; readonly owned: readonly TaskVersion[] }
  | { readonly name: 'stable'; readonly identity: Identity; readonly owned: readonly TaskVersion[] }
  | {
      readonly name: 'revoking'
      readonly identity: Identity
      /** What stays. */
      readonly owned: readonly TaskVersion[]
      readonly releasing: readonly TaskVersion[]
    }
  | { readonly name: 'fenced'; readonly code: number | undefined }
  | { readonly name: 'leaving'; readonly identity: Identity }
  | { readonly name: 'fatal'; readonly error: Error }

export type MembershipEvent =
  | { readonly type: 'join' }
  | { readonly type: 'member-id'; readonly memberId: string }
  | { readonly type: 'joined'; readonly identity: Identity }
  | { readonly type: 'synced'; readonly tasks: readonly TaskVersion[] }
  /** A group call was answered with this code. */
  | { readonly type: 'refused'; readonly call: 'join' | 'sync' | 'heartbeat' | 'commit'; readonly code: number; readonly error: Error }
  | { readonly type: 'heartbeat' }
  /** The tasks that were taken away are released: no record of them is in an open generation. */
  | { readonly type: 'released' }
  /** Everything uncommitted is dropped after the membership was lost. */
  | { readonly type: 'dropped' }
  /** The topology's topics changed: the leader has to assign again. */
  | { readonly type: 'rejoin' }
  | { readonly type: 'leave' }
  | { readonly type: 'failed'; readonly error: Error }

export type MembershipAction =
  | { readonly type: 'send-join'; readonly identity: Identity; readonly owned: readonly TaskVersion[] }
  | { readonly type: 'send-sync'; readonly identity: Identity }
  | { readonly type: 'assigned'; readonly added: readonly TaskVersion[]; readonly revoked: readonly TaskVersion[]; readonly owned: readonly TaskVersion[] }
  | { readonly type: 'lost'; readonly code: number | undefined }
  | { readonly type: 'send-leave'; readonly identity: Identity }
  | { readonly type: 'fail'; readonly error: Error }

export interface Transition {
  readonly state: MembershipState
  readonly actions: readonly MembershipAction[]
}

export const UNJOINED: MembershipState = { name: 'unjoined', memberId: '' }

function stay(state: MembershipState): Transition {
  return { state, actions: [] }
}

function join(identity: Identity, owned: readonly TaskVersion[]): Transition {
  return { state: { name: 'joining', identity, owned }, actions: [{ type: 'send-join', identity, owned }] }
}

/** Codes after which the member id is void. */
function voidsMember(code: number): boolean {
  return code === BrokerCode.UNKNOWN_MEMBER_ID || code === BrokerCode.FENCED_INSTANCE_ID
}

/** The one transition function. An event that means nothing in a state leaves it as it is. */
export function transition(state: MembershipState, event: MembershipEvent): Transition {
  if (event.type === 'failed') {
    return state.name === 'fatal' || state.name === 'leaving' ? stay(state) : { state: { name: 'fatal', error: event.error }, actions: [{ type: 'fail', error: event.error }] }
  }
  if (event.type === 'leave') {
    return leave(state)
  }
  switch (state.name) {
    case 'unjoined':
      return event.type === 'join' ? join({ memberId: state.memberId, generation: -1 }, []) : stay(state)
    case 'joining':
      return whileJoining(state, event)
    case 'syncing':
      return whileSyncing(state, event)
    case 'stable':
      return whileStable(state, event)
    case 'revoking':
      return whileRevoking(state, event)
    case 'fenced':
      return event.type === 'dropped' ? join({ memberId: '', generation: -1 }, []) : stay(state)
    case 'leaving':
    case 'fatal':
      return stay(state)
  }
}

function leave(state: MembershipState): Transition {
  switch (state.name) {
    case 'joining':
    case 'syncing':
    case 'stable':
    case 'revoking':
      return { state: { name: 'leaving', identity: state.identity }, actions: state.identity.memberId === '' ? [] : [{ type: 'send-leave', identity: state.identity }] }
    case 'unjoined':
    case 'fenced':
      return { state: { name: 'leaving', identity: { memberId: '', generation: -1 } }, actions: [] }
    case 'leaving':
    case 'fatal':
      return stay(state)
  }
}

function lost(code: number | undefined): Transition {
  return { state: { name: 'fenced', code }, actions: [{ type: 'lost', code }] }
}

function fatal(error: Error): Transition {
  return { state: { name: 'fatal', error }, actions: [{ type: 'fail', error }] }
}

type Named<N extends MembershipState['name']> = Extract<MembershipState, { name: N }>

function whileJoining(state: Named<'joining'>, event: MembershipEvent): Transition {
  switch (event.type) {
    case 'member-id':
      return join({ memberId: event.memberId, generation: -1 }, state.owned)
    case 'joined':
      return { state: { name: 'syncing', identity: event.identity, owned: state.owned }, actions: [{ type: 'send-sync', identity: event.identity }] }
    case 'refused':
      if (event.call === 'join') {
        return voidsMember(event.code) || event.code === BrokerCode.ILLEGAL_GENERATION ? lost(event.code) : fatal(event.error)
      }
      // 22 of a commit under the old generation while our own JoinGroup is out: its answer decides.
      return voidsMember(event.code) ? lost(event.code) : stay(state)
    default:
      return stay(state)
  }
}

function whileSyncing(state: Named<'syncing'>, event: MembershipEvent): Transition {
  switch (event.type) {
    case 'synced': {
      const had = new Set(state.owned.map(taskVersionKey))
      const has = new Set(event.tasks.map(taskVersionKey))
      const owned = event.tasks
      const added = event.tasks.filter((t) => !had.has(taskVersionKey(t)))
      const revoked = state.owned.filter((t) => !has.has(taskVersionKey(t)))
      const next: MembershipState =
        revoked.length > 0 ? { name: 'revoking', identity: state.identity, owned, releasing: revoked } : { name: 'stable', identity: state.identity, owned }
      return { state: next, actions: [{ type: 'assigned', added, revoked, owned }] }
    }
    case 'refused':
      if (voidsMember(event.code)) {
        return lost(event.code)
      }
      if (event.code === BrokerCode.REBALANCE_IN_PROGRESS) {
        return event.call === 'sync' ? join(state.identity, state.owned) : stay(state)
      }
      if (event.code === BrokerCode.ILLEGAL_GENERATION) {
        // A commit's 22 may be about the generation before; the group's own word comes with the answer to SyncGroup.
        return event.call === 'sync' ? lost(event.code) : stay(state)
      }
      return event.call === 'sync' ? fatal(event.error) : stay(state)
    default:
      return stay(state)
  }
}

function whileStable(state: Named<'stable'>, event: MembershipEvent): Transition {
  switch (event.type) {
    case 'rejoin':
      return join(state.identity, state.owned)
    case 'refused':
      if (event.code === BrokerCode.REBALANCE_IN_PROGRESS) {
        return join(state.identity, state.owned)
      }
      return voidsMember(event.code) || event.code === BrokerCode.ILLEGAL_GENERATION ? lost(event.code) : event.call === 'heartbeat' ? fatal(event.error) : stay(state)
    default:
      return stay(state)
  }
}

function whileRevoking(state: Named<'revoking'>, event: MembershipEvent): Transition {
  switch (event.type) {
    case 'released':
      return join(state.identity, state.owned)
    case 'refused':
      // 27: another round is wanted; ours begins as soon as the tasks are released.
      return voidsMember(event.code) || event.code === BrokerCode.ILLEGAL_GENERATION ? lost(event.code) : stay(state)
    default:
      return stay(state)
  }
}

/** The identity commits carry now, or undefined when there is none. */
export function identityOf(state: MembershipState): Identity | undefined {
  switch (state.name) {
    case 'joining':
    case 'syncing':
    case 'stable':
    case 'revoking':
      return state.identity.generation >= 0 ? state.identity : undefined
    case 'leaving':
      return state.identity.generation >= 0 ? state.identity : undefined
    default:
      return undefined
  }
}
