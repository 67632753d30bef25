/**
 * One member of the group: carries out what `state-machine.ts` decides, over the classic group protocol. It runs beside
 * processing: nothing here waits for the record path except a rejoin after a revocation, which must not begin before the
 * tasks are released (rule C2).
 */
import type { GroupClient, GroupIdentity } from '../kafka/contract.ts'
import { isRetriable, KafkaError } from '../kafka/kafka-error.ts'
import { assign } from './assignor.ts'
import { BrokerCode } from './broker-code.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription, PROTOCOL_NAME } from './protocol.ts'
import type { Identity, MembershipAction, MembershipEvent, MembershipState } from './state-machine.ts'
import { identityOf, transition, UNJOINED } from './state-machine.ts'
import type { Claim, CopyPolicy, Member, PeerProcess, Subscription, SubtopologyDescription, TaskVersion } from './types.ts'
import { taskVersionKey } from './types.ts'
import { mergeDescriptions } from './versions.ts'

export interface MembershipOptions {
  readonly group: GroupClient
  readonly groupId: string
  /** The broker evicts a member it has not heard of for so long; also the time a round may wait for a slow member. */
  readonly sessionTimeoutMs: number
  /** A hand-over takes one interval of the slowest party. */
  readonly heartbeatIntervalMs: number
  /** Every source and repartition topic: the broker lets the offsets of others expire (rule A9). */
  topics(): readonly string[]
  /** What this member has, without its claims. Called before each join. */
  subscription(): Omit<Subscription, 'owned' | 'released'>
  /** Awaited before the id is used: whoever restarts this process leaves for it (rule B7). */
  onMemberId(memberId: string): Promise<void>
  /** `revoked` tasks must be released, then `released()` called. `owned` is all this member has from now on. */
  onAssigned(added: readonly TaskVersion[], revoked: readonly TaskVersion[], owned: readonly TaskVersion[]): void
  /** How much restoring the task from nothing would cost, in records; undefined: not known, or it has no state. */
  sizeOf?(task: TaskVersion): number | undefined
  /** What the application wants of its copies, when this member leads. */
  readonly copies?: CopyPolicy
  /** With every assignment, before `onAssigned`: copies this member is to feed from now on, and no others. */
  onCopies?(standbys: readonly TaskVersion[], warmups: readonly TaskVersion[]): void
  /** Before `onAssigned`: the processes this one watches, if this member is the one of its process that is told. */
  onWatch?(processes: readonly PeerProcess[]): void
  /** The membership is void; everything uncommitted must be dropped, then `dropped()` called. */
  onLost(code: number | undefined): void
  onFailed(error: Error): void
  onState?(state: MembershipState): void
  /** A member says that the application is to stop; `code` is that of its error. */
  onStop?(code: string): void
  /**
   * Leader only, while it assigns: how many tasks could not be given to anybody in this round, and what the members
   * described, all of them together; undefined when one of them could not be understood.
   */
  onAssignedGroup?(members: number, waiting: number, descriptions: readonly SubtopologyDescription[] | undefined): void
  onWarning?(message: string): void
}

/** Pause between tries of a group call that found no coordinator; prevents a busy loop while a broker restarts. */
const RETRY_MS = 100
/** Between heartbeats while another round is known to follow: nobody runs the tasks that are on their way. */
const FOLLOW_MS = 25

export class Membership {
  readonly #options: MembershipOptions
  #state: MembershipState = UNJOINED
  /** Generation in which each owned task was last confirmed. */
  readonly #confirmed = new Map<string, number>()
  /** Taken away in the last round. */
  #released: readonly TaskVersion[] = []
  #awaited = 0
  #timer: NodeJS.Timeout | undefined
  #heartbeating = false
  #stopped = false
  #left: Promise<void> | undefined
  #waiters: (() => void)[] = []

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  get state(): MembershipState {
    return this.#state
  }

  /** Tasks this member keeps, although it is leaving, until others are ready for them; as of the newest assignment. */
  get awaited(): number {
    return this.#awaited
  }

  /** Who commits now; undefined outside any generation. */
  get identity(): GroupIdentity | undefined {
    const identity = identityOf(this.#state)
    return identity === undefined ? undefined : { groupId: this.#options.groupId, memberId: identity.memberId, generationId: identity.generation }
  }

  /** Joins; assignments arrive through `onAssigned`. */
  start(): void {
    this.#timer = setInterval(() => this.#heartbeat(), this.#options.heartbeatIntervalMs)
    this.#dispatch({ type: 'join' })
  }

  /** The revoked tasks are released. */
  released(): void {
    this.#dispatch({ type: 'released' })
  }

  /** Everything uncommitted is dropped after `onLost`. */
  dropped(): void {
    this.#dispatch({ type: 'dropped' })
  }

  /** Asks the group now, not at the next interval: somebody was just taken out of it. */
  hurry(): void {
    this.#heartbeat()
  }

  /** Asks for a new round, because what this member described has changed. */
  rejoin(): void {
    this.#dispatch({ type: 'rejoin' })
  }

  /**
   * Rule C1: a commit under `used` was refused with `code`. Resolves with the identity to send it again under, in the same
   * transaction, or undefined when the membership is lost (and `onLost` has been called).
   */
  async identityAfterRefusal(used: GroupIdentity, code: number, error: Error): Promise<GroupIdentity | undefined> {
    if (code === BrokerCode.ILLEGAL_GENERATION || code === BrokerCode.REBALANCE_IN_PROGRESS) {
      while (this.#state.name === 'joining' || (code === BrokerCode.REBALANCE_IN_PROGRESS && this.#state.name === 'syncing')) {
        await new Promise<void>((resolve) => this.#waiters.push(resolve))
      }
      const now = this.identity
      if (now !== undefined && now.memberId === used.memberId && now.generationId > used.generationId) {
        return now
      }
      if (now !== undefined && code === BrokerCode.REBALANCE_IN_PROGRESS) {
        // Heard of the rebalance before the heartbeat was: join at once, then try again.
        this.#dispatch({ type: 'refused', call: 'heartbeat', code, error })
        if (this.state.name === 'joining') {
          return this.identityAfterRefusal(used, code, error)
        }
        // Of a round that has ended since. The next one waits for this commit: its tasks are to be released first.
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
        return this.identity?.memberId === used.memberId ? this.identity : undefined
      }
    }
    if (this.identity?.memberId === used.memberId) {
      this.#dispatch({ type: 'refused', call: 'commit', code, error })
    }
    return undefined
  }

  /**
   * Leaves the group, so that the others take over at their next heartbeat. Resolves when the broker has answered or
   * cannot be reached; never rejects: the session time-out does the rest.
   */
  leave(): Promise<void> {
    this.#left ??= this.#leave()
    return this.#left
  }

  async #leave(): Promise<void> {
    const identity = identityOf(this.#state)
    this.#stopped = true
    clearInterval(this.#timer)
    const memberId = identity?.memberId ?? ('identity' in this.#state ? this.#state.identity.memberId : '')
    this.#dispatch({ type: 'leave' })
    if (memberId !== '') {
      await this.#options.group.leave(this.#options.groupId, [memberId], 'closed').catch(() => undefined)
    }
  }

  /** Stops at once without a word to the broker; for a thread that failed. */
  abandon(): void {
    this.#stopped = true
    clearInterval(this.#timer)
  }

  #dispatch(event: MembershipEvent): void {
    const { state, actions } = transition(this.#state, event)
    const changed = state !== this.#state
    this.#state = state
    if (event.type === 'synced' && (state.name === 'stable' || state.name === 'revoking')) {
      this.#confirm(state.identity.generation, state.owned)
      this.#released = state.name === 'revoking' ? state.releasing : []
    }
    if (state.name === 'fenced') {
      this.#confirmed.clear()
      this.#released = []
    }
    if (changed) {
      this.#options.onState?.(state)
      const waiters = this.#waiters
      this.#waiters = []
      for (const wake of waiters) {
        wake()
      }
    }
    for (const action of actions) {
      this.#run(action)
    }
  }

  /** A member that lost its membership claims nothing (rule A12): `#confirmed` is cleared when it is fenced. */
  #confirm(generation: number, owned: readonly TaskVersion[]): void {
    this.#confirmed.clear()
    for (const task of owned) {
      this.#confirmed.set(taskVersionKey(task), generation)
    }
  }

  #run(action: MembershipAction): void {
    switch (action.type) {
      case 'send-join':
        this.#call('join', action.identity, () => this.#join(action.identity, action.owned))
        return
      case 'send-sync':
        // `#join` goes on to SyncGroup itself: it holds the leader's member list.
        return
      case 'assigned':
        this.#options.onAssigned(action.added, action.revoked, action.owned)
        return
      case 'lost':
        this.#options.onLost(action.code)
        return
      case 'fail':
        this.abandon()
        this.#options.onFailed(action.error)
        return
      case 'send-leave':
        return
    }
  }

  /** Runs a group call; codes become events, anything else fails the member. */
  #call(call: 'join' | 'sync' | 'heartbeat', identity: Identity, run: () => Promise<void>): void {
    run().catch((error: Error) => {
      if (this.#stopped || !this.#current(identity)) {
        return
      }
      const code = error instanceof KafkaError ? error.brokerCode : undefined
      this.#dispatch(code === undefined ? { type: 'failed', error } : { type: 'refused', call, code, error })
    })
  }

  /** Answers to what an earlier generation or member id asked mean nothing any more. */
  #current(identity: Identity): boolean {
    const state = this.#state
    return 'identity' in state && state.identity.memberId === identity.memberId && state.identity.generation === identity.generation
  }

  async #join(identity: Identity, owned: readonly TaskVersion[]): Promise<void> {
    const { group, groupId, sessionTimeoutMs } = this.#options
    const claims: Claim[] = owned.map((task) => {
      const size = this.#options.sizeOf?.(task)
      return { ...task, generation: this.#confirmed.get(taskVersionKey(task)) ?? -1, ...(size === undefined ? {} : { size }) }
    })
    const metadata = encodeSubscription({ ...this.#options.subscription(), owned: claims, released: this.#released }, this.#options.topics())
    let joined: Awaited<ReturnType<GroupClient['join']>>
    try {
      joined = await this.#retry(identity, () =>
        group.join({
          groupId,
          memberId: identity.memberId,
          sessionTimeoutMs,
          rebalanceTimeoutMs: sessionTimeoutMs,
          protocolType: 'consumer',
          protocols: [{ name: PROTOCOL_NAME, metadata }],
        }),
      )
    } catch (error) {
      const memberId = memberIdRequired(error)
      if (memberId === undefined) {
        throw error
      }
      await this.#options.onMemberId(memberId)
      this.#dispatch({ type: 'member-id', memberId })
      return
    }
    if (!this.#current(identity)) {
      return
    }
    if (joined.memberId !== identity.memberId) {
      await this.#options.onMemberId(joined.memberId)
    }
    const now: Identity = { memberId: joined.memberId, generation: joined.generationId }
    this.#dispatch({ type: 'joined', identity: now })
    this.#call('sync', now, async () => {
      const assignments = joined.leader === joined.memberId ? this.#assign(joined.members) : []
      const bytes = await this.#retry(now, () => group.sync({ groupId, memberId: now.memberId, generationId: now.generation }, joined.protocolName, assignments))
      if (this.#current(now)) {
        const { tasks, watch, standbys, warmups, awaited, follows, stop } = decodeAssignment(bytes)
        this.#awaited = awaited ?? 0
        this.#options.onCopies?.(standbys ?? [], warmups ?? [])
        if (watch !== undefined) {
          this.#options.onWatch?.(watch)
        }
        this.#dispatch({ type: 'synced', tasks })
        if (stop !== undefined) {
          this.#options.onStop?.(stop)
        }
        if (follows === true) {
          this.#expectRound(now)
        }
      }
    })
  }

  /** Asks often for the round that follows, as long as an interval of heartbeats; who releases slowly is heard of with those. */
  #expectRound(now: Identity): void {
    const until = performance.now() + this.#options.heartbeatIntervalMs
    const timer = setInterval(() => {
      if (this.#stopped || !this.#current(now) || performance.now() >= until) {
        clearInterval(timer)
      } else {
        this.#heartbeat()
      }
    }, FOLLOW_MS)
  }

  /** The leader's part: pure computation on what the members said (rule C15). */
  #assign(described: readonly { readonly memberId: string; readonly metadata: Uint8Array }[]): { memberId: string; assignment: Uint8Array }[] {
    const members: Member[] = []
    for (const { memberId, metadata } of described) {
      try {
        members.push({ memberId, ...decodeSubscription(metadata) })
      } catch (error) {
        this.#options.onWarning?.(`member ${memberId} gets no task: ${(error as Error).message}`)
      }
    }
    const result = assign(members, this.#options.copies)
    const descriptions = mergeDescriptions(members)
    this.#options.onAssignedGroup?.(members.length, result.waiting.length, members.length === described.length ? [...descriptions.values()] : undefined)
    return described.map(({ memberId }) => ({ memberId, assignment: encodeAssignment(result.members.get(memberId) ?? { tasks: [] }, descriptions) }))
  }

  /** No coordinator for the moment, or no connection: again, as long as this identity is ours. */
  async #retry<T>(identity: Identity, run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await run()
      } catch (error) {
        if (this.#stopped || !this.#current(identity) || !isRetriable(error)) {
          throw error
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }

  #heartbeat(): void {
    const state = this.#state
    if (this.#heartbeating || (state.name !== 'stable' && state.name !== 'revoking')) {
      return
    }
    const identity = state.identity
    this.#heartbeating = true
    this.#call('heartbeat', identity, async () => {
      try {
        await this.#options.group.heartbeat({ groupId: this.#options.groupId, memberId: identity.memberId, generationId: identity.generation })
      } catch (error) {
        // Without a coordinator there is nobody to evict us either; the next heartbeat tells.
        if (!isRetriable(error)) {
          throw error
        }
      } finally {
        this.#heartbeating = false
      }
    })
  }
}

/** The id to join with, from the answer 79 MEMBER_ID_REQUIRED. */
function memberIdRequired(error: unknown): string | undefined {
  return error instanceof KafkaError && error.brokerCode === BrokerCode.MEMBER_ID_REQUIRED ? error.memberId : undefined
}
