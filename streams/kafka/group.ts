import { StreamsError } from '../errors.ts'
import type { Brokers, ConnectionGroup } from './brokers.ts'
import type { BrokerConnection } from './connection.ts'
import type { CommittedOffset, GroupClient, GroupIdentity, JoinRequest, JoinResponse, OffsetToCommit, TopicPartition } from './contract.ts'
import type { Coordinators } from './coordinators.ts'
import { isRetriable, KafkaError } from './kafka-error.ts'
import { HEARTBEAT, JOIN_GROUP, LEAVE_GROUP, OFFSET_COMMIT, OFFSET_FETCH, SYNC_GROUP } from './protocol/groups.ts'
import { CoordinatorClient } from './transaction-coordinator.ts'

const MEMBER_ID_REQUIRED = 79
const UNSTABLE_OFFSET_COMMIT = 88
const REBALANCE_IN_PROGRESS = 27
/** Short: the membership's own loop decides about a coordinator that cannot be reached. */
const RETRY_MS = 5_000
/** The broker answers a join when the slowest member has come or the rebalance time is over; then a little later. */
const JOIN_MARGIN_MS = 5_000

/**
 * Bare calls of the classic group protocol. Join and sync are held by the broker until other members have come, so
 * they travel on a connection of their own; heartbeats and commits never wait behind them.
 */
export class KafkaGroupClient implements GroupClient {
  readonly #brokers: Brokers
  readonly #coordinators: Coordinators
  readonly #client: CoordinatorClient
  #joinConnections: ConnectionGroup | undefined
  #joinTimeoutMs = 0

  constructor(brokers: Brokers, coordinators: Coordinators) {
    this.#brokers = brokers
    this.#coordinators = coordinators
    this.#client = new CoordinatorClient(brokers.connections(), coordinators)
  }

  join(request: JoinRequest): Promise<JoinResponse> {
    return this.#blocking(request.groupId, request.rebalanceTimeoutMs, async (connection) => {
      const { errorCode, ...answer } = await connection.request(JOIN_GROUP, request)
      if (errorCode !== 0) {
        const options = errorCode === MEMBER_ID_REQUIRED ? { memberId: answer.memberId } : {}
        throw new KafkaError(errorCode, `JoinGroup of group ${request.groupId}`, options)
      }
      return answer
    })
  }

  sync(
    identity: GroupIdentity,
    protocolName: string,
    assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[]
  ): Promise<Uint8Array> {
    return this.#blocking(identity.groupId, this.#joinTimeoutMs, async (connection) => {
      const { errorCode, assignment } = await connection.request(SYNC_GROUP, { identity, protocolName, assignments })
      if (errorCode !== 0) {
        throw new KafkaError(errorCode, `SyncGroup of group ${identity.groupId}`)
      }
      return assignment
    })
  }

  heartbeat(identity: GroupIdentity): Promise<void> {
    return this.#call(identity.groupId, 'Heartbeat', async (connection) => {
      const { errorCode } = await connection.request(HEARTBEAT, identity)
      return errorCode
    })
  }

  async leave(groupId: string, memberIds: readonly string[], reason?: string): Promise<void> {
    if (memberIds.length === 0) {
      return
    }
    // A member that is not there has left already: its own error code is not an error.
    await this.#call(groupId, 'LeaveGroup', async (connection) => {
      const { errorCode } = await connection.request(LEAVE_GROUP, { groupId, memberIds, reason: reason ?? null })
      return errorCode
    })
  }

  async fetchOffsets(groupId: string, partitions: readonly TopicPartition[], options: { requireStable?: boolean } = {}): Promise<readonly CommittedOffset[]> {
    if (partitions.length === 0) {
      return []
    }
    let found: readonly CommittedOffset[] = []
    await this.#call(groupId, 'OffsetFetch', async (connection) => {
      const answer = await connection.request(OFFSET_FETCH, { groupId, partitions, requireStable: options.requireStable ?? true })
      const failed = answer.partitions.find(({ errorCode }) => errorCode !== 0)
      found = answer.partitions.map(({ topic, partition, offset, metadata, leaderEpoch }) => ({ topic, partition, offset, metadata, leaderEpoch }))
      return answer.errorCode !== 0 ? answer.errorCode : (failed?.errorCode ?? 0)
    })
    if (found.length !== partitions.length) {
      throw new StreamsError('RESPONSE_INVALID', `OffsetFetch of group ${groupId} answered ${found.length} of ${partitions.length} partitions.`)
    }
    return found
  }

  commitOffsets(identity: GroupIdentity, offsets: readonly OffsetToCommit[]): Promise<void> {
    if (offsets.length === 0) {
      return Promise.resolve()
    }
    return this.#call(identity.groupId, 'OffsetCommit', async (connection) => {
      const errors = await connection.request(OFFSET_COMMIT, { identity, offsets })
      return errors.find(({ errorCode }) => errorCode !== 0)?.errorCode ?? 0
    })
  }

  #call(groupId: string, name: string, request: (connection: BrokerConnection) => Promise<number>): Promise<void> {
    return this.#client.call(
      'group',
      groupId,
      async (connection) => {
        const errorCode = await request(connection)
        if (errorCode !== 0) {
          throw new KafkaError(errorCode, `${name} of group ${groupId}`)
        }
      },
      { timeoutMs: RETRY_MS, retriable: groupRetriable }
    )
  }

  /** Tried again only while the coordinator moves: whether to join anew, and as whom, is the membership's decision. */
  #blocking<T>(groupId: string, holdMs: number, request: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    return new CoordinatorClient(this.#joins(holdMs), this.#coordinators).call('group', groupId, request, {
      timeoutMs: RETRY_MS,
      retriable: groupRetriable
    })
  }

  #joins(holdMs: number): ConnectionGroup {
    if (this.#joinConnections === undefined || holdMs > this.#joinTimeoutMs) {
      this.#joinConnections?.close()
      this.#joinTimeoutMs = holdMs
      this.#joinConnections = this.#brokers.connections(holdMs + JOIN_MARGIN_MS)
    }
    return this.#joinConnections
  }
}

/** 88 and 27 are answers for the caller, not hiccups: somebody's transaction is open (rule C3), or it must rejoin. */
function groupRetriable(error: unknown): boolean {
  return isRetriable(error) && !(error instanceof KafkaError && (error.brokerCode === UNSTABLE_OFFSET_COMMIT || error.brokerCode === REBALANCE_IN_PROGRESS))
}
