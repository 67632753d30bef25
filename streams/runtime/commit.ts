/**
 * One commit: steps 2 to 4 of engine.md §3 as an explicit state machine over a producer and the group.
 *
 *   idle → sending → ending → idle            committed
 *             │         └────→ undecided      the answer to EndTxn says neither: the broker's word is the truth (rule C4)
 *             └─→ aborting → idle             aborted; nothing of it is visible to anybody
 *
 * It never guesses, never sends a closed generation twice in two transactions, and knows nothing of tasks: what happens
 * to state after each outcome is the thread's business.
 */
import { StreamsError } from '../errors.ts'
import type { GroupClient, GroupIdentity, OffsetToCommit, ProduceAck, TransactionalProducer } from '../kafka/contract.ts'
import { KafkaError } from '../kafka/kafka-error.ts'
import { BrokerCode } from '../membership/broker-code.ts'
import type { ClosedOutputs } from './collector.ts'
import type { ProcessingGuarantee } from './config.ts'
import type { HitFailpoint } from './failpoints.ts'

export type CommitState = 'idle' | 'sending' | 'ending' | 'aborting' | 'undecided'

export type CommitEvent = 'send' | 'sent' | 'send-failed' | 'ended' | 'end-failed' | 'aborted'

const TRANSITIONS: { readonly [S in CommitState]: { readonly [E in CommitEvent]?: CommitState } } = {
  idle: { send: 'sending' },
  sending: { sent: 'ending', 'send-failed': 'aborting' },
  ending: { ended: 'idle', 'end-failed': 'undecided' },
  aborting: { aborted: 'idle' },
  // A new incarnation of the producer comes with a new pipeline.
  undecided: {},
}

/** The one transition function; an event out of turn is a defect and throws. */
export function commitTransition(state: CommitState, event: CommitEvent): CommitState {
  const next = TRANSITIONS[state][event]
  if (next === undefined) {
    throw new StreamsError('TRANSACTION_ABORTED', `A commit that is ${state} cannot be ${event}.`)
  }
  return next
}

export interface CommitPhases {
  readonly produceMs: number
  readonly offsetsMs: number
  readonly endMs: number
}

export type CommitOutcome =
  | { readonly kind: 'committed'; readonly acks: readonly ProduceAck[]; readonly phases: CommitPhases }
  | {
      readonly kind: 'dropped'
      readonly error: Error
      /** False: fenced, or its transaction's end is not known; it must be replaced and its id fenced. */
      readonly producerUsable: boolean
      readonly membershipLost: boolean
    }

/** The group as the pipeline sees it. */
export interface CommitMembership {
  readonly identity: GroupIdentity | undefined
  identityAfterRefusal(used: GroupIdentity, code: number, error: Error): Promise<GroupIdentity | undefined>
}

export interface CommitPipelineOptions {
  readonly producer: TransactionalProducer
  readonly group: Pick<GroupClient, 'commitOffsets'>
  readonly membership: CommitMembership
  readonly guarantee: ProcessingGuarantee
  readonly failpoint: HitFailpoint
  /** What was written lies where it should; rejects when it must not be committed. */
  acknowledged(acks: readonly ProduceAck[]): Promise<void>
}

const MEMBERSHIP_CODES: ReadonlySet<number> = new Set([
  BrokerCode.ILLEGAL_GENERATION,
  BrokerCode.UNKNOWN_MEMBER_ID,
  BrokerCode.REBALANCE_IN_PROGRESS,
  BrokerCode.FENCED_INSTANCE_ID,
])

class MembershipGone extends Error {}

export class CommitPipeline {
  readonly #options: CommitPipelineOptions
  #state: CommitState = 'idle'

  constructor(options: CommitPipelineOptions) {
    this.#options = options
  }

  get state(): CommitState {
    return this.#state
  }

  #move(event: CommitEvent): void {
    this.#state = commitTransition(this.#state, event)
  }

  /**
   * Commits what a closed generation holds. `offsets` names every task that wrote anything (rule A2) and is never empty.
   * Never rejects. `signal`: stops asking for an undecided end, because the membership is lost or the process closes.
   */
  async run(outputs: ClosedOutputs, offsets: readonly OffsetToCommit[], signal: AbortSignal): Promise<CommitOutcome> {
    const { producer, guarantee } = this.#options
    this.#move('send')
    const phases = { produceMs: 0, offsetsMs: 0, endMs: 0 }
    let acks: readonly ProduceAck[]
    try {
      if (offsets.length === 0) {
        throw new StreamsError('TRANSACTION_ABORTED', 'A generation without offsets has no fence and is never committed.')
      }
      await outputs.resolve()
      acks = await this.#send(outputs, offsets, phases)
      await this.#options.acknowledged(acks)
    } catch (error) {
      return this.#abort(error as Error)
    }
    this.#move('sent')
    const started = performance.now()
    if (guarantee === 'exactly_once_v2') {
      try {
        const ending = producer.commit(signal)
        // Its rejection is awaited below, after the failpoint has let the request leave.
        ending.catch(() => undefined)
        await new Promise((resolve) => setImmediate(resolve))
        this.#options.failpoint('endTxn.sent')
        await ending
      } catch (error) {
        this.#move('end-failed')
        return { kind: 'dropped', error: error as Error, producerUsable: false, membershipLost: false }
      }
    }
    phases.endMs = performance.now() - started
    this.#move('ended')
    this.#options.failpoint('endTxn.answered')
    return { kind: 'committed', acks, phases }
  }

  /** Steps 2 and 3. In a transaction both leave at once; without one offsets must not overtake the records they stand for. */
  async #send(outputs: ClosedOutputs, offsets: readonly OffsetToCommit[], phases: { produceMs: number; offsetsMs: number }): Promise<readonly ProduceAck[]> {
    const { producer, guarantee, failpoint } = this.#options
    const writers = outputs.writers()
    const started = performance.now()
    const producing = (writers.length === 0 ? Promise.resolve([]) : producer.produce(writers)).then((acks) => {
      phases.produceMs = performance.now() - started
      failpoint('produce.sent')
      return acks
    })
    if (guarantee === 'at_least_once') {
      const acks = await producing
      await this.#sendOffsets(offsets)
      phases.offsetsMs = performance.now() - started - phases.produceMs
      failpoint('offsets.sent')
      return acks
    }
    const sending = this.#sendOffsets(offsets).then(() => {
      phases.offsetsMs = performance.now() - started
      failpoint('offsets.sent')
    })
    // Both must have ended before an abort may follow.
    const [produced, sent] = await Promise.allSettled([producing, sending])
    if (sent.status === 'rejected' && sent.reason instanceof MembershipGone) {
      throw sent.reason
    }
    if (produced.status === 'rejected') {
      throw produced.reason
    }
    if (sent.status === 'rejected') {
      throw sent.reason
    }
    return produced.value
  }

  /** Rule C1: a refusal while we rejoin is answered by the rejoin, in the same transaction. */
  async #sendOffsets(offsets: readonly OffsetToCommit[]): Promise<void> {
    const { producer, group, membership, guarantee } = this.#options
    let identity = membership.identity
    if (identity === undefined) {
      throw new MembershipGone('The thread is no member of its group.')
    }
    for (;;) {
      try {
        await (guarantee === 'exactly_once_v2' ? producer.sendOffsets(offsets, identity) : group.commitOffsets(identity, offsets))
        return
      } catch (error) {
        if (!(error instanceof KafkaError) || !MEMBERSHIP_CODES.has(error.brokerCode)) {
          throw error
        }
        const next = await membership.identityAfterRefusal(identity, error.brokerCode, error)
        if (next === undefined) {
          throw new MembershipGone(`The group refused the commit: ${error.brokerName}.`, { cause: error })
        }
        identity = next
      }
    }
  }

  async #abort(error: Error): Promise<CommitOutcome> {
    this.#move('send-failed')
    const membershipLost = error instanceof MembershipGone
    let producerUsable = !(error instanceof StreamsError && (error.code === 'PRODUCER_FENCED' || error.code === 'CONNECTION_FAILED'))
    if (producerUsable && this.#options.guarantee === 'exactly_once_v2') {
      try {
        await this.#options.producer.abort()
      } catch {
        // Fencing the id by its successor ends the transaction as well.
        producerUsable = false
      }
    }
    this.#move('aborted')
    return { kind: 'dropped', error: membershipLost ? new StreamsError('MEMBERSHIP_LOST', error.message, { cause: error.cause }) : error, producerUsable, membershipLost }
  }
}
